"""Shifting, scaling and turning pictures (Zeiler & Fergus 2013, section 4, figure 5) by sparse matrices.

A view is what a window shows after the scene behind it has moved. Each of its pixels is a weighted sum of at most
four pixels of the picture (bilinear interpolation), so a view is a sparse matrix with one row for each of its pixels.
Whole-pixel shifts, quarter turns and the untransformed view are exact copies, and multiplying matrices combines views.
No picture is shrunk below its own resolution, so no low-pass filter is needed.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy  # its parts load when they are first used
from jaxtyping import Bool, Float, Float32, Int, UInt8

from reportgen.base.size import Sides, Size
from reportgen.data.transforms import window

Number = float | int
EXACT = 9  # decimals to which positions are rounded, in pixels: rounding errors must not cause interpolation


@dataclass(frozen=True)
class Transformation:
    """What happens to the scene behind a window: it is scaled and turned about the window's middle, then shifted."""

    down: int = 0  # pixels; negative is up
    scale: Number = 1.0  # ratio; above 1 enlarges
    degrees: Number = 0.0  # anticlockwise

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"scale={self.scale}: use a ratio above 0")


@dataclass(frozen=True)
class View:
    """The pixels of a window, as weighted sums of the pixels of a picture."""

    weights: Any  # scipy's csr_array "view pixel": rows add up to 1
    exposed: Bool[np.ndarray, "row column"]  # where the window looks beyond the picture and shows its mirror image

    def of(
        self, pixels: Float32[np.ndarray, "pixel value"], channels: int = 3
    ) -> UInt8[np.ndarray, "image row column channel"]:
        """What the window shows of pictures that `flat` returned, of so many channels."""
        shown = self.weights @ pixels
        values = np.rint(shown, out=shown).astype(np.uint8).reshape(self.exposed.size, -1, channels)
        return _by_picture(values).reshape(-1, *self.exposed.shape, channels)


def _by_picture(values: UInt8[np.ndarray, "pixel image channel"]) -> UInt8[np.ndarray, "image pixel channel"]:
    """The same values, picture by picture. OpenCV moves all channels of a pixel together, ten times faster than numpy."""
    if values.shape[2] in (1, 3):  # OpenCV moves what has these many bytes, among some others
        return cv2.transpose(values).reshape(values.shape[1], -1, values.shape[2])
    return np.ascontiguousarray(values.transpose(1, 0, 2))


def flat(images: UInt8[np.ndarray, "image row column channel"]) -> Float32[np.ndarray, "pixel value"]:
    """Pictures as `View.of` takes them: a row for each pixel position, holding its colours in all pictures."""
    return images.transpose(1, 2, 0, 3).reshape(images.shape[1] * images.shape[2], -1).astype(np.float32)


def transformed(transformation: Transformation, picture: Sides, crop: Sides) -> View:
    """The centre window of the size `crop` over pictures of another, after the scene has moved behind it.

    Beyond the picture the window shows the picture mirrored at its outermost pixels; `exposed` marks where.
    """
    stored = Size.of(picture)
    rows, columns = _places(transformation, stored, Size.of(crop))
    exposed = (rows < 0) | (rows > stored.rows - 1) | (columns < 0) | (columns > stored.columns - 1)
    return View(_bilinear(rows, columns, stored), exposed)


def filled(transformation: Transformation, picture: Sides, crop: Sides) -> View:
    """The control for the fill: the scene stays, and only the pixels that the move would expose change as they would then."""
    view = transformed(transformation, picture, crop)
    fill = scipy.sparse.diags_array(view.exposed.ravel().astype(np.float32))
    stay = scipy.sparse.diags_array((~view.exposed).ravel().astype(np.float32))
    still = transformed(Transformation(), picture, crop).weights
    return View((fill @ view.weights + stay @ still).tocsr(), view.exposed)


def resampled(transformation: Transformation, picture: Sides, crop: Sides) -> View:
    """The control for interpolation: scaled and turned, then back again, so that the scene ends where it was.

    Every pixel is interpolated twice; the transformation itself interpolates once. The shift is left out: it is a copy
    and needs no such control.
    """
    there = Transformation(scale=transformation.scale, degrees=transformation.degrees)
    window = Size.of(crop)
    reach = there.scale * float(np.hypot(*window))  # the intermediate picture must hold the window's diagonal
    # Larger by an even number of pixels, so that the middles agree.
    between = Size(*(side + 2 * (1 + max(0, int(np.ceil((reach - side) / 2)))) for side in window))
    back = transformed(Transformation(scale=1 / there.scale, degrees=-there.degrees), between, window)
    return View((back.weights @ transformed(there, picture, between).weights).tocsr(), np.zeros(window, dtype=np.bool_))


def _places(
    transformation: Transformation, picture: Size, crop: Size
) -> tuple[Float[np.ndarray, "row column"], Float[np.ndarray, "row column"]]:
    """Row and column of the picture that each pixel of the window shows, as fractions of pixels."""
    radians = np.deg2rad(transformation.degrees % 360)
    # Rounded so that the cosine of a right angle is exactly 0 and a quarter turn maps pixels onto pixels.
    cosine, sine = (round(float(part), 15) / transformation.scale for part in (np.cos(radians), np.sin(radians)))
    down, across = (np.arange(side) - (side - 1) / 2 for side in crop)
    y, x = (down - transformation.down)[:, None], across[None, :]
    # The middle of the untransformed window, which starts at a whole pixel.
    row, column = (part.start + (side - 1) / 2 for part, side in zip(window(picture, crop), crop, strict=True))
    return np.round(row + x * sine + y * cosine, EXACT), np.round(column + x * cosine - y * sine, EXACT)


def _bilinear(rows: Float[np.ndarray, "row column"], columns: Float[np.ndarray, "row column"], picture: Size) -> Any:
    """The matrix that interpolates a picture at these positions."""
    above, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, across = (rows - above).ravel(), (columns - left).ravel()
    parts = (
        (above, left, (1 - down) * (1 - across)),
        (above, left + 1, (1 - down) * across),
        (above + 1, left, down * (1 - across)),
        (above + 1, left + 1, down * across),
    )
    pixel = np.stack(
        [mirrored(row, picture.rows) * picture.columns + mirrored(column, picture.columns) for row, column, _ in parts]
    )
    share = np.stack([weight for *_, weight in parts]).astype(np.float32)
    view = np.broadcast_to(np.arange(rows.size), share.shape)
    found = scipy.sparse.csr_array((share.ravel(), (view.ravel(), pixel.ravel())), shape=(rows.size, picture.area))
    found.eliminate_zeros()  # a copied pixel then has a single entry
    return found


def mirrored(index: Int[np.ndarray, "*any"], side: int) -> Int[np.ndarray, "*any"]:
    """Reflect indices beyond the picture back into it: -2 -1 0 1 becomes 2 1 0 1."""
    if side == 1:
        return np.zeros_like(index)
    period = 2 * (side - 1)
    folded = np.abs(index) % period
    return np.minimum(folded, period - folded)
