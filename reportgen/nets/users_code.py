"""Running code of the user's: what it does to the process is undone, and what it does not finish is said.

Importing a module or building a net may set torch's default type, change the working folder, wait for a key, train
for hours, or end the program.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

import torch

from reportgen.base.errors import UserError
from reportgen.base.progress import say

NOTED = 10.0  # seconds after which the user hears what is taking so long

_patience: ContextVar[float] = ContextVar("patience", default=0.0)  # seconds; 0: without end


class _TooLong(BaseException):
    """The time is up. No Exception, which the user's code may catch."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let each piece of the user's code that runs in the block take so long at the most."""
    before = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(before)


@contextmanager
def users_code(said_by: str, doing: str) -> Iterator[None]:
    """Run the user's code in the block; afterwards torch's global settings and the working folder are as before.

    `doing`: words for what is done, as in "importing mynet". What reads from standard input finds its end. Raises
    UserError, beginning with `said_by`, where the code ends the program, or takes longer than the block's `patience`.
    """
    try:
        with _as_before(), _no_keys(), _noted(said_by, doing), _ended():
            yield
    except _TooLong:
        seconds = _patience.get()
        raise UserError(
            f"{said_by}: {doing} did not end within {seconds:g} s: let what trains or waits there run only with "
            f'if __name__ == "__main__", or allow more with MODEL_PATIENCE={10 * seconds:g}'
        ) from None
    except SystemExit as error:
        code = "" if error.code is None else f"{error.code}"
        raise UserError(
            f"{said_by}: {doing} failed: SystemExit: {code}: it ends the program: raise an error there instead"
        ) from None


@contextmanager
def _as_before() -> Iterator[None]:
    """Torch's global settings, the command line and the working folder are put back."""
    folder, kind, grad = Path.cwd(), torch.get_default_dtype(), torch.is_grad_enabled()
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    device = torch.get_default_device()
    try:
        with torch.random.fork_rng(devices=[]):  # modules draw weights from the global generator
            yield
    finally:
        os.chdir(folder)
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(grad)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)
        if torch.get_default_device() != device:
            torch.set_default_device(device)


@contextmanager
def _no_keys() -> Iterator[None]:
    """Whatever asks for a line, or stops for a debugger, finds the end of its input at once."""
    before = sys.stdin
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        sys.stdin = nothing
        try:
            yield
        finally:
            sys.stdin = before


@contextmanager
def _noted(said_by: str, doing: str) -> Iterator[None]:
    timer = threading.Timer(NOTED, say, [f"  {said_by}: {doing} has taken {NOTED:g} s so far"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _ended() -> Iterator[None]:
    """Raise _TooLong in the block when the time is up; only the main thread can be interrupted so."""
    seconds = _patience.get()
    if (
        not seconds
        or threading.current_thread() is not threading.main_thread()
        or signal.getitimer(signal.ITIMER_REAL)[0]
    ):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
