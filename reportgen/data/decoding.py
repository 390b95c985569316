"""Reading photographs of any kind; and image files in place of an array, decoded whenever they are read."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL import ImageFile as ImageReader

from reportgen.base.errors import UserError
from reportgen.data.upright import upright

MOST_PIXELS = 100_000_000  # in one image: about 300 MB once decoded
# Pillow's own notes on odd metadata and large files: the limit is ours. Said once: catching them around every image changes
# the filters of the whole process, and is not safe where several threads decode.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Unreadable(Exception):
    """Why a file cannot be used, in a few words."""


def read_image(path: Path, size: int, whole: bool = False) -> UInt8[np.ndarray, "row column 3"]:
    """Read any image as an RGB square: turned upright, shorter side scaled to `size`, centre cut (section 3).

    With `whole` nothing is cut: both sides are scaled to `size`, and what is not square is squeezed. Grey, palette, CMYK
    and 16-bit images become RGB; what is transparent becomes white. Raises Unreadable.
    """
    return read_picture(lambda: Image.open(path), size, whole)


def read_picture(
    opened: Callable[[], Image.Image], size: int, whole: bool = False
) -> UInt8[np.ndarray, "row column 3"]:
    """`read_image` of an image that may lie in no file of its own."""
    # WeasyPrint and others allow truncated files to the whole process, on import: half a picture would be an image.
    ImageReader.LOAD_TRUNCATED_IMAGES = False
    try:
        with opened() as image:
            if image.width * image.height > MOST_PIXELS:
                raise Unreadable(f"{image.width}x{image.height} pixels are more than {MOST_PIXELS:,}")
            image.draft("RGB", (2 * size, 2 * size))  # a JPEG is decoded no larger than needed
            pixels = _rgb(upright(image))
            return np.asarray(_squeezed(pixels, size) if whole else _square(pixels, size))
    except Unreadable:
        raise
    except Image.UnidentifiedImageError:
        raise Unreadable("not an image") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # a broken file makes decoders raise nearly anything
        raise Unreadable(in_few_words(error)) from None


def in_few_words(error: BaseException) -> str:
    """The first line of an error, or its kind."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more of grey
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        image = Image.fromarray((values.clip(0, top) / top * 255).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        shown = image.convert("RGBA")
        ground = Image.new("RGBA", shown.size, "white")
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

    def __init__(self, paths: Sequence[str], size: int) -> None:
        self.paths = paths
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
            return read_image(Path(path), self.shape[1])
        except Unreadable as error:
            raise UserError(
                f"{path}: the data stage read it as an image, but it is no longer one ({error}): "
                "put it back, or use DATA_PACK=true, which stores what can be read now"
            ) from None


Images = UInt8[np.ndarray, "image row column 3"] | Files
"""What stages read images from: an array, mostly mapped from disk, or the files themselves."""


@cache  # one pool for all that read, so that no more threads decode than there are cores
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "decoding")
