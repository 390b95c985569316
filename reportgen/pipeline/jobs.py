"""``JOBS=``: several stages at the same time, each in its own process."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from graphlib import TopologicalSorter
from multiprocessing import get_context

from reportgen.base import progress
from reportgen.base.torchrun import end_with

Make = Callable[[str], float]  # makes a stage, returns the seconds it took
_make: Make  # in a process that makes stages


def side_by_side(make: Make, inputs: Mapping[str, Collection[str]], at_once: int) -> Iterator[tuple[str, float]]:
    """Make stages, each after those of its `inputs` that are to be made; yields each with the seconds it took.

    After a stage fails, no other begins; the stages that have begun are finished before its error is raised.
    """
    waiting = TopologicalSorter({name: set(before) & set(inputs) for name, before in inputs.items()})
    waiting.prepare()
    running: dict[Future[float], str] = {}
    # Forked processes would share torch's threads; spawned ones begin anew, and each makes one stage after another.
    pool = ProcessPoolExecutor(at_once, get_context("spawn"), _begin, (make, os.getpid()))
    with pool:
        while waiting.is_active():
            running |= {pool.submit(_in_turn, name): name for name in waiting.get_ready()}
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                if future.exception():
                    pool.shutdown(cancel_futures=True)
                yield name, future.result()
                waiting.done(name)


def _begin(make: Make, parent: int) -> None:
    """What a process does first."""
    global _make
    _make = make
    end_with(parent)
    progress.without_bars()


def _in_turn(name: str) -> float:
    return _make(name)
