"""Several stages at the same time, each in a process of its own: what ``JOBS=`` asks for."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from graphlib import TopologicalSorter
from multiprocessing import get_context
from typing import TYPE_CHECKING

from reportgen.base import progress
from reportgen.base.torchrun import end_with

if TYPE_CHECKING:  # it uses us
    from reportgen.pipeline.run import Pipeline

_opened: "Pipeline"  # in a process that makes stages: what its parent opened


def side_by_side(pipeline: "Pipeline", due: Sequence[str], at_once: int) -> Iterator[tuple[str, float]]:
    """Make the stages that are due, a stage after those that it depends on; yields each with the seconds it took.

    Once one has failed no other begins; those that have begun are finished before its error is raised.
    """
    waiting = TopologicalSorter({name: set(pipeline.stages[name].inputs) & set(due) for name in due})
    waiting.prepare()
    running: dict[Future[float], str] = {}
    # Processes that are forked would share torch's threads; these begin anew, and each makes one stage after another.
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
    """What a process does first."""
    global _opened
    _opened = pipeline
    end_with(parent)
    progress.without_bars()


def _make(name: str) -> float:
    return _opened.make(name)
