"""Five images of one class and three of another: how far apart parts and random squares are, by either count."""

from dataclasses import replace

import numpy as np

from planted_results import CLASSES, CROP, FILE
from reportgen.analyses.correspondence.analysis import SCORED, Layer, Result, Scores
from reportgen.analyses.correspondence.part_masks import Masks
from reportgen.analyses.correspondence.sign_patterns import Pairing

PARTS = ("right_eye", "left_eye", "nose")
GROUPS = np.repeat([0, 1], (5, 3))  # an image's class
ENTRIES, BOTH, DRAWS, SHOWN = 4000, 1000, 2, 3
NEITHER = np.array([*range(-9, 10, 2), -2, 0, 2])  # what a class' pairs differ by, in entries: zero on average
Pair = tuple[float | None, float | None]


def result(gaps: tuple[float, float] = (0.053, 0.04), opposite: Pair = (0.132, 0.095)) -> Result:
    """At layers 5 and 7: the score of random squares minus that of parts, and the same of the opposite changes among
    features that both masks change; None where none changes in both.
    """
    rng = np.random.default_rng(0)
    return Result(
        part_names=PARTS,
        names=(FILE, *(f"{place}.png" for place in range(1, len(GROUPS)))),
        group_names=CLASSES[1:3],
        groups=GROUPS,
        pairs=Pairing.of(GROUPS).pairs,
        masks=Masks(squares(1), squares(DRAWS), squares(DRAWS)),
        layers={
            f"layer{number}": layer(number, gap, other)
            for number, gap, other in zip(SCORED, gaps, opposite, strict=True)
        },
        shown=np.arange(SHOWN),
        pictures=rng.integers(0, 256, (len(PARTS) + 3, SHOWN, 16, 16, 3), dtype=np.uint8),
        left_out=((FILE, "its object has no room for a mask clear of the parts"),),
    )


def without_parts() -> Result:
    """Of a run in which no parts are annotated."""
    none, no_masks = np.zeros(0, np.int64), np.zeros((0, 1, 0, 3), np.int64)
    masks, pictures = Masks(no_masks, no_masks, no_masks), np.zeros((0, 0, 0, 0, 3), np.uint8)
    why = "no parts annotated (PARTS=)"
    nothing = replace(result(), part_names=(), names=(), group_names=(), groups=none, pairs=np.zeros((0, 2), np.int64))
    return replace(nothing, masks=masks, layers={}, shown=none, pictures=pictures, left_out=(), why=why)


def squares(draws: int) -> np.ndarray:
    """A square of 9 pixels at every place; where it lies is not looked at."""
    return np.tile([CROP // 2, CROP // 2, 9], (len(PARTS), draws, len(GROUPS), 1))


def layer(number: int, gap: float, opposite: float | None) -> Layer:
    """Random squares, wherever they lie, have the same scores."""
    random = scores(DRAWS, 400 + gap * ENTRIES, None if opposite is None else 300 + opposite * BOTH)
    return Layer(number, ENTRIES, scores(1, 400, None if opposite is None else 300), random, random)


def scores(draws: int, different: float, opposite: float | None) -> Scores:
    """Of every pair so many entries, but for what pairs differ by."""
    shape = (len(PARTS), draws, len(NEITHER))

    def every(count: float) -> np.ndarray:
        return np.full(shape, round(count), np.int32)

    return Scores(
        different=every(different) + NEITHER.astype(np.int32),
        both=every(0 if opposite is None else BOTH),
        opposite=every(opposite or 0),
        changed=np.full((len(PARTS), draws, len(GROUPS)), 1500, np.int32),
    )
