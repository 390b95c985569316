"""``JOBS=``: several stages at the same time, each in its own process."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from graphlib import TopologicalSorter
from multiprocessing import active_children, get_context

from reportgen.base import progress
from reportgen.base.torchrun import end_with
from reportgen.settings.sections import Settings

USUAL = 2  # stages at the same time on a CPU
QUICK = 30  # seconds of work that other processes would not shorten: each begins by importing torch
Make = Callable[[str], float]  # makes a stage, returns the seconds it took
_make: Make  # in a process that makes stages


def usual(settings: Settings, seconds: float | None) -> int:
    """How many stages are made at the same time, where nobody has said; `seconds`: what they took the last time, if known.

    Two on a CPU with several cores: while one draws, reads or writes, the other trains. The bytes are those of one at a time,
    because the threads of each stay as many.
    """
    machine = settings.machine
    if settings.cores == 1 or machine.gpus > 1 or settings.compute.device not in ("auto", "cpu"):
        return 1
    if seconds is not None and seconds < QUICK:
        return 1
    from reportgen.nets.device import resolve_device  # torch

    return USUAL if resolve_device(settings.compute.device).type == "cpu" else 1


def side_by_side(
    make: Make, inputs: Mapping[str, Collection[str]], at_once: int, long: Collection[str] = ()
) -> Iterator[tuple[str, float]]:
    """Make stages, each after those of its `inputs` that are to be made; yields each with the seconds it took.

    Of those that can begin, `long` ones do first, then the others in the order of `inputs`. After a stage fails, no other begins;
    the stages that have begun are finished before its error is raised.
    """
    order = sorted(inputs, key=lambda name: name not in long)
    waiting = TopologicalSorter({name: set(before) & set(inputs) for name, before in inputs.items()})
    waiting.prepare()
    ready: set[str] = set()
    running: dict[Future[float], str] = {}
    # Forked processes would share torch's threads; spawned ones begin anew, and each makes one stage after another.
    pool = ProcessPoolExecutor(at_once, get_context("spawn"), _begin, (make, os.getpid()))
    with pool, _ended_if_interrupted():
        while waiting.is_active():
            ready.update(waiting.get_ready())
            for name in [name for name in order if name in ready][: at_once - len(running)]:
                ready.remove(name)
                running[pool.submit(_in_turn, name)] = name
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                yield name, future.result()
                waiting.done(name)


@contextmanager
def _ended_if_interrupted() -> Iterator[None]:
    """Ctrl-C ends the stages that have begun: the pool would wait for them."""
    try:
        yield
    except KeyboardInterrupt:
        for process in active_children():
            process.terminate()
        raise


def _begin(make: Make, parent: int) -> None:
    """What a process does first."""
    global _make
    _make = make
    end_with(parent)
    progress.without_bars()


def _in_turn(name: str) -> float:
    return _make(name)
