"""What filters are like, and how a layer's energy is shared among them (for Zeiler & Fergus 2013, section 4.1, figure 6)."""

from functools import cache

import numpy as np
from jaxtyping import Float, Int

from reportgen.analyses.architecture import spectra

MIDDLE = (1 / 16, 1 / 4)  # cycles per pixel
GRID = 7  # rows and columns on which filters of different size are compared
DRAWS = 20  # of random filters


def nearest_likeness(filters: Float[np.ndarray, "map row column 3"]) -> Float[np.ndarray, " map"]:
    """Cosine similarity of each filter to the other that is most like it; NaN for one that is all zero, or alone."""
    flat = filters.reshape(len(filters), -1).astype(np.float64)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit = np.divide(flat, length, out=np.full_like(flat, np.nan), where=length > 0)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, np.nan)
    known = ~np.isnan(cosine)
    nearest = np.where(known, cosine, -np.inf).max(axis=1)
    return np.where(known.any(axis=1), nearest, np.nan)


def comparable(filters: Float[np.ndarray, "map row column 3"]) -> Float[np.ndarray, "known 7 7 3"]:
    """Filters on the common grid without their mean; those of one value are left out, since they point nowhere."""
    common = resized(filters.astype(np.float64), GRID)
    common -= common.mean(axis=(1, 2, 3), keepdims=True)
    length = np.linalg.norm(common.reshape(len(common), -1), axis=1)
    return common[length > 1e-6 * length.max(initial=0.0)]


@cache
def random_likeness(count: int, side: int, draws: int = DRAWS) -> float:
    """Mean likeness to the nearest other of `count` filters of `side` x `side` whose weights are normal: by chance alone.

    A constant of these numbers, so its draws have a stream of their own.
    """
    rng = np.random.default_rng([count, side])
    found = [nearest_likeness(comparable(rng.normal(size=(count, side, side, 3)))).mean() for _ in range(draws)]
    return float(np.mean(found))


def mean_likeness(
    filters: Float[np.ndarray, "map row column 3"],
) -> tuple[float, Float[np.ndarray, " map"]]:
    """Mean likeness to the nearest other, and what it is without each filter in turn; of `comparable` filters.

    Two filters that are nearest to each other share one number, so they are not independent: leaving out one also
    changes the other.
    """
    flat = filters.reshape(len(filters), -1)
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    ranked = np.argsort(-cosine, axis=1, kind="stable")[:, :2]
    first, second = (np.take_along_axis(cosine, ranked[:, [place]], axis=1)[:, 0] for place in (0, 1))
    fall = np.bincount(ranked[:, 0], weights=first - second, minlength=len(first))  # of those whose nearest it is
    return float(first.mean()), (first.sum() - first - fall) / (len(first) - 1)


def resized(filters: Float[np.ndarray, "map row column 3"], side: int) -> Float[np.ndarray, "map side side 3"]:
    """Filters on a coarser grid of `side` x `side`: each value is the mean over the area that it covers."""
    old = filters.shape[1]
    edges = np.arange(side + 1) * old / side
    low, high = edges[:-1, None], edges[1:, None]
    pixels = np.arange(old)
    covers = (np.minimum(high, pixels + 1) - np.maximum(low, pixels)).clip(min=0) * side / old
    return np.einsum("ir,jc,mrcx->mijx", covers, covers, filters, optimize=True)


def middle_share(filters: Float[np.ndarray, "map row column 3"]) -> Float[np.ndarray, " map"]:
    """Share of each filter's spectral energy between 1/16 and 1/4 cycle per input pixel; NaN for one that is all zero."""
    grid = spectra.grid_for(filters.shape[1])
    where = spectra.band(grid, *MIDDLE)
    return np.array([spectra.share(spectra.energy(filter_, grid), where) for filter_ in filters])


def leading(energy: Float[np.ndarray, "image map"], share: float) -> Int[np.ndarray, " leading"]:
    """The maps with the most energy over all images, strongest first: `share` of them, rounded, but at least one."""
    count = max(1, round(share * energy.shape[1]))
    return np.argsort(-energy.sum(axis=0), kind="stable")[:count]


def led_share(
    energy: Float[np.ndarray, "image map"], leaders: Int[np.ndarray, " leading"]
) -> Float[np.ndarray, " image"]:
    """Share of each image's energy that lies in the leading maps; NaN for an image that no map responds to."""
    total = energy.sum(axis=1)
    return np.divide(energy[:, leaders].sum(axis=1), total, out=np.full(len(energy), np.nan), where=total > 0)
