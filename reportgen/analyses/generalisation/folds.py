"""Images for testing and, drawn several times from the rest, a few of each class for training."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Int

from reportgen.base.errors import UserError
from reportgen.data.dataset import Transfer


@dataclass(frozen=True)
class Folds:
    """Which images are for testing, as many of each class, and which each fold trains on."""

    test: Int[np.ndarray, " test"]  # class by class
    drawn: Int[np.ndarray, "fold class place"]  # the first n of each class are a fold's training set of n a class
    pool: int  # images of the smallest class that the folds are drawn from

    def training(self, fold: int, count: int) -> Int[np.ndarray, " image"]:
        """The training images of one fold, `count` of each class; a larger count holds a smaller one's."""
        return self.drawn[fold, :, :count].ravel()

    def overlap(self, count: int) -> float:
        """Which share of its images a fold of `count` a class has in common with another, mean over the pairs of folds."""
        sets = [self.training(fold, count) for fold in range(len(self.drawn))]
        return float(np.mean([np.isin(one, other).mean() for one, other in combinations(sets, 2)]))

    @property
    def used(self) -> Int[np.ndarray, " used"]:
        """Every image that is for testing or in a fold, ascending."""
        return np.union1d(self.test, self.drawn)


def draw_folds(
    transfer: Transfer, counts: tuple[int, ...], folds: int, test_share: float, rng: np.random.Generator
) -> Folds:
    """Keep `test_share` of the smallest class, and as many of each, for testing; draw each fold from the rest.

    Folds share no image as long as the rest suffices: it is shuffled and dealt out, and shuffled anew when it no longer
    holds a fold. Raises UserError as `check_sizes` does.
    """
    labels, kinds, most = transfer.images.labels, len(transfer.classes), max(counts)
    sizes = np.bincount(labels, minlength=kinds)
    check_sizes(dict(zip(transfer.classes, sizes.tolist(), strict=True)), counts, test_share, transfer.name)
    kept = _kept(int(sizes.min()), test_share)
    pool = int(sizes.min()) - kept
    orders = [rng.permutation(np.flatnonzero(labels == label)) for label in range(kinds)]
    test = np.concatenate([order[:kept] for order in orders])
    drawn = [_dealt(order[kept:], most, folds, rng) for order in orders]
    return Folds(test, np.stack(drawn, axis=1), pool)


def _dealt(
    pool: Int[np.ndarray, " image"], most: int, folds: int, rng: np.random.Generator
) -> Int[np.ndarray, "fold place"]:
    """So many of the pool for each fold, the same image twice in no two folds that one shuffling gives."""
    at_once = len(pool) // most
    shuffled = [rng.permutation(pool)[: at_once * most].reshape(at_once, most) for _ in range(-(-folds // at_once))]
    return np.concatenate(shuffled)[:folds]


def check_sizes(sizes: Mapping[str, int], counts: tuple[int, ...], test_share: float, source: str) -> None:
    """Raise UserError where a class leaves fewer training images than the largest of `counts`.

    `sizes`: how many images each class has.
    """
    smallest, most = min(sizes, key=lambda kind: sizes[kind]), max(counts)
    kept = _kept(sizes[smallest], test_share)
    pool = sizes[smallest] - kept
    if pool >= most:
        return
    asked = ",".join(str(count) for count in counts)
    enough = most + 1
    while enough - _kept(enough, test_share) < most:
        enough += 1
    raise UserError(
        f"TRANSFER={source}: class '{smallest}' has {sizes[smallest]} image{'s' if sizes[smallest] != 1 else ''}, {kept} of "
        f"them kept for testing, but GENERALISATION_COUNTS={asked} trains on {most} of each class: give at least "
        f"{enough} images of each" + (f", or ask for at most {pool}" if pool > 0 else "")
    )


def _kept(size: int, test_share: float) -> int:
    """How many of so many images are for testing."""
    return min(size, max(1, int(test_share * size)))
