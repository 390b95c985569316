"""From stored pixels to a net's input, and back (Zeiler & Fergus 2013, section 3.1).

Images are stored as uint8 arrays "image row column channel", RGB or of other channels, often memory-mapped, and usually
somewhat larger than the net's crop.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from reportgen.base.errors import UserError
from reportgen.base.size import Sides, Size
from reportgen.data.decoding import Images

Number = float | int
Channels = tuple[Number, ...]  # three, one of a net that reads grey, or as many as the images have
LUMINANCE = (19595, 38470, 7471)  # of red, green and blue, in parts of 65,536: ITU-R BT.601, as Pillow counts
FARTHEST = 1e6  # of an input from zero: usual ones lie within 255, and a net of single precision sums many
COUNTED = 2**24  # pixels counted at once: OpenCV's histograms are in single precision, exact up to this number


class Views(NamedTuple):
    """Where each image of a batch is cropped, and whether the crop is mirrored left to right."""

    tops: Int64[Tensor, " image"]  # pixels
    lefts: Int64[Tensor, " image"]  # pixels
    mirrored: Bool[Tensor, " image"]

    def part(self, images: slice) -> "Views":
        """The views of some of the images."""
        return Views(self.tops[images], self.lefts[images], self.mirrored[images])

    def to(self, device: torch.device) -> "Views":
        """The same views on a device."""
        return Views(*(part.to(device) for part in self))


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become a net's input: crop, channel order, range, mean and deviation.

    The input is ``(pixel / 255 * range - mean) / deviation``, channel by channel. The paper subtracts a mean for every
    pixel position. Here, as is usual today, each channel has one mean for all positions: over many images the mean image
    is nearly flat, and crops, views and occluding squares need not know their position.
    """

    crop: Size  # pixels
    range: Number = 1.0  # the value of white before the mean is subtracted: 1 or 255
    # Of the channels that the net reads; L: one channel, the luminance; ALL: those that are stored, which are no RGB
    order: Literal["RGB", "BGR", "L", "ALL"] = "RGB"
    mean: Channels = (0.0, 0.0, 0.0)  # in units of `range`, in the net's order
    deviation: Channels = (1.0, 1.0, 1.0)  # in units of `range`, in the net's order
    red_green_blue: tuple[int, ...] = ()  # of the order ALL: the channels, from 0, that are shown as these

    def __post_init__(self) -> None:
        if min(self.crop) < 1:
            raise UserError(f"preprocessing: crop {self.crop}: use 1 pixel or more")
        if self.range not in (1, 255):
            raise UserError(f"preprocessing: range {self.range}: use 1 or 255")
        if self.order not in ("RGB", "BGR", "L", "ALL"):
            raise UserError(f"preprocessing: channel order {self.order!r}: use RGB, BGR, L or ALL")
        if len(self.red_green_blue) != (3 if self.order == "ALL" else 0):
            raise UserError(
                f"preprocessing: {self.red_green_blue} are shown of the order {self.order}: name three of ALL"
            )
        if any(one not in range(self.channels) for one in self.red_green_blue):
            raise UserError(
                f"preprocessing: {self.red_green_blue} are shown of {self.channels} channels, counted from 0"
            )
        if {len(self.mean), len(self.deviation)} != {self.channels}:
            raise UserError(
                f"preprocessing: mean {self.mean}, deviation {self.deviation}: use {self.channels} numbers for {self.order}"
            )
        if min(self.deviation) <= 0:
            raise UserError(f"preprocessing: deviation {self.deviation}: use values above 0")
        if not (most := largest_input(self.range, self.mean, self.deviation)) <= FARTHEST:
            raise UserError(
                f"preprocessing: mean {self.mean}, deviation {self.deviation}: some inputs would be as large as {most:g}: use "
                "those of the training images, in units of the range"
            )

    @property
    def channels(self) -> int:
        """How many channels the net reads."""
        return len(self.mean) if self.order == "ALL" else len(self.order)

    def as_json(self) -> dict[str, Any]:
        """The values as a JSON document, which `from_json` reads back."""
        values = asdict(self) | {"crop": self.crop.said}
        if self.order != "ALL":
            del values["red_green_blue"]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Preprocessing":
        """The preprocessing that `as_json` wrote; raises UserError where a name is unknown."""
        unknown = sorted(set(document) - {field.name for field in fields(cls)})
        if unknown:
            known = ", ".join(field.name for field in fields(cls))
            raise UserError(f"preprocessing: {', '.join(unknown)} is unknown: use {known}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
        }
        return cls(**values | {"crop": Size.of(document["crop"])})

    def normalise(
        self, pixels: UInt8[Tensor, "*image row column stored"]
    ) -> Float[Tensor, "*image channel row column"]:
        """RGB pixels as the net's input: channels in front and in the net's order, or their luminance; values normalised.

        The memory layout stays that of the pixels, which for a batch is torch's channels_last.
        """
        if self.order == "BGR":
            pixels = pixels.flip(-1)
        if self.order == "L":
            pixels = luminance(pixels)
        columns, channels = pixels.shape[-2:]
        # Row by row: torch takes three times as long for the few channels of one pixel after another.
        shift, factor = (part.repeat(columns) for part in _shift_and_factor(self, pixels.device))
        rows = pixels.float().flatten(-2)
        return torch.addcmul(shift, rows, factor, out=rows).unflatten(-1, (columns, channels)).movedim(-1, -3)

    def pixels(self, images: Float[Tensor, "*image channel row column"]) -> UInt8[np.ndarray, "*image row column 3"]:
        """The net's input as RGB pixels again: the inverse of `normalise`, rounded and clipped to 0..255; grey stays grey."""
        values = images.detach().cpu().double().movedim(-3, -1)
        values = (values * torch.tensor(self.deviation).double() + torch.tensor(self.mean).double()) * (
            255 / self.range
        )
        return np.ascontiguousarray(self.red_first(values.round().clamp(0, 255).to(torch.uint8).numpy()))

    def red_first(self, values: np.ndarray) -> np.ndarray:
        """Values "... channel" whose channels are in the net's order, as RGB; of one three times that, of many what is shown."""
        if self.order == "ALL":
            return values[..., list(self.red_green_blue)]
        if self.order == "L":
            return np.repeat(values, 3, axis=-1)
        return values[..., ::-1] if self.order == "BGR" else values

    def shown(self, pixels: UInt8[np.ndarray, "*image row column stored"]) -> UInt8[np.ndarray, "*image row column 3"]:
        """Stored pixels as the net sees them: in grey where it reads grey; of many channels those that are shown."""
        if self.order == "ALL":
            return np.ascontiguousarray(self.red_first(pixels))
        if self.order != "L":
            return pixels
        return luminance(as_tensor(pixels)).numpy().repeat(3, axis=-1)

    def grey(self, level: Number = 0.5) -> Float[Tensor, " channel"]:
        """The net's input for a grey pixel: level 0 is black, 1 is white, 0.5 is that of the occluding square."""
        mean, deviation = torch.tensor(self.mean), torch.tensor(self.deviation)
        return (level * self.range - mean) / deviation

    def centre(
        self, images: UInt8[np.ndarray, "image row column stored"] | UInt8[Tensor, "image row column stored"]
    ) -> Float[Tensor, "image channel crop_row crop_column"]:
        """The centre crop of each image, as the net's input."""
        stored = as_tensor(images)
        self._margin(*stored.shape[1:3])
        return self.normalise(stored[:, *window(stored.shape[1:3], self.crop)])

    def view(
        self,
        images: UInt8[np.ndarray, "image row column stored"] | UInt8[Tensor, "image row column stored"],
        views: Views,
    ) -> Float[Tensor, "image channel crop_row crop_column"]:
        """One crop of each image, as the net's input, computed on the images' device."""
        stored = as_tensor(images)
        views = views.to(stored.device)
        down, along = (torch.arange(side, device=stored.device) for side in self.crop)
        rows = views.tops[:, None] + down
        columns = views.lefts[:, None] + torch.where(views.mirrored[:, None], self.crop.columns - 1 - along, along)
        numbers = torch.arange(len(stored), device=stored.device)
        return self.normalise(stored[numbers[:, None, None], rows[:, :, None], columns[:, None, :]])

    def random_views(self, stored: Sequence[int], images: int, generator: torch.Generator) -> Views:
        """Draw a crop, uniformly from all places, and a flip for each of `images` images of so many rows and columns."""
        down, right = self._margin(*stored)
        tops = torch.randint(down + 1, (images,), generator=generator)
        lefts = torch.randint(right + 1, (images,), generator=generator)
        return Views(tops, lefts, torch.randint(2, (images,), generator=generator).bool())

    def centre_views(self, stored: Sequence[int], images: int) -> Views:
        """The centre crop of each of `images` images of so many rows and columns, not mirrored."""
        self._margin(*stored)
        tops, lefts = (torch.full((images,), inside.start) for inside in window(stored, self.crop))
        return Views(tops, lefts, torch.zeros(images, dtype=torch.bool))

    def ten(
        self, images: UInt8[np.ndarray, "image row column stored"] | UInt8[Tensor, "image row column stored"]
    ) -> Float[Tensor, "image 10 channel crop_row crop_column"]:
        """The paper's ten crops: four corners and the centre, then the same five mirrored left to right."""
        stored = as_tensor(images)
        down, right = self._margin(*stored.shape[1:3])
        rows, columns = self.crop
        middle = tuple(inside.start for inside in window(stored.shape[1:3], self.crop))
        places = [(0, 0), (0, right), (down, 0), (down, right), middle]
        crops = torch.stack([stored[:, top : top + rows, left : left + columns] for top, left in places], 1)
        return self.normalise(torch.cat([crops, crops.flip(3)], 1))

    def _margin(self, rows: int, columns: int) -> tuple[int, int]:
        """How many rows and columns the image exceeds the crop by; raises UserError where the crop does not fit."""
        if not self.crop.fits_in(Size(rows, columns)):
            raise UserError(
                f"images of {rows}x{columns} px are smaller than the net's crop of {self.crop} px: "
                "prepare larger images or use a smaller crop"
            )
        return rows - self.crop.rows, columns - self.crop.columns


def usually_shown(channels: int) -> tuple[int, ...]:
    """Which of so many channels, counted from 0, are shown as red, green and blue: the first three, or two with the last twice."""
    return tuple(min(number, channels - 1) for number in range(3))


def luminance(pixels: UInt8[Tensor, "*image row column 3"]) -> UInt8[Tensor, "*image row column 1"]:
    """The brightness of RGB pixels, to the bit as Pillow's ``convert("L")`` rounds it; of grey pixels, their value."""
    red, green, blue = (pixels[..., channel].int() * weight for channel, weight in enumerate(LUMINANCE))
    return ((red + green + blue + 0x8000) >> 16).to(torch.uint8)[..., None]


def inner(side: int, crop: int) -> slice:
    """The rows, or columns, of the centre crop of an image of `side` pixels; an odd pixel left over lies behind the crop."""
    first = (side - crop) // 2
    return slice(first, first + crop)


def window(stored: Sequence[int], crop: Size) -> tuple[slice, slice]:
    """The rows and the columns of the centre crop of images of so many rows and columns."""
    return inner(stored[0], crop.rows), inner(stored[1], crop.columns)


def largest_input(white: Number, mean: Channels, deviation: Channels) -> float:
    """The largest value, regardless of its sign, that black or white becomes in any channel; infinite beyond all numbers."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ends = (np.array([[0.0], [white]]) - np.array(mean, float)) / np.array(deviation, float)
    return float(np.abs(ends).max())


@lru_cache(maxsize=16)  # else a GPU would wait for them before every batch
def _shift_and_factor(preprocessing: Preprocessing, device: torch.device) -> tuple[Tensor, Tensor]:
    """By what a pixel's channels are multiplied (the factor), and what is added after that (the shift)."""
    factors = [preprocessing.range / 255 / deviation for deviation in preprocessing.deviation]
    shifts = [-mean / deviation for mean, deviation in zip(preprocessing.mean, preprocessing.deviation, strict=True)]
    with torch.inference_mode(False):
        shift, factor = torch.tensor([shifts, factors], dtype=torch.float32, device=device)
        return shift, factor


def measured(
    images: Images,
    crop: Sides,
    range: Number = 1.0,
    divide: bool = True,
    order: Literal["RGB", "L", "ALL"] = "RGB",
    red_green_blue: tuple[int, ...] = (),
) -> Preprocessing:
    """The preprocessing that gives these images mean 0 and, unless `divide` is false, unit variance per channel.

    With range 255 and without division it is the paper's, with values between about -128 and 128. `red_green_blue`: which
    are shown of the order ALL; empty: the usual ones.
    """
    channels = 1 if order == "L" else images.shape[3]
    pixels = np.zeros((channels, 256), np.int64)  # a histogram for each channel: sums of integers are exact and fast
    step = max(1, min(64, COUNTED // (images.shape[1] * images.shape[2])))
    for start in np.arange(0, len(images), step):  # in pieces: the images may not fit in memory
        some = np.ascontiguousarray(images[start : start + step])
        some = luminance(as_tensor(some)).numpy() if order == "L" else some
        rows = some.reshape(-1, images.shape[2], channels)
        for channel, counts in enumerate(pixels):
            counts += cv2.calcHist([rows], [channel], None, [256], [0, 256]).ravel().astype(np.int64)
    count, values = pixels[0].sum(), np.arange(256)
    mean = pixels @ values / count
    deviation = np.sqrt(np.maximum(pixels @ values**2 / count - mean**2, 1e-6))  # a flat channel stays finite
    scale = range / 255
    return Preprocessing(
        crop=Size.of(crop),
        range=range,
        order=order,
        mean=tuple(float(value) for value in mean * scale),
        deviation=tuple(float(value) for value in deviation * scale) if divide else (1.0,) * channels,
        red_green_blue=red_green_blue or usually_shown(channels) if order == "ALL" else (),
    )


def as_tensor(
    images: UInt8[np.ndarray, "*image row column channel"] | UInt8[Tensor, "*image row column channel"],
) -> UInt8[Tensor, "*image row column channel"]:
    """Stored images as a tensor, which shares an array's memory if that is writable and contiguous, else copies it."""
    if isinstance(images, Tensor):
        return images
    return torch.from_numpy(np.require(images, requirements=["C", "W"]))
