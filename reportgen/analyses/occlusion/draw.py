"""An image under a sliding grey square (Zeiler & Fergus 2013, figure 7).

Every map is drawn on the axes of the image: a pixel shows the result with the square centred there. In the margin,
where no square is centred, the image shows in pale grey.
"""

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
    TINY,
    VERMILLION,
    WIDTH,
    house_style,
    new_figure,
    save_svg,
    shorten,
)
from reportgen.figures.draw.tiles import save_jpeg

SIDE = 112.0  # points: of each panel
LEFTS = (30.0, 184.0, 340.0)  # points: of the three columns
HEAD, FOOT, BETWEEN = 16.0, 30.0, 40.0  # points: above, below and between the rows
HEIGHT = 2 * SIDE + HEAD + FOOT + BETWEEN
UPPER = FOOT + SIDE + BETWEEN  # points: bottom of the upper row
COLOURS = colormaps["viridis"]  # lower values are darker, also in grey print and for colour-blind readers
REGIONS = (BLUE, ORANGE, SKY, VERMILLION, GREEN, PURPLE, "#f0e442")  # the true class first
REST = "#9aa3ab"  # all other classes together
PATTERNS = 7  # the first is plain; the legend names as many classes
GREY = (0.5, 0.5, 0.5)
PALE = 0.25  # share of the image's contrast that is left in the margin
ON_COLOUR = "#0b1a2a"  # text on colours: both stay the same in dark mode
PIXELS = 4  # pixels of a drawn region for each pixel of the image: hatching needs the resolution
ACTIVITY, PLAIN_ACTIVITY = "sum over the map (% of clean)", "sum over the map"
NARROWEST = 0.1  # share of the largest value that a scale spans at least: rounding must not look like a finding
NAMED = 0.04  # share of the places from which a region is labelled

Picture = np.ndarray


def occlusion_panels(figure: Occlusion, name: str, folder: Path) -> dict[str, Any]:
    """Draw panels (a) to (e).

    For the interactive page the description adds: the `clean` image; the `panels` (positions of (a), (b), (d) and (e) in
    the picture); `side` of the image and `size` of the square in pixels; `tops` and `lefts` of the square's places;
    `classes`; and for each place the `probability` of the first class, the most probable class (`guesses`, an index into
    `classes`) and the activation of `map` as a share of the clean image's (None where that is not above zero).
    """
    with house_style():
        picture = save_svg(compose_occlusion(figure), folder / f"{name}.svg")
    clean = save_jpeg(figure.image, folder, f"{name}-clean.jpg")
    return {
        "picture": picture,
        "clean": clean,
        "files": [picture["file"], clean["file"]],
        "panels": [
            [
                round(left / WIDTH, 5),
                round(1 - (bottom + SIDE) / HEIGHT, 5),
                round(SIDE / WIDTH, 5),
                round(SIDE / HEIGHT, 5),
            ]
            for left, bottom in ((LEFTS[0], UPPER), (LEFTS[1], UPPER), (LEFTS[0], FOOT), (LEFTS[1], FOOT))
        ],
        "map": int(figure.map),
        "side": int(figure.image.shape[0]),
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


def compose_occlusion(figure: Occlusion) -> Figure:
    """The five panels as matplotlib's artists: (a) (b) (c) above (d) (e) and the legend."""
    canvas = new_figure(WIDTH, HEIGHT)
    upper, lower = UPPER, FOOT
    true = shorten(figure.classes[0], 11)
    covered = _axes(canvas, LEFTS[0], upper, "(a) where it costs most", figure)
    covered.imshow(_squares(_with_square(figure)), extent=_extent(figure), interpolation="none")
    active = _axes(canvas, LEFTS[1], upper, f"(b) activity of map {figure.map}", figure)
    clean = figure.clean_activation
    if clean > 0:
        _values(canvas, active, figure, figure.activation / clean * 100, 100.0, ACTIVITY)
    else:  # a dead map, or one before its ReLU: there is nothing to be a share of
        _values(canvas, active, figure, figure.activation, clean, PLAIN_ACTIVITY)
    _projections(canvas, LEFTS[2], upper, figure)
    probable = _axes(canvas, LEFTS[0], lower, f"(d) probability of {true}", figure)
    _values(canvas, probable, figure, 100 * figure.probability, 100 * figure.clean_probability, "probability (%)")
    _regions(canvas, _axes(canvas, LEFTS[1], lower, "(e) most probable class", figure), figure)
    for axes in (covered, active, probable):
        _outline(axes, figure.outline)
    return canvas


def by_pixel(values: np.ndarray, tops: np.ndarray, lefts: np.ndarray, size: int, side: int) -> tuple[Picture, Picture]:
    """For every pixel, the value at the place with the nearest centre, and whether that place is near enough to show."""
    down, along = (_nearest(starts + size / 2, side) for starts in (tops, lefts))
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
    factor = max(1, round(300 / picture.shape[0]))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def _extent(figure: Occlusion) -> tuple[float, float, float, float]:
    rows, columns = figure.image.shape[:2]
    return 0, columns, rows, 0


def _axes(canvas: Figure, left: float, bottom: float, title: str, figure: Occlusion) -> Axes:
    """Axes in pixels of the image."""
    axes = canvas.add_axes((left / WIDTH, bottom / HEIGHT, SIDE / WIDTH, SIDE / HEIGHT))
    rows, columns = figure.image.shape[:2]
    axes.set_title(title, fontsize=SMALL, pad=4)
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=(0, columns), yticks=(0, rows))
    axes.tick_params(length=2, labelsize=TINY, pad=2)
    axes.set_xlabel("column (px)", fontsize=TINY, labelpad=-6)
    if left == LEFTS[0]:
        axes.set_ylabel("row (px)", fontsize=TINY, labelpad=-8)
    else:  # the panel to the left has the same numbers, and its colour bar needs the room
        axes.set_yticklabels([])
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
    spread, known = by_pixel(values, figure.tops, figure.lefts, figure.size, figure.image.shape[0])
    picture = np.where(known[..., None] > 0, COLOURS(scale(spread))[..., :3], _pale(figure.image))
    axes.imshow(_squares(picture), extent=_extent(figure), interpolation="none")
    place = axes.get_position()
    bar = canvas.add_axes((place.x1 + 5 / WIDTH, place.y0, 6 / WIDTH, place.height))
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
    bar.set_ylabel(unit, fontsize=TINY, labelpad=2)
    bar.tick_params(length=2, labelsize=TINY, pad=2)
    bar.grid(visible=False)
    bar.annotate(
        "",
        (0, clean),
        (-5, 0),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-|>,head_width=0.16,head_length=0.3", "color": INK, "shrinkA": 0, "shrinkB": 0},
    )


def _projections(canvas: Figure, left: float, bottom: float, figure: Occlusion) -> None:
    """Panel (c): the map's projection in this image (boxed) and in others."""
    gap, label = 5.0, 9.0
    side = (SIDE - gap - label) / 2
    across = side + (SIDE - 2 * side)
    for place, picture in enumerate(figure.projections[:4]):
        row, column = divmod(place, 2)
        x, y = left + column * across, bottom + SIDE - side - row * (side + label + gap - 2)
        axes = canvas.add_axes((x / WIDTH, y / HEIGHT, side / WIDTH, side / HEIGHT))
        axes.imshow(_squares(picture / 255), interpolation="none", aspect="auto")
        axes.set(xticks=(), yticks=())
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set(visible=True, linewidth=1.8 if place == 0 else 0.6, color=INK if place == 0 else SOFT)
        words = "this image" if place == 0 else shorten(figure.sources[place], 12)
        axes.set_xlabel(words, fontsize=TINY, labelpad=1.5, weight="bold" if place == 0 else "normal")
        if place == 0:
            axes.set_title(f"(c) map {figure.map}, projected", fontsize=SMALL, pad=4)


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


def _regions(canvas: Figure, axes: Axes, figure: Occlusion) -> None:
    """Panel (e): the most probable class by place, and its legend."""
    guesses = np.minimum(figure.guesses, PATTERNS)  # classes beyond the palette share one region
    spread, known = by_pixel(guesses, figure.tops, figure.lefts, figure.size, figure.image.shape[0])
    large = spread.repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)
    seen = known.repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)[..., None] > 0
    pale = _pale(figure.image).repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)
    axes.imshow(np.where(seen, _hatched(large), pale), extent=_extent(figure), interpolation="none")
    names = [shorten(name, 18 if place else 13) for place, name in enumerate(figure.classes[:PATTERNS])]
    more = len(figure.classes) - PATTERNS
    names += [f"{more} other{'s' if more > 1 else ''}"] if more > 0 else []
    _outline(axes, figure.outline)
    for kind, name in enumerate(names):
        region = (spread == kind) & (known > 0)
        if region.sum() < NAMED * known.sum():
            continue
        depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        _label(axes, float(column) + 0.5, float(row) + 0.5, shorten(name, 9))
    _legend(canvas, names, [float((guesses == kind).mean()) for kind in range(len(names))])


def _label(axes: Axes, x: float, y: float, name: str) -> None:
    box = {"facecolor": "#ffffff", "alpha": 0.82, "linewidth": 0, "boxstyle": "round,pad=0.18"}
    axes.text(x, y, name, ha="center", va="center", fontsize=TINY, color=ON_COLOUR, bbox=box, clip_on=True)


def _legend(canvas: Figure, names: list[str], shares: list[float]) -> None:
    """The classes of panel (e), each with the share of places where it is the most probable."""
    height, step = 9.0, 15.0
    top = FOOT + SIDE - 12
    canvas.text(
        LEFTS[2] / WIDTH,
        (FOOT + SIDE + 4) / HEIGHT,
        "classes in (e), share of places",
        fontsize=SMALL,
        weight="bold",
        va="bottom",
    )
    for kind, (name, share) in enumerate(zip(names, shares, strict=True)):
        bottom = top - kind * step
        swatch = canvas.add_axes((LEFTS[2] / WIDTH, bottom / HEIGHT, 18 / WIDTH, height / HEIGHT))
        swatch.imshow(_hatched(np.full((36, 72), kind)), aspect="auto", interpolation="none")
        swatch.set_axis_off()
        rounded = "< 1 %" if 0 < share < 0.01 else "> 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"
        words = f"{name}  {rounded}" + (" (true)" if kind == 0 else "")
        canvas.text((LEFTS[2] + 24) / WIDTH, (bottom + height / 2) / HEIGHT, words, fontsize=SMALL, va="center")


def _outline(axes: Axes, outline: Bool[np.ndarray, "row column"]) -> None:
    """The edge of the object: a white line on a black one, visible on every colour."""
    if not outline.any() or outline.all():
        return
    rows, columns = (np.arange(extent + 2) - 0.5 for extent in outline.shape)
    padded = np.pad(outline, 1).astype(float)
    for width, colour in ((1.7, "#000000"), (0.8, "#ffffff")):
        axes.contour(columns, rows, padded, levels=[0.5], colors=colour, linewidths=width)


DRAWERS = {Occlusion: occlusion_panels}
