"""Numbers of maps and of units: which maps are dead, and means where some values are not defined (NaN)."""

import numpy as np
from jaxtyping import Bool, Float

DEAD = 0.05  # of the median of the largest responses of a layer's maps


def without_nan(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, " known"]:
    """The values that are not NaN."""
    return values[~np.isnan(values)]


def mean_or_none(values: Float[np.ndarray, "..."]) -> float | None:
    """The mean of the values that are not NaN; None where all are."""
    known = without_nan(values)
    return float(known.mean()) if len(known) else None


def dead(largest: Float[np.ndarray, " map"]) -> Bool[np.ndarray, " map"]:
    """Which of a layer's maps are dead: their largest response is below 5 % of the median over the layer's maps.

    All are dead where that median is not above zero.
    """
    median = np.median(largest.clip(min=0))
    return largest < DEAD * median if median > 0 else np.ones(len(largest), bool)
