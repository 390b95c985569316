"""Parts of claims with their intervals: bootstrap, jackknife, exact."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy  # scipy.stats loads on first use
from jaxtyping import Float

from reportgen.claims.verdicts import ABOVE_ZERO, LEVEL, Part

RESAMPLES = 20_000


def mean_part(name: str, sample: Float[np.ndarray, " unit"], rng: np.random.Generator) -> Part:
    """The mean of independent units, with its bootstrap interval."""
    return _part(name, (sample,), rng, paired=True)


def difference_part(
    name: str, sample: Float[np.ndarray, " unit"], other: Float[np.ndarray, " other"], rng: np.random.Generator
) -> Part:
    """Mean of one sample minus the mean of another, independent sample, with its bootstrap interval."""
    return _part(name, (sample, other), rng, paired=False)


def _part(name: str, samples: Sequence[np.ndarray], rng: np.random.Generator, paired: bool) -> Part:
    def statistic(first: Any, second: Any = None, axis: int = -1) -> Any:
        return first.mean(axis=axis) - (0.0 if second is None else second.mean(axis=axis))

    estimate = float(samples[0].mean() - (samples[1].mean() if len(samples) > 1 else 0))
    units = min(len(sample) for sample in samples)
    if units < 2:
        return Part(name, estimate, float("-inf"), float("inf"), units)
    if all(np.ptp(sample) == 0 for sample in samples):  # nothing varies: the bootstrap has nothing to resample
        return Part(name, estimate, *_constant(estimate, samples), units)
    interval = scipy.stats.bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        batch=500,
        confidence_level=LEVEL,
        method="percentile",
        paired=paired,
        vectorized=True,
        rng=rng,
    ).confidence_interval
    return Part(name, estimate, float(interval.low), float(interval.high), units)


def _constant(estimate: float, samples: Sequence[np.ndarray]) -> tuple[float, float]:
    """Interval of a mean of samples, or of a difference of means, if no sample varies.

    For shares (samples of 0 and 1, or one sample of paired differences -1, 0 and 1) it is Newcombe's interval: it combines
    the distances of two shares from the ends of their Wilson intervals as the sides of a right triangle (Statistics in
    Medicine 17, 1998, method 10). For other numbers, low and high both equal the estimate.
    """
    paired = len(samples) == 1
    counted = [samples[0] == 1, samples[0] == -1 if paired else samples[1] == 1]
    allowed = (-1, 0, 1) if paired else (0, 1)
    if not all(np.isin(sample, allowed).all() for sample in samples):
        return estimate, estimate
    tests = [scipy.stats.binomtest(int(share.sum()), len(share)) for share in counted]
    (low, high), (other_low, other_high) = (test.proportion_ci(LEVEL, method="wilson") for test in tests)
    first, second = (test.statistic for test in tests)
    return (
        estimate - float(np.hypot(first - low, other_high - second)),
        estimate + float(np.hypot(high - first, second - other_low)),
    )


def weighted_part(
    name: str,
    statistic: Callable[[Float[np.ndarray, "resample unit"]], Float[np.ndarray, " resample"]],
    units: int,
    rng: np.random.Generator,
    limits: tuple[float, float] = ABOVE_ZERO,
    batch: int = 1000,
) -> Part:
    """Any statistic of independent units, with its bootstrap interval.

    `statistic` takes weights, for many resamples at once: the number of times each unit was drawn. So a unit drawn twice
    weighs twice, and is not mistaken for two similar units. Resamples for which `statistic` is not defined (NaN) are left
    out; if they are more than one in a hundred, the interval is unbounded.
    """
    estimate = float(statistic(np.ones((1, units)))[0])
    if units < 2 or not np.isfinite(estimate):
        return Part(name, estimate, float("-inf"), float("inf"), units, limits)
    found = np.concatenate(
        [
            statistic(rng.multinomial(units, np.full(units, 1 / units), min(batch, RESAMPLES - start)).astype(float))
            for start in range(0, RESAMPLES, batch)
        ]
    )
    return resampled_part(name, estimate, found, units, limits)


def resampled_part(
    name: str,
    estimate: float,
    found: Float[np.ndarray, " resample"],
    units: int,
    limits: tuple[float, float] = ABOVE_ZERO,
) -> Part:
    """A statistic with the bootstrap interval of resamples `found` that were computed before.

    Resamples for which it is not defined (NaN) are left out; if they are more than one in a hundred, the interval is
    unbounded.
    """
    defined = found[np.isfinite(found)]
    if len(defined) < 0.99 * len(found):
        return Part(name, estimate, float("-inf"), float("inf"), units, limits)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Part(name, estimate, float(low), float(high), units, limits)


def jackknife_part(name: str, estimate: float, left_out: Float[np.ndarray, " unit"]) -> Part:
    """A statistic whose terms share units (pairs of images): delete-one jackknife, Student's t.

    `left_out`: the statistic without each unit in turn.
    """
    units = len(left_out)
    if units < 3:
        return Part(name, estimate, float("-inf"), float("inf"), units)
    error = float(np.sqrt((units - 1) / units * np.square(left_out - left_out.mean()).sum()))
    reach = float(scipy.stats.t.ppf((1 + LEVEL) / 2, units - 1)) * error
    return Part(name, estimate, estimate - reach, estimate + reach, units)
