"""Several processes that share one task, each with its GPU or on the CPU, started by torchrun.

A process that torchrun did not start is alone (`ALONE`) and does not use `torch.distributed`.
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
    """This process's rank, and how many processes share the task (torch.distributed's world size)."""

    rank: int = 0
    size: int = 1

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """This process's items: every `size`-th, starting at its rank."""
        return items[self.rank :: self.size]

    def gather(self, part: Item) -> list[Item]:
        """The `part` of every process, in the order of their ranks; each waits here for all others."""
        if self.size == 1:
            return [part]
        parts: list[Any] = [None] * self.size
        distributed.all_gather_object(parts, part)
        return parts

    def collect(self, results: Sequence[Item]) -> list[Item]:
        """All processes' results for the items that `share` divided, in the order of the items."""
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
    """Connect to the other processes that torchrun started; `ALONE` if it did not start this one."""
    if not started():
        yield ALONE
        return

    end_with(os.getppid())
    distributed.init_process_group()  # the default: NCCL for tensors on a GPU, gloo for those on the CPU
    yield World(distributed.get_rank(), distributed.get_world_size())
    distributed.destroy_process_group()  # not after an error: the others may still wait, and torchrun stops them
