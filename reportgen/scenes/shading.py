"""Light on a relief: lamp, sky and ground, and the shadows that it casts on itself and on the background."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from reportgen.scenes.colour import Light
from reportgen.scenes.relief import FLOOR, SUPERSAMPLING, Relief
from reportgen.scenes.space import clipped

Canvas = Float[ndarray, "3 row column"]  # linear light, channels first: a mask multiplies whole planes


@dataclass(frozen=True)
class Layer:
    """A shaded relief at the canvas's resolution: colour times coverage, coverage, and its place."""

    colour: Canvas
    cover: Float[ndarray, "row column"]
    row: int
    column: int


def shaded(relief: Relief, light: Light) -> Layer | None:
    """The relief under the light, reduced to the canvas's pixels; None if no part of it lies in the window."""
    top, bottom, left, right = _occupied(relief.cover)
    if top == bottom:
        return None
    box = (slice(top, bottom), slice(left, right))
    height, cover, paint = relief.height[box] * relief.dot, relief.cover[box], relief.paint[:, top:bottom, left:right]
    bare = relief.height[box] == FLOOR
    height[bare] = float(height[~bare].min())
    fur = relief.fur[box] * paint[4]
    height += fur * (0.02 * relief.pose.scale * relief.dot)
    albedo = paint[:3] * clipped(1 + fur + relief.mottle[box] * paint[5], 0.3, 1.8)
    colour = _lit(height, albedo, paint[3], light, relief.pose.scale * relief.dot)
    _add_glints(colour, relief, light, top, left)
    colour *= cover
    small = [
        cv2.resize(plane, None, fx=1 / SUPERSAMPLING, fy=1 / SUPERSAMPLING, interpolation=cv2.INTER_AREA)
        for plane in (*colour, cover)
    ]
    row, column = relief.origin
    return Layer(np.stack(small[:3]), small[3], row + top // SUPERSAMPLING, column + left // SUPERSAMPLING)


def _occupied(cover: ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the covered part, on whole canvas pixels."""
    rows, columns = np.flatnonzero(cover.max(axis=1)), np.flatnonzero(cover.max(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    top, left = rows[0] // SUPERSAMPLING, columns[0] // SUPERSAMPLING
    bottom, right = rows[-1] // SUPERSAMPLING + 1, columns[-1] // SUPERSAMPLING + 1
    return tuple(int(value) * SUPERSAMPLING for value in (top, bottom, left, right))  # type: ignore[return-value]


def _lit(
    height: ndarray, albedo: ndarray, gloss: ndarray, light: Light, grain: float
) -> Float[ndarray, "3 row column"]:
    """Lambert with a soft terminator, sky and ground by the normal's tilt, dark creases, a highlight and a rim.

    `height` in fine pixels, `grain` fine pixels per unit of the object.
    """
    dx = clipped(cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8), -5, 5)
    dy = clipped(cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8), -5, 5)
    nz = 1 / np.sqrt(1 + dx * dx + dy * dy)
    nx, ny = -dx * nz, -dy * nz
    lx, ly, lz = light.direction
    facing = lx * nx + ly * ny + lz * nz
    lamp = np.maximum(facing * 0.8 + 0.2, 0)  # wrapped: light scatters a little way round the edge
    lamp *= lamp * 0.35 + 0.65
    lamp *= 1 - 0.75 * _cast(height, light, grain)
    crease = _creases(height, grain)
    up = 0.5 - 0.5 * ny
    half = np.array([lx, ly, lz + 1])
    hx, hy, hz = (float(value) for value in half / np.linalg.norm(half))
    shine = np.maximum(hx * nx + hy * ny + hz * nz, 0)
    for _ in range(4):
        shine *= shine  # to the 16th power: a broad highlight
    shine *= gloss
    grazing = 1 - nz
    rim = grazing * grazing * grazing * clipped(0.35 - 0.65 * facing, 0, 1) * 0.22
    colour = np.empty_like(albedo)
    above, below = up * crease, (1 - up) * crease
    for channel, tone in enumerate(albedo):
        sun, sky, ground = float(light.lamp[channel]), float(light.sky[channel]), float(light.ground[channel])
        colour[channel] = tone * (lamp * sun + above * sky + below * ground) + shine * sun + rim * sky
    return colour


def _creases(height: ndarray, grain: float) -> ndarray:
    """Ambient light: 1 in the open, less where the surroundings are higher; at two widths."""
    total = np.zeros_like(height)
    for width, weight in ((0.10, 0.9), (0.34, 0.7)):
        side = max(int(width * grain), 1) * 2 + 1
        around = cv2.blur(cv2.blur(height, (side, side)), (side, side))
        total += clipped((around - height) * (weight / (width * grain)), 0, 1.2)
    return 1 / (1 + total)


def _cast(height: ndarray, light: Light, grain: float) -> ndarray:
    """Shadow in [0, 1] that the relief casts on itself, found by stepping towards the lamp and looking for higher places."""
    lx, ly, lz = light.direction
    across = (lx * lx + ly * ly) ** 0.5
    rise = lz / across
    rows, columns = height.shape
    shadow = np.zeros_like(height)
    for distance in (0.05, 0.10, 0.17, 0.27, 0.42):
        steps = distance * grain
        right, down = round(lx / across * steps), round(ly / across * steps)
        to_rows, from_rows = _overlap(rows, down)
        to_columns, from_columns = _overlap(columns, right)
        here, there = height[to_rows, to_columns], height[from_rows, from_columns]
        above = (there - here - rise * steps) * (6 / grain) / (0.4 + distance)
        part = shadow[to_rows, to_columns]
        np.maximum(part, np.minimum(above, 1), out=part)
    side = max(int(0.03 * grain), 1) * 2 + 1
    return cv2.blur(shadow, (side, side))


def _overlap(length: int, shift: int) -> tuple[slice, slice]:
    """Places i and i + shift that both lie inside a row of `length`."""
    shift = max(-length, min(length, shift))
    return (
        (slice(0, length - shift), slice(shift, length))
        if shift >= 0
        else (slice(-shift, length), slice(0, length + shift))
    )


def _add_glints(colour: ndarray, relief: Relief, light: Light, top: int, left: int) -> None:
    """Small round highlights with soft edges, added in place."""
    lx, ly, _ = light.direction
    across = (lx * lx + ly * ly) ** 0.5
    for x, y, orbit, radius, strength in relief.glints:
        column = (x + orbit * lx / across - relief.left) * relief.dot - left
        row = (y + orbit * ly / across - relief.top) * relief.dot - top
        size = max(radius * relief.dot, 0.9)
        r0, r1 = max(int(row - 2 * size), 0), min(int(row + 2 * size) + 2, colour.shape[1])
        c0, c1 = max(int(column - 2 * size), 0), min(int(column + 2 * size) + 2, colour.shape[2])
        if r0 >= r1 or c0 >= c1:
            continue
        dy, dx = (np.arange(*ends, dtype=np.float32) + 0.5 - at for ends, at in (((r0, r1), row), ((c0, c1), column)))
        away = np.sqrt(dy[:, None] ** 2 + dx[None, :] ** 2)
        amount = np.clip((size - away) / (0.35 * size + 0.7) + 0.5, 0, 1) * strength
        colour[:, r0:r1, c0:c1] += amount * np.maximum(1.0 - colour[:, r0:r1, c0:c1], 0)


def blurred(canvas: Canvas, deviation: float) -> None:
    """Blur the canvas in place by a Gaussian, pixels."""
    for plane in canvas:
        plane[:] = cv2.GaussianBlur(plane, (0, 0), deviation)


def cast_shadow(canvas: Canvas, layer: Layer, light: Light, reach: float, strength: float) -> None:
    """Darken the canvas in place where the layer keeps the light from it: a soft shadow, shifted by `reach` pixels."""
    lx, ly, _ = light.direction
    across = (lx * lx + ly * ly) ** 0.5
    spread = max(0.55 * reach, 0.6)
    pad = int(reach + 3 * spread) + 1
    height, width = layer.cover.shape
    move = np.array([[1, 0, pad - lx / across * reach], [0, 1, pad - ly / across * reach]])
    # what leaves the window goes on outside it: a replicated border keeps the shadow from fading at the frame
    cover = cv2.warpAffine(layer.cover, move, (width + 2 * pad, height + 2 * pad))
    side = int(spread * 1.2) * 2 + 1
    for _ in range(3):
        cover = cv2.blur(cover, (side, side))
    top, left = layer.row - pad, layer.column - pad
    rows, columns = canvas.shape[1:]
    r0, r1, c0, c1 = max(top, 0), min(top + cover.shape[0], rows), max(left, 0), min(left + cover.shape[1], columns)
    shade = 1 - strength * cover[r0 - top : r1 - top, c0 - left : c1 - left]
    canvas[:, r0:r1, c0:c1] *= shade


def lay_over(canvas: Canvas, layer: Layer) -> None:
    """Put the layer on the canvas, in place."""
    height, width = layer.cover.shape
    place = canvas[:, layer.row : layer.row + height, layer.column : layer.column + width]
    place *= 1 - layer.cover
    place += layer.colour
