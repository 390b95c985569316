"""Curves, bars and matrices."""

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reportgen.figures import kinds
from reportgen.figures.draw import moved as moved_images
from reportgen.figures.draw.style import (
    BLUE,
    CYCLE,
    FAINT,
    INK,
    MARKERS,
    SMALL,
    SOFT,
    TEXT,
    WIDTH,
    box,
    house_style,
    new_figure,
    save_svg,
    shorten,
)
from reportgen.figures.draw.tiles import GRID_LARGEST, enlarge, save_jpeg

SINGLE = 320  # points: width of a chart with one panel
BARS = 340  # likewise of bars; a telephone reduces both to its screen, where they must still be read
PANEL_HEIGHT = 138  # points: of each of several rows of panels
ALONE_HEIGHT = 170  # points
LABEL = 25  # characters of a line of a vertical axis' label, which is as long as the axis is high
MARKED = 16  # most points of a curve that are all marked; among several curves, longer ones have some marks
PRINTED_CELL = 17.0  # points: side of the smallest cell of a matrix in which a value can be read
NAME_STEP = 9.5  # points between two names that can be read
NAMED = 60  # most bars whose names are printed, and most rows and columns of a matrix of which some are
TALLEST = 520  # points: height of a chart with too many bars to name
IMAGES = 0.75  # width of a column of images, as a share of a panel's
BLUES = LinearSegmentedColormap.from_list("blues", ["#f3f7fb", "#a9cbe6", "#4b93c7", "#11568f", "#062b52"])


def line_chart(figure: kinds.LineChart, name: str, folder: Path) -> dict[str, Any]:
    """Draw curves, up to three panels in a row, four as two rows of two.

    For a page that follows the pointer, the description adds `panels`, the place and the curves of each; and if the chart
    has scenes, `moved`, a picture with all of them in a row, each `tile` pixels wide and high. For paper, which may break
    between them, it adds `rows`, a picture of each row of panels, if there are several; the page does not
    show them, so they are not among its `files`.
    """
    with house_style():
        canvas = compose_lines(figure)
        picture = save_svg(canvas, folder / f"{name}.svg")
        rows = [
            save_svg(row, folder / f"{name}-row{place}.svg", paper=True)
            for place, row in enumerate(compose_rows(figure), 1)
        ]
    drawn = canvas.axes[: len(figure.panels)]  # axes without a panel come last
    panels = [_readable(axes, panel) for axes, panel in zip(drawn, figure.panels, strict=True)]
    moved = None if figure.moved is None else _scenes(figure.moved, name, folder)
    files = [part["file"] for part in (picture, moved) if part]
    return {"picture": picture, "files": files, "rows": rows, "panels": panels, "moved": moved}


def _scenes(moved: kinds.Moved, name: str, folder: Path) -> dict[str, Any]:
    side = moved.scenes.shape[1]
    tile = min(side, 2 * GRID_LARGEST)
    row = np.concatenate([enlarge(scene, tile) for scene in moved.scenes], axis=1)
    words = {"tile": tile, "side": side, "window": moved.window, "ways": list(moved.ways)}
    return save_jpeg(row, folder, f"{name}-scenes.jpg") | words


def _readable(axes: Axes, panel: kinds.Panel) -> dict[str, Any]:
    """A panel's labels, its place, the limits of its axes, and its points with four digits."""

    def short(values: np.ndarray) -> list[float | None]:
        return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]

    return {
        "title": axes.get_title(loc="left"),
        "x_label": panel.x_label,
        "y_label": panel.y_label,
        "box": box(axes),
        "x_range": [round(float(end), 6) for end in axes.get_xlim()],
        "y_range": [round(float(end), 6) for end in axes.get_ylim()],
        "series": [{"name": line.name, "x": short(line.x), "y": short(line.y)} for line in panel.series],
    }


def _columns(panels: int) -> int:
    return 2 if panels == 4 else min(3, panels)


def compose_rows(figure: kinds.LineChart) -> list[Figure]:
    """Each row of a chart's panels, lettered and coloured as in the whole chart, the first with the legend; [] for one row."""
    count = len(figure.panels)
    columns = _columns(count)
    letters = figure.letters or tuple(chr(ord("a") + place) for place in range(count))
    found = []
    for start in range(0, count if count > columns else 0, columns):
        these, row, moved = slice(start, start + columns), start // columns, figure.moved
        own = moved and replace(moved, ways=moved.ways[these], letters=moved.letters[row : row + 1])
        part = replace(figure, panels=figure.panels[these], letters=letters[these], moved=own)
        found.append(compose_lines(part, among=figure))
    return found


def compose_lines(figure: kinds.LineChart, among: kinds.LineChart | None = None) -> Figure:
    """The chart as matplotlib's artists; curves with the same name have the same colour in every panel.

    `among`: the whole chart, of which this is a row.
    """
    whole = among or figure
    names = list(dict.fromkeys(series.name for panel in whole.panels for series in panel.series))
    dashed = {series.name: series.dashed for panel in whole.panels for series in panel.series}
    columns = _columns(len(whole.panels))
    rows = -(-len(figure.panels) // columns)
    legend = len(names) > 1 and figure.panels[:1] == whole.panels[:1]
    width = SINGLE if columns == 1 else WIDTH
    top, bottom = (24 if legend else 8), 4
    tall = ALONE_HEIGHT if len(whole.panels) <= columns else PANEL_HEIGHT
    height = rows * (tall + (14 if any(panel.title for panel in figure.panels) else 0)) + top + bottom
    canvas = new_figure(width, height)
    pictured = figure.moved is not None and len(figure.moved.letters) == rows
    ratios = (IMAGES,) * pictured + (1.0,) * columns
    grid = canvas.add_gridspec(rows, len(ratios), width_ratios=ratios)
    axes = [canvas.add_subplot(grid[place // columns, place % columns + pictured]) for place in range(rows * columns)]
    for place in range(len(figure.panels), len(axes)):
        axes[place].set_axis_off()
    if figure.moved is not None and pictured:
        colours = [CYCLE[names.index(series.name) % len(CYCLE)] for series in figure.panels[0].series]
        for row, letter in enumerate(figure.moved.letters):
            images, first = canvas.add_subplot(grid[row, 0]), row * columns
            values = figure.panels[first].series[0].x
            moved_images.draw(images, figure.moved, figure.moved.ways[first], values, colours)
            images.set_title(f"({letter}) images")
    for place, panel in enumerate(figure.panels):
        own = figure.letters[place] if figure.letters else chr(ord("a") + place)
        letter = f"({own}) " if len(whole.panels) > 1 else ""
        axes[place].set_title(letter + shorten(panel.title, 40))
        _panel(axes[place], panel, names)
    if legend:
        handles = [_handle(names, name, dashed[name]) for name in names]
        labels = [shorten(name, 30) for name in names]
        canvas.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(0, 1),
            ncols=min(len(names), 5 if width == WIDTH else 3),
            borderaxespad=0.2,
            handlelength=3.2,
            columnspacing=1.6,
        )
    extra = 0 if len(names) <= 5 or not legend else 12 * (-(-len(names) // 5) - 1)
    canvas.tight_layout(pad=0.3, w_pad=1.6, h_pad=1.2, rect=(0, bottom / height, 1, 1 - (top + extra) / height))
    return canvas


def _handle(names: list[str], name: str, dashed: bool) -> Line2D:
    return Line2D([], [], **_look(names, name, dashed), marker=MARKERS[names.index(name) % len(MARKERS)])


def _look(names: list[str], name: str, dashed: bool) -> dict[str, Any]:
    return {"color": CYCLE[names.index(name) % len(CYCLE)], "linestyle": (0, (4, 2)) if dashed else "-"}


def _panel(axes: Axes, panel: kinds.Panel, names: list[str]) -> None:
    for series in panel.series:
        look = _look(names, series.name, series.dashed)
        if series.low is not None and series.high is not None:
            axes.fill_between(series.x, series.low, series.high, color=look["color"], alpha=0.15, linewidth=0)
        place = names.index(series.name)
        shown = len(series.x) <= MARKED or len(names) > 1  # so that curves differ by more than their colour
        step = -(-len(series.x) // MARKED)
        axes.plot(
            series.x,
            series.y,
            marker=MARKERS[place % len(MARKERS)] if shown else "",
            markevery=(place % step, step),  # staggered, so that markers of close curves do not hide each other
            label=series.name,
            **look,
        )
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel("\n".join(textwrap.wrap(panel.y_label, LABEL)))
    places = np.concatenate([series.x for series in panel.series]) if panel.series else np.zeros(0)
    if panel.x_ticks:
        axes.set_xticks(panel.x_ticks)
    elif len(places) and np.array_equal(places, np.round(places)):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if panel.level is not None:
        axes.axhline(panel.level, color=INK, linewidth=1, linestyle=(0, (3, 2)))
    if panel.y_range is not None:
        axes.set_ylim(*panel.y_range)


def bar_chart(figure: kinds.BarChart, name: str, folder: Path) -> dict[str, Any]:
    """Draw horizontal bars, the first on top."""
    with house_style():
        picture = save_svg(compose_bars(figure), folder / f"{name}.svg")
    return {"picture": picture, "files": [picture["file"]]}


def compose_bars(figure: kinds.BarChart) -> Figure:
    """The bars as matplotlib's artists, each followed by its value."""
    count = len(figure.names)
    step = 13.0 if count <= 40 else NAME_STEP if count <= NAMED else max(TALLEST / count, 0.6)
    width, head, foot = BARS, 18 if figure.reference is not None else 4, 32
    height = count * step + head + foot
    canvas = new_figure(width, height)
    axes = canvas.add_subplot()
    places = np.arange(count)
    axes.barh(places, figure.values, height=0.66, color=BLUE)
    ends = figure.values
    largest = np.nanmax(np.abs(figure.values), initial=0.0)
    digits = 1 if largest >= 10 else 2 if largest >= 1 else 3
    if figure.low is not None and figure.high is not None:
        axes.hlines(places, figure.low, figure.high, color=INK, linewidth=1)
        ends = np.fmax(figure.high, figure.values)
    for place, value, end in zip(places, figure.values, ends, strict=True):
        if np.isfinite(value) and count <= NAMED:
            axes.annotate(
                f"{value:z.{digits}f}".replace("-", "−"),  # the same minus sign as on the axis
                (max(end, 0), place),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
                color=SOFT,
            )
    if figure.reference is not None:
        axes.axvline(figure.reference, color=INK, linewidth=1, linestyle=(0, (3, 2)))
        axes.annotate(
            shorten(figure.reference_name, 40),
            (figure.reference, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL,
        )
    named = [shorten(text, 32) for text in figure.names] if count <= NAMED else []
    axes.set_yticks(places[: len(named)], named, fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(count - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(figure.x_label)
    axes.margins(x=0.1)
    canvas.tight_layout(pad=0.3, rect=(0, 0, 1, 1 - (head - 4) / height if figure.reference is not None else 1))
    return canvas


def heatmap(figure: kinds.Heatmap, name: str, folder: Path) -> dict[str, Any]:
    """Draw a matrix as colours."""
    with house_style():
        picture = save_svg(compose_heatmap(figure), folder / f"{name}.svg")
    return {"picture": picture, "files": [picture["file"]]}


def compose_heatmap(figure: kinds.Heatmap) -> Figure:
    """The matrix as matplotlib's artists; cells of zero stay white, so that the others stand out."""
    rows, columns = figure.values.shape
    longest = max((len(shorten(text, 20)) for text in (*figure.row_names, *figure.column_names)), default=1)
    names = longest * 4.4 + 26
    cell = min(22.0, (WIDTH - names - 60) / max(columns, 1))
    width = names + 60 + cell * columns
    height = names + 8 + cell * rows
    canvas = new_figure(width, height)
    axes = canvas.add_axes((names / width, names / height, cell * columns / width, cell * rows / height))
    finite = figure.values[np.isfinite(figure.values)]
    scale = Normalize(min(0.0, finite.min(initial=0.0)), finite.max(initial=0.0) or 1.0)
    shown = np.ma.masked_where(~np.isfinite(figure.values) | (figure.values == 0), figure.values)
    if rows * columns <= NAMED**2:
        mesh: Any = axes.pcolormesh(
            np.arange(columns + 1) - 0.5,
            np.arange(rows + 1) - 0.5,
            shown,
            cmap=BLUES,
            norm=scale,
            edgecolors="face",
            linewidth=0.3,
        )
    else:
        mesh = axes.imshow(shown, cmap=BLUES, norm=scale, aspect="auto", interpolation="nearest")
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.patch.set_facecolor("#ffffff")  # in the dark, too: cells without a value are not the strongest
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(FAINT)
    if max(rows, columns) <= NAMED:
        step = -(-NAME_STEP // cell)  # every so many rows and columns have room for a name
        for set_names, texts in ((axes.set_xticks, figure.column_names), (axes.set_yticks, figure.row_names)):
            places = np.arange(0, len(texts), int(step))
            set_names(places, [shorten(texts[place], 20) for place in places], fontsize=SMALL)
        axes.tick_params(axis="x", rotation=90)
    axes.set_xlabel(figure.column_label)
    axes.set_ylabel(figure.row_label)
    if cell >= PRINTED_CELL:
        _print_values(axes, figure.values, scale, SMALL)
    legend = canvas.add_axes((1 - 52 / width, names / height, 8 / width, cell * rows / height))
    bar = canvas.colorbar(mesh, cax=legend)
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")  # else viewers show seams
    bar.outline.set_visible(False)
    bar.set_label(figure.value_label, fontsize=TEXT)
    legend.grid(visible=False)
    return canvas


def _print_values(axes: Axes, values: np.ndarray, scale: Normalize, size: float) -> None:
    whole = np.array_equal(values, np.round(values))
    for row, column in zip(*np.nonzero(np.isfinite(values) & (values != 0)), strict=True):
        value = values[row, column]
        light = float(np.dot(BLUES(scale(value))[:3], (0.2126, 0.7152, 0.0722)))
        text = f"{value:.0f}" if whole else f"{value:.2g}"
        # Not the style's ink: it turns light in dark mode, and these cells do not.
        colour = "#0b1a2a" if light > 0.45 else "#ffffff"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
