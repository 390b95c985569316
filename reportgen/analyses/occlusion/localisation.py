"""Where a map of occlusion points: how much of an object squares cover, and what covering it costs.

A square is named by its first covered row and column of pixels; `size` is its side. Squares lie wholly inside the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its statistics load when they are first used
from jaxtyping import Bool, Float, Int

from reportgen.look.squares import square_sums

MOSTLY = 0.5  # of a square's area: from here on it lies on the object
TIE = 1e-6  # of probability: drops that differ by less count as equal, float32 knows no better
HALF = 0.5  # of the largest value: what a thresholded map keeps
CERTAIN = 1e-9  # of probability: log-odds beyond it are those of rounding
NOTHING = 1e-9  # of all energy: places with less are equally empty, rounding tells them apart


def coverage(
    mask: Bool[np.ndarray, "row column"], size: int, tops: Int[np.ndarray, " top"], lefts: Int[np.ndarray, " left"]
) -> Float[np.ndarray, "top left"]:
    """Which share of a square's area lies on the mask, for a grid of places."""
    return square_sums(mask.astype(np.float64), size)[np.ix_(tops, lefts)] / size**2


@dataclass(frozen=True)
class Pointing:
    """For one image: the cost of covering its object, the cost of covering what lies around it, and the costliest place."""

    on_object: float  # mean drop, squares at least half on the object
    on_background: float  # mean drop, squares that cover no pixel of it
    hit: float  # 1: the centre of the square that costs most lies on the object; of several, the share that does
    share: float  # of the places of a square's centre that lie on the object: what pointing at random would hit


def pointing(
    drops: Float[np.ndarray, "top left"],
    mask: Bool[np.ndarray, "row column"],
    size: int,
    tops: Int[np.ndarray, " top"],
    lefts: Int[np.ndarray, " left"],
) -> Pointing | None:
    """How a grid of drops relates to an object; None where no square lies on the object, or none clear of it.

    The object's share is counted over the places that a square's centre can take: they leave out the margin, where
    there is mostly background, so over the whole image even random pointing would seem skilled.
    """
    covered = coverage(mask, size, tops, lefts)
    on, off = covered >= MOSTLY, covered == 0
    if not on.any() or not off.any():
        return None
    centred = mask[np.ix_(tops + size // 2, lefts + size // 2)]
    most = drops >= drops.max() - TIE
    return Pointing(
        on_object=float(drops[on].mean()),
        on_background=float(drops[off].mean()),
        hit=float(centred[most].mean()),
        share=float(centred.mean()),
    )


def log_odds(probability: Float[np.ndarray, "*place"]) -> Float[np.ndarray, "*place"]:
    """log(p / (1 - p)), natural; a probability within 1e-9 of 0 or 1 counts as that."""
    kept = np.clip(probability, CERTAIN, 1 - CERTAIN)
    return np.log(kept) - np.log1p(-kept)


def pixel_map(
    values: Float[np.ndarray, "top left"],
    size: int,
    tops: Int[np.ndarray, " top"],
    lefts: Int[np.ndarray, " left"],
    image: Sequence[int],
) -> Float[np.ndarray, "row column"]:
    """For every pixel of an image of so many rows and columns the mean value of the squares that cover it; 0 where none does."""
    total, count = np.zeros(image), np.zeros(image)
    for top, row in zip(tops, values, strict=True):
        for left, value in zip(lefts, row, strict=True):
            total[top : top + size, left : left + size] += value
            count[top : top + size, left : left + size] += 1
    return total / count.clip(min=1)


def strong_part(values: Float[np.ndarray, "row column"]) -> Bool[np.ndarray, "row column"]:
    """The pixels at or above half of a map's largest value; none where nothing is above zero."""
    largest = values.max()
    return values >= HALF * largest if largest > TIE else np.zeros(values.shape, bool)


def overlap(one: Bool[np.ndarray, "row column"], other: Bool[np.ndarray, "row column"]) -> float:
    """Intersection over union of two masks; 0 where both are empty."""
    return float((one & other).sum() / max((one | other).sum(), 1))


def middle_square(area: int, image: Sequence[int]) -> Bool[np.ndarray, "row column"]:
    """A square of about so many pixels in the middle of an image: where an object would be guessed without looking."""
    length = min(round(area**0.5), *image)
    top, left = ((side - length) // 2 for side in image)
    mask = np.zeros(image, bool)
    mask[top : top + length, left : left + length] = True
    return mask


def middle_and_corners(drops: Float[np.ndarray, "top left"]) -> tuple[float, float, float]:
    """A grid of drops at its middle, at its corners (their mean), and how its order follows nearness to the middle.

    The last is Spearman's rank correlation. Of an even number of rows or columns the middle is the place behind it.
    """
    rows, columns = np.indices(drops.shape)
    distance = np.hypot(rows - (len(drops) - 1) / 2, columns - (drops.shape[1] - 1) / 2)
    corners = drops[[0, 0, -1, -1], [0, -1, 0, -1]]
    middle = drops[len(drops) // 2, drops.shape[1] // 2]
    return float(middle), float(corners.mean()), rank_correlation(-distance.ravel(), drops.ravel())


def peak_and_empty(
    energy: Float[np.ndarray, "row column"], size: int, window: tuple[int, int, int, int]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Two squares in a window (top, left, bottom, right): where the energy is largest, and where it is least.

    The second does not overlap the first; of places that are equally empty it is the one nearest to the first, whose
    units are the likeliest to be disturbed. None where the window has no room for both, or no energy.
    """
    top, left, bottom, right = window
    inside = energy[top:bottom, left:right]
    if min(inside.shape) < size or not inside.any():
        return None
    sums = square_sums(inside.astype(np.float64), size)
    peak = np.unravel_index(sums.argmax(), sums.shape)
    rows, columns = np.indices(sums.shape)
    down, along = np.abs(rows - peak[0]), np.abs(columns - peak[1])
    apart = (down >= size) | (along >= size)
    if not apart.any():
        return None
    least = sums[apart].min() + NOTHING * inside.sum()
    distance = np.where(apart & (sums <= least), np.hypot(down, along), np.inf)
    empty = np.unravel_index(distance.argmin(), sums.shape)
    return (int(peak[0]) + top, int(peak[1]) + left), (int(empty[0]) + top, int(empty[1]) + left)


def peak_of(energy: Float[np.ndarray, "row column"], size: int) -> tuple[int, int] | None:
    """The square over most of the energy, wherever it lies in the image; None where there is none."""
    if not energy.any():
        return None
    sums = square_sums(energy.astype(np.float64), size)
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    return int(row), int(column)


def overlapping(one: tuple[int, int], other: tuple[int, int], size: int) -> bool:
    """Whether two squares have a pixel in common."""
    return abs(one[0] - other[0]) < size and abs(one[1] - other[1]) < size


def lies_inside(square: tuple[int, int], size: int, window: tuple[int, int, int, int]) -> bool:
    """Whether a square lies wholly in a window (top, left, bottom, right)."""
    top, left, bottom, right = window
    return top <= square[0] <= bottom - size and left <= square[1] <= right - size


def rank_correlation(one: Float[np.ndarray, " place"], other: Float[np.ndarray, " place"]) -> float:
    """Spearman's rank correlation; 0 where one of them does not vary.

    Values that differ by less than a millionth of the largest have one rank: rounding must not order what is equal.
    """
    one, other = (np.round(values / max(np.abs(values).max(), 1e-300), 6) for values in (one, other))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(one, other).statistic)
