"""Other images of three classes: how often a softmax on frozen features and a net from scratch are right."""

import numpy as np

from reportgen.analyses.generalisation.analysis import Result
from reportgen.analyses.generalisation.by_layer import INPUTS, SOFTMAX, ByLayer
from reportgen.analyses.generalisation.comparison import Comparison
from reportgen.analyses.generalisation.from_scratch import Scratch
from reportgen.analyses.generalisation.frozen import Frozen
from reportgen.analyses.generalisation.reading import Read
from reportgen.base.size import Size

CLASSES = ("a<b", "heron", "newt")
TEST, FOLDS = 150, 5
Count = tuple[int, float, float]  # training images of each class; accuracy on frozen features, and from scratch
HOLDS: tuple[Count, ...] = ((2, 0.6, 0.3), (15, 0.9, 0.8))
OVERTAKEN: tuple[Count, ...] = ((2, 0.5, 0.4), (15, 0.7, 0.8))


def result(
    counts: tuple[Count, ...] = HOLDS,
    layers: tuple[tuple[int, float], ...] = ((1, 0.5), (7, 0.9)),
    unfinished: int = 0,
    unsettled: int = 0,
    restarted: int = 0,
    same: bool = True,
    overlap: float = 0.0,
    name: str = "birds & beasts",
) -> Result:
    """Accuracies by the number of images and by layer; so many fits and trainings that went otherwise than they should."""
    trainings = np.arange(len(counts) * FOLDS).reshape(len(counts), FOLDS)
    accuracies = dict(layers)
    rows = [("SVM", number) for number in accuracies] + [
        ("softmax", number) for number in accuracies if number in SOFTMAX
    ]
    linear = np.stack([right(accuracies[number]) for _, number in rows])
    return Result(
        Comparison(
            name=name,
            classes=CLASSES,
            counts=tuple(count for count, _, _ in counts),
            pool=50,
            overlaps=(overlap,) * len(counts),
            labels=np.arange(TEST) % len(CLASSES),
            gallery=np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8),
            gallery_classes=CLASSES,
            top=layers[-1][0],
            frozen=Frozen(
                views=10,
                correct=np.stack([right(frozen) for _, frozen, _ in counts]),
                strengths=np.ones(trainings.shape),
                fits=190,
                unfinished=0,
            ),
            by_layer=ByLayer(
                layers=tuple(Read(number, 8, Size.of(5), Size.of(5)) for number, _ in layers),
                components=200,
                fitted_on=1200,
                rows=tuple(rows),
                correct=np.stack([linear] * len(INPUTS)),
                strengths=np.ones((len(INPUTS), len(rows), FOLDS)),
                fits=1140,
                unfinished=unfinished,
            ),
            scratch=Scratch(
                same=same,
                crop=Size.of(88),
                correct=np.stack([right(scratch) for _, _, scratch in counts]),
                updates=60 + trainings,
                loss=np.full(trainings.shape, 0.01),
                accuracy=np.ones(trainings.shape),
                settled=trainings >= unsettled,
                restarts=(trainings < restarted).astype(np.int64),
            ),
        )
    )


def right(share: float) -> np.ndarray:
    """Answers to the test images, of which just this share is right in every fold, other images in each."""
    return np.stack([np.roll(np.arange(TEST) < round(share * TEST), 7 * fold) for fold in range(FOLDS)])
