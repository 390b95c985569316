"""Files with more than eight bits a channel: their values, and which of them are black and white.

Scientific and medical files hold 10, 12, 14, 16 or 32 bits, or floating-point numbers, and rarely say which of their
values are black and white. One answer is taken for all files of a data set, so that brighter images stay brighter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import tifffile
from jaxtyping import Num, UInt8
from PIL import Image

from reportgen.data.image_files import ARRAYS

Kind = Literal["whole", "floating"]  # numbers
WHOLE_TOPS = (255, 1023, 4095, 16383, 65535)  # 8, 10, 12, 14 and 16 bits
FLOAT_TOPS = (1, 255, 65535)
MOST_PIXELS = 100_000_000  # of a picture whose sides are as long as its longest
OVER = 0.05  # of the range: so far resampling may overshoot it
DIM = 8  # floating-point numbers that reach less than this part of a usual range are of another one
LEAST_TAG, MOST_TAG = (280, 340), (281, 341)  # TIFF's MinSampleValue, MaxSampleValue and their signed forms


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
    return image.mode[0] in "IF" or any(";16" in str(tile) for tile in getattr(image, "tile", ()))


def values_of(image: Image.Image, path: Path | None) -> Num[np.ndarray, "..."]:
    """The values of a deep image, in all their bits: "row column", or "row column channel" with red first.

    A picture that lies in no file of its own has those that Pillow gives.
    """
    if path is not None and is_tiff(path) and image.mode == "I":  # Pillow has no unsigned numbers of 32 bits
        return read_array(path)
    if image.mode[0] in "IF" or path is None:
        return np.asarray(image)
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)  # Pillow keeps the upper eight bits of coloured files
    return np.asarray(image) if found is None else _red_first(found)


def _red_first(array: np.ndarray) -> np.ndarray:
    """An array of OpenCV's, whose channels are blue, green, red and alpha."""
    return np.ascontiguousarray(array[..., [2, 1, 0, 3][: array.shape[2]]]) if array.ndim == 3 else array


def is_array(path: Path) -> bool:
    """Whether a file is an array of numpy's."""
    return path.suffix.casefold() == ARRAYS


def is_tiff(path: Path) -> bool:
    """Whether a file is called a TIFF, of which there are more kinds than Pillow reads."""
    return path.suffix.casefold() in (".tif", ".tiff")


def read_array(path: Path) -> Num[np.ndarray, "row column channel"]:
    """The values of a ``.npy`` file, or of a TIFF of any kind, whose pages are its channels.

    Its axes are "row column", "row column channel" or "channel row column": channels are first where that axis is the
    shortest. Raises NoPixels for any other array; pickled objects are never loaded.
    """
    array = np.load(path, allow_pickle=False) if is_array(path) else _read_tiff(path)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    if not np.issubdtype(array.dtype, np.number) or np.issubdtype(array.dtype, np.complexfloating):
        raise NoPixels(f"an array of {array.dtype}, not of numbers")
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or 0 in array.shape:
        raise NoPixels(f"an array of the shape {'x'.join(map(str, array.shape)) or 'of one number'}, no picture")
    if max(array.shape) ** 2 > MOST_PIXELS:
        raise NoPixels(f"{'x'.join(map(str, array.shape))} values are too many")
    return np.moveaxis(array, 0, -1) if array.shape[0] < min(array.shape[1:]) else array


def _read_tiff(path: Path) -> np.ndarray:
    try:
        return tifffile.imread(path)
    except Exception:  # compressed in a way that tifffile needs other packages for, or damaged
        found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if found is None:
            raise
        return _red_first(found)


def extent(values: Num[np.ndarray, "..."], declared: tuple[float, float] | None = None) -> Extent:
    """What an array holds, as far as it is finite."""
    kind: Kind = "floating" if np.issubdtype(values.dtype, np.floating) else "whole"
    if kind == "floating":
        values = values[np.isfinite(values)]
    if not values.size:
        return Extent(kind, 0, 0, declared)
    return Extent(kind, float(values.min()), float(values.max()), declared)


def declared(image: Image.Image) -> tuple[float, float] | None:
    """The values that a TIFF declares to be its least and greatest; None where it does not, or declares no range."""
    tags = getattr(image, "tag_v2", {})

    def first(numbers: tuple[int, int]) -> float | None:
        for number in numbers:
            value = tags.get(number)
            value = value[0] if isinstance(value, tuple) and value else value
            if isinstance(value, (int, float)):
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
    """The values as 0 (black) to 255 (white), rounded; what is not finite is black."""
    share = (values.astype(np.float64) - black) / (white - black)
    return (np.nan_to_num(share, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1) * 255).round().astype(np.uint8)
