"""A deconvnet layer beside a convnet layer (Zeiler & Fergus 2013, figure 1), drawn with real numbers."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from reportgen.analyses.schematics.diagrams import arrow, times
from reportgen.analyses.schematics.figure import DeconvnetLayer
from reportgen.figures.draw.charts import BLUES
from reportgen.figures.draw.style import (
    CYCLE,
    FAINT,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    SOFT,
    TEXT,
    WIDTH,
    blank_axes,
    house_style,
    new_figure,
    save_svg,
    shorten,
)

SIDE = 84.0  # points: side of a picture
LEFT, RIGHT = 128.0, 342.0  # points: centres of the deconvnet's and the convnet's column
CELL = 17.0  # points: side of a cell of the numbers below
BLOCK = 2  # side, in pooled cells, of the block whose numbers are shown
PALE = (ORANGE, PURPLE, SKY)
DARK_TEXT, LIGHT_TEXT = "#0b1a2a", "#ffffff"  # text on colours: both stay the same in dark mode
MOST_CELLS = 7  # side, in cells, of the largest part of the map that is shown with the block


def deconvnet_layer(figure: DeconvnetLayer, name: str, folder: Path) -> dict[str, Any]:
    """Draw the two columns and, below them, how a few numbers are pooled and unpooled."""
    with house_style():
        picture = save_svg(compose_deconvnet(figure), folder / f"{name}.svg")
    return {"picture": picture, "files": [picture["file"]]}


def compose_deconvnet(figure: DeconvnetLayer) -> Figure:
    """Figure 1 as matplotlib's artists."""
    area = window_of(figure, *busiest_block(figure))
    detail = (area[2] - area[0]) * CELL + 68
    height = detail + 3 * SIDE + 40 + 72 + 46
    canvas = new_figure(WIDTH, height)
    axes = blank_axes(canvas, WIDTH, height)
    scale = Normalize(0, float(max(figure.rectified.max(), 1e-12)))
    bottom = detail + 22
    middle = bottom + SIDE + 72
    top = middle + SIDE + 40
    axes.text(LEFT, height - 4, "deconvnet, downwards", ha="center", va="top", fontsize=TEXT, weight="bold")
    axes.text(RIGHT, height - 4, "convnet, upwards", ha="center", va="top", fontsize=TEXT, weight="bold")
    size = "×".join(map(str, figure.rectified.shape))
    small = "×".join(map(str, figure.pooled.shape))
    maps = ((RIGHT, top, figure.pooled), (LEFT, top, figure.pooled), (RIGHT, middle, figure.rectified))
    for x, y, values in (*maps, (LEFT, middle, figure.unpooled)):
        _picture(axes, x, y, BLUES(scale(values))[..., :3])
    _picture(axes, RIGHT, bottom, figure.image / 255)
    _picture(axes, LEFT, bottom, figure.projection / 255)
    _enlarged(axes, figure, bottom)
    _say(axes, RIGHT, top, ("pooled map", small))
    _say(axes, LEFT, top, ("signal from the", "layer above: here", "the pooled map", "itself"))
    _say(axes, RIGHT, middle, ("rectified", f"feature map {figure.map}", size))
    _say(axes, LEFT, middle, ("unpooled map", size))
    _say(axes, RIGHT, bottom, ("image",))
    _say(axes, LEFT, bottom, ("its strongest", "activation,", "down to pixels", "(grey is zero)"))
    gap = middle - bottom - SIDE
    low, high = bottom + SIDE + gap * 0.3, bottom + SIDE + gap * 0.7
    pool = middle + SIDE + (top - middle - SIDE) / 2
    _step(axes, RIGHT, low, f"filtering F: {times(shorten(figure.filter_text, 32))}")
    _step(axes, RIGHT, high, "rectified: negative values to 0")
    _step(axes, RIGHT, pool, times(shorten(figure.pool_text, 40)))
    _step(axes, LEFT, pool, "max unpooling")
    _step(axes, LEFT, high, "rectified: negative values to 0")
    _step(axes, LEFT, low, "filtering Fᵀ: the filters transposed")
    for x, places in ((RIGHT, (bottom + SIDE, low, high, middle)), (RIGHT, (middle + SIDE, pool, top))):
        _chain(axes, x, places, up=True)
    for x, places in ((LEFT, (top, pool, middle + SIDE)), (LEFT, (middle, high, low, bottom + SIDE))):
        _chain(axes, x, places, up=False)
    _switches(axes, figure, pool)
    axes.plot((0, WIDTH), (detail + 2, detail + 2), color=FAINT, linewidth=0.7)
    _detail(axes, figure, detail - 8)
    return canvas


def _picture(axes: Axes, centre: float, bottom: float, pixels: np.ndarray, side: float = SIDE) -> None:
    """A picture enlarged, so that viewers that smooth pictures do not blur its pixels."""
    factor = max(1, round(300 / max(pixels.shape[:2])))
    large = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    tall, wide = (side * extent / max(pixels.shape[:2]) for extent in pixels.shape[:2])
    left, base = centre - wide / 2, bottom + (side - tall) / 2
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(large, extent=(left, left + wide, base, base + tall), interpolation="none", aspect="auto")
    axes.add_patch(Rectangle((left, base), wide, tall, fill=False, edgecolor=SOFT, linewidth=0.7))
    axes.set(xlim=limits[0], ylim=limits[1])  # imshow changed the limits to the picture's


def window_of_projection(figure: DeconvnetLayer) -> tuple[int, int, int, int] | None:
    """The square (top, left, bottom, right) that holds all of the projection; None where it is over half the image's side."""
    inked = np.abs(figure.projection.astype(int) - 127.5).max(axis=2) > 1
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return None
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    if side > min(inked.shape) / 2:
        return None
    first = [min(places[0], extent - side) for places, extent in zip((rows, columns), inked.shape, strict=True)]
    return int(first[0]), int(first[1]), int(first[0] + side), int(first[1] + side)


def _enlarged(axes: Axes, figure: DeconvnetLayer, bottom: float) -> None:
    """A small projection and that part of the image, framed in both pictures and enlarged between them."""
    area = window_of_projection(figure)
    if area is None:
        return
    side, inside = 50.0, (slice(area[0], area[2]), slice(area[1], area[3]))
    scale = SIDE / max(figure.image.shape[:2])
    tall, wide = (scale * extent for extent in figure.image.shape[:2])
    for pixels, small, large in (
        (figure.projection, LEFT, WIDTH / 2 - side / 2 - 3),
        (figure.image, RIGHT, WIDTH / 2 + side / 2 + 3),
    ):
        _picture(axes, large, bottom, pixels[inside] / 255, side)
        corner = (small - wide / 2 + area[1] * scale, bottom + (SIDE + tall) / 2 - area[2] * scale)
        length = (area[2] - area[0]) * scale
        axes.add_patch(Rectangle(corner, length, length, fill=False, edgecolor=CYCLE[1], linewidth=0.8))
    axes.text(WIDTH / 2, bottom + side + 4, "framed, enlarged", ha="center", va="bottom", fontsize=SMALL, color=SOFT)


def _say(axes: Axes, centre: float, bottom: float, lines: tuple[str, ...]) -> None:
    """Lines of text beside a picture, on its outer side."""
    outside = (-1 if centre < WIDTH / 2 else 1) * (SIDE / 2 + 7)
    for number, line in enumerate(lines):
        axes.text(
            centre + outside,
            bottom + SIDE / 2 + (len(lines) / 2 - number) * 9,
            line,
            ha="right" if outside < 0 else "left",
            va="top",
            fontsize=SMALL,
            color=SOFT if number and len(lines) < 4 else INK,
        )


def _step(axes: Axes, centre: float, middle: float, text: str) -> None:
    width = 150
    axes.add_patch(
        FancyBboxPatch(
            (centre - width / 2, middle - 7),
            width,
            14,
            boxstyle="round,pad=0,rounding_size=3",
            facecolor="none",
            edgecolor=SOFT,
            linewidth=0.8,
        )
    )
    axes.text(centre, middle - 0.5, text, ha="center", va="center", fontsize=SMALL)


def _chain(axes: Axes, x: float, places: tuple[float, ...], up: bool) -> None:
    """Arrows from each place to the next; the first and last are edges of pictures, the others middles of boxes."""
    sign = 1 if up else -1
    for number, (start, end) in enumerate(pairwise(places)):
        first = start + sign * (1.5 if number == 0 else 8)
        last = end - sign * (1.5 if number == len(places) - 2 else 8)
        arrow(axes, (x, first), (x, last))


def _switches(axes: Axes, figure: DeconvnetLayer, height: float) -> None:
    """The switches (places of the maxima), with arrows from pooling to unpooling."""
    marks = np.ones((*figure.rectified.shape, 3))
    chosen = np.unique(figure.switches[(figure.switches >= 0) & (figure.pooled > 0)])
    marks.reshape(-1, 3)[chosen] = (0.84, 0.37, 0.0)
    side = 44.0
    _picture(axes, WIDTH / 2, height - side / 2, marks, side)
    axes.text(WIDTH / 2, height + side / 2 + 3, "switches", ha="center", va="bottom", fontsize=SMALL, weight="bold")
    arrow(axes, (RIGHT - 76.5, height), (WIDTH / 2 + side / 2 + 1.5, height), CYCLE[1])
    arrow(axes, (WIDTH / 2 - side / 2 - 1.5, height), (LEFT + 76.5, height), CYCLE[1])


def busiest_block(figure: DeconvnetLayer) -> tuple[int, int]:
    """Row and column of the most instructive pooled block: many positive, large values from many different places."""
    rows, columns = figure.pooled.shape
    best, place = -1.0, (0, 0)
    largest = max(float(figure.pooled.max()), 1e-12)
    for row in range(max(1, rows - BLOCK + 1)):
        for column in range(max(1, columns - BLOCK + 1)):
            inside = (slice(row, row + BLOCK), slice(column, column + BLOCK))
            values = figure.pooled[inside]
            score = (values > 0).sum() + len(np.unique(figure.switches[inside])) + values.mean() / largest
            if score > best:
                best, place = float(score), (row, column)
    return place


def window_of(figure: DeconvnetLayer, row: int, column: int) -> tuple[int, int, int, int]:
    """The part of the map that a pooled block reads, with its switches: (top, left, bottom, right)."""
    block = figure.switches[row : row + BLOCK, column : column + BLOCK]
    ends = []
    for axis, first in ((0, row), (1, column)):
        length, pooled = figure.rectified.shape[axis], figure.pooled.shape[axis]
        stride = max(1, round(length / pooled))
        places = block // figure.rectified.shape[1] if axis == 0 else block % figure.rectified.shape[1]
        start = min(first * stride, int(places.min()))
        stop = max(first * stride + BLOCK * stride + 1, int(places.max()) + 1)
        ends.append((max(0, start), min(length, stop, start + MOST_CELLS)))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]


def _detail(axes: Axes, figure: DeconvnetLayer, top: float) -> None:
    row, column = busiest_block(figure)
    area = window_of(figure, row, column)
    pooled = figure.pooled[row : row + BLOCK, column : column + BLOCK]
    switches = figure.switches[row : row + BLOCK, column : column + BLOCK]
    colours = {(r, c): CYCLE[(r * BLOCK + c) % len(CYCLE)] for r, c in np.ndindex(pooled.shape)}
    largest = max(float(figure.rectified.max()), float(figure.unpooled.max()))
    owners = {int(switches[place]): colours[place] for place in reversed(list(colours)) if pooled[place] > 0}
    axes.text(0, top, "A few of these numbers", ha="left", va="top", fontsize=TEXT, weight="bold")
    cut = (slice(area[0], area[2]), slice(area[1], area[3]))
    width = figure.rectified.shape[1]
    wide, tall = (area[3] - area[1]) * CELL, (area[2] - area[0]) * CELL
    base = top - 34
    gap = (WIDTH - 3 * wide - BLOCK * CELL) / 3
    seconds = wide + gap
    thirds = seconds + BLOCK * CELL + gap
    fourths = thirds + wide + gap
    flat = np.arange(figure.rectified.size).reshape(figure.rectified.shape)[cut]
    texts = _numbers(figure.rectified[cut], largest)
    inks = [[owners.get(int(place)) for place in line] for line in flat]
    _grid(axes, 0, base, texts, inks, "rectified map")
    middle = base - (tall - pooled.shape[0] * CELL) / 2
    own = [[colours[r, c] if pooled[r, c] > 0 else None for c in range(pooled.shape[1])] for r in range(len(pooled))]
    _grid(axes, seconds, middle, _numbers(pooled, largest), own, "pooled")
    blank = [["" for _ in line] for line in flat]
    _grid(axes, thirds, base, blank, inks, "switches", dots=True)
    back = [[owners.get(int(place)) for place in line] for line in flat]
    _grid(axes, fourths, base, _numbers(figure.unpooled[cut], largest), back, "unpooled map")
    for start, end, lines in (
        (wide, seconds, ("each window", "keeps its", "maximum")),
        (seconds + BLOCK * CELL, thirds, ("and notes", "where", "it stood")),
        (thirds + wide, fourths, ("there the", "values", "go back")),
    ):
        level = base - tall / 2
        arrow(axes, (start + 4, level), (end - 4, level))
        for number, line in enumerate(lines):
            y = level + 8 + (len(lines) - number - 1) * 8
            axes.text((start + end) / 2, y, line, ha="center", va="bottom", fontsize=SMALL, color=SOFT)
    shown = f"rows {area[0]}-{area[2] - 1}, columns {area[1]}-{area[3] - 1} of map {figure.map} ({width} wide)"
    notes = (
        f"{shown[0].upper()}{shown[1:]}; colours pair each maximum with its place.",
        "Pale numbers belong to windows beside these. One place can be the maximum of several windows: they add up.",
    )
    for number, line in enumerate(notes):
        axes.text(0, base - tall - 7 - 9 * number, line, fontsize=SMALL, color=SOFT, va="top")


def _numbers(values: np.ndarray, largest: float) -> list[list[str]]:
    places = 0 if largest >= 10 else 1 if largest >= 1 else 2
    return [
        ["0" if value == 0 else f"{value:.{places}f}".removeprefix("0") or "0" for value in line] for line in values
    ]


def _grid(
    axes: Axes,
    left: float,
    top: float,
    texts: list[list[str]],
    colours: list[list[str | None]],
    name: str,
    dots: bool = False,
) -> None:
    """Numbers in cells, those with a colour on a coloured ground."""
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            x, y = left + column * CELL, top - (row + 1) * CELL
            colour = colours[row][column]
            axes.add_patch(Rectangle((x, y), CELL, CELL, facecolor="none", edgecolor=FAINT, linewidth=0.7))
            if colour and dots:
                axes.plot([x + CELL / 2], [y + CELL / 2], "o", color=colour, markersize=7)
            elif colour:
                axes.add_patch(Rectangle((x + 0.8, y + 0.8), CELL - 1.6, CELL - 1.6, facecolor=colour, linewidth=0))
            axes.text(
                x + CELL / 2,
                y + CELL / 2 - 0.5,
                text,
                ha="center",
                va="center",
                fontsize=SMALL,
                color=SOFT if colour is None else DARK_TEXT if colour in PALE else LIGHT_TEXT,
                weight="bold" if colour else "normal",
            )
    axes.text(left + len(texts[0]) * CELL / 2, top + 4, name, ha="center", va="bottom", fontsize=SMALL)
