"""Figures as data: what a figure shows, before anything is drawn.

An analysis returns figures; they are saved beside its result (JSON with the arrays in one npz), and a later stage that
needs neither the net nor torch draws them. Pictures are RGB, 8 bits a channel; a fourth channel is 0 where there is
nothing to see (the part of a receptive field that lies outside the image).
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The texts that every figure has."""

    title: str  # a few words, for the list of figures
    caption: str  # what is drawn, from which images, how it was computed, what to look for
    alt: str  # what the figure shows, for a reader who cannot see it


@dataclass(frozen=True, kw_only=True)
class FeatureMaps(Figure):
    """Figure 2: for each map its strongest activations projected to pixels, beside the patches that caused them."""

    layer: int
    maps: Int[Array, " map"]  # the maps' numbers within their layer
    projections: UInt8[Array, "map strongest row column 3"] | None  # None: the net cannot be projected
    patches: UInt8[Array, "map strongest row column 4"]
    shown: Bool[Array, "map strongest"]  # False: the map has no such activation above zero
    details: tuple[tuple[str, ...], ...]  # one line for each tile: activation, image, class, place
    notes: tuple[str, ...]  # a few words below each map
    net: str = ""  # the net of these maps; empty: the report's own net
    alike: Float[Array, " map"] | None = (
        None  # how much more a map's patches are like each other than like other maps'; NaN: unknown
    )


@dataclass(frozen=True, kw_only=True)
class ImageGrid(Figure):
    """Pictures of one size in rows, each with an optional title below it."""

    images: UInt8[Array, "image row column channel"]
    columns: int
    titles: tuple[str, ...] = ()  # one for each image, or none
    row_titles: tuple[str, ...] = ()  # one for each row, or none
    smooth: bool = True  # False: enlarge pixels as squares (filters)


@dataclass(frozen=True)
class Series:
    """One curve, with an optional band."""

    name: str
    x: Float[Array, " point"]
    y: Float[Array, " point"]
    low: Float[Array, " point"] | None = None
    high: Float[Array, " point"] | None = None
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str
    x_label: str  # with its unit
    y_label: str
    series: tuple[Series, ...]
    y_range: tuple[float, float] | None = None
    level: float | None = None  # a dashed line at this height
    x_ticks: tuple[float, ...] = ()  # places of the axis' marks; empty: chosen by matplotlib


@dataclass(frozen=True)
class Moved:
    """The scenes that a chart's x moves, one for each curve, so that chart and page can show them as moved at an x."""

    scenes: UInt8[Array, "scene row column 3"]  # square, with everything that the moves bring into view
    window: int  # side of the part in view, pixels; it is in the middle if nothing has moved
    ways: tuple[
        str, ...
    ]  # meaning of x in each panel: "shift" (pixels down), "scale" (ratio), "turn" (degrees anticlockwise)
    letters: tuple[str, ...] = ()  # of the pictures before each row of panels, where x means the same in all of the row


@dataclass(frozen=True, kw_only=True)
class LineChart(Figure):
    """Curves in one or more panels; several panels are lettered (a), (b), ... unless other letters are given."""

    panels: tuple[Panel, ...]
    letters: tuple[str, ...] = ()  # one for each panel, or none
    moved: Moved | None = None


@dataclass(frozen=True)
class Points:
    """One pair of axes with a point for each thing that was measured twice."""

    title: str
    x_label: str  # with its unit, which is y's unit, too
    y_label: str
    x: Float[Array, " point"]
    y: Float[Array, " point"]


@dataclass(frozen=True, kw_only=True)
class Scatter(Figure):
    """Points in one or more panels, each with the line on which both measures are equal."""

    panels: tuple[Points, ...]


@dataclass(frozen=True, kw_only=True)
class BarChart(Figure):
    """One horizontal bar for each name, with an optional interval, and a reference line (chance)."""

    names: tuple[str, ...]
    values: Float[Array, " bar"]
    x_label: str
    low: Float[Array, " bar"] | None = None
    high: Float[Array, " bar"] | None = None
    reference: float | None = None
    reference_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Heatmap(Figure):
    """A matrix as colours (a confusion matrix), with its values printed if there is room."""

    values: Float[Array, "row column"]
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    row_label: str
    column_label: str
    value_label: str


@dataclass(frozen=True, kw_only=True)
class Table(Figure):
    """Rows of text and numbers: the page shows them as a table, and nothing is drawn."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


KINDS = (FeatureMaps, ImageGrid, LineChart, BarChart, Heatmap, Scatter, Table)
PIECES = (Series, Panel, Points, Moved)  # parts of figures


def to_data(figures: dict[str, Figure]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Split figures into a JSON-able document and the arrays it refers to.

    Returns (document, arrays). In the document an array is ``{"array": key}``, and a dataclass has its name as `kind`.
    """
    arrays: dict[str, Array] = {}

    def pack(value: Any, key: str) -> Any:
        if isinstance(value, np.ndarray):
            arrays[key] = value
            return {"array": key}
        if is_dataclass(value) and not isinstance(value, type):
            parts = {field.name: pack(getattr(value, field.name), f"{key}.{field.name}") for field in fields(value)}
            return {"kind": type(value).__name__, **parts}
        if isinstance(value, tuple):
            return [pack(item, f"{key}.{index}") for index, item in enumerate(value)]
        return value

    return {name: pack(figure, name) for name, figure in figures.items()}, arrays


def from_data(document: dict[str, Any], arrays: dict[str, Array], own: Iterable[type] = ()) -> dict[str, Figure]:
    """Put the figures together that `to_data` split; raises KeyError for an unknown kind or a missing array.

    `own`: an analysis' own kinds of figures, and of their parts.
    """
    kinds = {kind.__name__: kind for kind in (*KINDS, *PIECES, *own)}

    def unpack(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"array"}:
                return arrays[value["array"]]
            kind = kinds[value["kind"]]
            return kind(**{name: unpack(part) for name, part in value.items() if name != "kind"})
        return tuple(unpack(item) for item in value) if isinstance(value, list) else value

    return {name: unpack(entry) for name, entry in document.items()}
