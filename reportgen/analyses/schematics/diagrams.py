"""The net as boxes (Zeiler & Fergus 2013, figure 3)."""

import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle

from reportgen.analyses.schematics.figure import Architecture, LayerBox
from reportgen.figures.draw.style import (
    BLUE,
    CYCLE,
    FAINT,
    INK,
    SMALL,
    SOFT,
    WIDTH,
    blank_axes,
    house_style,
    new_figure,
    save_svg,
    shorten,
)

INPUT = 62.0  # points: side of the input image
SHELF = 92.0  # points: height of the tallest box
LINE = 10.0  # points between lines of small text
CHARACTER = 4.5  # points: approximate width of a small character
STEEP = (0.8, 0.55)  # direction in which a box's depth is drawn: points to the right and up


def architecture(figure: Architecture, name: str, folder: Path) -> dict[str, Any]:
    """Draw the net from the image to its classes."""
    with house_style():
        picture = save_svg(compose_architecture(figure), folder / f"{name}.svg")
    return {"picture": picture, "files": [picture["file"]]}


def compose_architecture(figure: Architecture) -> Figure:
    """The net as matplotlib's artists: a box for each layer, whose side and depth grow with the size of its output."""
    count = len(figure.layers)
    first = INPUT + 14
    step = (WIDTH - first) / max(count, 1)
    wide = max(8, int((step - 2) / CHARACTER))
    words = [_lines(box.operations, wide) for box in figure.layers]
    below = LINE * (max(map(len, words), default=0) + 2) + 12
    height = 18 + SHELF + 14 + below
    canvas = new_figure(WIDTH, height)
    axes = blank_axes(canvas, WIDTH, height)
    ground = below + 14
    middle = ground + SHELF / 2
    fields = [box.receptive_field for box in figure.layers]
    _input(axes, figure.input_size, fields, middle, ground, height)
    before = INPUT
    for place, box in enumerate(figure.layers):
        x = first + place * step
        centre = x + step / 2
        left, right = _box(axes, box, figure.input_size[1], centre, middle, step)
        arrow(axes, (before + 1.5, middle), (left - 1.5, middle))
        before = right
        axes.text(centre, height - 5, shorten(box.name, wide), ha="center", va="top", fontsize=SMALL, weight="bold")
        axes.text(centre, ground - 2, _shape(box), ha="center", va="top", fontsize=SMALL)
        sees = "sees all" if box.receptive_field is None else f"sees {box.receptive_field} px"
        sees = sees if box.known else ""
        framed = box.receptive_field is not None and box.receptive_field <= max(figure.input_size[1:])
        colour = CYCLE[place % len(CYCLE)] if framed else SOFT
        axes.text(centre, ground - 2 - LINE, sees, ha="center", va="top", fontsize=SMALL, color=colour)
        for number, line in enumerate(words[place]):
            y = ground - 6 - LINE * (number + 2)
            axes.text(centre, y, line, ha="center", va="top", fontsize=SMALL, color=SOFT)
    return canvas


def _lines(operations: tuple[str, ...], wide: int) -> list[str]:
    lines = []
    for operation in operations:
        text = times(shorten(operation, 80)).replace("stride ", "stride\u00a0").replace("normalisation", "norm.")
        said = textwrap.wrap(text, wide, break_on_hyphens=False) or [""]
        lines += [line.rstrip(",").replace("\u00a0", " ") for line in said]
    return lines


def times(text: str) -> str:
    """The text with ``3x3`` written as ``3×3``."""
    return re.sub(r"(?<=\d)x(?=\d)", "×", text)


def _shape(box: LayerBox) -> str:
    if box.height == box.width == 1:
        return str(box.channels)
    return f"{box.height}×{box.width}×{box.channels}"


def _input(
    axes: Axes,
    size: tuple[int, int, int],
    fields: list[int | None],
    middle: float,
    ground: float,
    height: float,
) -> None:
    """The image, and in it the receptive fields to the same scale."""
    tall = INPUT * size[1] / max(size[1:])
    wide = INPUT * size[2] / max(size[1:])
    bottom = middle - tall / 2
    axes.add_patch(Rectangle((0.5, bottom), wide, tall, facecolor=FAINT, edgecolor=SOFT, linewidth=0.7, alpha=0.55))
    for place, side in sorted(enumerate(fields), key=lambda item: -(item[1] or 0)):
        if side is None or side > max(size[1:]):
            continue
        across = INPUT * side / max(size[1:])
        axes.add_patch(
            Rectangle(
                (0.5 + (wide - across) / 2, middle - across / 2),
                across,
                across,
                fill=False,
                edgecolor=CYCLE[place % len(CYCLE)],
                linewidth=1.1,
            )
        )
    axes.text(INPUT / 2, height - 5, "image", ha="center", va="top", fontsize=SMALL, weight="bold")
    text = f"{size[1]}×{size[2]}×{size[0]}"
    axes.text(INPUT / 2, ground - 2, text, ha="center", va="top", fontsize=SMALL)
    for number, line in enumerate(("squares: what", "one value of a", "layer sees")):
        y = ground - 6 - LINE * (number + 2)
        axes.text(INPUT / 2, y, line, ha="center", va="top", fontsize=SMALL, color=SOFT)


def _box(axes: Axes, box: LayerBox, side: int, centre: float, middle: float, step: float) -> tuple[float, float]:
    """Draw a layer's output as a box; returns the x coordinates of its left and right end."""
    if box.height == box.width == 1:
        width, height = 7.0, float(np.clip(14 + 6.2 * np.log2(box.channels), 16, SHELF))
        left, bottom = centre - width / 2, middle - height / 2
        axes.add_patch(
            Rectangle((left, bottom), width, height, facecolor=BLUE, edgecolor=INK, linewidth=0.6, alpha=0.55)
        )
        return left, left + width
    face = float(np.clip(INPUT * np.sqrt(max(box.height, box.width) / side) * 0.8, 7, step * 0.66))
    depth = float(np.clip(2.4 * np.log2(box.channels), 3, step - face - 6))
    across, up = depth * STEEP[0], depth * STEEP[1]
    tall, wide = face * box.height / max(box.height, box.width), face * box.width / max(box.height, box.width)
    left, bottom = centre - (wide + across) / 2, middle - (tall + up) / 2
    look: dict[str, Any] = {"edgecolor": INK, "linewidth": 0.6, "facecolor": BLUE, "joinstyle": "round"}
    right, top = left + wide, bottom + tall
    roof = [(left, top), (right, top), (right + across, top + up), (left + across, top + up)]
    flank = [(right, bottom), (right, top), (right + across, top + up), (right + across, bottom + up)]
    axes.add_patch(Polygon(roof, alpha=0.3, **look))
    axes.add_patch(Polygon(flank, alpha=0.75, **look))
    axes.add_patch(Rectangle((left, bottom), wide, tall, alpha=0.55, **look))
    return left, right + across


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = SOFT) -> None:
    """A thin arrow between two points of `blank_axes`."""
    if np.hypot(end[0] - start[0], end[1] - start[1]) < 1:
        return
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>,head_length=3,head_width=1.8",
            mutation_scale=1,
            shrinkA=0,
            shrinkB=0,
            color=colour,
            linewidth=0.9,
        )
    )
