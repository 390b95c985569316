"""Images for testing and, drawn several times from the rest, a few of each class for training."""

from collections.abc import Mapping
from dataclasses import dataclass

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

    @property
    def used(self) -> Int[np.ndarray, " used"]:
        """Every image that is for testing or in a fold, ascending."""
        return np.union1d(self.test, self.drawn)


def draw_folds(
    transfer: Transfer, counts: tuple[int, ...], folds: int, test_share: float, rng: np.random.Generator
) -> Folds:
    """Keep `test_share` of the smallest class, and as many of each, for testing; draw each fold from the rest.

    Raises UserError as `check_sizes` does.
    """
    labels, kinds, most = transfer.images.labels, len(transfer.classes), max(counts)
    sizes = np.bincount(labels, minlength=kinds)
    check_sizes(dict(zip(transfer.classes, sizes.tolist(), strict=True)), counts, test_share, transfer.name)
    kept = _kept(int(sizes.min()), test_share)
    pool = int(sizes.min()) - kept
    orders = [rng.permutation(np.flatnonzero(labels == label)) for label in range(kinds)]
    test = np.concatenate([order[:kept] for order in orders])
    drawn = [[rng.permutation(order[kept:])[:most] for order in orders] for _ in range(folds)]
    return Folds(test, np.array(drawn), pool)


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
