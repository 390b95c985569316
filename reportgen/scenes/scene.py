"""One scene: background, other things, the object, and its ground truth."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from reportgen.scenes import faces, plants, round_things, things
from reportgen.scenes.background import draw_background
from reportgen.scenes.clutter import draw_clutter, draw_in_front
from reportgen.scenes.colour import Light, draw_light, draw_palette
from reportgen.scenes.drawing import Drawing
from reportgen.scenes.shading import Canvas, Layer, blurred, cast_shadow, lay_over, shaded
from reportgen.scenes.space import View, clipped

TRAINING_CLASSES = ("dog", "cat", "owl", "panda", "fox", "bear", "wheel", "clock", "flower", "house", "mug", "sailboat")
TRANSFER_CLASSES = ("rabbit", "pig", "mouse", "tree", "fish", "mushroom")
SYMMETRIC_CLASSES = ("wheel", "clock", "flower")
PARTS = ("right_eye", "left_eye", "nose")
WIDER = 1.6  # side of the wide view divided by the normal view's
SMALLEST_SIZE = 32

DRAWERS: dict[str, Callable[[View, np.random.Generator], Drawing]] = {
    **faces.DRAWERS,
    **round_things.DRAWERS,
    **things.DRAWERS,
    **plants.DRAWERS,
}


@dataclass(frozen=True)
class Part:
    """A part of a face: its middle and its diameter in pixels, from the picture's top left corner."""

    x: float
    y: float
    diameter: float


@dataclass(frozen=True)
class Scene:
    """A picture and its ground truth; coordinates are pixels of the normal view, from its top left corner."""

    image: UInt8[ndarray, "row column 3"]
    mask: Bool[ndarray, "row column"]
    box: tuple[int, int, int, int]  # x, y, width, height of the mask's extent
    parts: dict[str, Part] = field(default_factory=dict)  # empty for things without a face
    wide: UInt8[ndarray, "wide_row wide_column 3"] | None = None


def wide_side(size: int) -> int:
    """Side of the wide view: 1.6 times `size`, rounded up so that both sides gain the same whole number of pixels."""
    return size + 2 * int(np.ceil(round((WIDER - 1) * size / 2, 6)))


def draw_scene(kind: str, size: int, rng: np.random.Generator, wide: bool = False) -> Scene:
    """Draw one scene of class `kind`, `size` pixels square, all of its randomness from `rng`.

    With `wide`, the scene is drawn through a window of `wide_side(size)` pixels, and the normal picture is its centre
    crop, bit for bit. Without, only the normal picture is drawn; pixels near its frame may differ slightly from the wide
    view's, because blurs and shadows there depend on what lies outside.

    Objects are tilted in the picture's plane by only a few degrees (deviation 5, at most 14), like upright things in
    photographs, so a net trained on these pictures is not stable to rotation. The background does not depend on the
    object's class: one generator draws the background, another the object.
    """
    if kind not in DRAWERS:
        raise ValueError(f"class {kind!r}: use one of {', '.join(DRAWERS)}")
    if size < SMALLEST_SIZE:
        raise ValueError(f"size={size}: use {SMALLEST_SIZE} pixels or more")
    view = View(size, wide_side(size) if wide else size)
    background_rng, object_rng, camera_rng, front_rng = rng.spawn(4)
    light = draw_light(background_rng)
    canvas = draw_background(view, draw_palette(background_rng), light, background_rng)
    draw_clutter(canvas, view, light, background_rng)
    drawing = DRAWERS[kind](view, object_rng)
    cover = put_layer(canvas, shaded(drawing.relief, light), light, view.unit)
    cover *= 1 - draw_in_front(canvas, view, light, drawing.relief.pose, front_rng)
    picture = photograph(canvas, size, camera_rng)
    margin = (view.side - size) // 2
    inner = (slice(margin, margin + size), slice(margin, margin + size))
    mask = cover[inner] > 0.5
    return Scene(
        image=np.ascontiguousarray(picture[inner]),
        mask=mask,
        box=extent(mask),
        parts={name: _part(point, view) for name, point in drawing.parts.items()},
        wide=picture if wide else None,
    )


def put_layer(canvas: Canvas, layer: Layer | None, light: Light, unit: float) -> Float[ndarray, "row column"]:
    """Put an object and its shadows on the canvas, in place; returns its coverage.

    `unit`: pixels per scene unit where the object was drawn.
    """
    cover = np.zeros(canvas.shape[1:], dtype=np.float32)
    if layer is not None:
        cast_shadow(canvas, layer, light, 0.13 * unit, 0.38)
        cast_shadow(canvas, layer, light, 0.035 * unit, 0.32)
        lay_over(canvas, layer)
        height, width = layer.cover.shape
        cover[layer.row : layer.row + height, layer.column : layer.column + width] = layer.cover
    return cover


def photograph(canvas: Canvas, size: int, rng: np.random.Generator) -> UInt8[ndarray, "row column 3"]:
    """Linear light to 8 bits: sometimes a slight blur, exposure, a soft shoulder, sensor noise."""
    blur = float(rng.uniform(0.0025, 0.0050)) * size if rng.random() < 0.2 else 0.0
    if blur:
        canvas = canvas.copy()
        blurred(canvas, blur)
    exposed = canvas * float(np.exp(rng.normal(0.06, 0.09)))
    exposed = exposed * (1.12 / (1 + 0.12 * exposed))
    stored = np.sqrt(clipped(exposed, 0, 1))
    noise = float(rng.uniform(0.002, 0.012)) if rng.random() < 0.7 else 0.001
    stored += noise * rng.standard_normal(stored.shape, dtype=np.float32)
    return cv2.merge(list(clipped(stored * 255 + 0.5, 0, 255).astype(np.uint8)))


def _part(point: tuple[float, float, float], view: View) -> Part:
    x, y, radius = point
    return Part(view.size / 2 + view.unit * x, view.size / 2 + view.unit * y, 2 * view.unit * radius)


def extent(mask: Bool[ndarray, "row column"]) -> tuple[int, int, int, int]:
    """x, y, width and height of the smallest box around a mask; zeros if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
