"""The claims `generalises` and `deeper-is-better`: both test images and draws of the training images vary."""

from typing import Any

import numpy as np
import scipy  # its statistics load when they are first used
from jaxtyping import Bool, Float

from reportgen.analyses.generalisation.comparison import Comparison
from reportgen.analyses.generalisation.reading import COMPARED
from reportgen.claims import (
    OF_DIFFERENCE,
    OF_GAPS,
    POINTS,
    RESAMPLES,
    UNBOUNDED,
    Part,
    Unit,
    Verdict,
    crossed_part,
    not_tested,
    resampled_part,
)

CORRELATION = Unit("(correlation)")
TIED = 9  # digits: sums of one set in another order are no difference
SAME_FOLDS = (
    "every fold learns from the same images, so that other draws of them are unknown: give more images of each class"
)


def generalises(found: Comparison) -> Verdict:
    """Frozen features minus training from scratch at the smallest and the largest count, and how much the gap falls."""
    if len(found.counts) < 2:
        why = f"there is only one number of images a class (GENERALISATION_COUNTS={found.counts[0]}): give two or more"
        return not_tested("generalises", why)
    frozen, scratch = (correct.astype(np.float64) for correct in (found.frozen.correct, found.scratch.correct))
    gaps = (frozen - scratch).swapaxes(1, 2)  # "count test fold"
    room = 1 - scratch.mean(axis=(1, 2))  # the most that a gap could be
    few, many = found.counts[0], found.counts[-1]

    def part(
        name: str,
        values: Float[np.ndarray, "test fold"],
        most: float,
        *places: int,
        bounds: tuple[float, float] = OF_DIFFERENCE,
    ) -> Part:
        overlap = max(found.overlaps[place] for place in places)
        why = SAME_FOLDS if overlap >= 1 else "" if found.scratch.same else _another(found)
        return crossed_part(name, values, overlap, unit=POINTS, bounds=bounds, most=most, untested=why)

    return Verdict(
        "generalises",
        (
            part(f"{few} a class: frozen features minus from scratch", gaps[0], float(room[0]), 0),
            part(f"{many} a class: frozen features minus from scratch", gaps[-1], float(room[-1]), -1),
            part(
                f"that gap at {few} a class minus at {many}",
                gaps[0] - gaps[-1],
                float(room[0] - gaps[-1].mean()),
                0,
                -1,
                bounds=OF_GAPS,
            ),
        ),
    )


def _another(found: Comparison) -> str:
    return (
        "the net cannot be trained anew here: what was trained from scratch is another, smaller net that reads "
        f"{found.scratch.crop} px"
    )


def deeper(found: Comparison, rng: np.random.Generator) -> Verdict:
    """How accuracy changes with the layer that an SVM reads, each through as many inputs; beside it through all of them."""
    numbers = [layer.number for layer in found.by_layer.layers]
    missing = [number for number in (COMPARED[0], COMPARED[-1]) if number not in numbers]
    if missing:
        return not_tested("deeper-is-better", f"the net has no layer {missing[0]}")
    equal, every = (
        _climb(name, found.by_layer.of(through, "SVM"), numbers, found.overlaps[-1], rng)
        for through, name in (("equal", "SVM, equal inputs"), ("all", "SVM, all of a layer’s numbers"))
    )
    return Verdict("deeper-is-better", equal, beside=every)


def _climb(
    name: str,
    correct: Bool[np.ndarray, "layer fold test"],
    numbers: list[int],
    overlap: float,
    rng: np.random.Generator,
) -> tuple[Part, Part]:
    """Layer 7 minus layer 1, and the rank correlation of accuracy with layer."""
    first, last = (correct[numbers.index(number)].T.astype(np.float64) for number in (COMPARED[0], COMPARED[-1]))
    why = SAME_FOLDS if overlap >= 1 else ""
    return (
        crossed_part(
            f"{name}: layer {COMPARED[-1]} minus layer {COMPARED[0]}",
            last - first,
            overlap,
            unit=POINTS,
            bounds=OF_DIFFERENCE,
            most=float(1 - first.mean()),
            untested=why,
        ),
        rank_part(
            f"{name}: rank correlation of accuracy with layer", correct.transpose(0, 2, 1), overlap, rng, untested=why
        ),
    )


def rank_part(
    name: str,
    correct: Bool[np.ndarray, "layer test fold"],
    overlap: float,
    rng: np.random.Generator,
    untested: str = "",
) -> Part:
    """The rank correlation of mean accuracy with layer, where test images and draws of the training images both vary.

    A rank correlation is no mean, so what varies is the accuracies themselves: around those that were measured they are
    drawn anew, as a sum of two multivariate t distributions, one for the images and one for the draws. Their covariances
    and degrees of freedom are those of `reportgen.claims.crossed_part`, for all layers together.
    """
    values = correct.astype(np.float64)
    mean = values.mean(axis=(1, 2))
    estimate = float(rank_correlation(mean[None])[0])
    about: dict[str, Any] = {"unit": CORRELATION, "bounds": OF_DIFFERENCE, "untested": untested}
    units, draws = values.shape[1:]
    if overlap >= 1 or min(units, draws) < 2:
        return Part(name, estimate, *UNBOUNDED, min(units, draws), **about)
    wander = np.zeros((RESAMPLES, len(mean)))
    for covariance, freedom in zip(crossed_covariances(values, overlap), (units - 1, draws - 1), strict=True):
        sizes, axes = np.linalg.eigh(covariance)
        normal = rng.standard_normal(wander.shape) * np.sqrt(np.maximum(sizes, 0)) @ axes.T
        wander += normal * np.sqrt(freedom / rng.chisquare(freedom, (RESAMPLES, 1)))
    return resampled_part(name, estimate, rank_correlation(mean + wander), units, **about)


def crossed_covariances(
    values: Float[np.ndarray, "layer test fold"], overlap: float
) -> tuple[Float[np.ndarray, "layer layer"], Float[np.ndarray, "layer layer"]]:
    """Covariance of the layers' means, by test images and by folds; what both hold of the rest counts once, in the latter."""
    units, draws = values.shape[1:]
    rows, columns = values.mean(axis=2), values.mean(axis=1)
    rest = values - rows[:, :, None] - columns[:, None] + values.mean(axis=(1, 2), keepdims=True)
    shared = np.einsum("aij,bij->ab", rest, rest) / ((units - 1) * (draws - 1)) / (units * draws)
    by_draws = np.cov(columns) * (1 / draws + overlap / (1 - overlap))
    return _positive(np.cov(rows) / units - shared), by_draws


def _positive(matrix: Float[np.ndarray, "layer layer"]) -> Float[np.ndarray, "layer layer"]:
    """The matrix without its negative part: a mixture of the layers that estimates to less than no variance has none."""
    sizes, axes = np.linalg.eigh(matrix)
    return (axes * np.maximum(sizes, 0)) @ axes.T


def rank_correlation(accuracy: Float[np.ndarray, "resample layer"]) -> Float[np.ndarray, " resample"]:
    """Spearman's correlation of accuracy with depth, ties sharing their ranks; 0 where no layer differs."""
    ranks = scipy.stats.rankdata(accuracy.round(TIED), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    depth = np.arange(accuracy.shape[1]) - (accuracy.shape[1] - 1) / 2
    size = np.sqrt(np.square(ranks).sum(axis=1) * np.square(depth).sum())
    return np.divide(ranks @ depth, size, out=np.zeros(len(ranks)), where=size > 0)
