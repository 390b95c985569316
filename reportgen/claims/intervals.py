"""Parts of claims with their intervals: bootstrap, jackknife, exact.

Every function takes a part's name and what it is computed from; `about` holds more of `Part`'s fields, such as ``unit``,
``range`` and ``most``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy  # scipy.stats loads on first use
from jaxtyping import Float

from reportgen.claims.verdicts import LEVEL, UNBOUNDED, Part

RESAMPLES = 20_000
FEWEST = 20  # units that a bootstrap interval needs: of 3, it misses the mean in 20 of 100 samples or more


def mean_part(name: str, sample: Float[np.ndarray, " unit"], rng: np.random.Generator, **about: Any) -> Part:
    """The mean of independent units, with its bootstrap interval."""
    return _bootstrapped(name, (sample,), np.mean, rng, about)


def median_part(name: str, sample: Float[np.ndarray, " unit"], rng: np.random.Generator, **about: Any) -> Part:
    """The median of independent units, with its bootstrap interval."""
    return _bootstrapped(name, (sample,), np.median, rng, about)


def difference_part(
    name: str,
    sample: Float[np.ndarray, " unit"],
    other: Float[np.ndarray, " other"],
    rng: np.random.Generator,
    **about: Any,
) -> Part:
    """Mean of one sample minus the mean of another, independent sample, with its bootstrap interval."""
    return _bootstrapped(name, (sample, other), np.mean, rng, about)


def _bootstrapped(
    name: str,
    samples: Sequence[np.ndarray],
    middle: Callable[..., Any],
    rng: np.random.Generator,
    about: dict[str, Any],
) -> Part:
    def statistic(*parts: Any, axis: int = -1) -> Any:
        return middle(parts[0], axis=axis) - (middle(parts[1], axis=axis) if len(parts) > 1 else 0.0)

    units = min(len(sample) for sample in samples)
    if units == 0:
        return _too_few(name, 0.0, units, about)
    estimate = float(statistic(*samples))
    constant = all(np.ptp(sample) == 0 for sample in samples)  # the bootstrap has nothing to resample
    if constant and units > 1 and (ends := _newcombe(estimate, samples)):
        return Part(name, estimate, *ends, units, **about)
    if units < FEWEST:
        return _too_few(name, estimate, units, about)
    if constant:
        return Part(name, estimate, estimate, estimate, units, **about)
    found = scipy.stats.bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        batch=500,
        confidence_level=LEVEL,
        method="percentile",
        vectorized=True,
        rng=rng,
    )
    interval = found.confidence_interval
    about |= {"se": float(found.standard_error)}
    if middle is np.mean:
        signs = (1, -1)
        about["influence"] = np.concatenate(
            [sign * _influence(sample) for sign, sample in zip(signs, samples, strict=False)]
        )
    return Part(name, estimate, float(interval.low), float(interval.high), units, **about)


def _too_few(name: str, estimate: float, units: int, about: dict[str, Any]) -> Part:
    """A number without an interval, and how many units it lacks."""
    why = f"{FEWEST} independent units are needed for its interval, and there are {units}"
    return Part(name, estimate, *UNBOUNDED, units, **about | {"untested": about.get("untested") or why})


def _influence(sample: Float[np.ndarray, " unit"]) -> Float[np.ndarray, " unit"]:
    """What each unit adds to the error of their mean."""
    return (sample - sample.mean()) / (len(sample) * (len(sample) - 1)) ** 0.5


def _newcombe(estimate: float, samples: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """Interval of a mean of shares, or of a difference of such means, if no sample varies; None if they are no shares.

    For shares (samples of 0 and 1, or one sample of paired differences -1, 0 and 1) it is Newcombe's interval: it combines
    the distances of two shares from the ends of their Wilson intervals as the sides of a right triangle (Statistics in
    Medicine 17, 1998, method 10). It holds for few units, too.
    """
    paired = len(samples) == 1
    counted = [samples[0] == 1, samples[0] == -1 if paired else samples[1] == 1]
    allowed = (-1, 0, 1) if paired else (0, 1)
    if not all(np.isin(sample, allowed).all() for sample in samples):
        return None
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
    batch: int = 1000,
    **about: Any,
) -> Part:
    """Any statistic of independent units, with its bootstrap interval.

    `statistic` takes weights, for many resamples at once: the number of times each unit was drawn. So a unit drawn twice
    weighs twice, and is not mistaken for two similar units. Resamples for which `statistic` is not defined (NaN) are left
    out; if they are more than one in a hundred, the interval is unbounded.
    """
    estimate = float(statistic(np.ones((1, units)))[0])
    if units < FEWEST:
        return _too_few(name, estimate, units, about)
    if not np.isfinite(estimate):
        return Part(name, estimate, *UNBOUNDED, units, **about)
    found = np.concatenate(
        [
            statistic(rng.multinomial(units, np.full(units, 1 / units), min(batch, RESAMPLES - start)).astype(float))
            for start in range(0, RESAMPLES, batch)
        ]
    )
    rows = np.array_split(np.arange(units), -(-units // batch))
    without = np.concatenate([statistic(1.0 - (row[:, None] == np.arange(units))) for row in rows])
    return resampled_part(name, estimate, found, units, influence=_of_left_out(without), **about)


def _of_left_out(left_out: Float[np.ndarray, " unit"]) -> Float[np.ndarray, " unit"]:
    """What each unit, or group of units, adds to the error of a statistic that was computed without it."""
    return (left_out.mean() - left_out) * ((len(left_out) - 1) / len(left_out)) ** 0.5


def resampled_part(name: str, estimate: float, found: Float[np.ndarray, " resample"], units: int, **about: Any) -> Part:
    """A statistic with the bootstrap interval of resamples `found` that were computed before.

    Resamples for which it is not defined (NaN) are left out; if they are more than one in a hundred, the interval is
    unbounded.
    """
    defined = found[np.isfinite(found)]
    if len(defined) < 0.99 * len(found):
        return Part(name, estimate, *UNBOUNDED, units, **about)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Part(name, estimate, float(low), float(high), units, se=float(defined.std(ddof=1)), **about)


def jackknife_part(
    name: str, estimate: float, left_out: Float[np.ndarray, " group"], freedom: float | None = None, **about: Any
) -> Part:
    """A statistic whose terms share units (pairs of images, the nine strongest): jackknife, Student's t.

    `left_out`: the statistic without each unit in turn, or without each of several groups of equal size, into which the
    units were dealt at random. The part's ``n`` is the number of these unless `about` gives another. `freedom`: Student's
    degrees of freedom, where the units count differently; else one less than there are.
    """
    groups = len(left_out)
    about = {"n": groups} | about
    if groups < 3 or not np.isfinite(left_out).all():
        return Part(name, estimate, *UNBOUNDED, **about)
    influence = _of_left_out(left_out)
    error = float(np.sqrt(np.square(influence).sum()))
    reach = float(scipy.stats.t.ppf((1 + LEVEL) / 2, groups - 1 if freedom is None else freedom)) * error
    return Part(name, estimate, estimate - reach, estimate + reach, se=error, influence=influence, **about)


def crossed_part(name: str, sample: Float[np.ndarray, "unit draw"], overlap: float = 0.0, **about: Any) -> Part:
    """The mean over two kinds of units that are crossed: test images, and draws of the training images.

    Both are taken at random, so both vary: the variance of the mean is that of the images' means over their number plus
    that of the draws' means over theirs, minus what both hold of the rest (the pigeonhole estimate: Owen, Annals of
    Applied Statistics 1, 2007). There are few draws, so each of the two has its own quantile of Student's t, and the
    interval's reach is the long side of a right triangle (Howe, JASA 69, 1974). One t with Satterthwaite's degrees of
    freedom would miss up to four times as often as it says, when five draws vary more than the images do.

    `overlap`: the share of its images that a draw has in common with another, mean over the pairs of draws. Draws that
    share images differ less than independent ones, and their mean varies more than that of independent ones: the
    variance between draws counts 1/draws + overlap/(1 - overlap) times (Nadeau & Bengio, Machine Learning 52, 2003).
    """
    units, draws = sample.shape
    estimate = float(sample.mean())
    if units < 2 or draws < 2 or overlap >= 1:
        return Part(name, estimate, *UNBOUNDED, 1 if overlap >= 1 else min(units, draws), **about)
    rows, columns = sample.mean(axis=1), sample.mean(axis=0)
    rest = sample - rows[:, None] - columns[None] + estimate
    shared = float(np.square(rest).sum()) / ((units - 1) * (draws - 1)) / (units * draws)
    by_units = float(rows.var(ddof=1)) / units
    by_draws = float(columns.var(ddof=1)) * (1 / draws + overlap / (1 - overlap))
    variance = max(by_units + by_draws - shared, by_units, by_draws)
    if variance == 0:
        return Part(name, estimate, estimate, estimate, units, se=0.0, **about)
    influence = np.concatenate([_influence(rows), _influence(columns)])
    of_units, of_draws = (float(scipy.stats.t.ppf((1 + LEVEL) / 2, count - 1)) for count in (units, draws))
    reach = float(np.hypot(of_units * max(by_units - shared, 0.0) ** 0.5, of_draws * by_draws**0.5))
    return Part(
        name, estimate, estimate - reach, estimate + reach, units, se=variance**0.5, influence=influence, **about
    )
