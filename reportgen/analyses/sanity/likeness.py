"""How alike two signed pictures are: by the ranks of their pixels, and by their structure.

The two measures of Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3. Neither knows a picture's scale.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy  # its statistics load when they are first used
import skimage  # its parts load when they are first used
from jaxtyping import Float, UInt8

from reportgen.look.pictures import grey_at_zero

WINDOW = 7  # pixels: side of the windows in which structure is compared, scikit-image's default
SMALLEST_WINDOW = 3


class Likeness(NamedTuple):
    """How alike two pictures are: 1 for equal ones."""

    rank: float  # Spearman's correlation of the signed values
    magnitude_rank: float  # Spearman's correlation of the pixels' magnitudes: where the pictures are strong
    structure: float  # structural similarity (SSIM) of the pictures as they are drawn, grey at zero


@dataclass(frozen=True, eq=False)
class Compared:
    """A signed picture, and what the measures need of it, found once: an original is compared with many."""

    signed: Float[np.ndarray, "row column 3"]

    @cached_property
    def magnitude(self) -> Float[np.ndarray, "row column"]:
        """How strong each pixel is: its absolute values, summed over the colours."""
        return np.abs(self.signed).sum(axis=2)

    @cached_property
    def ranks(self) -> Float[np.ndarray, " value"]:
        """The ranks of the signed values, ties at their mean rank."""
        return _ranks(self.signed)

    @cached_property
    def magnitude_ranks(self) -> Float[np.ndarray, " pixel"]:
        """The ranks of the magnitudes."""
        return _ranks(self.magnitude)

    @cached_property
    def drawn(self) -> UInt8[np.ndarray, "row column 3"]:
        """The picture as it is drawn: grey at zero, at its own contrast."""
        return grey_at_zero(self.signed[None, None])[0, 0]


def likeness(first: Compared, second: Compared) -> Likeness:
    """Compare two pictures of one size."""
    if np.array_equal(first.signed, second.signed):
        return Likeness(1.0, 1.0, 1.0)
    strong = np.array_equal(first.magnitude, second.magnitude)
    return Likeness(
        _correlation(first.ranks, second.ranks),
        1.0 if strong else _correlation(first.magnitude_ranks, second.magnitude_ranks),
        structural_similarity(first.drawn, second.drawn),
    )


def _ranks(values: Float[np.ndarray, "*of"]) -> Float[np.ndarray, " value"]:
    return scipy.stats.rankdata(values, axis=None)


def _correlation(first: Float[np.ndarray, " value"], second: Float[np.ndarray, " value"]) -> float:
    """The correlation of two pictures' ranks, which is Spearman's; 0 where one of two is flat: nothing is shared."""
    flat = min(np.ptp(first), np.ptp(second)) == 0
    return 0.0 if flat else float(np.corrcoef(first, second)[0, 1])


def structural_similarity(first: UInt8[np.ndarray, "row column 3"], second: UInt8[np.ndarray, "row column 3"]) -> float:
    """SSIM (Wang et al. 2004) of two pictures as they are drawn."""
    drawn, side = np.stack([first, second]), min(first.shape[:2])
    lacking = max(SMALLEST_WINDOW - side, 0)
    if lacking:  # a receptive field of a pixel or two
        drawn = np.pad(drawn, ((0, 0), (0, lacking), (0, lacking), (0, 0)), mode="edge")
        side = SMALLEST_WINDOW
    window = min(WINDOW, side - 1 + side % 2)
    return float(skimage.metrics.structural_similarity(*drawn, win_size=window, channel_axis=-1, data_range=255))
