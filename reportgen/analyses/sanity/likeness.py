"""How alike two signed pictures are: by the ranks of their pixels, and by their structure.

The two measures of Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3. Neither knows a picture's scale.
"""

from typing import NamedTuple

import numpy as np
import scipy  # its statistics load when they are first used
import skimage  # its parts load when they are first used
from jaxtyping import Float

from reportgen.look.pictures import grey_at_zero

WINDOW = 7  # pixels: side of the windows in which structure is compared, scikit-image's default
SMALLEST_WINDOW = 3


class Likeness(NamedTuple):
    """How alike two pictures are: 1 for equal ones."""

    rank: float  # Spearman's correlation of the signed values
    magnitude_rank: float  # Spearman's correlation of the pixels' magnitudes: where the pictures are strong
    structure: float  # structural similarity (SSIM) of the pictures as they are drawn, grey at zero


def likeness(first: Float[np.ndarray, "row column 3"], second: Float[np.ndarray, "row column 3"]) -> Likeness:
    """Compare two signed pictures of one size."""
    return Likeness(
        rank_correlation(first, second),
        rank_correlation(magnitude(first), magnitude(second)),
        structural_similarity(first, second),
    )


def magnitude(picture: Float[np.ndarray, "row column 3"]) -> Float[np.ndarray, "row column"]:
    """How strong each pixel is: its absolute values, summed over the colours."""
    return np.abs(picture).sum(axis=2)


def rank_correlation(first: Float[np.ndarray, "*of"], second: Float[np.ndarray, "*of"]) -> float:
    """Spearman's rank correlation of two arrays, ties at their mean rank; 0 where one of two is flat: nothing is shared."""
    if np.array_equal(first, second):
        return 1.0
    ranks = [scipy.stats.rankdata(part, axis=None) for part in (first, second)]
    if min(np.ptp(part) for part in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def structural_similarity(first: Float[np.ndarray, "row column 3"], second: Float[np.ndarray, "row column 3"]) -> float:
    """SSIM (Wang et al. 2004) of two signed pictures as they are drawn: grey at zero, each at its own contrast."""
    drawn = grey_at_zero(np.stack([first, second])[:, None])[:, 0]
    side = min(first.shape[:2])
    lacking = max(SMALLEST_WINDOW - side, 0)
    if lacking:  # a receptive field of a pixel or two
        drawn = np.pad(drawn, ((0, 0), (0, lacking), (0, lacking), (0, 0)), mode="edge")
        side = SMALLEST_WINDOW
    window = min(WINDOW, side - 1 + side % 2)
    return float(skimage.metrics.structural_similarity(*drawn, win_size=window, channel_axis=-1, data_range=255))
