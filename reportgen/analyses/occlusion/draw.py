"""An image under a sliding grey square (Zeiler & Fergus 2013, figure 7).

Every map is drawn on the axes of the image: a pixel shows the result with the square centred there. In the margin,
where no square is centred, the image shows in pale grey.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt

from reportgen.analyses.occlusion.figure import Occlusion
from reportgen.figures.draw.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    SOFT,
    VERMILLION,
    WIDTH,
    box,
    house_style,
    new_figure,
    save_svg,
    shorten,
)
from reportgen.figures.draw.tiles import save_jpeg

LEFT = 24.0  # points left of the first panel, for the row numbers
BAR = 40.0  # points right of a map of values, for its colour bar and the bar's numbers
BETWEEN = 9.0  # points between two panels
HEAD, FOOT = 30.0, 22.0  # points above the panels, for titles of two lines, and below, for the column numbers
LINE = 13.0  # points between two lines below the panels
IN_LINE = 4  # classes in a line of the legend
COLOURS = colormaps["viridis"]  # lower values are darker, also in grey print and for colour-blind readers
REGIONS = (BLUE, ORANGE, SKY, VERMILLION, GREEN, PURPLE, "#f0e442")  # the true class first
REST = "#9aa3ab"  # all other classes together
PATTERNS = 7  # the first is plain; the legend names as many classes
GREY = (0.5, 0.5, 0.5)
PALE = 0.25  # share of the image's contrast that is left in the margin
ON_COLOUR = "#0b1a2a"  # text on colours: both stay the same in dark mode
PIXELS = 4  # pixels of a drawn region for each pixel of the image: hatching needs the resolution
ACTIVITY, PLAIN_ACTIVITY = "% of clean", "sum over the map"
NARROWEST = 0.1  # share of the largest value that a scale spans at least: rounding must not look like a finding
NAMED = 0.04  # share of the places from which a region is labelled

ON_IMAGE = "on the image"  # the mark of axes in pixels of the image

Picture = np.ndarray


def occlusion_panels(figure: Occlusion, name: str, folder: Path) -> dict[str, Any]:
    """Draw panels (a) to (e), the last only where the most probable class is not the same everywhere.

    For the interactive page the description adds: the `clean` image; the `panels` (positions of (a), (b), (d) and (e) in
    the picture); `sides` of the image (rows, columns) and `size` of the square in pixels; `tops` and `lefts` of the square's places;
    `classes`; and for each place the `probability` of the first class, the most probable class (`guesses`, an index into
    `classes`) and the activation of `map` as a share of the clean image's (None where that is not above zero).
    """
    with house_style():
        canvas = compose_occlusion(figure)
        picture = save_svg(canvas, folder / f"{name}.svg")
    clean = save_jpeg(figure.image, folder, f"{name}-clean.jpg")
    return {
        "picture": picture,
        "clean": clean,
        "files": [picture["file"], clean["file"]],
        "panels": [box(axes) for axes in canvas.axes if axes.get_gid() == ON_IMAGE],
        "map": int(figure.map),
        "sides": [int(side) for side in figure.image.shape[:2]],
        "size": int(figure.size),
        "tops": figure.tops.tolist(),
        "lefts": figure.lefts.tolist(),
        "classes": list(figure.classes),
        "clean_probability": round(float(figure.clean_probability), 4),
        "probability": np.round(figure.probability.astype(float), 4).tolist(),
        "guesses": figure.guesses.tolist(),
        "activation": np.round(figure.activation / figure.clean_activation, 4).tolist()
        if figure.clean_activation > 0
        else None,
    }


@dataclass(frozen=True)
class Layout:
    """Where the panels stand; points."""

    side: float  # of each panel
    below: float  # height of what stands below the panels
    lefts: tuple[float, ...]  # of (a), (b), (c), (d) and, if it is drawn, (e)

    @property
    def height(self) -> float:
        """Of the whole figure."""
        return HEAD + self.side + self.below


def layout(figure: Occlusion) -> Layout:
    """The panels in one row, as in the paper; they are larger where (e) is left out."""
    panels = 5 if changes(figure) else 4
    side = (WIDTH - LEFT - 2 * BAR - (panels - 1) * BETWEEN) / panels
    widths = (side, side + BAR, side, side + BAR, side)[:panels]
    lefts = tuple(LEFT + sum(widths[:place]) + place * BETWEEN for place in range(panels))
    lines = 1 + (-(-len(_legend_names(figure)) // IN_LINE) if changes(figure) else 0)
    return Layout(side, FOOT + lines * LINE, lefts)


def changes(figure: Occlusion) -> bool:
    """Whether the square makes another class the most probable one anywhere."""
    return len(np.unique(figure.guesses)) > 1


def compose_occlusion(figure: Occlusion) -> Figure:
    """The panels as matplotlib's artists, in one row, with what (c) and (e) show in words below."""
    at = layout(figure)
    canvas = new_figure(WIDTH, at.height)
    covered = _axes(canvas, at, 0, "(a) where it\ncosts most", figure)
    covered.imshow(_squares(_with_square(figure)), extent=_extent(figure), interpolation="none")
    active = _axes(canvas, at, 1, f"(b) activity of\nmap {figure.map}", figure)
    clean = figure.clean_activation
    if clean > 0:
        _values(canvas, active, figure, figure.activation / clean * 100, 100.0, ACTIVITY)
    else:  # a silent map: there is nothing to be a share of
        _values(canvas, active, figure, figure.activation, clean, PLAIN_ACTIVITY)
    _projections(canvas, at, figure)
    probable = _axes(canvas, at, 3, f"(d) probability of\n{shorten(figure.classes[0], 16)}", figure)
    _values(canvas, probable, figure, 100 * figure.probability, 100 * figure.clean_probability, "%")
    if changes(figure):
        _regions(canvas, at, _axes(canvas, at, 4, "(e) most\nprobable class", figure), figure)
    for axes in (covered, active, probable):
        _outline(axes, figure.outline)
    others = ", ".join(shorten(source, 18) for source in figure.sources[1:4])
    canvas.text(
        LEFT / WIDTH,
        (at.below - FOOT - LINE / 2) / at.height,
        f"(c) boxed: in this image{'; others: in images of ' + others if others else ''}",
        fontsize=SMALL,
        va="center",
    )
    return canvas


def by_pixel(
    values: np.ndarray, tops: np.ndarray, lefts: np.ndarray, size: int, image: Sequence[int]
) -> tuple[Picture, Picture]:
    """For every pixel, the value at the place with the nearest centre, and whether that place is near enough to show."""
    down, along = (_nearest(starts + size / 2, side) for starts, side in zip((tops, lefts), image, strict=True))
    return values[np.ix_(down[0], along[0])], np.outer(down[1], along[1])


def _nearest(centres: Float[np.ndarray, " place"], side: int) -> tuple[Picture, Picture]:
    distance = np.abs(np.arange(side)[:, None] + 0.5 - centres[None])
    steps = np.diff(centres)
    reach = np.maximum(np.append(steps, steps[-1:]), np.append(steps[:1], steps)) / 2 if len(steps) else np.ones(1)
    found = distance.argmin(axis=1)
    return found, distance.min(axis=1) <= np.maximum(reach[found], 0.5)


def _pale(image: UInt8[np.ndarray, "row column 3"]) -> Float[np.ndarray, "row column 3"]:
    """The image in light grey with little contrast."""
    light = image.astype(float) @ (0.2126, 0.7152, 0.0722) / 255
    return np.repeat((1 - PALE + PALE * light)[..., None], 3, axis=2)


def _with_square(figure: Occlusion) -> Float[np.ndarray, "row column 3"]:
    row, column = np.unravel_index(figure.probability.argmin(), figure.probability.shape)
    top, left = figure.tops[row], figure.lefts[column]
    picture = figure.image / 255
    picture[top : top + figure.size, left : left + figure.size] = GREY
    return picture


def _squares(picture: Picture) -> Picture:
    """A picture enlarged, so that viewers that smooth pictures do not blur its pixels."""
    factor = max(1, round(300 / max(picture.shape[:2])))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def _extent(figure: Occlusion) -> tuple[float, float, float, float]:
    rows, columns = figure.image.shape[:2]
    return 0, columns, rows, 0


def _panel(figure: Occlusion, at: Layout, left: float) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of a panel of the image's shape, in the middle of its place; shares of the figure."""
    return _inside(at, left, at.below, at.side, figure.image.shape)


def _inside(
    at: Layout, left: float, bottom: float, side: float, shape: Sequence[int]
) -> tuple[float, float, float, float]:
    """The place of a picture of this shape in the middle of a square; shares of the figure."""
    rows, columns = shape[:2]
    wide, tall = (side * length / max(rows, columns) for length in (columns, rows))
    x, y = left + (side - wide) / 2, bottom + (side - tall) / 2
    return x / WIDTH, y / at.height, wide / WIDTH, tall / at.height


def _axes(canvas: Figure, at: Layout, panel: int, title: str, figure: Occlusion) -> Axes:
    """Axes in pixels of the image."""
    axes = canvas.add_axes(_panel(figure, at, at.lefts[panel]))
    axes.set_gid(ON_IMAGE)
    rows, columns = figure.image.shape[:2]
    axes.set_title(title, fontsize=SMALL, pad=4)
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=(0, columns), yticks=(0, rows))
    axes.tick_params(length=2, labelsize=SMALL, pad=2)
    if panel:  # the first panel's numbers are those of all
        axes.set(xticklabels=[], yticklabels=[])
    else:
        axes.set_xlabel("px", fontsize=SMALL, labelpad=-8)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
    return axes


def _values(
    canvas: Figure, axes: Axes, figure: Occlusion, values: Float[np.ndarray, "top left"], clean: float, unit: str
) -> None:
    """A map of values by the square's centre, on its own scale; its colour bar marks the value of the clean image."""
    high = max(float(values.max()), clean) or 1e-12  # a dead map is all zeros, and a scale needs a range
    scale = Normalize(min(float(values.min()), high - NARROWEST * abs(high)), high)
    spread, known = by_pixel(values, figure.tops, figure.lefts, figure.size, figure.image.shape[:2])
    picture = np.where(known[..., None] > 0, COLOURS(scale(spread))[..., :3], _pale(figure.image))
    axes.imshow(_squares(picture), extent=_extent(figure), interpolation="none")
    place = axes.get_position()
    bar = canvas.add_axes((place.x1 + 5 / WIDTH, place.y0, 5 / WIDTH, place.height))
    steps = np.linspace(float(scale.vmin or 0), high, 256)
    bar.imshow(
        COLOURS(scale(steps))[:, None, :3],
        extent=(0, 1, steps[0], steps[-1]),
        origin="lower",
        aspect="auto",
        interpolation="none",
    )
    bar.set(xlim=(0, 1), ylim=(steps[0], steps[-1]), xticks=())
    bar.yaxis.tick_right()
    bar.yaxis.set_label_position("right")
    bar.set_ylabel(unit, fontsize=SMALL, labelpad=1)
    bar.tick_params(length=2, labelsize=SMALL, pad=2)
    bar.grid(visible=False)
    bar.annotate(
        "",
        (0, clean),
        (-5, 0),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-|>,head_width=0.16,head_length=0.3", "color": INK, "shrinkA": 0, "shrinkB": 0},
    )


def _projections(canvas: Figure, at: Layout, figure: Occlusion) -> None:
    """Panel (c): the map's projection in this image (boxed) and in others."""
    gap = 4.0
    side = (at.side - gap) / 2
    for place, picture in enumerate(figure.projections[:4]):
        row, column = divmod(place, 2)
        left, bottom = at.lefts[2] + column * (side + gap), at.below + at.side - side - row * (side + gap)
        axes = canvas.add_axes(_inside(at, left, bottom, side, picture.shape))
        axes.imshow(_squares(picture / 255), interpolation="none", aspect="auto")
        axes.set(xticks=(), yticks=())
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set(visible=True, linewidth=1.8 if place == 0 else 0.6, color=INK if place == 0 else SOFT)
        if place == 0:
            axes.set_title(f"(c) map {figure.map},\nprojected", fontsize=SMALL, pad=4)


def pattern(kind: int, rows: int, columns: int) -> Bool[np.ndarray, "row column"]:
    """Which pixels of a hatching have ink; the first kind has none."""
    row, column = np.indices((rows, columns))
    lines = {
        1: (row + column) % 14 < 2,
        2: (row - column) % 14 < 2,
        3: row % 10 < 2,
        4: column % 10 < 2,
        5: ((row + column) % 18 < 2) | ((row - column) % 18 < 2),
        6: (row % 10 < 3) & (column % 10 < 3),
    }
    return lines.get(kind, np.zeros((rows, columns), bool))


def _region(kind: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Colour and ink of a region; the ink is the same colour, darker."""
    red, green, blue = to_rgb(REGIONS[kind] if kind < PATTERNS else REST)
    return (red, green, blue), (0.62 * red, 0.62 * green, 0.62 * blue)


def _hatched(kinds_: Int[np.ndarray, "row column"]) -> Float[np.ndarray, "row column 3"]:
    """Regions in their colours and hatchings, at the size at which they are drawn."""
    picture = np.zeros((*kinds_.shape, 3))
    for kind in np.unique(kinds_):
        colour, ink = _region(int(kind))
        lined = pattern(int(kind), *kinds_.shape)[..., None]
        picture = np.where((kinds_ == kind)[..., None], np.where(lined, ink, colour), picture)
    return picture


def _legend_names(figure: Occlusion) -> list[str]:
    """The classes of panel (e); those beyond the palette share one entry."""
    more = len(figure.classes) - PATTERNS
    names = [shorten(name, 14) for name in figure.classes[:PATTERNS]]
    return names + ([f"{more} other{'s' if more > 1 else ''}"] if more > 0 else [])


def _regions(canvas: Figure, at: Layout, axes: Axes, figure: Occlusion) -> None:
    """Panel (e): the most probable class by place, and its legend."""
    guesses = np.minimum(figure.guesses, PATTERNS)
    spread, known = by_pixel(guesses, figure.tops, figure.lefts, figure.size, figure.image.shape[:2])
    large = spread.repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)
    seen = known.repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)[..., None] > 0
    pale = _pale(figure.image).repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)
    axes.imshow(np.where(seen, _hatched(large), pale), extent=_extent(figure), interpolation="none")
    names = _legend_names(figure)
    _outline(axes, figure.outline)
    for kind, name in enumerate(names):
        region = (spread == kind) & (known > 0)
        if region.sum() < NAMED * known.sum():
            continue
        depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        _label(axes, float(column) + 0.5, float(row) + 0.5, shorten(name, 9))
    _legend(canvas, at, names, [float((guesses == kind).mean()) for kind in range(len(names))])


def _label(axes: Axes, x: float, y: float, name: str) -> None:
    box = {"facecolor": "#ffffff", "alpha": 0.82, "linewidth": 0, "boxstyle": "round,pad=0.18"}
    axes.text(x, y, name, ha="center", va="center", fontsize=SMALL, color=ON_COLOUR, bbox=box, clip_on=True)


def _legend(canvas: Figure, at: Layout, names: list[str], shares: list[float]) -> None:
    """The classes of panel (e), each with the share of places where it is the most probable."""
    step, tall = (WIDTH - LEFT) / IN_LINE, 9.0
    for kind, (name, share) in enumerate(zip(names, shares, strict=True)):
        line, column = divmod(kind, IN_LINE)
        left, middle = LEFT + column * step, at.below - FOOT - (line + 1.5) * LINE
        swatch = canvas.add_axes((left / WIDTH, (middle - tall / 2) / at.height, 16 / WIDTH, tall / at.height))
        swatch.imshow(_hatched(np.full((36, 64), kind)), aspect="auto", interpolation="none")
        swatch.set_axis_off()
        rounded = "< 1 %" if 0 < share < 0.01 else "> 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"
        words = f"{name}{' (true)' if kind == 0 else ''} {rounded}"
        canvas.text((left + 20) / WIDTH, middle / at.height, words, fontsize=SMALL, va="center")


def _outline(axes: Axes, outline: Bool[np.ndarray, "row column"]) -> None:
    """The edge of the object: a white line on a black one, visible on every colour."""
    if not outline.any() or outline.all():
        return
    rows, columns = (np.arange(extent + 2) - 0.5 for extent in outline.shape)
    padded = np.pad(outline, 1).astype(float)
    for width, colour in ((1.7, "#000000"), (0.8, "#ffffff")):
        axes.contour(columns, rows, padded, levels=[0.5], colors=colour, linewidths=width)


DRAWERS = {Occlusion: occlusion_panels}
