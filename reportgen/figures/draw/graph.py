"""The stages of a run: a box for each, in columns by what they read, filled where they are due."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from reportgen.figures.draw.style import BLUE, FAINT, INK, SMALL, blank_axes, house_style, new_figure, save_svg, shorten

COLUMN, ROW, WIDE, TALL = 172.0, 20.0, 140.0, 14.0  # points: from box to box, and the box
MARGIN, LONGEST = 8.0, 30


def draw_graph(reads: Mapping[str, Sequence[str]], ranks: Mapping[str, int], due: Collection[str], path: Path) -> None:
    """Write the drawing; `reads`: the stages that each reads, `ranks`: the column of each."""
    with house_style():
        save_svg(compose(reads, ranks, due), path)


def compose(reads: Mapping[str, Sequence[str]], ranks: Mapping[str, int], due: Collection[str]) -> Figure:
    """The drawing as matplotlib's artists."""
    columns = {rank: [name for name in reads if ranks[name] == rank] for rank in sorted(set(ranks.values()))}
    tallest = max(map(len, columns.values()))
    width, height = len(columns) * COLUMN - (COLUMN - WIDE) + 2 * MARGIN, tallest * ROW + 2 * MARGIN
    canvas = new_figure(width, height)
    axes = blank_axes(canvas, width, height)
    places = {
        name: (MARGIN + rank * COLUMN, height / 2 + (len(names) / 2 - row) * ROW - ROW / 2)
        for rank, names in columns.items()
        for row, name in enumerate(names)
    }
    for name, before in reads.items():
        x, y = places[name]
        for other in before:
            left, level = places[other]
            axes.plot((left + WIDE, x), (level, y), color=FAINT, linewidth=0.7, zorder=1)
    for name, (x, y) in places.items():
        filled = name in due
        box = FancyBboxPatch(
            (x, y - TALL / 2), WIDE, TALL, boxstyle="round,pad=0,rounding_size=3", linewidth=0.8, zorder=2
        )
        box.set(facecolor=BLUE if filled else "#ffffff", edgecolor=BLUE)
        axes.add_patch(box)
        colour = "#ffffff" if filled else BLUE
        text = axes.text(x + 5, y, shorten(name, LONGEST), fontsize=SMALL, color=colour, va="center", zorder=3)
        text.set_gid(f"{'due' if filled else 'made'}-{name}")
    axes.text(width - MARGIN, height - 2, "filled: due", fontsize=SMALL, color=INK, ha="right", va="top")
    return canvas
