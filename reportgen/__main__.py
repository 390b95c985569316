"""``python -m reportgen``: the same as the command ``reportgen``."""

import io
import os
import signal
import sys
from typing import Any

from reportgen.base import torchrun
from reportgen.base.libraries import lacking


def _leave(*_: Any) -> None:
    """End at once: nothing is made yet, and an interruption of an import is a trace, or is lost in a callback of Python's."""
    os.write(2, b"interrupted: the same command continues where this one stopped\n")
    os._exit(130)


def start() -> None:
    """Run the command; if one of its libraries is missing, name it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot write ends no run
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # a shell lets a command in the background ignore it
        signal.signal(signal.SIGINT, _leave)
    try:
        from reportgen.cli import main
    except ModuleNotFoundError as error:
        if missing := lacking([(error.name or "reportgen").partition(".")[0]]):
            sys.stderr.write(f"error: {missing}\n")
            sys.exit(2)
        raise
    signal.signal(signal.SIGINT, before)
    # What docker stop and kill send ends a command as Ctrl-C does. (torchrun sends it too, and reads how a process ended.)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and not torchrun.started():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()


if __name__ == "__main__":
    start()
