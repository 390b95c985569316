"""Squares that cover parts of an image: where they lie, what they cover, and where there is room for one.

A square is three integers: its top row, its left column and its side, in pixels.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from reportgen.base.size import Size


def around(places: Float[np.ndarray, "square 2"], sides: Int[np.ndarray, " square"]) -> Int[np.ndarray, "square 3"]:
    """Squares with these centres (x, y) and sides, rounded to the nearest pixel."""
    corners = np.floor(places - sides[:, None] / 2 + 0.5).astype(np.int64)
    return np.column_stack([corners[:, 1], corners[:, 0], sides])


def inside(squares: Int[np.ndarray, "square 3"], size: Size) -> Bool[np.ndarray, " square"]:
    """Which squares lie wholly inside an image of that size."""
    first = squares[:, :2]
    return ((first >= 0) & (first + squares[:, 2:] <= np.array(size))).all(axis=1)


def union(squares: Int[np.ndarray, "square 3"], size: Size) -> Bool[np.ndarray, "row column"]:
    """The pixels that at least one of the squares covers."""
    mask = np.zeros(size, bool)
    for top, left, side in squares:
        mask[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = True
    return mask


def square_sums(values: np.ndarray, side: int) -> np.ndarray:
    """The sum of the values ("row column") under a square of `side` pixels, for each place where it fits ("top left").

    Empty where the square is larger than the image.
    """
    sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    if side > min(values.shape):
        return np.zeros((0, 0), sums.dtype)
    return sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]


def covered_by_each(mask: Bool[np.ndarray, "row column"], side: int) -> Int[np.ndarray, "top left"]:
    """How many pixels of the mask a square of `side` pixels covers, for each place where it fits in the image.

    Empty where the square is larger than the image.
    """
    return square_sums(mask.astype(np.int64), side)


def free_places(
    side: int, on: Bool[np.ndarray, "row column"], clear_of: Bool[np.ndarray, "row column"]
) -> Int[np.ndarray, "place 3"]:
    """Every square of that side that lies wholly on `on` and covers no pixel of `clear_of`."""
    wholly_on = covered_by_each(on, side) == side * side
    corners = np.argwhere(wholly_on & (covered_by_each(clear_of, side) == 0))
    return np.column_stack([corners, np.full(len(corners), side)])
