"""Reading photographs of any kind; and image files in place of an array, decoded whenever they are read."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image
from PIL import ImageFile as ImageReader

from reportgen.base.errors import UserError
from reportgen.data.depth import (
    Extent,
    black_and_white,
    declared,
    eight_bits,
    extent,
    is_array,
    is_deep,
    is_tiff,
    read_array,
    values_of,
)
from reportgen.data.upright import TURNS, orientation

MOST_PIXELS = 100_000_000  # in one image: about 300 MB once decoded
# Pillow's own notes on odd metadata and large files: the limit is ours. Said once: catching them around every image changes
# the filters of the whole process, and is not safe where several threads decode.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Unreadable(Exception):
    """Why a file cannot be used, in a few words."""


class NotIdentified(Unreadable):
    """A file of no format that Pillow knows."""


Alpha = Literal["white", "black", "drop"]


@dataclass(frozen=True)
class Reading:
    """How files become pixels, where that is a choice: one for all files of a data set."""

    alpha: Alpha = "white"  # the ground of cut-outs; drop: their hidden colours are shown
    whole: tuple[float, float] | None = None  # black and white of files of more than 8 bits; None: file by file
    floating: tuple[float, float] | None = None  # the same of floating-point numbers

    def black_and_white(self, found: Extent) -> tuple[float, float]:
        """The values that are black and white in a file."""
        known = self.floating if found.kind == "floating" else self.whole
        return known or black_and_white([found])[:2]


AS_EVER = Reading()


def read_image(
    path: Path, size: int, whole: bool = False, reading: Reading = AS_EVER
) -> UInt8[np.ndarray, "row column 3"]:
    """Read any image as an RGB square: turned upright, shorter side scaled to `size`, centre cut (section 3).

    With `whole` nothing is cut: both sides are scaled to `size`, and what is not square is squeezed. Grey, palette, CMYK,
    deep images and arrays become RGB, as `reading` says. Raises Unreadable.
    """
    if is_array(path):
        return _read_array(path, size, whole, reading)
    try:
        return read_picture(lambda: Image.open(path), size, whole, reading, path)
    except NotIdentified:
        if not is_tiff(path):
            raise
        return _read_array(path, size, whole, reading)


def read_picture(
    opened: Callable[[], Image.Image],
    size: int,
    whole: bool = False,
    reading: Reading = AS_EVER,
    path: Path | None = None,
) -> UInt8[np.ndarray, "row column 3"]:
    """`read_image` of an image that may lie in no file of its own."""
    # WeasyPrint and others allow truncated files to the whole process, on import: half a picture would be an image.
    ImageReader.LOAD_TRUNCATED_IMAGES = False
    try:
        with opened() as image:
            _check_size(image.width, image.height)
            image.draft("RGB", (2 * size, 2 * size))  # a JPEG is decoded no larger than needed
            deep, turn = is_deep(image), TURNS.get(orientation(image))  # in this order: EXIF may come with the pixels
            pixels = _shallow(image, path, reading) if deep else _rgb(image, reading.alpha)
            return _sized(pixels if turn is None else pixels.transpose(turn), size, whole)
    except Unreadable:
        raise
    except Image.UnidentifiedImageError:
        raise NotIdentified("not an image") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # a broken file makes decoders raise nearly anything
        raise Unreadable(in_few_words(error)) from None


def _read_array(path: Path, size: int, whole: bool, reading: Reading) -> UInt8[np.ndarray, "row column 3"]:
    try:
        values = read_array(path)
        _check_size(values.shape[1], values.shape[0])
        return _sized(_picture(values, reading), size, whole)
    except Unreadable:
        raise
    except Exception as error:  # as in decoding pictures
        raise Unreadable(in_few_words(error)) from None


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise Unreadable(f"{width}x{height} pixels are more than {MOST_PIXELS:,}")


def _sized(image: Image.Image, size: int, whole: bool) -> UInt8[np.ndarray, "row column 3"]:
    return np.asarray(_squeezed(image, size) if whole else _square(image, size))


def _shallow(image: Image.Image, path: Path | None, reading: Reading) -> Image.Image:
    """A deep image as RGB of eight bits."""
    return _picture(values_of(image, path), reading, declared(image))


def _picture(values: np.ndarray, reading: Reading, said: tuple[float, float] | None = None) -> Image.Image:
    """Values "row column" or "row column channel" as RGB: of one channel or three, with alpha or without."""
    channels = 1 if values.ndim == 2 else values.shape[2]
    if channels not in (1, 2, 3, 4):
        raise Unreadable(f"{channels} channels, and not grey, colour and transparency")
    if values.dtype != np.uint8:
        values = eight_bits(values, *reading.black_and_white(extent(values, said)))
    if channels == 1:
        return Image.fromarray(values.reshape(values.shape[:2])).convert("RGB")
    return _rgb(Image.fromarray(values, ("LA", "RGB", "RGBA")[channels - 2]), reading.alpha)


def in_few_words(error: BaseException) -> str:
    """The first line of an error, or its kind."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def _rgb(image: Image.Image, alpha: str) -> Image.Image:
    if alpha != "drop" and (image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info):
        shown = image.convert("RGBA")
        ground = Image.new("RGBA", shown.size, alpha)
        return Image.alpha_composite(ground, shown).convert("RGB")
    return image.convert("RGB")


def _square(image: Image.Image, size: int) -> Image.Image:
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


def _squeezed(image: Image.Image, size: int) -> Image.Image:
    return image if image.size == (size, size) else image.resize((size, size), Image.Resampling.BICUBIC)


class Files:
    """Image files in place of a uint8 array "image row column 3": indexing decodes only the images that it selects.

    An index is a number, a slice or an array of numbers, which slices of rows, columns, channels may follow.
    Every pixel is what `reportgen.data.packing.pack` would have stored. Raises UserError where a file cannot be read.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, paths: Sequence[str], size: int, reading: Reading = AS_EVER) -> None:
        self.paths = paths
        self.reading = reading
        self.shape = (len(paths), size, size, 3)
        self._numbers = np.arange(len(paths))

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def nbytes(self) -> int:
        """Of all images, once decoded."""
        return len(self) * self.shape[1] ** 2 * 3

    def __getitem__(self, index: Any) -> UInt8[np.ndarray, "..."]:
        first, *inside = index if isinstance(index, tuple) else (index,)
        numbers = self._numbers[first]
        decoded = np.empty((numbers.size, *self.shape[1:]), self.dtype)

        def decode(place: int, number: int) -> None:
            decoded[place] = self._decoded(self.paths[number])

        list(_workers().map(decode, range(numbers.size), numbers.ravel().tolist()))
        return decoded.reshape(*numbers.shape, *self.shape[1:])[(*(slice(None),) * numbers.ndim, *inside)]

    def _decoded(self, path: str) -> UInt8[np.ndarray, "row column 3"]:
        try:
            return read_image(Path(path), self.shape[1], reading=self.reading)
        except Unreadable as error:
            raise UserError(
                f"{path}: the data stage read it as an image, but it is no longer one ({error}): "
                "put it back, or use DATA_PACK=true, which stores what can be read now"
            ) from None


class Some:
    """Some of the images of an array or of files, in place of an array of these: indexing reads only what it selects."""

    dtype = np.dtype(np.uint8)

    def __init__(self, images: "Images", chosen: Int[np.ndarray, " some"]) -> None:
        self.images, self.chosen = images, chosen
        self.shape: tuple[int, ...] = (len(chosen), *images.shape[1:])

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def nbytes(self) -> int:
        """Of these images, once decoded."""
        return int(np.prod(self.shape))

    def __getitem__(self, index: Any) -> UInt8[np.ndarray, "..."]:
        first, *inside = index if isinstance(index, tuple) else (index,)
        return self.images[(self.chosen[first], *inside)]


Images = UInt8[np.ndarray, "image row column 3"] | Files | Some
"""What stages read images from: an array, mostly mapped from disk, or the files themselves."""


@cache  # one pool for all that read, so that no more threads decode than there are cores
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "decoding")
