"""Reading and writing artefacts. Each is written beside its place, then renamed into it.

A kill at any moment leaves the old artefact or the new one, never half of one.
"""

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.working import UNFINISHED, leftovers, remove_working, working_file, working_folder

DOCUMENT = "artefact.json"  # in every artefact's folder: reportgen wrote the folder, and it is complete
FILES = "files.json"  # in every artefact's folder: the names of its files, so that no other file is ever removed
MOST_DOCUMENT = 512 << 20  # bytes: the digests of three million images have as many
MANIFEST = "manifest"  # folder in the report's folder: a list of files for each writer, as page and PDF may run at once
MOST_OF_SIGNATURE = 100  # bytes of a file in it that says which run made a writer's files


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # a disk, a quota, what one file may hold


@contextmanager
def naming(place: Path) -> Iterator[None]:
    """Name the place in an OSError that says that there is no space, which the system does where a file is opened, not written."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(place)) from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole: beside its place, then renamed into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), working_file(path) as beside:
        beside.write_bytes(content)
        beside.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, as UTF-8."""
    write_bytes(path, _utf8(text))


def _utf8(text: str) -> bytes:
    """A text as bytes; raises UserError if a user's name in it is not UTF-8."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        name = re.search('[^"\\n]*[\ud800-\udfff][^"\\n]*', text)
        raise UserError(f"{readable(name[0] if name else text)}: this name is not UTF-8: rename it") from None


def readable(name: str) -> str:
    """A name as text that can be written: its bytes that are not UTF-8 become ``\\xe9`` and the like."""
    return re.sub("[\ud800-\udfff]", lambda found: ascii(found[0])[1:-1].replace("udc", "x"), name)


def write_json(path: Path, document: Any) -> None:
    """Write a document as JSON whose bytes depend only on its content; raises ValueError for NaN."""
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON document of ours, which may have been damaged: it raises OSError, ValueError or RecursionError."""
    return json.loads(foreign.content(path, MOST_DOCUMENT))


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a compressed npz, whose entries have no date: the same arrays give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as ``np.save`` does, which on a full disk says how many numbers it wrote, and not why no more."""
    allocated(path, array.shape, array.dtype)[...] = array


def allocated(place: Path, shape: tuple[int, ...], kind: type | np.dtype = np.uint8) -> np.memmap[Any, Any]:
    """A new array of zeros on disk, of bytes or of another `kind`, mapped into memory, whose space is taken now.

    Raises OSError where there is too little. Otherwise a disk that fills up later would end the process with a bus error
    where it writes into the map.
    """
    with naming(place):
        found = np.lib.format.open_memmap(place, mode="w+", dtype=kind, shape=shape)
        with place.open("r+b") as file:
            if hasattr(os, "posix_fallocate"):  # not on macOS
                os.posix_fallocate(file.fileno(), 0, max(place.stat().st_size, 1))
    return found


@contextmanager
def growing(place: Path, shape: tuple[int, ...], kind: type = np.uint8) -> Iterator[Callable[[np.ndarray], None]]:
    """Write an array of items of this shape whose number is not known before: yields what adds one. None stays in memory.

    The file is the one that ``np.save`` would write of all of them. Raises OSError where there is too little space.
    """
    count = 0
    dtype = np.dtype(kind)

    def head() -> None:  # of one length for any number of items: numpy leaves room for its digits
        np.lib.format.write_array_header_1_0(
            file, {"descr": dtype.str, "fortran_order": False, "shape": (count, *shape)}
        )

    def add(item: np.ndarray) -> None:
        nonlocal count
        assert item.shape == shape
        assert item.dtype == dtype
        file.write(np.ascontiguousarray(item).data)
        count += 1

    with naming(place), place.open("wb") as file:
        head()
        yield add
        file.seek(0)
        head()


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an npz."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


@contextmanager
def replace_folder(place: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, then move it to `place`; after an error `place` stays as it was.

    Raises UserError if `place` holds files that no artefact there names.
    """
    refuse_foreign(place)
    before = place.exists()
    place.parent.mkdir(parents=True, exist_ok=True)
    with naming(place), working_folder(place) as working:
        new, old = working / NEW, working / OLD
        new.mkdir()
        yield new
        write_json(new / FILES, sorted({FILES, *_names_below(new)}))
        if place.exists() and not before:
            return  # another process made the same meanwhile, and others may read it
        if place.exists():
            place.rename(old)
        new.rename(place)


NEW, OLD = "new", "old"  # in a working folder: what will lie at its place, and what lay there


def refuse_foreign(place: Path) -> None:
    """Raise UserError if there is something at `place` that is no artefact, or files among an artefact's own."""
    if foreign := foreign_files(place):
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise UserError(
            f"{place} holds files that reportgen did not write ({foreign[0]}{more}): "
            "choose another folder, or move them away"
        )


def foreign_files(place: Path) -> list[str]:
    """The names of the files below `place` that are not of the artefact there; of a single file its own name."""
    if not place.is_dir():
        return [place.name] if os.path.lexists(place) else []
    return sorted(_names_below(place) - own_files(place))


def own_files(place: Path) -> set[str]:
    """The names of the files that reportgen wrote into an artefact's folder, there or not; empty if it is none."""
    try:
        names = read_json(place / FILES)
    except FileNotFoundError:
        return _names_below(place) if _of_earlier_version(place) else set()
    except (OSError, ValueError, RecursionError):
        return set()
    return {name for name in names if stays_inside(name)} if isinstance(names, list) else set()


def stays_inside(name: Any) -> bool:
    """Whether this is a relative name that does not lead out of the folder that it is of."""
    return isinstance(name, str) and "\0" not in name and not Path(name).is_absolute() and ".." not in Path(name).parts


def remove_artefact(place: Path) -> None:
    """Remove the files of an artefact and the folders that this empties; others stay."""
    for name in own_files(place):
        if (place / name).parent.resolve().is_relative_to(place.resolve()):  # a link may have replaced a folder
            _unlink(place / name)
    for root, _, _ in list(os.walk(place, topdown=False)):
        remove_empty(Path(root))


def remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty."""
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()


def _unlink(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)


def _names_below(folder: Path) -> set[str]:
    """The names of everything below a folder that is no folder; links are not entered."""
    found = set()
    for root, folders, names in os.walk(folder):
        here = Path(root)
        links = [name for name in folders if (here / name).is_symlink()]
        found |= {(here / name).relative_to(folder).as_posix() for name in (*names, *links)}
    return found


def _of_earlier_version(place: Path) -> bool:
    """Whether a stage of an earlier version, which listed no files, made this folder."""
    try:
        stamp = read_json(place / "stamp.json")
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(stamp, dict) and {"fingerprint", "sources"} <= stamp.keys() and (place / DOCUMENT).is_file()


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed run left beside its artefacts; an artefact that was whole is moved to its place."""
    for path in leftovers(folder):
        name = UNFINISHED.fullmatch(path.name)
        assert name is not None
        place = folder / name[1]
        for whole in (path / NEW, path / OLD):  # a kill came between moving the old one away and the new one in
            if not os.path.lexists(place) and (path / OLD).exists() and whole.exists():
                whole.rename(place)
        remove_working(path)


def digest(content: Any) -> str:
    """Fingerprint of a JSON-able document or of bytes: the first 16 hex digits of its SHA-256."""
    if not isinstance(content, bytes):
        content = _utf8(json.dumps(content, sort_keys=True, ensure_ascii=False))
    return hashlib.sha256(content).hexdigest()[:16]


def digest_file(path: Path) -> str:
    """`digest` of a file's bytes; the file need not fit in memory."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        # The system names a file that cannot be opened, not one that cannot be read, as on a broken disk.
        raise OSError(error.errno, error.strerror, str(path)) from None


def files_below(folder: Path) -> list[Path]:
    """Every visible file below a folder, sorted; linked folders are entered, unless they link to a folder above."""
    found: list[Path] = []
    around: dict[Path, frozenset[tuple[int, int]]] = {folder: frozenset()}  # folder still to visit -> those above it
    for root, folders, names in os.walk(folder, followlinks=True):
        place = Path(root)
        status = place.stat()
        here, above = (status.st_dev, status.st_ino), around.pop(place)
        if here in above:
            folders.clear()
            continue
        around |= {place / name: above | {here} for name in folders}
        found += [place / name for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.is_file())


CLOCK = 2_000_000_000  # nanoseconds: the coarsest times of a file system (FAT's)


class FileDigests:
    """Digests of files by content, remembered by size, times and place so that an unchanged file is not read again.

    Where the clock cannot tell, the file is read again: it was changed in the moment of its digest, or after it.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        try:
            known = read_json(memory)
        except (OSError, ValueError, RecursionError):
            known = None
        self._known: dict[str, list[Any]] = known if isinstance(known, dict) else {}
        self._changed = False

    def of(self, path: Path) -> str:
        """Digest of a file's content."""
        status, now = path.stat(), time.time_ns()
        key = str(path.absolute())
        # The second time is the inode's: no program can set it, so it tells of content that came with an old date.
        seen = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        match self._known.get(key):
            case [*before, int(when), str(value)] if before == seen and status.st_ctime_ns + CLOCK < when <= now:
                return value
        # Of a file without bytes nothing is read: what /proc calls one may never end.
        value = digest_file(path) if status.st_size else digest(b"")
        self._known[key] = [*seen, now, value]
        self._changed = True
        return value

    def of_tree(self, folder: Path) -> str:
        """Digest of the names and content of every visible file below a folder.

        A file whose name is not UTF-8 counts by its name alone: nothing reads it.
        """
        files = files_below(folder)
        names = [path.relative_to(folder).as_posix() for path in files]
        known = [(path, name, readable(name)) for path, name in zip(files, names, strict=True)]
        return digest([[said, self.of(path) if said == name else ""] for path, name, said in known])

    def save(self) -> None:
        """Write the digests to disk for the next run."""
        if self._changed:
            write_json(self._memory, self._known)
