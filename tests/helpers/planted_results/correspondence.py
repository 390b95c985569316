"""Five images of one class and three of another: how far apart parts and random squares are, by either count."""

from dataclasses import replace

import numpy as np

from planted_results import CLASSES, CROP, FILE
from reportgen.analyses.correspondence.part_masks import Masks
from reportgen.analyses.correspondence.result import SCORED, Layer, Result, Scores
from reportgen.analyses.correspondence.sign_patterns import all_pairs

PARTS = ("right_eye", "left_eye", "nose")
GROUPS = np.repeat([0, 1], (5, 3))  # an image's class
ENTRIES, BOTH, DRAWS = 4000, 1000, 2
SHOWN = np.array([0, 1, 5])  # two of one class, one of the other
Pair = tuple[float | None, float | None]


def neither() -> np.ndarray:
    """What pairs differ by, in entries: zero on average, over the pairs between the classes and over those within each."""
    first, second = GROUPS[all_pairs(len(GROUPS))].T
    found = np.zeros(len(first), np.int32)
    found[first != second] = range(-7, 8)
    found[(first == 0) & (second == 0)] = range(-9, 10, 2)
    found[(first == 1) & (second == 1)] = (-2, 0, 2)
    return found


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
        masks=Masks(squares(1), squares(DRAWS), squares(DRAWS)),
        layers={
            f"layer{number}": layer(number, gap, other)
            for number, gap, other in zip(SCORED, gaps, opposite, strict=True)
        },
        shown=SHOWN,
        pictures=rng.integers(0, 256, (len(PARTS) + 3, len(SHOWN), 16, 16, 3), dtype=np.uint8),
        left_out=((FILE, "its object has no room for a mask clear of the parts"),),
    )


def without_parts() -> Result:
    """Of a run in which no parts are annotated."""
    none, no_masks = np.zeros(0, np.int64), np.zeros((0, 1, 0, 3), np.int64)
    masks, pictures = Masks(no_masks, no_masks, no_masks), np.zeros((0, 0, 0, 0, 3), np.uint8)
    why = "no parts annotated (PARTS=)"
    nothing = replace(result(), part_names=(), names=(), group_names=(), groups=none)
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
    shape = (len(PARTS), draws)
    return Scores(
        different=np.tile(round(different) + neither(), (*shape, 1)).astype(np.int32),
        both=np.full(shape, float(0 if opposite is None else BOTH)),
        opposite=np.full(shape, float(round(opposite or 0))),
        changed=np.full((*shape, len(GROUPS)), 1500, np.int32),
    )
