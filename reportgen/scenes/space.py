"""Places and surfaces of things: windows, poses, coats.

Coordinates: x to the right, y down, z towards the viewer; the normal picture is [-1, 1] in x and y.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from reportgen.scenes.colour import Rgb

Number = float | int
Vector = tuple[Number, Number, Number]


@dataclass(frozen=True)
class View:
    """The window onto a scene: `size` pixels show [-1, 1], and the drawn canvas has `side` pixels."""

    size: int
    side: int

    @property
    def unit(self) -> float:
        """Pixels per scene unit."""
        return self.size / 2


@dataclass(frozen=True)
class Pose:
    """The pose of an object: `matrix` turns its own coordinates into the scene's, including the scale."""

    matrix: Float[ndarray, "3 3"]
    scale: float
    centre: tuple[Number, Number]

    def place(self, points: ndarray) -> ndarray:
        """Scene coordinates of points (..., 3) of the object."""
        return points @ self.matrix.T + np.array([*self.centre, 0])

    def spot(self, x: Number, y: Number, z: Number) -> Vector:
        """Scene coordinates of one point of the object."""
        (a, b, c), (d, e, f), (g, h, i) = self.matrix.tolist()
        cx, cy = self.centre
        return a * x + b * y + c * z + cx, d * x + e * y + f * z + cy, g * x + h * y + i * z


def turned(yaw: Number, pitch: Number, tilt: Number, scale: float, centre: tuple[Number, Number]) -> Pose:
    """The pose of an object that looks `yaw` to the right and `pitch` down and is turned by `tilt` in the picture; radians."""
    matrix = spin(tilt) @ _about_y(yaw) @ _about_x(pitch) * scale
    return Pose(matrix, scale, centre)


def clipped(values: ndarray, low: Number, high: Number) -> ndarray:
    """`values` cut off at both ends, in place: numpy's own `clip` costs more than the work on patches this small."""
    np.maximum(values, low, out=values)
    return np.minimum(values, high, out=values)


def spin(angle: Number) -> Float[ndarray, "3 3"]:
    """Rotation in the picture's plane, clockwise as seen (y points down)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _about_y(angle: Number) -> Float[ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_x(angle: Number) -> Float[ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


@dataclass(frozen=True)
class Coat:
    """The material of a surface."""

    colour: Rgb
    gloss: float = 0.12  # strength of the highlight
    fur: float = 0.0  # strength of the strands
    mottle: float = 0.06  # strength of irregular patches

    def values(self) -> tuple[Number, ...]:
        """The channels of `Relief.paint`."""
        red, green, blue = self.colour.tolist()
        return red, green, blue, self.gloss, self.fur, self.mottle
