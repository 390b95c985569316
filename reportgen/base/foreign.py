"""The border: documents that someone else wrote, or may have changed, are read here and nowhere else.

A reader knows how large such a document may be and which shape it has; whatever is wrong with it becomes one line with the
file, the place in it and the way out (UserError). What passes is of the type that was asked for, and finite.
docs/decisions/one-border.md says why.
"""

import codecs
import csv
import math
import os
import stat
import tomllib
import zipfile
import zlib
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, BinaryIO, TypeVar, cast

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from reportgen.base.errors import UserError

Document = TypeVar("Document")

MOST_TEXT = 64 << 20  # bytes of a list of names or a table
MOST_DOCUMENT = 64 << 20  # bytes of a JSON document, where nothing else is said
MOST_VALUES = 1_000_000  # in a JSON document, where nothing else is said: two bytes can become an object of sixty
MOST_SAID = 100  # characters of what others wrote, in a message
NAMED = 3  # names that others wrote, in a message

POINTER = b"version https://git-lfs"  # how what Git LFS leaves in place of a file begins
_MARKS = {  # those of UTF-32 first: they begin as UTF-16's do
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}

FARTHEST = 1e100  # of a number from zero: squares and products of such numbers are still finite


def within(farthest: float) -> AfterValidator:
    """A bound of a number's distance from zero; pydantic's own would print all of its noughts."""

    def near(number: float) -> float:
        if abs(number) > farthest:
            raise ValueError(f"a number beyond {farthest:g}")
        return number

    return AfterValidator(near)


Finite = Annotated[float, Field(allow_inf_nan=False), within(FARTHEST)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]


def _finite_throughout(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _finite_throughout(inner)
    return value


Json = Annotated[Any, AfterValidator(_finite_throughout)]
"""Whatever JSON can say; what Python writes beyond that, NaN and infinities, could not be written again."""


class Wrong(ValueError):
    """What is wrong with a document, in a few words."""


@contextmanager
def reading(said_by: str, what: str, way: str) -> Iterator[None]:
    """Turn whatever is wrong with a document into UserError: ``said_by: not what (why): way``."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{said_by}: no such file: {way}") from None
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, MemoryError) as error:
        raise UserError(f"{said_by}: it cannot be read ({in_few_words(error)}): {way}") from None
    except (ValueError, RecursionError, OverflowError, csv.Error) as error:
        raise UserError(f"{said_by}: not {what} ({in_few_words(error)}): {way}") from None


def in_few_words(error: BaseException) -> str:
    """What an error says, in its first line; of one that a system call raised, the reason alone."""
    if isinstance(error, ValidationError):
        return _first(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return "no text in UTF-8: save it as UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return short(str(error).strip().partition("\n")[0] or type(error).__name__, 2 * MOST_SAID)


def short(text: str, most: int = MOST_SAID) -> str:
    """The beginning of a text that someone else wrote."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def some(names: Sequence[str]) -> str:
    """The first of many names that someone else wrote, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(short, names[:NAMED])) + more


def in_one_line(error: BaseException) -> str:
    """An error as its own traceback would end, cut to one line: ``ValueError: no such width``."""
    first = short(str(error).strip().split("\n")[0], 4 * MOST_SAID)
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _first(error: ValidationError) -> str:
    """The first thing that is wrong with a document, and where: ``annotations.3.bbox: Input should be a valid list``."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(short(str(part), 40) for part in found["loc"])
    if found["type"] == "missing":
        return f"'{where}' is missing"
    said = found["msg"].removeprefix("Value error, ")
    said = short(said[:1].lower() + said[1:] if said.startswith("Input") else said, 2 * MOST_SAID)
    return f"{where}: {said}" if where else said


def content(path: Path, most: int) -> bytes:
    """The bytes of an ordinary file of at most that many; raises Wrong for another one, OSError if it cannot be read.

    A pipe or a device, which may never end, is not opened for reading.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise Wrong(f"{size:,} bytes are more than {most:,}")
        return file.read(most)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """An ordinary file, opened for reading; raises Wrong for a pipe or a device, OSError."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise Wrong("no ordinary file")
        yield file


def head(path: Path, length: int) -> bytes:
    """The first bytes of an ordinary file, of a shorter one all; raises as `opened`."""
    with opened(path) as file:
        return file.read(length)


def marked(path: Path, most: int) -> bytes:
    """A text file's bytes in UTF-8 without a byte order mark, from what its mark says, as Excel and Windows write it.

    Without a mark as they are. Raises UnicodeDecodeError, or as `content`.
    """
    found = content(path, most)
    encoding = next((name for mark, name in _MARKS.items() if found.startswith(mark)), "")
    return found.decode(encoding).encode() if encoding else found


def text(path: Path, most: int = MOST_TEXT) -> str:
    """A text file in UTF-8, or in what its byte order mark says; raises UnicodeDecodeError, or as `content`."""
    found = marked(path, most).decode()
    return found.replace("\r\n", "\n").replace("\r", "\n")


def document(path: Path, kind: type[Document] | Any, most: int = MOST_DOCUMENT) -> Document:
    """A JSON document of this type; raises Wrong or ValidationError, or as `content`.

    Nested more deeply than 200 it is refused before it is built (pydantic's own limit).
    """
    return parsed(marked(path, most), kind)


def parsed(written: bytes, kind: type[Document] | Any, values: int = MOST_VALUES) -> Document:
    """`document` of bytes that were read, of at most so many `values`."""
    if sum(map(written.count, (b"{", b"[", b","))) > values:
        raise Wrong(f"more than {values:,} values")
    return _adapter(cast(Hashable, kind)).validate_json(written.removeprefix(codecs.BOM_UTF8))


@cache
def _adapter(kind: Hashable) -> Any:  # TypeAdapter
    return TypeAdapter(cast(Any, kind))


def toml(path: Path, said_by: str, way: str) -> dict[str, Any]:
    """A TOML file; raises UserError."""
    with reading(said_by, "valid TOML", way):
        return tomllib.loads(text(path))


def named(file_name: str) -> str:
    """A name of a file as it may be written; raises ValueError for one that no system takes."""
    if not file_name.strip("/.") or "\0" in file_name:
        raise ValueError(f"{short(file_name)!r} names no file")
    if any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in file_name.split("/")) or len(file_name) > 4000:
        raise ValueError(f"{short(file_name, 40)!r} is longer than a name of a file can be")
    return file_name


Named = Annotated[str, AfterValidator(named)]
"""The name of a file; where it leads is for the reader to check."""


def inside(folder: Path, name: str, said_by: str) -> Path:
    """The path of a file that a document names, below its folder.

    Raises UserError, beginning with `said_by`, where the name leads out of the folder, or a link does.
    """
    beneath(name, said_by)
    path = folder / name
    try:
        stays = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        stays = False
    if not stays:
        raise UserError(f"{said_by}: {short(name)} is a link that leads out of {folder}: put the file itself there")
    return path


def beneath(name: str, said_by: str) -> str:
    """A name of a file that lies below the folder of the document that names it; raises UserError for another."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute() or "\0" in name:
        raise UserError(f"{said_by}: {short(name)} leads out of its folder: name files below it, without '..'")
    return name
