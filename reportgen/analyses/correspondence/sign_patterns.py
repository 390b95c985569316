"""How alike two changes of a feature vector are: Hamming distances of their signs (Zeiler & Fergus 2013, section 4.3).

Masking a part of image i changes its feature vector by eps_i. The paper's score is the Hamming distance between
sign(eps_i) and sign(eps_j), as a share of the vector's length, summed over pairs of images; here it is the mean.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int8, Int32

NEGLIGIBLE = 1e-5  # of the image's largest feature: a smaller difference is rounding


def signs_of_change(
    original: Float[np.ndarray, "image entry"], masked: Float[np.ndarray, "image entry"]
) -> Int8[np.ndarray, "image entry"]:
    """sign(original - masked): 0 where they differ by at most 1e-5 of the image's largest feature."""
    change = original - masked
    limit = NEGLIGIBLE * np.abs(original).max(axis=1, keepdims=True)
    return (np.sign(change) * (np.abs(change) > limit)).astype(np.int8)


@dataclass(frozen=True)
class PairCounts:
    """How the sign vectors of two images compare, in numbers of entries."""

    different: Int32[np.ndarray, "*of pair"]  # the two signs differ; 0 counts as a sign, so two zeros agree
    changed: Int32[np.ndarray, "*of pair"]  # neither sign is 0
    opposite: Int32[np.ndarray, "*of pair"]  # plus in one, minus in the other


def compare(signs: Int8[np.ndarray, "image entry"], pairs: Int[np.ndarray, "pair 2"]) -> PairCounts:
    """Compare the signs of two images, pair by pair.

    The counts follow from two matrix products, which serve all pairs: among entries that changed in both images, s.s'
    is the number of equal signs minus that of opposite ones, and |s|.|s'| is their sum. In 32-bit floats both are exact
    below 2^24 entries.
    """
    numbers = signs.astype(np.float32)
    dots, both = (part @ part.T for part in (numbers, np.abs(numbers)))
    first, second = pairs.T
    dot, changed = dots[first, second], both[first, second]
    equal = (changed + dot) / 2
    own = np.diagonal(both)  # how many entries of each image changed
    zeros = signs.shape[1] - own[first] - own[second] + changed
    different = signs.shape[1] - equal - zeros
    return PairCounts(*(part.astype(np.int32) for part in (different, changed, (changed - dot) / 2)))


def pairs_within(groups: Int[np.ndarray, " image"]) -> Int[np.ndarray, "pair 2"]:
    """Every pair of images within a group, the lower index first."""
    first, second = np.triu_indices(len(groups), 1)
    same = groups[first] == groups[second]
    return np.column_stack([first[same], second[same]])


@dataclass(frozen=True)
class Pairing:
    """Which pairs of images are compared: those within a group, and every group has at least three images."""

    groups: Int[np.ndarray, " image"]  # 0, 1, ...
    pairs: Int[np.ndarray, "pair 2"]

    @classmethod
    def of(cls, groups: Int[np.ndarray, " image"]) -> "Pairing":
        """All pairs within the groups."""
        if len(groups) and np.bincount(groups).min() < 3:
            raise ValueError("a group of fewer than three images has no pair left when one is taken away")
        return cls(groups, pairs_within(groups))

    @property
    def of_pair(self) -> Int[np.ndarray, " pair"]:
        """The group of each pair."""
        return self.groups[self.pairs[:, 0]]

    def mean(self, values: Float[np.ndarray, " pair"]) -> float:
        """Mean over the pairs of each group, then over the groups."""
        return float((self._sums(values) / self._sums(np.ones(len(values)))).mean())

    def deviation(self, values: Float[np.ndarray, "*of pair"]) -> float:
        """Standard deviation over the pairs within a group: the root of the groups' mean variance."""
        variances = [values[..., self.of_pair == group].var() for group in np.unique(self.groups)]
        return float(np.sqrt(np.mean(variances)))

    def without_each(self, values: Float[np.ndarray, " pair"]) -> Float[np.ndarray, " image"]:
        """`mean` with each image in turn left out, for the jackknife."""
        sizes, sums = np.bincount(self.groups), self._sums(values)
        means = sums / self._sums(np.ones(len(values)))
        of_image = sum(np.bincount(images, values, len(self.groups)) for images in self.pairs.T)
        left = (sums[self.groups] - of_image) / ((sizes - 1) * (sizes - 2) / 2)[self.groups]
        return means.mean() + (left - means[self.groups]) / len(means)

    def _sums(self, values: Float[np.ndarray, " pair"]) -> Float[np.ndarray, " group"]:
        return np.bincount(self.of_pair, values)
