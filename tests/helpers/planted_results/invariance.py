"""Twelve images that move the further the more they are shifted, scaled and turned."""

import numpy as np

from planted_results import CLASSES, CROP
from reportgen.analyses.invariance.curves import Curves
from reportgen.analyses.invariance.result import Result
from reportgen.base.size import Size

IMAGES = 12


def result() -> Result:
    """Two classes, the second of them rotationally symmetric."""
    between = 1 - np.eye(IMAGES)
    return Result(
        curves={
            "translation": curves((-8.0, -2.0, 0.0, 2.0, 8.0), 0),
            "scale": curves((1.0, 1.05, 1.4), 1),
            "rotation": curves((0.0, 90.0, 180.0), 0),
            "small_rotation": curves((-5.0, 5.0), 0),
        },
        images=np.arange(IMAGES),
        kinds=tuple(CLASSES[place % 2] for place in range(IMAGES)),
        symmetric=np.arange(IMAGES) % 2 == 1,
        probability=np.full(IMAGES, 0.9),
        correct=np.arange(IMAGES) > 0,
        between_first=between,
        between_top=between,
        examples=np.arange(2),
        pictures=np.zeros((4, 8, 8, 3), np.uint8),
        picture_rows=("as it is", "8 px down"),
        scenes=np.zeros((2, 12, 12, 3), np.uint8),
        crop=Size.of(CROP),
        wide=True,
        turned_answers=np.arange(4 * IMAGES).reshape(IMAGES, 4) % 8 == 0,
        top_layer=7,
    )


def curves(values: tuple[float, ...], origin: float) -> Curves:
    """Distances that grow in a line, a probability that falls."""
    away = np.tile(np.abs(np.array(values) - origin), (IMAGES, 1))
    away = away / away.max() * np.linspace(0.9, 1.1, IMAGES)[:, None]
    return Curves(np.array(values), away, away / 2, 0.9 - 0.4 * away)
