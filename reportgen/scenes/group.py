"""Several objects in one scene, near and far, some half hidden: full scenes, as PASCAL VOC's photographs are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from reportgen.scenes.background import draw_background
from reportgen.scenes.clutter import draw_clutter
from reportgen.scenes.colour import Light, draw_light, draw_palette
from reportgen.scenes.scene import DRAWERS, SMALLEST_SIZE, extent, photograph, put_layer
from reportgen.scenes.shading import Canvas, Layer, shaded
from reportgen.scenes.space import View

MOST = 4  # objects in a scene
NEAREST = (0.95, 0.80, 0.68, 0.60)  # largest scale of an object in a scene of one to four, as a share of the usual one
FARTHEST = 0.30
ROOM = 3  # side of the canvas that an object is drawn on, before it is put in its place: nothing is cut off
HARD_TO_SEE, HIDDEN = 0.015, 0.45  # an object is difficult whose visible part is less of the picture, or of itself
CUT = 0.95  # an object is truncated of which less is visible
GONE = 6  # pixels: an object of which fewer are visible is not marked


@dataclass(frozen=True)
class Seen:
    """One object as far as it is visible; coordinates are pixels from the picture's top left corner."""

    kind: str
    mask: Bool[ndarray, "row column"]
    box: tuple[int, int, int, int]  # x, y, width, height of the mask's extent
    share: float  # of the object that is visible

    @property
    def difficult(self) -> bool:
        """Whether it is too small, or too much of it hidden, for it to be asked for."""
        return bool(self.mask.mean() < HARD_TO_SEE or self.share < HIDDEN)

    @property
    def truncated(self) -> bool:
        """Whether it goes on beyond the frame or behind something."""
        return self.share < CUT


@dataclass(frozen=True)
class Group:
    """A picture and the objects that are visible in it, from the farthest to the nearest."""

    image: UInt8[ndarray, "row column 3"]
    objects: tuple[Seen, ...]


def draw_group(kinds: Sequence[str], size: int, rng: np.random.Generator) -> Group:
    """Draw one scene with an object of each of `kinds`, `size` pixels square, all of its randomness from `rng`.

    The objects stand side by side at different distances; nearer ones hide parts of those behind them.
    """
    if not 1 <= len(kinds) <= MOST:
        raise ValueError(f"{len(kinds)} objects: use 1 to {MOST}")
    unknown = sorted(set(kinds) - set(DRAWERS))
    if unknown:
        raise ValueError(f"class {unknown[0]!r}: use one of {', '.join(DRAWERS)}")
    if size < SMALLEST_SIZE:
        raise ValueError(f"size={size}: use {SMALLEST_SIZE} pixels or more")
    view = View(size, size)
    background_rng, places_rng, objects_rng, camera_rng = rng.spawn(4)
    light = draw_light(background_rng)
    canvas = draw_background(view, draw_palette(background_rng), light, background_rng)
    draw_clutter(canvas, view, light, background_rng)
    scales = np.sort(places_rng.uniform(FARTHEST, NEAREST[len(kinds) - 1], len(kinds)))  # the nearest last
    places = _places(len(kinds), places_rng)
    covers: list[Float[ndarray, "row column"]] = []
    whole: list[float] = []
    for kind, scale, place, child in zip(kinds, scales.tolist(), places, objects_rng.spawn(len(kinds)), strict=True):
        cover, area = _put_object(canvas, kind, scale, place, light, child)
        for behind in covers:
            behind *= 1 - cover
        covers.append(cover)
        whole.append(area)
    found = []
    for kind, cover, area in zip(kinds, covers, whole, strict=True):
        mask = cover > 0.5
        if mask.sum() >= GONE:
            found.append(Seen(kind, mask, extent(mask), float(cover.sum() / area)))
    return Group(photograph(canvas, size, camera_rng), tuple(found))


def _places(count: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Middles of the objects in scene units: side by side, in random order, each shifted."""
    x = ((np.arange(count) + 0.5) / count * 2 - 1) * 0.8
    places = np.column_stack([x, np.zeros(count)]) + rng.normal(0, (0.16, 0.22), (count, 2))
    return [(float(a), float(b)) for a, b in rng.permutation(places)]


def _put_object(
    canvas: Canvas, kind: str, scale: float, place: tuple[float, float], light: Light, rng: np.random.Generator
) -> tuple[Float[ndarray, "row column"], float]:
    """Put an object and its shadows on the canvas, in place; returns its coverage, and its area with what is cut off."""
    side = canvas.shape[1]
    small = max(round(side * scale), 8)
    drawing = DRAWERS[kind](View(small, ROOM * small), rng)
    layer = shaded(drawing.relief, light)
    if layer is None:
        return np.zeros(canvas.shape[1:], dtype=np.float32), 1.0
    down, right = (round(side / 2 * (1 + value) - ROOM * small / 2) for value in reversed(place))
    moved = Layer(layer.colour, layer.cover, layer.row + down, layer.column + right)
    return put_layer(canvas, _inside(moved, side), light, drawing.relief.view.unit), float(layer.cover.sum())


def _inside(layer: Layer, side: int) -> Layer | None:
    """The part of a layer that lies on the canvas; None if no part does."""
    height, width = layer.cover.shape
    top, left = max(-layer.row, 0), max(-layer.column, 0)
    bottom, right = min(side - layer.row, height), min(side - layer.column, width)
    if top >= bottom or left >= right:
        return None
    box = (slice(top, bottom), slice(left, right))
    return Layer(layer.colour[:, top:bottom, left:right], layer.cover[box], layer.row + top, layer.column + left)
