"""``JOBS=``: several stages at the same time, each in its own process."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from graphlib import TopologicalSorter
from multiprocessing import get_context
from typing import TYPE_CHECKING

from reportgen.base import progress
from reportgen.base.torchrun import end_with

if TYPE_CHECKING:  # that module imports this one
    from reportgen.pipeline.run import Pipeline

_opened: "Pipeline"  # set in a process that makes stages: its parent's pipeline


def side_by_side(pipeline: "Pipeline", due: Sequence[str], at_once: int) -> Iterator[tuple[str, float]]:
    """Make the stages that are due, each after the stages it depends on; yields each name with the seconds it took.

    After a stage fails, no other begins; the stages that have begun are finished before its error is raised.
    """
    waiting = TopologicalSorter({name: set(pipeline.stages[name].inputs) & set(due) for name in due})
    waiting.prepare()
    running: dict[Future[float], str] = {}
    # Spawned, because forked processes would share torch's threads; each makes one stage after another.
    pool = ProcessPoolExecutor(at_once, get_context("spawn"), _begin, (pipeline, os.getpid()))
    with pool:
        while waiting.is_active():
            running |= {pool.submit(_make, name): name for name in waiting.get_ready()}
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                if future.exception():
                    pool.shutdown(cancel_futures=True)
                yield name, future.result()
                waiting.done(name)


def _begin(pipeline: "Pipeline", parent: int) -> None:
    """Prepare a new process."""
    global _opened
    _opened = pipeline
    end_with(parent)
    progress.without_bars()


def _make(name: str) -> float:
    return _opened.make(name)
