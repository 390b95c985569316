"""Reading and writing artefacts. Each is written beside its place, then renamed into it.

A kill at any moment leaves the old artefact or the new one, never half of one.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.base.errors import UserError

DOCUMENT = "artefact.json"  # in every artefact's folder: reportgen wrote the folder, and it is complete
MANIFEST = "manifest"  # folder in the report's folder: a list of files for each writer, as page and PDF may run at once


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole: beside its place, then renamed into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


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
    """Read a JSON document."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a compressed npz, whose entries have no date: the same arrays give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an npz."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


@contextmanager
def replace_folder(place: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, then move it to `place`; after an error `place` stays as it was.

    Raises UserError if `place` holds files but no artefact.
    """
    if place.exists() and not (place / DOCUMENT).exists() and any(place.iterdir()):
        raise UserError(f"{place} holds files that reportgen did not write: choose another folder, or empty it")
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    old = place.with_name(f".{place.name}.{os.getpid()}.old")
    try:
        beside.mkdir()
        yield beside
        if place.exists():
            place.rename(old)
        beside.rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed run left beside its artefacts: folders and files named ``.NAME.PID`` of a dead process."""
    for path in folder.glob(".*.*") if folder.is_dir() else ():
        pid = next((part for part in reversed(path.name.split(".")) if part.isdigit()), None)
        if pid is not None and not _alive(int(pid)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def digest(content: Any) -> str:
    """Fingerprint of a JSON-able document or of bytes: the first 16 hex digits of its SHA-256."""
    if not isinstance(content, bytes):
        content = _utf8(json.dumps(content, sort_keys=True, ensure_ascii=False))
    return hashlib.sha256(content).hexdigest()[:16]


def digest_file(path: Path) -> str:
    """`digest` of a file's bytes; the file need not fit in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


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


class FileDigests:
    """Digests of files by content, remembered by size and time so that an unchanged file is not read again."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        try:
            self._known: dict[str, list[Any]] = read_json(memory)
        except (FileNotFoundError, ValueError):
            self._known = {}
        self._changed = False

    def of(self, path: Path) -> str:
        """Digest of a file's content."""
        status = path.stat()
        key = str(path.absolute())
        known = self._known.get(key)
        if known and known[:2] == [status.st_size, status.st_mtime_ns]:
            return known[2]
        value = digest_file(path)
        self._known[key] = [status.st_size, status.st_mtime_ns, value]
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
