"""Arrays as pictures: parts cut out, and signed values with zero as mid-grey."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

CONTRAST = 99.0  # percentile of a map's absolute projections that is drawn at full contrast


@dataclass(frozen=True)
class WholeImage:
    """The whole image as receptive field: of a layer after an operation that mixes all places, or where it is unknown."""

    size: tuple[int, int]  # rows, columns
    known: bool = True  # whether the layer is known to depend on the whole image

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right), the same for every unit."""
        return 0, 0, *self.size

    inside = box


def cut(picture: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The part of a picture "row column channel" in the box (top, left, bottom, right); zeros outside the picture."""
    top, left, bottom, right = box
    cropped = np.zeros((bottom - top, right - left, picture.shape[2]), picture.dtype)
    height, width = picture.shape[:2]
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    cropped[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = picture[rows, columns]
    return cropped


def squared(picture: np.ndarray) -> np.ndarray:
    """A picture "row column channel" in the middle of a square that just holds it; zeros beside it."""
    side = max(picture.shape[:2])
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return cut(picture, (top, left, top + side, left + side))


def grey_at_zero(
    signed: Float[np.ndarray, "map strongest row column 3"],
) -> UInt8[np.ndarray, "map strongest row column 3"]:
    """Signed pictures with zero as mid-grey; each map's nine pictures share one contrast scale."""
    magnitude = np.abs(signed).reshape(len(signed), -1)
    # A percentile instead of the maximum: one extreme pixel must not leave a whole map grey.
    top = np.array([np.percentile(row[row > 0], CONTRAST) if (row > 0).any() else 1.0 for row in magnitude])
    return (127.5 + 127.5 * np.clip(signed / top[:, None, None, None, None], -1, 1)).round().astype(np.uint8)
