"""What the user reads when a command fails: one line, with the switch that it is about; of a fault of ours, where its trace is."""

import errno
import os
import platform
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path

from reportgen import __version__
from reportgen.base.artifacts import FULL
from reportgen.base.errors import UserError
from reportgen.base.names import shown
from reportgen.base.working import existing, unwritable

FAULT = 70  # exit status: EX_SOFTWARE of sysexits.h
WRONG = 2
NEARLY_FULL = 4 << 20  # bytes
REFUSED = {  # what the system says of a file or folder that cannot be used as it is
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EIO),
    *(errno.ENOTEMPTY, errno.EEXIST, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.EBUSY),
}
WRITTEN = {"BUILD": "build", "REPORT": "report"}  # switches of what is written, and their defaults


def said(error: BaseException, switches: Mapping[str, str]) -> str | None:
    """The message for the user, one line; None for a fault of reportgen, which needs its trace."""
    if isinstance(error, UserError):
        return shown(str(error))
    if isinstance(error, OSError):
        line = _of_system(_single(error), switches)
        return None if line is None else shown(line)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{sys.executable} has no module {error.name!r}: install it ({error})"
    if isinstance(error, MemoryError):
        return "this machine has too little memory free: use JOBS=1, or smaller settings (PROFILE=, DATA_SIZE=)"
    if isinstance(error, BrokenProcessPool):
        return (
            "one of this run's processes was ended from outside, perhaps for want of memory: use JOBS=1, or smaller settings "
            "(PROFILE=, DATA_SIZE=): the same command continues"
        )
    return None


def _single(error: OSError) -> OSError:
    """The first of the errors that copying a folder met, which keeps only their words."""
    if not isinstance(error, shutil.Error):
        return error
    found = error.args[0][0] if error.args and isinstance(error.args[0], list) and error.args[0] else ("", "", "")
    _, place, why = (str(part) for part in found)
    number = next((number for number in (*FULL, *REFUSED) if os.strerror(number) in why), None)
    return error if number is None else OSError(number, os.strerror(number), place)


def _of_system(error: OSError, switches: Mapping[str, str]) -> str | None:
    # Of two files the second is the one that is written.
    written = error.filename2 if error.errno in FULL and error.filename2 is not None else error.filename
    place = os.fsdecode(written) if isinstance(written, (str, bytes)) else ""
    name, value = _switch_of(place, switches)
    if error.errno in FULL:
        room = "free some space there" if error.errno != errno.EFBIG else "raise what one file may hold (ulimit -f)"
        return (
            f"{place or _full(switches)}: {error.strerror}: {room}{_elsewhere(place, name)}: the same command continues"
        )
    gone = error.errno == errno.ENOENT and name and (name not in WRITTEN or _makes_none(Path(value)))
    if error.errno not in REFUSED and not gone:
        return None
    if name in WRITTEN:
        return f"{name}={value}: {place}: {error.strerror}: choose another folder with {name}=, or give yourself access"
    if name:
        return f"{name}={value}: {place}: {error.strerror}: make it readable, or leave it out"
    return f"{place}: {error.strerror}: give yourself access to it" if place else None


def _makes_none(folder: Path) -> bool:
    """Whether no file can be made in a folder: some file systems say of what they do not make, as /proc, that it is missing."""
    there = existing(folder)
    return not there.is_dir() or bool(unwritable(there))


def _elsewhere(place: str, name: str) -> str:
    """Another folder to write to, as the way out of a place that is full; empty where no switch chooses it."""
    if name in WRITTEN or not place:
        return f", or choose another folder with {f'{name}=' if name else 'BUILD= and REPORT='}"
    ours, temporary = Path.cwd(), Path(tempfile.gettempdir()).absolute()
    passing = Path(place).absolute().is_relative_to(temporary) and not Path(place).absolute().is_relative_to(ours)
    return ", or give another folder as TMPDIR" if passing else ""


def _full(switches: Mapping[str, str]) -> str:
    """Which folder's disk is full, where the system did not say it."""
    for name, usual in WRITTEN.items():
        folder = Path(switches.get(name) or usual)
        with suppress(OSError):
            if shutil.disk_usage(folder).free < NEARLY_FULL:
                return f"{name}={folder}"
    return " or ".join(f"{name}={switches.get(name) or usual}" for name, usual in WRITTEN.items())


def _switch_of(place: str, switches: Mapping[str, str]) -> tuple[str, str]:
    """The switch whose folder or file holds a place, and its value; the innermost, where several do."""
    found = [
        (len(str(root)), name, value)
        for name, value in (WRITTEN | {name: value for name, value in switches.items() if value}).items()
        for root in _places(value)
        if place and Path(os.path.abspath(place)).is_relative_to(root)  # noqa: PTH100 (links are not followed)
    ]
    _, name, value = max(found, default=(0, "", ""))
    return name, value


def _places(value: str) -> Iterator[Path]:
    """The paths that a switch may name: all of it, or what commas separate."""
    for part in {value, *value.split(",")}:
        if part and "\0" not in part:
            yield Path(os.path.abspath(part.removeprefix("hf/")))  # noqa: PTH100


def kept(error: BaseException) -> str:
    """One line that asks for a report of a fault, and names the file in which its trace lies."""
    trace = "".join(traceback.format_exception(error))
    about = f"reportgen {__version__}, Python {platform.python_version()}, {platform.platform()}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
    try:
        number, path = tempfile.mkstemp(prefix="reportgen-fault-", suffix=".txt")
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{about}\n{' '.join(sys.argv[1:])}\n\n{trace}")
    except OSError:  # a disk that is full may be the reason
        sys.stderr.write(trace)
        path = "the lines above"
    return shown(f"this is a fault of reportgen ({what}): please report it with {path}")
