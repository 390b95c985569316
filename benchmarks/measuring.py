"""How a ratio is measured: in turn, and what counts is the median."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

ROUNDS = 7


@dataclass(frozen=True)
class Measurement:
    """One ratio, and whether it is as good as was asked for."""

    name: str
    ratio: float
    target: float
    better: str  # "higher" or "lower"

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        return self.ratio >= self.target if self.better == "higher" else self.ratio <= self.target


def seconds(function: Callable[[], object]) -> float:
    """How long one call takes, and what it asked of the GPU."""
    gc.collect()
    _finish()
    started = time.perf_counter()
    function()
    _finish()
    return time.perf_counter() - started


def _finish() -> None:
    for gpu in range(torch.cuda.device_count()):
        torch.cuda.synchronize(gpu)


def ratio_of(first: Callable[[], object], second: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median over pairs of calls, one after the other, of the first's time over the second's."""
    first(), second()  # warm up
    return median(seconds(first) / seconds(second) for _ in range(rounds))
