"""Every layer through the same number of inputs: its first principal components over images of another data set."""

from dataclasses import dataclass

import numpy as np
import scipy  # its linear algebra loads when it is first used
from jaxtyping import Float

NOTHING = 1e-10  # of the first component's variance: what is smaller is rounding


@dataclass(frozen=True)
class Components:
    """A layer's principal components, the one with the largest variance first."""

    mean: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]  # deviations; 0 where a feature never varies
    axes: Float[np.ndarray, "feature component"]  # orthonormal

    @property
    def count(self) -> int:
        """How many there are."""
        return self.axes.shape[1]

    def of(self, features: Float[np.ndarray, "image feature"], count: int) -> Float[np.ndarray, "image {count}"]:
        """The first `count` components of other images; zeros for those that the layer has not."""
        found = np.zeros((len(features), count))
        kept = min(count, self.count)
        found[:, :kept] = _standardised(features, self.mean, self.scale) @ self.axes[:, :kept]
        return found


def principal(features: Float[np.ndarray, "image feature"], most: int) -> Components:
    """The principal components of standardised features, `most` at most; features that never vary are left out.

    There are no more than features, nor than images minus one.
    """
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale[np.ptp(features, axis=0) == 0] = 0
    points = _standardised(features, mean, scale)
    images, width = points.shape
    count = min(most, images - 1, int(np.count_nonzero(scale)))
    if count < 1:
        return Components(mean, scale, np.zeros((width, 0)))
    few = images < width
    products = points @ points.T if few else points.T @ points  # whichever is smaller: they have the same variances
    side = len(products)
    variances, axes = scipy.linalg.eigh(products, subset_by_index=(side - count, side - 1))
    variances, axes = variances[::-1], axes[:, ::-1]
    there = variances > NOTHING * variances[0]
    if few:
        axes = points.T @ (axes[:, there] / np.sqrt(variances[there]))
        return Components(mean, scale, axes)
    return Components(mean, scale, axes[:, there])


def _standardised(
    features: Float[np.ndarray, "image feature"],
    mean: Float[np.ndarray, " feature"],
    scale: Float[np.ndarray, " feature"],
) -> Float[np.ndarray, "image feature"]:
    """Features with mean 0 and deviation 1 over the images that mean and scale are of; 0 where these did not vary."""
    return np.divide(features - mean, scale, out=np.zeros(features.shape), where=scale > 0)
