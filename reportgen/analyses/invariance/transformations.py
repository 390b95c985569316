"""The paper's ways of moving a picture (Zeiler & Fergus 2013, section 4, figure 5), and two controls of their own.

Shifts are in proportion to what the net reads and in whole pixels: a shifted picture is a copy, nothing is interpolated.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jaxtyping import Int

from reportgen.analyses.invariance.geometry import Number, Transformation, View, filled, resampled, transformed
from reportgen.base.size import Sides, Size

PAPER_SIDE = 224  # pixels: the paper's shifts are given for this size
SHIFTS = np.arange(-60, 61, 5)  # pixels of the paper's size, positive is down
SCALES = np.round(np.arange(1, 1.801, 0.05), 2)
TURNS = np.arange(0, 360, 10)  # degrees, anticlockwise
SMALL_SCALE, SMALL_TURN = 1.05, 5  # the small shift is the first of the SHIFTS
COARSE_TURNS = np.array([30, 60, 120, 150, 210, 240, 300, 330])  # of the controls: quarter turns are copies
COARSE_SCALES = np.array([SMALL_SCALE, 1.2, 1.4, 1.6, 1.8])  # of the controls, as above

Way = Callable[[Transformation, Sides, Sides], View]
Plan = dict[str, list[tuple[float, View]]]  # for each curve what the images are looked at through: (value, view)


def shifts(crop: Sides) -> Int[np.ndarray, " value"]:
    """The paper's shifts in proportion to the image's rows, in whole pixels, so that a shifted image is a copy."""
    return np.unique(np.rint(SHIFTS * Size.of(crop).rows / PAPER_SIDE).astype(np.int64))


def small_shift(crop: Sides) -> int:
    """5 px of 224 in proportion, in whole pixels."""
    return int(min(value for value in shifts(crop) if value > 0))


def shift(down: Number) -> Transformation:
    """A shift by whole pixels, down."""
    return Transformation(down=int(down))


def scale(ratio: Number) -> Transformation:
    """Things grow by a ratio."""
    return Transformation(scale=ratio)


def turn(degrees: Number) -> Transformation:
    """Things turn anticlockwise."""
    return Transformation(degrees=degrees)


def plan_views(picture: Sides, crop: Sides) -> Plan:
    """The views of the size `crop` over pictures of another from which figure 5 and its controls are made.

    The control for the fill is there where a transformation shows more than the pictures hold.
    """

    def views(way: Way, change: Callable[[Number], Transformation], values: Iterable[Any]) -> list[tuple[float, View]]:
        return [(value, way(change(value), picture, crop)) for value in map(float, values)]

    every, small, either_way = shifts(crop), small_shift(crop), (-SMALL_TURN, SMALL_TURN)
    plan = {
        "translation": views(transformed, shift, every),
        "scale": views(transformed, scale, SCALES),
        "rotation": views(transformed, turn, TURNS),
        "small_rotation": views(transformed, turn, either_way),
        "scale_resampled": views(resampled, scale, COARSE_SCALES),
        "rotation_resampled": views(resampled, turn, COARSE_TURNS),
        "small_rotation_resampled": views(resampled, turn, either_way),
    }
    if any(view.exposed.any() for part in plan.values() for _, view in part):
        plan |= {
            "translation_filled": views(
                filled, shift, [value for value in every if value % 2 == 0 or abs(value) == small]
            ),
            "rotation_filled": views(filled, turn, COARSE_TURNS),
            "small_rotation_filled": views(filled, turn, either_way),
        }
    return plan


def picture_views(picture: Sides, crop: Sides) -> dict[str, View]:
    """What the example images are shown as."""
    most = int(shifts(crop)[-1])
    moves = {
        "as it is": Transformation(),
        f"{most} px up": Transformation(down=-most),
        f"{most} px down": Transformation(down=most),
        "scale 1.4": Transformation(scale=1.4),
        "scale 1.8": Transformation(scale=1.8),
        "turned by 40°": Transformation(degrees=40),
        "turned by 90°": Transformation(degrees=90),
        "turned by 180°": Transformation(degrees=180),
    }
    views = {name: transformed(move, picture, crop) for name, move in moves.items()}
    for name, short in ((f"{most} px down", f"fill: {most} px down"), ("turned by 40°", "fill: 40°")):
        if views[name].exposed.any():
            views[short] = filled(moves[name], picture, crop)
    return views
