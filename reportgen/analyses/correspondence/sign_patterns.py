"""How alike two changes of a feature vector are: Hamming distances of their signs (Zeiler & Fergus 2013, section 4.3).

Masking a part of image i changes its feature vector by eps_i. The paper's score is the Hamming distance of
sign(eps_i) and sign(eps_j), as a share of the vector's length, summed over pairs of images; here its mean over pairs.
Its five images are dogs of five breeds, classes of their own in ImageNet: pairs of different classes.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Int8, Int32

SMALLEST_GROUP = 3  # images of a class: a pair within it must be left when one image is taken away

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


def all_pairs(images: int) -> Int[np.ndarray, "pair 2"]:
    """Every two of so many images, the lower index first."""
    return np.column_stack(np.triu_indices(images, 1))


def can_differ(groups: Sequence[Hashable]) -> bool:
    """Whether a pair of different groups is left, whichever image is taken away."""
    sizes = sorted(Counter(groups).values())
    return len(sizes) > 2 or (len(sizes) == 2 and sizes[0] > 1)


@dataclass(frozen=True)
class Pairing:
    """Which of all pairs of images are compared.

    Arrays of values have an entry for every two images, in the order of `all_pairs`; what is not compared is passed over.
    """

    pairs: Int[np.ndarray, "pair 2"]
    stratum: Int[
        np.ndarray, " pair"
    ]  # means are taken over the pairs of each of 0, 1, ..., then over these; -1: not compared

    @classmethod
    def between_classes(cls, groups: Int[np.ndarray, " image"]) -> "Pairing":
        """Pairs of different classes; each counts once."""
        if not can_differ(groups.tolist()):
            raise ValueError("no pair of different classes is left when one image is taken away")
        pairs = all_pairs(len(groups))
        first, second = groups[pairs].T
        return cls(pairs, np.where(first != second, 0, -1))

    @classmethod
    def within_classes(cls, groups: Int[np.ndarray, " image"]) -> "Pairing":
        """Pairs within each class of three images or more; the classes weigh alike."""
        sizes = np.bincount(groups)
        places = np.cumsum(sizes >= SMALLEST_GROUP) - 1
        pairs = all_pairs(len(groups))
        first, second = groups[pairs].T
        return cls(pairs, np.where((first == second) & (sizes[first] >= SMALLEST_GROUP), places[first], -1))

    @cached_property
    def compared(self) -> Bool[np.ndarray, " pair"]:
        """Which pairs are."""
        return self.stratum >= 0

    @cached_property
    def images(self) -> Int[np.ndarray, " used"]:
        """The images that are in a pair."""
        return np.unique(self.pairs[self.compared])

    @cached_property
    def freedom(self) -> float:
        """Degrees of freedom of a jackknife over the images: one less than how many there seem to be, by their pairs.

        The sum of squares that it estimates an error from is that of a few images, where these are in most pairs.
        """
        shares = np.square(np.bincount(self.pairs[self.compared].ravel()).astype(float))
        return float(shares.sum() ** 2 / np.square(shares).sum()) - 1

    def mean(self, values: Float[np.ndarray, " pair"]) -> float:
        """Mean over the pairs of each stratum, then over the strata."""
        return float((self._sums(values) / self._sums(np.ones(len(values)))).mean())

    def deviation(self, values: Float[np.ndarray, "*of pair"]) -> float:
        """Standard deviation over the pairs of a stratum (root of the strata's mean variance)."""
        variances = [values[..., self.stratum == place].var() for place in range(int(self.stratum.max()) + 1)]
        return float(np.sqrt(np.mean(variances)))

    def without_each(self, values: Float[np.ndarray, " pair"]) -> Float[np.ndarray, " used"]:
        """`mean` without the pairs of each image in turn, for the jackknife."""
        left = self._without(values) / self._without(np.ones(len(values)))
        return left.mean(axis=0)[self.images]

    def _without(self, values: Float[np.ndarray, " pair"]) -> Float[np.ndarray, "stratum image"]:
        """The sum over each stratum's pairs without those of each image."""
        sums, images = self._sums(values), int(self.pairs.max()) + 1
        found = np.repeat(sums[:, None], images, axis=1)
        some = self.compared
        for side in self.pairs[some].T:
            np.subtract.at(found, (self.stratum[some], side), values[some])
        return found

    def _sums(self, values: Float[np.ndarray, " pair"]) -> Float[np.ndarray, " stratum"]:
        some = self.compared
        return np.bincount(self.stratum[some], values[some])
