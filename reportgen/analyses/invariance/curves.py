"""How far features move under transformations, and how linearly (Zeiler & Fergus 2013, section 4, figure 5)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts load when they are first used
from jaxtyping import Bool, Float

Statistic = Callable[[np.ndarray], np.ndarray]  # from units' weights "resample unit" to " resample"


@dataclass(frozen=True)
class Curves:
    """What one kind of transformation does to every image."""

    values: Float[np.ndarray, " value"]  # pixels down, ratio, or degrees anticlockwise
    first: Float[np.ndarray, "image value"]  # Euclidean distance of layer 1's feature vector from the untransformed one
    top: Float[np.ndarray, "image value"]  # the same for layer 7
    probability: Float[np.ndarray, "image value"]  # of the true class

    def at(self, values: tuple[float, ...]) -> tuple[Float[np.ndarray, " image"], Float[np.ndarray, " image"]]:
        """The distances at both layers, each the mean over some of the values."""
        chosen = np.isin(self.values, values)
        return self.first[:, chosen].mean(axis=1), self.top[:, chosen].mean(axis=1)

    def straightness(self, origin: float) -> tuple[Statistic, Statistic]:
        """R^2 of the line through each layer's *mean* distance by how far the value is from `origin`.

        Means of many curves are straighter than any of them: `own_straightness` asks each image.

        The origin itself, where the distance is 0 by definition, is left out.
        """

        def fit(distance: np.ndarray) -> Statistic:
            away = np.abs(self.values - origin)
            return lambda weights: np.asarray(
                straightness(away[away > 0], weights @ distance[:, away > 0] / weights.sum(axis=1, keepdims=True))
            )

        return fit(self.first), fit(self.top)

    def own_straightness(
        self, origin: float, unchanged: tuple[float, float]
    ) -> tuple[Float[np.ndarray, " image"], Float[np.ndarray, " image"]]:
        """R^2 of each image's own line at each layer: of every direction by itself, mean over the directions.

        A direction whose distances vary by no more than `unchanged` (of the first layer, of the top one) has no R^2; an
        image without any is NaN.
        """

        def mean(distance: np.ndarray, limit: float) -> Float[np.ndarray, " image"]:
            found = np.full((len(distance), 2), np.nan)
            for place, way in enumerate(self.directions(origin)):
                if way.any():
                    own = distance[:, way]
                    fit = np.asarray(straightness(np.abs(self.values[way] - origin), own))
                    found[:, place] = np.where(np.ptp(own, axis=1) > limit, fit, np.nan)
            known = np.isfinite(found)
            with np.errstate(invalid="ignore"):
                return np.where(known, found, 0).sum(axis=1) / known.sum(axis=1)

        return mean(self.first, unchanged[0]), mean(self.top, unchanged[1])

    def directions(self, origin: float) -> tuple[Bool[np.ndarray, " value"], Bool[np.ndarray, " value"]]:
        """Which values lie on either side of where nothing moved."""
        return self.values < origin, self.values > origin

    def share_left(self, before: Float[np.ndarray, " image"], origin: float) -> Float[np.ndarray, " image"]:
        """Share of each image's probability that is left, mean over the curve without its origin; in [0, 1].

        Where the probability rises, the share counts as 1.
        """
        return self._left(before, self.values != origin)

    def left_at_ends(self, before: Float[np.ndarray, " image"], origin: float) -> Float[np.ndarray, " image"]:
        """The same, but the mean over only the values furthest from the origin."""
        away = np.abs(self.values - origin)
        return self._left(before, away == away.max())

    def _left(
        self, before: Float[np.ndarray, " image"], chosen: Bool[np.ndarray, " value"]
    ) -> Float[np.ndarray, " image"]:
        return np.minimum(1, self.probability[:, chosen] / before[:, None].clip(min=1e-12)).mean(axis=1)


def mean_band(
    sample: Float[np.ndarray, "unit point"], level: float = 0.95
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Mean over independent units at every point, and the ends of its interval (Student's t; NaN below two units)."""
    units = len(sample)
    mean = sample.mean(axis=0)
    if units < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    reach = scipy.stats.t.ppf((1 + level) / 2, units - 1) * sample.std(axis=0, ddof=1) / units**0.5
    return mean, mean - reach, mean + reach


def straightness(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, "*curve point"]
) -> Float[np.ndarray, "*curve"] | float:
    """R^2 of the least-squares line (with an intercept) through each curve; NaN where the curve is constant.

    It equals the squared correlation of y with x: 1 where the curve is straight, 0 where the line explains nothing.
    """
    apart, rise = x - x.mean(), y - y.mean(axis=-1, keepdims=True)
    spread = np.square(apart).sum() * np.square(rise).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.minimum(
            np.square(rise @ apart) / spread, 1.0
        )  # rounding must not lift it above the range it is judged by


def mean_of_pairs(
    between: Float[np.ndarray, "unit unit"], weights: Float[np.ndarray, "resample unit"]
) -> Float[np.ndarray, " resample"]:
    """Weighted mean of a symmetric matrix over pairs of different units; NaN where there is no such pair.

    A unit that a resample draws twice is not paired with itself: its distance of 0 would lower the mean.
    """
    apart = between * (1 - np.eye(len(between)))
    pairs = np.square(weights.sum(axis=1)) - np.square(weights).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((weights @ apart) * weights).sum(axis=1) / pairs


def relative(
    distance: Float[np.ndarray, " unit"],
    between: Float[np.ndarray, "unit unit"],
    weights: Float[np.ndarray, "resample unit"],
) -> Float[np.ndarray, " resample"]:
    """Weighted mean distance as a share of the mean distance between different units; NaN where the latter is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ distance) / weights.sum(axis=1) / mean_of_pairs(between, weights)
