"""Files with more than eight bits a channel: their values, and which of them are black and white.

Scientific and medical files hold 10, 12, 14, 16 or 32 bits, or floating-point numbers, and rarely say which of their
values are black and white. One answer is taken for all files of a data set, so that brighter images stay brighter.
"""

import logging
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from reportgen.base import foreign
from reportgen.data.image_files import ARRAYS, MOST_PIXELS
from reportgen.data.upright import turned

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))  # which OpenCV reads once, when it loads

import cv2
import numpy as np
import tifffile
from jaxtyping import Num, UInt8
from PIL import Image

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what is wrong with a file is said once, by us
Kind = Literal["whole", "floating"]  # numbers
WHOLE_TOPS = (255, 1023, 4095, 16383, 65535)  # 8, 10, 12, 14 and 16 bits
FLOAT_TOPS = (1, 255, 65535)
MOST_PAGES = 1_000  # of a TIFF whose pages are its channels
MOST_BYTES = 8 * MOST_PIXELS  # of the values of a picture: of four channels of 16 bits, or two of 32
NUMBERS = "biuf"  # kinds of numpy's types that are pictures: yes and no, whole numbers, floating-point ones
MAGIC = b"\x93NUMPY"  # how a .npy file begins
ROWS = 256  # of an image, scaled at a time
OVER = 0.05  # of the range: so far resampling may overshoot it
DIM = 8  # floating-point numbers that reach less than this part of a usual range are of another one
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the first bytes of one; with a plus of one beyond 4 GB
OTHER_COLOURS = ("CMYK", "LAB", "YCbCr", "HSV")  # Pillow's modes whose upper eight bits alone can be turned into RGB
WHITE_IS_ZERO = 0  # a value of TIFF's PhotometricInterpretation
BITS, PHOTOMETRIC, ORIENTATION, NODATA = 258, 262, 274, 42113  # TIFF's tags, the last GDAL's
UNSPECIFIED = 0  # a value of TIFF's ExtraSamples: a channel that is no transparency
LEAST_TAG, MOST_TAG = (280, 340), (281, 341)  # TIFF's MinSampleValue, MaxSampleValue and their signed forms


class Values(NamedTuple):
    """The values of a picture, in all their bits: "row column" or "row column channel", with red first."""

    array: Num[np.ndarray, "..."]
    negative: bool = False  # of a TIFF whose zero is white


class NoPixels(ValueError):
    """Why an array holds no picture, in a few words."""


@dataclass(frozen=True)
class Extent:
    """What one deep file holds: its least and greatest value, and those that it declares to be black and white."""

    kind: Kind
    least: float
    most: float
    declared: tuple[float, float] | None = None


def is_deep(image: Image.Image) -> bool:
    """Whether a file holds more than eight bits a channel, whatever Pillow makes of them; only the head is read."""
    if image.mode in OTHER_COLOURS:
        return False
    # Of planes the tiles do not say so.
    if image.format == "TIFF" and max(getattr(image, "tag_v2", {}).get(BITS, (1,))) > 8:
        return True
    return image.mode[0] in "IF" or any(";16" in str(tile) for tile in getattr(image, "tile", ()))


def values_of(image: Image.Image, path: Path | None) -> Values:
    """The values of a deep image.

    Those of a TIFF are turned upright, as Pillow turns them. A picture that lies in no file of its own has those that Pillow
    gives.
    """
    # Pillow has no unsigned numbers of 32 bits, and takes planes of 16 bits for planes of 8.
    if path is not None and image.format == "TIFF" and (image.mode == "I" or image.mode[0] not in "IF"):
        values, value = _read_tiff(path, first_page=True)
        return values._replace(array=turned(values.array, value))
    if image.mode[0] in "IF" or path is None:
        tags = getattr(image, "tag_v2", {})
        return Values(_filled(np.asarray(image), tags.get(NODATA)), tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)  # Pillow keeps the upper eight bits of coloured files
    return Values(np.asarray(image) if found is None else _red_first(found))


def _red_first(array: np.ndarray) -> np.ndarray:
    """An array of OpenCV's, whose channels are blue, green, red and alpha."""
    if array.ndim == 3:
        for start in range(0, len(array), ROWS):  # in place: a copy of a large image would take as much memory again
            array[start : start + ROWS, :, :3] = array[start : start + ROWS, :, 2::-1]
    return array


def is_array(path: Path) -> bool:
    """Whether a file is an array of numpy's."""
    return path.suffix.casefold() == ARRAYS


def is_tiff(path: Path) -> bool:
    """Whether a file is a TIFF, whatever it is called: there are more kinds than Pillow reads."""
    try:
        return foreign.head(path, 4) in TIFFS
    except (OSError, foreign.Wrong):
        return False


def read_array(path: Path, channels: int = 0) -> Values:
    """The values "row column channel" of a ``.npy`` file, or of a TIFF of any kind, whose pages are its channels, turned upright.

    Its axes are "row column", "row column channel" or "channel row column": channels are first where that axis is the
    shortest, or where that alone is as long as `channels` (if given). Raises NoPixels for any other array; pickled objects are
    never loaded.
    """
    (array, negative), value = (Values(_mapped(path)), 1) if is_array(path) else _read_tiff(path, whole=bool(channels))
    if array.dtype.kind not in NUMBERS:
        raise NoPixels(f"an array of {array.dtype}, not of numbers")
    while array.ndim > 3 and array.shape[0] == 1:  # a batch of one
        array = array[0]
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or 0 in array.shape:
        raise NoPixels(f"an array of the shape {'x'.join(map(str, array.shape)) or 'of one number'}, no picture")
    if max(array.shape) ** 2 > MOST_PIXELS:
        raise NoPixels(f"{'x'.join(map(str, array.shape))} values are too many")
    _check_room(array.nbytes)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    first = array.shape[0] < min(array.shape[1:])
    ends = array.shape[0] == channels, array.shape[-1] == channels
    if any(ends) and not all(ends):
        first = ends[0]
    return Values(turned(np.moveaxis(array, 0, -1) if first else array, value), negative)


def _mapped(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file, mapped: what a damaged head declares takes no memory before it is known to be there."""
    if not foreign.head(path, len(MAGIC)).startswith(MAGIC):  # numpy would open archives and pickles, too
        raise NoPixels("no array as numpy.save writes it")
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _check_room(length: int) -> None:
    if length > MOST_BYTES:
        raise NoPixels(f"{length:,} bytes of values are more than {MOST_BYTES:,}")


def _read_tiff(path: Path, first_page: bool = False, whole: bool = False) -> tuple[Values, int]:
    """The values of a TIFF, and the orientation in which they lie; of its `first_page` with the channels last.

    Without a channel beside the colours that is no transparency, such as infrared, unless it is read `whole`.
    """
    negative = False
    try:
        # These kinds may name further files, anywhere on the machine, as parts of their picture: they are read as any other.
        with tifffile.TiffFile(path, is_ome=False, is_mmstack=False, is_ndtiff=False) as file:
            page = file.pages.first
            negative = int(getattr(page, "photometric", -1)) == WHITE_IS_ZERO
            part = page if first_page else _series(file)
            _check_room(part.nbytes)
            values, tag = part.asarray(maxworkers=1), page.tags.get(ORIENTATION)
            values = _filled(values, page.tags[NODATA].value if NODATA in page.tags else None)
            if first_page and part.axes == "SYX":
                values = np.moveaxis(values, 0, -1)
            if not whole and page.extrasamples == (UNSPECIFIED,) and values.shape[-1:] == (page.samplesperpixel,):
                values = values[..., :-1]
            return Values(values, negative), tag.value if tag else 1
    except NoPixels:
        raise
    except Exception:  # compressed in a way that tifffile needs other packages for, or damaged
        found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if found is None:
            raise
        return Values(_red_first(found), negative), 1  # OpenCV has turned them


def _series(file: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """The first picture of a file, whose pages may be its planes; raises NoPixels where they are too many to be looked at."""
    with suppress(IndexError):
        file.pages[MOST_PAGES]  # which looks no farther
        raise NoPixels(f"more than {MOST_PAGES:,} pages")
    return file.series[0]


def _filled(values: np.ndarray, nodata: object) -> np.ndarray:
    """Values without those that a file declares to be none: not numbers, or, of whole numbers, the least of the others."""
    try:
        none = values == values.dtype.type(float(str(nodata).strip("\0 ")))
    except (ValueError, OverflowError):
        return values
    if not none.any() or none.all():
        return values
    filled = values if values.flags.writeable else values.copy()
    filled[none] = np.nan if np.issubdtype(values.dtype, np.floating) else values.min(where=~none, initial=values.max())
    return filled


def parts(values: Num[np.ndarray, "..."]) -> tuple[Num[np.ndarray, "..."], Num[np.ndarray, "row column"] | None]:
    """The colours of a picture and its transparency, if it has any: the second of two channels, or the fourth of four."""
    if values.ndim == 3 and values.shape[2] in (2, 4):
        return values[..., :-1], values[..., -1]
    return values, None


def shows_through(alpha: Num[np.ndarray, "row column"] | None) -> bool:
    """Whether some pixel is transparent, if only a little."""
    if alpha is None:
        return False
    least, most = alpha.min(), alpha.max()
    return bool(most == 0 or least < (255 if alpha.dtype == np.uint8 else most))


def opacity(alpha: Num[np.ndarray, "row column"], white: float) -> UInt8[np.ndarray, "row column"]:
    """How opaque pixels are, of 255; a value as large as that of `white` is, or the largest of the smallest usual range."""
    if alpha.dtype == np.uint8:
        return alpha
    most, tops = float(alpha.max()), FLOAT_TOPS if np.issubdtype(alpha.dtype, np.floating) else WHOLE_TOPS
    return eight_bits(alpha, 0, white if most <= white else next((top for top in tops if most <= top), most))


def extent(values: Num[np.ndarray, "..."], declared: tuple[float, float] | None = None) -> Extent:
    """What an array holds, as far as its values are numbers that can be subtracted."""
    kind: Kind = "floating" if np.issubdtype(values.dtype, np.floating) else "whole"
    far = np.float64(foreign.FARTHEST)  # as a number of Python's it would be infinite beside those of 32 bits
    least, most = math.inf, -math.inf
    for start in range(0, len(values), ROWS):  # a large image's copies would take gigabytes
        some = values[start : start + ROWS]
        some = some[(some >= -far) & (some <= far)] if kind == "floating" else some
        if some.size:
            least, most = min(least, float(some.min())), max(most, float(some.max()))
    return Extent(kind, least, most, declared) if least <= most else Extent(kind, 0, 0, declared)


def declared(image: Image.Image) -> tuple[float, float] | None:
    """The values that a TIFF declares to be its least and greatest; None where it does not, or declares no range."""
    tags = getattr(image, "tag_v2", {})

    def first(numbers: tuple[int, int]) -> float | None:
        for number in numbers:
            value = tags.get(number)
            value = value[0] if isinstance(value, tuple) and value else value
            if isinstance(value, (int, float)) and abs(value) <= foreign.FARTHEST:
                return float(value)
        return None

    least, most = first(LEAST_TAG) or 0.0, first(MOST_TAG)
    return (least, most) if most is not None and most > least else None


def black_and_white(found: Iterable[Extent]) -> tuple[float, float, str]:
    """The values of black and white for files of one kind, and how they are known.

    What all files declare, else the smallest usual range that holds every value: 0 to 255, 1,023, 4,095, 16,383 or 65,535;
    of floating-point numbers 0 to 1, 255 or 65,535, or -1 to 1. Else the least and the greatest value.
    """
    extents = list(found)
    said = {one.declared for one in extents}
    if len(said) == 1 and (only := said.pop()) is not None:
        return *only, "as the files declare"
    least, most = min(one.least for one in extents), max(one.most for one in extents)
    floating = extents[0].kind == "floating"
    over = OVER if floating else 0.0
    how = f"measured: they run from {least:,.5g} to {most:,.5g}"
    tops = [top for top in FLOAT_TOPS if top == 1 or most > top / DIM] if floating else WHOLE_TOPS
    for top in tops:
        if -over * top <= least and most <= top * (1 + over):
            return 0.0, float(top), how
    if floating and -1 - over <= least and most <= 1 + over:
        return -1.0, 1.0, how
    return (least, most, how) if most > least else (least, least + 1, how)


def usual_ranges(found: Iterable[Extent]) -> list[tuple[float, float]]:
    """Black and white as people usually take them for files of one kind: by type, and as measured."""
    extents = list(found)
    measured = min(one.least for one in extents), max(one.most for one in extents)
    if extents[0].kind == "floating":
        usual = [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0), measured]
    else:
        usual = [*((0.0, float(top)) for top in WHOLE_TOPS), measured]
    return [(black, white) for black, white in dict.fromkeys(usual) if black < white]


def eight_bits(values: Num[np.ndarray, "..."], black: float, white: float) -> UInt8[np.ndarray, "..."]:
    """The values as 0 (black) to 255 (white), rounded; what is no number is black."""
    found = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), ROWS):  # as numbers of 64 bits a large image would take gigabytes
        with np.errstate(over="ignore"):  # what is beyond all numbers is white or black
            share = (values[start : start + ROWS].astype(np.float64) - black) / (white - black)
        share.clip(0, 1, out=share)
        if values.dtype.kind == "f":
            share[np.isnan(share)] = 0
        share *= 255
        found[start : start + ROWS] = np.rint(share, out=share)
    return found
