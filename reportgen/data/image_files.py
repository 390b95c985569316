"""Which files and folders hold images, and which only lie beside them."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from PIL import Image

ARRAYS = ".npy"
NO_PICTURES = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF")  # Pillow's formats of drawings, films and tables
BESIDE = ("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found")  # systems put these anywhere


@cache
def endings() -> frozenset[str]:
    """The endings of image files, in lower case: those of Pillow's formats, and of arrays."""
    known = Image.registered_extensions()
    return frozenset({ARRAYS} | {end for end, kind in known.items() if kind in Image.OPEN and kind not in NO_PICTURES})


@cache
def _formats() -> tuple[str, ...]:
    """Pillow's formats that are told by a file's first bytes."""
    Image.init()
    return tuple(kind for kind, (_, accept) in Image.OPEN.items() if accept and kind not in NO_PICTURES)


def is_image(path: Path) -> bool:
    """Whether a file is meant to be an image: by its ending, or, with another or none, by its first bytes.

    A file that ends as an image does and cannot be read is damaged; any other, such as ``Thumbs.db``, is no image.
    """
    if path.suffix.casefold() in endings():
        return True
    try:
        with Image.open(path, formats=_formats()):
            return True
    except Exception:  # whatever the bytes of some other file make Pillow raise
        return False


def is_beside(name: str) -> bool:
    """Whether a folder of this name is the system's: hidden, or what an archive, a camera's or a disk's software left."""
    return name.startswith(".") or name.casefold() in BESIDE


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Folders' names in the order of classes: by number where all are numbers, else by name, as ImageFolder sorts them.

    >>> in_order(["10", "9", "1"]), in_order(["10", "9", "a"])
    (('1', '9', '10'), ('10', '9', 'a'))
    """
    found = sorted(names)
    return tuple(sorted(found, key=int) if all(is_number(name) for name in found) else found)


def is_number(name: str) -> bool:
    """Whether a name is a whole number in digits, with or without zeros before it."""
    return re.fullmatch("[0-9]{1,18}", name) is not None
