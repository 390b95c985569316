"""Scatter plots of things measured twice, with the line on which both measures are equal."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reportgen.figures import kinds
from reportgen.figures.draw.style import BLUE, INK, SOFT, WIDTH, house_style, new_figure, save_svg, shorten

SIDE = {1: 217, 2: 217, 3: 190}  # points: height of a panel with its labels, by how many stand in a row
ROOM = 0.06  # share of the range of values left free beyond the outermost points


def scatter(figure: kinds.Scatter, name: str, folder: Path) -> dict[str, Any]:
    """Draw points, up to three panels in a row."""
    with house_style():
        picture = save_svg(compose_points(figure), folder / f"{name}.svg")
    return {"picture": picture, "files": [picture["file"]]}


def compose_points(figure: kinds.Scatter) -> Figure:
    """The points as matplotlib's artists; both axes of a panel have the same scale."""
    columns = min(3, len(figure.panels))
    rows = -(-len(figure.panels) // columns)
    canvas = new_figure(WIDTH * columns / max(columns, 2), rows * (SIDE[columns] + 20))
    grid = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(figure.panels) :]:
        axes.set_axis_off()
    for place, (axes, panel) in enumerate(zip(grid, figure.panels, strict=False)):
        letter = f"({chr(ord('a') + place)}) " if len(figure.panels) > 1 else ""
        title = letter + shorten(panel.title, 50)
        axes.set_title("\n".join(textwrap.wrap(title, 24)) if columns == 3 else title)
        _panel(axes, panel)
    canvas.tight_layout(pad=0.6, w_pad=2.2, h_pad=1.4, rect=(0, 0, 1, 0.98))
    return canvas


def _panel(axes: Axes, panel: kinds.Points) -> None:
    values = np.concatenate([panel.x, panel.y, [0.0]])
    low, high = float(values.min()), float(values.max())
    room = ROOM * (high - low) or 1.0
    low, high = low - room, high + room
    axes.plot((low, high), (low, high), color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
    for draw in (axes.axhline, axes.axvline):
        draw(0, color=SOFT, linewidth=0.6)
    axes.scatter(panel.x, panel.y, s=13, color=BLUE, alpha=0.55, linewidths=0)
    above = int((panel.y > panel.x).sum())
    words = f"{panel.x_label}\n{above} of {len(panel.x)} above the line"  # below the panel: inside, points and lines run through it
    axes.set(xlim=(low, high), ylim=(low, high), xlabel=words, ylabel=panel.y_label, aspect="equal")
    axes.grid(visible=True, axis="both")
