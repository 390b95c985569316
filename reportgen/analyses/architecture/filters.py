"""What filters are like, and how a layer's energy is shared among them (for Zeiler & Fergus 2013, section 4.1, figure 6)."""

import numpy as np
from jaxtyping import Float, Int

from reportgen.analyses.architecture import spectra

MIDDLE = (1 / 16, 1 / 4)  # cycles per pixel


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
