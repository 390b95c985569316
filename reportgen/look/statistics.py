"""Values of which some are not defined (NaN)."""

import numpy as np
from jaxtyping import Float


def without_nan(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, " known"]:
    """The values that are not NaN."""
    return values[~np.isnan(values)]


def mean_or_none(values: Float[np.ndarray, "..."]) -> float | None:
    """The mean of the values that are not NaN; None where all are."""
    known = without_nan(values)
    return float(known.mean()) if len(known) else None
