"""Working places of random names, and locks that end with the process that holds them.

A lock is the kernel's (``flock``): it ends with its owner, whatever ends that. Numbers of processes say nothing: in a
container they begin anew.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reportgen.base.errors import UserError
from reportgen.base.progress import say

UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{16}\.reportgen", re.DOTALL)
LOCK = "lock"
HELD = re.compile(rb"(process \d[^\n]*\n?)?")  # what a lock file of ours holds; a kill may leave it empty
MOST_HELD = 300  # bytes
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}


def _random_name(place: Path) -> Path:
    return place.with_name(f".{place.name}.{secrets.token_hex(8)}.reportgen")


@contextmanager
def working_file(place: Path) -> Iterator[Path]:
    """Yield the path of an empty file beside `place`, which is to be renamed to `place`; otherwise it is removed."""
    while True:
        path = _random_name(place)
        owned = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        if _lock(owned) is not False and _is_at(owned, path):  # else it was taken for a leftover before it was locked
            break
        os.close(owned)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(owned)


def existing(place: Path) -> Path:
    """What is there already of a path."""
    there = place.absolute()
    while not os.path.lexists(there):
        there = there.parent
    return there


def unwritable(folder: Path) -> str:
    """Why no file can be made in a folder, in the system's words; empty where one can.

    It is tried: of /proc and others the system says that root may write there.
    """
    try:
        with working_file(folder / "tried"):
            return ""
    except OSError as error:
        return error.strerror or str(error)


@contextmanager
def working_folder(place: Path) -> Iterator[Path]:
    """Yield a folder beside `place`, removed afterwards. It holds a lock; what is to last is moved out of it."""
    while True:
        folder = _random_name(place)
        folder.mkdir()
        with suppress(FileNotFoundError):
            owned = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o666)
            if _lock(owned) is not False and _is_at(owned, folder / LOCK):
                break
            os.close(owned)
    try:
        yield folder
    finally:
        remove_working(folder)
        os.close(owned)


def remove_working(path: Path) -> None:
    """Remove a working file or folder; a folder's lock goes last, so that after a kill the rest is still known as ours."""
    if path.is_dir():
        for one in path.iterdir():
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one, ignore_errors=True)
            elif one.name != LOCK:
                one.unlink(missing_ok=True)
        (path / LOCK).unlink(missing_ok=True)
        with suppress(OSError):
            path.rmdir()
    else:
        path.unlink(missing_ok=True)


def leftovers(folder: Path) -> Iterator[Path]:
    """The working files and folders in `folder` whose process is gone, each locked while it is yielded."""
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if not UNFINISHED.fullmatch(path.name) or path.is_symlink():
            continue
        if path.is_dir() and not (path / LOCK).exists():
            with suppress(OSError):
                path.rmdir()  # killed before it was locked: it holds nothing
            continue
        try:
            owned = os.open(path / LOCK if path.is_dir() else path, os.O_RDWR)
        except OSError:
            continue
        try:
            if _lock(owned):
                yield path
        finally:
            os.close(owned)


def _foreign(path: Path, said_by: str) -> UserError:
    return UserError(f"{said_by}: {path} there was not written by reportgen: move it away, or choose another folder")


@contextmanager
def alone(path: Path, said_by: str, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file `path`, which is removed afterwards; `said_by` names the folder that it stands for, ``BUILD=build``.

    Yields whether it waited for another process that held it, which it says; without `wait` it raises UserError instead, and
    always where the file is somebody else's.
    """
    waited = False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            owned = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
        except FileNotFoundError:
            if path.parent.is_dir():
                raise
            continue  # its last owner removed the folder with it
        except OSError as error:
            if error.errno == errno.ELOOP:  # a link: reportgen makes none
                raise _foreign(path, said_by) from None
            raise
        if not stat.S_ISREG(os.fstat(owned).st_mode) or not HELD.fullmatch(os.pread(owned, 1 + MOST_HELD, 0)):
            os.close(owned)
            raise _foreign(path, said_by)
        if _lock(owned) is False:
            owner = f"{said_by}: another command works there ({_owner(path)})"
            if not wait:
                os.close(owned)
                raise UserError(f"{owner}: wait for its end, or end it")
            say(f"{owner}: waiting for its end")
            fcntl.flock(owned, fcntl.LOCK_EX)
            waited = True
        if _is_at(owned, path):
            break
        os.close(owned)  # its owner removed it at the end: there may be a new one
    try:
        os.truncate(owned, 0)
        os.write(owned, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield waited
    finally:
        path.unlink(missing_ok=True)
        os.close(owned)
        with suppress(OSError):
            path.parent.rmdir()  # if nothing else was written there


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made where it is missing, while a file in it is read and written anew: others wait for their turn.

    Nothing is left in it. Not for long work: nobody is told what is waited for.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            owned = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # removed meanwhile
        if _lock(owned) is False:
            fcntl.flock(owned, fcntl.LOCK_EX)
        if _is_at(owned, folder):
            break
        os.close(owned)
    try:
        yield
    finally:
        os.close(owned)


def _owner(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace").strip() or "it just began"
    return "it just ended"


def _lock(owned: int) -> bool | None:
    """Whether a file could be locked; None if its file system has no locks."""
    try:
        fcntl.flock(owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            return None
        raise
    return True


def _is_at(owned: int, path: Path) -> bool:
    try:
        there, here = path.stat(), os.fstat(owned)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
