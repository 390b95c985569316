"""Reading photographs of any kind; and image files in place of an array, decoded whenever they are read."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image
from PIL import ImageFile as ImageReader

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.size import Sides, Size
from reportgen.data.depth import (
    ROWS,
    Extent,
    black_and_white,
    declared,
    eight_bits,
    extent,
    is_array,
    is_deep,
    is_tiff,
    opacity,
    parts,
    read_array,
    values_of,
)
from reportgen.data.image_files import MOST_LENGTH, MOST_PIXELS, UNREAD, moderate, open_image, unread, what_else
from reportgen.data.upright import TURNS, orientation
from reportgen.settings.sections import Interpolation, Settings

# Pillow's own notes on odd metadata and large files: the limit is ours. Said once: catching them around every image changes
# the filters of the whole process, and is not safe where several threads decode.
warnings.filterwarnings("ignore", module=r"PIL\.")


SCAN = b"\xff\xda"  # how a scan of a JPEG begins; nothing else in its pixels' data looks so
MOST_SLOW = 4_000_000  # pixels that Pillow decodes in Python: a million takes up to a second
MOST_SCANS = 200  # ordinary files have about ten


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
    interpolation: Interpolation = "bicubic"  # of images that are scaled
    channels: int = 3  # 3: red, green and blue, whatever a file holds; else all of so many, of arrays and TIFFs

    def black_and_white(self, found: Extent) -> tuple[float, float]:
        """The values that are black and white in a file."""
        known = self.floating if found.kind == "floating" else self.whole
        return known or black_and_white([found])[:2]


AS_EVER = Reading()


def usual_reading(settings: Settings) -> Reading:
    """How files are read by the settings, before any is looked at."""
    data = settings.data
    return Reading(settings.alpha, interpolation=data.interpolation, channels=data.channels)


def read_image(
    path: Path, size: Sides, whole: bool = False, reading: Reading = AS_EVER
) -> UInt8[np.ndarray, "row column channel"]:
    """Read any image as RGB of `size`: turned upright, scaled until it covers that, its middle cut (section 3).

    With `whole` nothing is cut: both sides are scaled to `size`, and what is of another shape is squeezed. Grey, palette, CMYK,
    deep images and arrays become RGB, as `reading` says; or all channels are kept, if it says so. Raises Unreadable.
    """
    size = Size.of(size)
    if reading.channels != 3:
        return _read_channels(path, size, whole, reading)
    if is_array(path):
        return _read_array(path, size, whole, reading)
    if path.suffix.casefold() in UNREAD and (reason := unread(path)):  # for some, Pillow would read the preview in it
        raise Unreadable(reason)
    try:
        return read_picture(lambda: open_image(path), size, whole, reading, path)
    except NotIdentified:
        if not is_tiff(path):
            raise NotIdentified(unread(path) or what_else(path)) from None
        return _read_array(path, size, whole, reading)


def read_picture(
    opened: Callable[[], Image.Image],
    size: Sides,
    whole: bool = False,
    reading: Reading = AS_EVER,
    path: Path | None = None,
) -> UInt8[np.ndarray, "row column 3"]:
    """`read_image` of an image that may lie in no file of its own."""
    size = Size.of(size)
    # WeasyPrint and others allow truncated files to the whole process, on import: half a picture would be an image.
    ImageReader.LOAD_TRUNCATED_IMAGES = False
    with _decoding(), opened() as image:
        _check_size(image.width, image.height)
        _check_scans(image, path)
        _check_decoder(image)
        image.draft("RGB", (2 * max(size), 2 * max(size)))  # a JPEG is decoded no larger than needed
        deep, turn = is_deep(image), TURNS.get(orientation(image))  # in this order: EXIF may come with the pixels
        pixels = _shallow(image, path, reading) if deep else _rgb(image, reading.alpha)
        return _sized(pixels if turn is None else pixels.transpose(turn), size, whole, reading)


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn whatever is wrong with a file into Unreadable."""
    try:
        yield
    except Unreadable:
        raise
    except Image.UnidentifiedImageError:
        raise NotIdentified("not an image") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # a broken file makes decoders raise nearly anything
        raise Unreadable(in_few_words(error)) from None


def _read_array(path: Path, size: Size, whole: bool, reading: Reading) -> UInt8[np.ndarray, "row column 3"]:
    with _decoding():
        values, negative = read_array(path)
        _check_size(values.shape[1], values.shape[0])
        return _sized(_picture(values, reading, negative=negative), size, whole, reading)


def _read_channels(path: Path, size: Size, whole: bool, reading: Reading) -> UInt8[np.ndarray, "row column channel"]:
    """All channels of an array or a TIFF, each scaled and cut as a picture of its own."""
    if not is_array(path) and not is_tiff(path):
        raise Unreadable(f"{reading.channels} channels (DATA_CHANNELS) are read of .npy and TIFF files alone")
    with _decoding():
        values, negative = read_array(path, reading.channels)
        if values.shape[2] != reading.channels:
            raise Unreadable(f"{values.shape[2]} channels, not {reading.channels} (DATA_CHANNELS)")
        _check_size(values.shape[1], values.shape[0])
        values = _of_eight_bits(values, reading, negative=negative)
        planes = (Image.fromarray(np.ascontiguousarray(values[..., number])) for number in range(reading.channels))
        return np.stack([_sized(plane, size, whole, reading) for plane in planes], axis=-1)


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise Unreadable(f"{width}x{height} pixels are more than {MOST_PIXELS:,}")
    if max(width, height) > MOST_LENGTH:
        raise Unreadable(f"{width}x{height} pixels: no side may have more than {MOST_LENGTH:,}")


def _check_scans(image: Image.Image, path: Path | None) -> None:
    """Raise Unreadable for a progressive JPEG of very many scans, each of which goes through the whole picture."""
    if path is None or not image.info.get("progressive"):
        return
    with foreign.opened(path) as file:
        scans = sum(part.count(SCAN) for part in iter(lambda: file.read(1 << 20), b""))
    if scans > MOST_SCANS:
        raise Unreadable(f"a JPEG of {scans:,} scans, more than {MOST_SCANS}")


def _check_decoder(image: Image.Image) -> None:
    """Raise Unreadable for a large picture of a rare format (QOI, DDS, FITS, BLP) that Pillow decodes in Python, pixel by pixel."""
    slow = any(str(tile[0]) in Image.DECODERS for tile in getattr(image, "tile", ()))
    if slow and image.width * image.height > MOST_SLOW:
        raise Unreadable(f"a {image.format} of more than {MOST_SLOW:,} pixels, which takes minutes: convert it to PNG")


def _sized(image: Image.Image, size: Size, whole: bool, reading: Reading) -> UInt8[np.ndarray, "row column *channel"]:
    image, way = moderate(image, whole), Image.Resampling[reading.interpolation.upper()]
    return np.asarray(_resized(image, size, way) if whole else _middle(image, size, way))


def _shallow(image: Image.Image, path: Path | None, reading: Reading) -> Image.Image:
    """A deep image as RGB of eight bits."""
    values, negative = values_of(image, path)
    return _picture(values, reading, declared(image), negative)


def _of_eight_bits(
    values: np.ndarray, reading: Reading, said: tuple[float, float] | None = None, negative: bool = False
) -> UInt8[np.ndarray, "..."]:
    if values.dtype == np.uint8:
        return 255 - values if negative else values
    black, white = reading.black_and_white(extent(values, said))
    return eight_bits(values, white, black) if negative else eight_bits(values, black, white)


def _picture(
    values: np.ndarray, reading: Reading, said: tuple[float, float] | None = None, negative: bool = False
) -> Image.Image:
    """Values "row column" or "row column channel" as RGB: of one channel or three, with alpha or without."""
    channels = 1 if values.ndim == 2 else values.shape[2]
    if channels not in (1, 2, 3, 4):
        raise Unreadable(
            f"{channels} channels, and not grey, colour and transparency: DATA_CHANNELS={channels} reads them"
        )
    values, alpha = parts(values)
    pixels = _of_eight_bits(values, reading, said, negative)
    if alpha is None:
        return Image.fromarray(pixels if channels == 3 else pixels.reshape(values.shape[:2])).convert("RGB")
    opaque = opacity(alpha, max(reading.black_and_white(extent(values, said))))
    return _rgb(Image.fromarray(np.dstack((pixels, opaque)), "LA" if channels == 2 else "RGBA"), reading.alpha)


def in_few_words(error: BaseException) -> str:
    """The beginning of an error's first line, or its kind."""
    return foreign.short(str(error).strip().split("\n")[0]) or type(error).__name__


def _rgb(image: Image.Image, alpha: str) -> Image.Image:
    if alpha == "drop" or not image.has_transparency_data:
        return image.convert("RGB")
    found = Image.new("RGB", image.size)
    for top in range(0, image.height, ROWS):  # each step of it is a copy: of a large image they would take gigabytes
        shown = image.crop((0, top, image.width, min(top + ROWS, image.height))).convert("RGBA")
        found.paste(Image.alpha_composite(Image.new("RGBA", shown.size, alpha), shown).convert("RGB"), (0, top))
    return found


def covering(image: Size, size: Size) -> tuple[Size, int, int]:
    """The size to which an image is scaled so that it just covers `size`, and where its middle begins: top and left."""
    scale = max(size.rows / image.rows, size.columns / image.columns)
    scaled = image.scaled(scale)
    scaled = Size(max(size.rows, scaled.rows), max(size.columns, scaled.columns))
    return scaled, (scaled.rows - size.rows) // 2, (scaled.columns - size.columns) // 2


def _middle(image: Image.Image, size: Size, way: Image.Resampling) -> Image.Image:
    scaled, top, left = covering(Size(image.height, image.width), size)
    return _resized(image, scaled, way).crop((left, top, left + size.columns, top + size.rows))


def _resized(image: Image.Image, size: Size, way: Image.Resampling) -> Image.Image:
    wide = (size.columns, size.rows)
    return image if image.size == wide else image.resize(wide, way)


class Files:
    """Image files in place of a uint8 array "image row column channel": indexing decodes only the images that it selects.

    An index is a number, a slice or an array of numbers, which slices of rows, columns, channels may follow.
    Every pixel is what `reportgen.data.packing.pack` would have stored. Raises UserError where a file cannot be read.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, paths: Sequence[str], size: Sides, reading: Reading = AS_EVER) -> None:
        self.paths = paths
        self.reading = reading
        self.size = Size.of(size)
        self.shape = (len(paths), *self.size, reading.channels)
        self._numbers = np.arange(len(paths))

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def nbytes(self) -> int:
        """Of all images, once decoded."""
        return len(self) * self.size.area * self.reading.channels

    def __getitem__(self, index: Any) -> UInt8[np.ndarray, "..."]:
        first, *inside = index if isinstance(index, tuple) else (index,)
        numbers = self._numbers[first]
        decoded = np.empty((numbers.size, *self.shape[1:]), self.dtype)

        def decode(place: int, number: int) -> None:
            decoded[place] = self._decoded(self.paths[number])

        list(_workers().map(decode, range(numbers.size), numbers.ravel().tolist()))
        return decoded.reshape(*numbers.shape, *self.shape[1:])[(*(slice(None),) * numbers.ndim, *inside)]

    def _decoded(self, path: str) -> UInt8[np.ndarray, "row column channel"]:
        try:
            return read_image(Path(path), self.size, reading=self.reading)
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


Images = UInt8[np.ndarray, "image row column stored"] | Files | Some
"""What stages read images from: an array, mostly mapped from disk, or the files themselves."""


@cache  # one pool for all that read, so that no more threads decode than there are cores
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "decoding")
