"""The difference of two independent shares, with an exact interval (for the dead filters of Zeiler & Fergus 2013, figure 6)."""

from functools import cache

import numpy as np
import scipy  # scipy.stats loads on first use
from jaxtyping import Float

PLACES = 200  # of the other share at which the null hypothesis is tried
TINY = 1e-9
HALVINGS = 24  # of the range in which an end is looked for


def exact_interval(first: int, of_first: int, second: int, of_second: int, level: float) -> tuple[float, float]:
    """Interval of the first share minus the second, of counts that are independent and binomial.

    Exact: a difference lies inside if neither of two one-sided tests of level (1 - `level`)/2 rejects it. The tests order all
    outcomes by the score statistic (Farrington & Manning, Statistics in Medicine 9, 1990), and take the largest
    probability over the share that the hypothesis leaves open (Chan & Zhang, Biometrics 55, 1999).
    """
    low = _lower_end(first, of_first, second, of_second, (1 - level) / 2)
    high = -_lower_end(second, of_second, first, of_first, (1 - level) / 2)
    return low, high


def fewest_to_tell(of_first: int, of_second: int, level: float) -> int | None:
    """How many of the first must be counted, where none of the second is, for the interval to lie above zero.

    None if even all of them would not do.
    """
    low, high = 0, of_first + 1  # the end rises with the count
    while high - low > 1:
        middle = (low + high) // 2
        if _p_value(middle, of_first, 0, of_second, 0.0) < (1 - level) / 2:
            high = middle
        else:
            low = middle
    return high if high <= of_first else None


def _lower_end(first: int, of_first: int, second: int, of_second: int, tail: float) -> float:
    """The smallest difference that the test against smaller ones does not reject."""
    rejected, kept = -1.0, first / of_first - second / of_second
    for _ in range(HALVINGS):
        middle = (rejected + kept) / 2
        if _p_value(first, of_first, second, of_second, middle) < tail:
            rejected = middle
        else:
            kept = middle
    return rejected


def _p_value(first: int, of_first: int, second: int, of_second: int, difference: float) -> float:
    """Probability of an outcome at least as far above `difference`, the largest over the second share."""
    scores = _scores(of_first, of_second, difference)
    beyond = scores >= scores[first, second] - 1e-9
    smallest, largest = max(0.0, -difference), min(1.0, 1 - difference)
    second_share = np.linspace(smallest, largest, PLACES)
    one = _probabilities(of_first, np.clip(second_share + difference, 0, 1))
    other = _probabilities(of_second, second_share)
    return float(np.einsum("pi,ij,pj->p", one, beyond.astype(np.float64), other, optimize=True).max())


def _probabilities(trials: int, shares: Float[np.ndarray, " place"]) -> Float[np.ndarray, "place count"]:
    found: np.ndarray = scipy.stats.binom.pmf(np.arange(trials + 1)[None], trials, shares[:, None])
    return found


@cache
def _counts(trials: int, others: int) -> tuple[Float[np.ndarray, "count 1"], Float[np.ndarray, "1 other"]]:
    return np.arange(trials + 1)[:, None] / trials, np.arange(others + 1)[None] / others


def _scores(trials: int, others: int, difference: float) -> Float[np.ndarray, "count other"]:
    """Of every pair of counts: how many standard errors the difference of the shares lies above `difference`.

    The error is that of the likeliest pair of shares with this difference (Farrington & Manning 1990, equation 4 and the
    appendix: the root of a cubic).
    """
    one, other = _counts(trials, others)
    ratio = others / trials
    a = 1 + ratio
    b = -(1 + ratio + one + ratio * other + difference * (ratio + 2))
    c = difference**2 + difference * (2 * one + ratio + 1) + one + ratio * other
    d = -one * difference * (1 + difference)
    v = b**3 / (3 * a) ** 3 - b * c / (6 * a**2) + d / (2 * a)
    u = np.copysign(np.sqrt(np.maximum(b**2 / (3 * a) ** 2 - c / (3 * a), 0)), v)
    angle = (np.pi + np.arccos(np.clip(np.divide(v, u**3, out=np.zeros_like(v), where=u != 0), -1, 1))) / 3
    likeliest = np.clip(2 * u * np.cos(angle) - b / (3 * a), max(0.0, difference), min(1.0, 1 + difference))
    rest = np.clip(likeliest - difference, 0, 1)
    error = np.sqrt(likeliest * (1 - likeliest) / trials + rest * (1 - rest) / others)
    gap = one - other - difference
    certain = np.where(
        np.abs(gap) > TINY, np.sign(gap) * 1e6, 0.0
    )  # what could not be under this difference, or no other
    return np.divide(gap, error, out=certain, where=error > TINY)
