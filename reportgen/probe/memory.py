"""Halving a batch until the GPU's memory holds it."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


def halved(function: Callable[[int], Result], most: int) -> tuple[Result, int]:
    """Call ``function`` with a number of images at once: ``most``, halved until it fits; returns its result and the number.

    The function is called again from the start, so a call that fails must leave nothing behind. Raises
    OutOfMemoryError if there is no memory for one image.
    """
    while True:
        try:
            return function(most), most
        except torch.OutOfMemoryError:
            if most == 1:
                raise
        torch.cuda.empty_cache()  # not inside `except`: there the error still holds the tensors of its frames
        _say()
        most = (most + 1) // 2


def by_batches(function: Callable[[Tensor], Result], batches: Iterable[Tensor]) -> Iterator[Result]:
    """``function`` of each batch, in order; once a batch does not fit into the GPU's memory, of parts of it and of the rest."""
    most = sys.maxsize
    for batch in batches:
        tried = min(most, len(batch))
        results, fits = halved(partial(_of_parts, function, batch), tried)
        most = fits if fits < tried else most
        yield from results


def _of_parts(function: Callable[[Tensor], Result], batch: Tensor, most: int) -> list[Result]:
    return [function(part) for part in batch.split(most)]


@cache  # said once
def _say() -> None:
    _log.warning("the GPU is out of memory: going on with smaller batches, which changes results only by rounding")
