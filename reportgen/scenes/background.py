"""The background of every object, independent of its class: dead leaves over 1/f noise, and a few other things.

Natural images have power spectra close to 1/f^2. Overlapping leaves of all sizes, distributed as r^-3, have such spectra,
and edges like those of real occlusions (Lee, Mumford and Huang, "Occlusion models for natural images", 2001). A 1/f
texture covers all of them.
"""

import cv2
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from reportgen.scenes import noise
from reportgen.scenes.colour import Light, Rgb, mix
from reportgen.scenes.shading import Canvas, blurred
from reportgen.scenes.space import View, clipped

WINDOW = 1.7  # half the side of the region in which leaves are placed: beyond the wide view's 1.6
LEAVES = (80, 300)
SMALLEST, LARGEST = 0.055, 1.1  # radii of leaves, scene units
_AROUND = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_SHIFT = 4


def draw_background(view: View, palette: Float[ndarray, "colour 3"], light: Light, rng: np.random.Generator) -> Canvas:
    """Leaves in the colours of `palette`, the far ones out of focus, each casting a soft shadow on those beneath."""
    count = int(rng.integers(*LEAVES))
    outlines, seen = _outlines(count, view, rng)
    tones = _tones(palette, count, rng)[seen]
    level = np.arange(1, count + 1)[seen] / count  # how high in the heap, the last on top
    far = level < rng.uniform(0.3, 0.8)
    canvas = _base(view, palette, rng)
    _lay_leaves(canvas, view, outlines[far], tones[far], level[far], light)
    blur = float(rng.uniform(0.0, 0.016)) * view.size
    if blur > 0.4:
        blurred(canvas, blur)
    _lay_leaves(canvas, view, outlines[~far], tones[~far], level[~far], light)
    canvas *= clipped(1 + float(rng.uniform(0.06, 0.14)) * _texture(view, 1.5, rng), 0.5, 1.5) * _falloff(
        view, light, rng
    )
    near = float(rng.uniform(-0.01, 0.005)) * view.size
    if near > 0.3:
        blurred(canvas, near)
    return canvas


def _texture(view: View, step: float, rng: np.random.Generator) -> Float[ndarray, "row column"]:
    """1/f noise; in a picture of 96 pixels, neighbouring pixels are `step` bank pixels apart."""
    middle = view.side / 2
    bank = noise.clouds()[int(rng.integers(2))]
    return noise.crop(bank, (view.side, view.side), (middle, middle), 96 / view.size * step, rng)


def _span(view: View) -> Float[ndarray, "side"]:
    """Scene coordinates of the canvas's rows or columns."""
    return (np.arange(view.side, dtype=np.float32) + 0.5 - view.side / 2) / view.unit


def _base(view: View, palette: ndarray, rng: np.random.Generator) -> Canvas:
    """Two colours mixed by 1/f noise and a gradient."""
    mixed = _texture(view, 0.8, rng) + (_span(view) * float(rng.normal(0, 0.8)))[:, None]
    share = 1 / (1 + np.exp(-0.8 * mixed))
    one, other = _ground(palette[0]), _ground(palette[1])
    return one[:, None, None] + share * (other - one)[:, None, None]


def _ground(colour: Rgb) -> Rgb:
    """`colour` adapted for a ground: no darker than a middle grey, so that dark things stand out, and less vivid."""
    grey = float(colour @ np.array([0.3, 0.59, 0.11], dtype=np.float32))
    calm = mix(colour, np.full(3, grey, dtype=np.float32), 0.12)
    return (calm * min(max(0.26 / grey, 1.0), 0.72 / max(grey, 0.72))).astype(np.float32)


def _outlines(count: int, view: View, rng: np.random.Generator) -> tuple[Float[ndarray, "leaf corner 2"], ndarray]:
    """Closed outlines in scene units: round, pointed and angular ones, at uniform places, radii distributed as r^-3.

    Returns those of `count` leaves that are within the window, and their indices.
    """
    radius = (SMALLEST**-2 + rng.random(count) * (LARGEST**-2 - SMALLEST**-2)) ** -0.5
    place = rng.uniform(-WINDOW, WINDOW, (count, 2))
    seen: ndarray = np.all(np.abs(place) - 1.3 * radius[:, None] < view.side / view.size, axis=1)
    start, turn = rng.uniform(0, 2 * np.pi, (2, count))[:, seen, None]
    long = rng.uniform(0.35, 1.0, count)[seen, None]
    pointed = np.where(rng.random(count) < 0.4, rng.uniform(0.3, 0.9, count), 0)[seen, None]
    angular = (rng.random(count) < 0.35)[seen, None]
    swell, shift = rng.normal(0, 0.08, (2, count))[:, seen, None], rng.uniform(0, 2 * np.pi, (2, count))[:, seen, None]
    angle = _AROUND + start
    x, y = np.cos(angle), np.sin(angle)
    square = np.where(angular, 0.85 / np.maximum(np.abs(x), np.abs(y)), 1)
    x, y = x * square, y * square * long
    y *= 1 - pointed * np.abs(x)
    size = 1 + swell[0] * np.cos(2 * angle + shift[0]) + swell[1] * np.cos(3 * angle + shift[1])
    size *= radius[seen, None]
    points = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=-1)
    return points * size[:, :, None] + place[seen, None, :], seen


def _tones(palette: ndarray, count: int, rng: np.random.Generator) -> Float[ndarray, "leaf 3"]:
    weights = rng.dirichlet(np.full(len(palette), 0.8))
    chosen = np.stack([_ground(colour) for colour in palette])[rng.choice(len(palette), count, p=weights)]
    return np.clip(chosen * np.exp(rng.normal(0, 0.13, (count, 1))), 0.05, 0.9)


def _lay_leaves(canvas: Canvas, view: View, outlines: ndarray, tones: ndarray, level: ndarray, light: Light) -> None:
    """Paint the leaves in place, first to last, with the shadow that each casts on those below.

    The order of the leaves is a height map; a place is in shadow if its surroundings towards the lamp are higher.
    """
    painted = np.zeros((*canvas.shape[1:], 4), dtype=np.uint8)  # colour as stored, and coverage
    order = np.zeros(canvas.shape[1:], dtype=np.uint8)
    corners: Int[ndarray, "leaf corner 2"] = np.round((outlines * view.unit + view.side / 2 - 0.5) * 2**_SHIFT).astype(
        np.int32
    )
    stored = np.round(np.sqrt(tones) * 255)
    heights = np.round(40 + 215 * level)
    for outline, tone, height in zip(corners, stored.tolist(), heights.tolist(), strict=True):
        cv2.fillConvexPoly(painted, outline, (*tone, 255), cv2.LINE_AA, _SHIFT)
        cv2.fillConvexPoly(order, outline, (height,), cv2.LINE_AA, _SHIFT)
    *colour, covered = (plane * np.float32(1 / 255) for plane in cv2.split(painted))
    shadow, uncovered = _leaf_shadow(order, view, light), 1 - covered
    # along an edge OpenCV mixed the leaf's stored colour with black, so its square contains the coverage twice
    weight = np.where(covered > 0, 1 / np.maximum(covered, 1e-3), 0)
    for plane, leaf in zip(canvas, colour, strict=True):
        plane *= uncovered
        plane += leaf * leaf * weight
        plane *= shadow


def _leaf_shadow(order: ndarray, view: View, light: Light) -> Float[ndarray, "row column"]:
    lx, ly, _ = light.direction
    reach = 0.022 * view.size
    move = np.array([[1, 0, -lx * reach], [0, 1, -ly * reach]])
    moved = cv2.warpAffine(order, move, order.shape[::-1], borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    side = int(0.02 * view.size) * 2 + 1
    higher = cv2.blur(cv2.blur(moved, (side, side)), (side, side)) - order
    return 1 - clipped(higher * (1 / 260), 0, 0.36)


def _falloff(view: View, light: Light, rng: np.random.Generator) -> Float[ndarray, "row column"]:
    """Brighter on the lamp's side, by up to a quarter."""
    slope, span = float(rng.uniform(0.06, 0.26)), _span(view)
    lx, ly, _ = light.direction
    return 0.86 + slope * (lx * span[None, :] + ly * span[:, None])
