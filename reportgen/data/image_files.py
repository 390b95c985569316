"""Which files and folders hold images, and which only lie beside them."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from PIL import Image

from reportgen.base import foreign

ARRAYS = ".npy"
MOST_PIXELS = 100_000_000  # in one image: about 300 MB once decoded
MOST_LENGTH = 10_000_000  # pixels of a side: Pillow keeps a pointer to each row, of one pixel, too
# Times as long as wide: a picture beyond that has no more to show, and scaled whole it could fill any memory.
SLENDER = 100
NO_PICTURES = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF")  # Pillow's formats of drawings, films and tables
CONVERT, VALUES = "save it as PNG or JPEG", "save its values as .npy or TIFF"
CAMERAS = (".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw")
UNREAD = {  # pictures that Pillow has no reader for, by ending: what they are, and the way out
    **dict.fromkeys((".heic", ".heif", ".hif"), f"HEIC, which is not read: {CONVERT}"),
    ".jxl": f"JPEG XL, which is not read: {CONVERT}",
    ".exr": f"OpenEXR, which is not read: {VALUES}",
    **dict.fromkeys((".dcm", ".dicom"), f"DICOM, which is not read: {VALUES}"),
    **dict.fromkeys((".nii", ".nrrd", ".mha"), f"a medical volume, which is not read: {VALUES}"),
    **dict.fromkeys(CAMERAS, f"a camera's raw file, of which only a preview could be read: {CONVERT}"),
}
HEAD = 132  # bytes in which a file says what it is
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


def open_image(path: Path) -> Image.Image:
    """Open an image file, its head alone; raises as Pillow does.

    Drawings and films are no images, whatever a file is called: Pillow would start other programs for some of them.
    """
    Image.init()
    return Image.open(path, formats=[kind for kind in Image.ID if kind not in NO_PICTURES])


def too_large(image: Image.Image) -> bool:
    """Whether an image has more pixels than are decoded; its head says so."""
    return image.width * image.height > MOST_PIXELS or max(image.size) > MOST_LENGTH


def moderate(image: Image.Image, whole: bool) -> Image.Image:
    """A picture that is at most `SLENDER` times as long as wide: its middle, or, with `whole`, all of it squeezed.

    Scaling alone would make 27 GB of a file of 2 kB, of 1 x 1,000,000 pixels, whose middle is then cut out.
    """
    most = SLENDER * min(image.size)
    if max(image.size) <= most:
        return image
    width, height = (min(side, most) for side in image.size)
    if whole:
        return image.resize((width, height), Image.Resampling.BOX)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def is_image(path: Path) -> bool:
    """Whether a file is meant to be an image: by its ending, or, with another or none, by its first bytes.

    A file that ends as an image does and cannot be read is damaged; any other, such as ``Thumbs.db``, is no image.
    """
    if path.suffix.casefold() in endings() or unread(path):
        return True
    try:
        with Image.open(path, formats=_formats()):
            return True
    except Exception:  # whatever the bytes of some other file make Pillow raise
        return False


def unread(path: Path) -> str:
    """What a picture is that Pillow has no reader for, by its ending or its first bytes, and the way out; empty for others."""
    head = _head(path)
    if head[4:8] == b"ftyp" and b"avif" not in head[8:40] and head[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        return UNREAD[".heic"]
    for mark, ending in ((b"\xff\x0a", ".jxl"), (b"\0\0\0\x0cJXL ", ".jxl"), (b"\x76\x2f\x31\x01", ".exr")):
        if head.startswith(mark):
            return UNREAD[ending]
    if head[128:] == b"DICM":
        return UNREAD[".dcm"]
    if path.name.casefold().endswith(".nii.gz"):
        return UNREAD[".nii"]
    return (
        "" if head.startswith(b"\xff\xd8") else UNREAD.get(path.suffix.casefold(), "")
    )  # a JPEG may be called anything


def what_else(path: Path) -> str:
    """Why a file that ends as an image does is none, in a few words."""
    head = _head(path).lstrip().lower()
    if not head:
        return "it is empty"
    if head.startswith(foreign.POINTER):
        return "a pointer of Git LFS: run git lfs pull"
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page, as a download that failed leaves"
    return "not an image"


def _head(path: Path) -> bytes:
    try:
        return foreign.head(path, HEAD)
    except (OSError, foreign.Wrong):
        return b""


def is_beside(name: str) -> bool:
    """Whether a folder of this name is the system's: hidden, or what an archive, a camera's or a disk's software left."""
    return name.startswith(".") or name.casefold() in BESIDE


def composed(name: str) -> str:
    """A name with each accent in its letter: some systems store the two apart."""
    return unicodedata.normalize("NFC", name)


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
