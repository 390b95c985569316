"""Several processes that share one piece of work, each with a GPU or on the CPU, started by torchrun.

A process that torchrun did not start is a world of its own: `torch.distributed` is not touched there.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor, distributed

from reportgen.base.torchrun import end_with, started

Item = TypeVar("Item")


@dataclass(frozen=True)
class World:
    """Which of how many processes this is."""

    rank: int = 0
    size: int = 1

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """This process's items: every `size`-th, from the one that has its rank on."""
        return items[self.rank :: self.size]

    def gather(self, part: Item) -> list[Item]:
        """What every process has, in the order of their ranks; all wait here for each other."""
        if self.size == 1:
            return [part]
        parts: list[Any] = [None] * self.size
        distributed.all_gather_object(parts, part)
        return parts

    def collect(self, results: Sequence[Item]) -> list[Item]:
        """What the processes made of the items that they shared, in the order of the items."""
        parts = self.gather(results)
        return [part[turn] for turn in range(len(parts[0])) for part in parts if turn < len(part)]

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value


ALONE = World()


@contextmanager
def joined() -> Iterator[World]:
    """Meet the other processes that torchrun started; a world of one where it did not."""
    if not started():
        yield ALONE
        return

    end_with(os.getppid())
    distributed.init_process_group()  # NCCL for what lies on a GPU, gloo for the rest
    yield World(distributed.get_rank(), distributed.get_world_size())
    distributed.destroy_process_group()  # not after an error: the others may be waiting, and torchrun stops them
