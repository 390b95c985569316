"""Images of several things: how well three classes are found, one of which is in no test image."""

import numpy as np

from reportgen.analyses.pascal.analysis import Ranking, Result
from reportgen.claims import paper

CLASSES = ("a<b", "heron", "newt")
NAN = float("nan")


def result(pascal: bool = False, without: bool = True, unfinished: int = 0) -> Result:
    """Average precisions; `pascal`: of PASCAL VOC's twenty classes, all of them alike."""
    classes = paper.PASCAL_CLASSES if pascal else CLASSES
    precision = np.tile([0.8, 0.7, 0.9], (len(classes), 1))
    labels = np.arange(30 * len(classes)).reshape(30, -1) % 2
    if without:
        precision[-1], labels[:, -1] = NAN, 0
    return Result(
        Ranking(
            name="birds & beasts, together",
            classes=classes,
            layer=7,
            train=1200,
            present=np.stack([3 * (labels == 1).sum(axis=0), (labels == 1).sum(axis=0)]),
            unclear=np.ones((2, len(classes)), np.int64),
            labels=labels,
            scores=np.zeros(labels.shape),
            strengths=np.where(np.isnan(precision[:, 0]), NAN, 1.0),
            fits=57,
            unfinished=unfinished,
            precision=precision,
            mean=np.array([0.8, 0.75, 0.85]),
            gallery=np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8),
            shown=("heron, a<b", "newt", "heron, (newt)", "none of the classes"),
        )
    )
