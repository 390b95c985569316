"""Progress of long work: a bar on a terminal, elsewhere a plain line every ten seconds."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import TypeVar

from tqdm import tqdm

from reportgen.base.names import shown

Item = TypeVar("Item")
MINUTE, HOUR = 60, 3600  # seconds
PLAIN_INTERVAL = 10.0  # seconds between two lines without a terminal


_quiet: ContextVar[bool] = ContextVar("quiet", default=False)
_bars = True


def without_bars() -> None:
    """From now on this process shows progress in plain lines: bars of several processes would overwrite each other."""
    global _bars
    _bars = False
    # tqdm's own lock is for several processes, which spawned ones do not share; one that is ended would leave it behind.
    tqdm.set_lock(RLock())


@contextmanager
def quiet() -> Iterator[None]:
    """Show no progress in this thread while the block runs: bars of several threads would overwrite each other."""
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)


def say(message: str) -> None:
    """Write one line to standard error, above the bar if there is one; what could steer a terminal is shown, not sent."""
    # With its newline in one write: other processes write, too.
    tqdm.write(f"{shown(message)}\n", file=sys.stderr, end="")


def span(seconds: float) -> str:
    """A time in words: ``5 s``, ``2 min``, ``1.5 h``."""
    if seconds < 1.5 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 1.5 * HOUR else f"{seconds / HOUR:.1f} h"


def pace(rate: float, unit: str) -> str:
    """How many `unit`s a second; of slow ones, how long each takes: ``20 s a net``."""
    return f"{rate:.0f} {unit}/s" if rate >= 1 else f"{span(1 / rate)} a {unit}"


def track(
    items: Iterable[Item], what: str, total: int | None = None, unit: str = "image", step: int = 1
) -> Iterator[Item]:
    """Yield `items`, showing how many `unit`s are done, the rate and the time left.

    `total` is counted in units; each item counts as `step` units (the size of a batch), the last as the rest.
    """
    if total is None and isinstance(items, Sized):
        total = len(items) * step
    if _quiet.get():
        yield from items
    elif _bars and sys.stderr.isatty():
        yield from _bar(items, what, total, unit, step)
    else:
        yield from _lines(items, what, total, unit, step)


def _bar(items: Iterable[Item], what: str, total: int | None, unit: str, step: int) -> Iterator[Item]:
    with tqdm(total=total, desc=f"  {what}", unit=unit, leave=False, dynamic_ncols=True, file=sys.stderr) as bar:
        for item in items:
            yield item
            bar.update(step if total is None else min(step, total - bar.n))


def _lines(items: Iterable[Item], what: str, total: int | None, unit: str, step: int) -> Iterator[Item]:
    started = spoken = time.monotonic()
    done = 0
    for item in items:
        yield item
        done = done + step if total is None else min(done + step, total)
        now = time.monotonic()
        if now - spoken >= PLAIN_INTERVAL:
            spoken = now
            rate = done / (now - started)
            left = "" if total is None else f" of {total}, {span((total - done) / rate)} left"
            say(f"  {what}: {done}{left}, {pace(rate, unit)}")
