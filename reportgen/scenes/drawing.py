"""The result of a class's drawer, and placing objects."""

from dataclasses import dataclass, field

import numpy as np

from reportgen.scenes.relief import Relief
from reportgen.scenes.space import Pose, Vector, turned

TILT, MOST_TILT = np.radians(5), np.radians(14)
FARTHER = (0.6, 0.9)  # what an object's own range of scales is multiplied by: some stand farther away


@dataclass(frozen=True)
class Drawing:
    """An object's relief and its parts: name -> x, y and radius in scene units."""

    relief: Relief
    parts: dict[str, Vector] = field(default_factory=dict)


def draw_pose(
    rng: np.random.Generator,
    *,
    scale: tuple[float, float],
    facing: tuple[float, float] = (0.0, 0.0),
    yaw: float = 0.16,
    pitch: float = 0.10,
    centre: tuple[float, float] = (0.0, 0.0),
    wander: tuple[float, float] = (0.24, 0.19),
) -> Pose:
    """A random pose around yaw and pitch `facing`, with these deviations in radians (cut off at twice), and a small tilt.

    `scale`: from the smallest to the largest object of its class, of those nearest to the viewer.
    """
    yaw_now, pitch_now = (
        float(f + d * np.clip(rng.standard_normal(), -2, 2)) for f, d in zip(facing, (yaw, pitch), strict=True)
    )
    tilt = float(np.clip(rng.normal(0, TILT), -MOST_TILT, MOST_TILT))
    x, y = (float(c + w * np.clip(rng.standard_normal(), -1.8, 1.8)) for c, w in zip(centre, wander, strict=True))
    size = float(rng.uniform(*scale)) * float(rng.uniform(*FARTHER))
    return turned(yaw_now, pitch_now, tilt, size, (x, y))


def about(rng: np.random.Generator, middle: float, share: float = 0.12) -> float:
    """A random value near `middle`, off by at most its `share`."""
    return middle * float(rng.uniform(1 - share, 1 + share))
