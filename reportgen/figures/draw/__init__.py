"""Figures as data in, pictures out: the house style lives here, and so does the only use of matplotlib.

Line art becomes SVG, photographs JPEG, and what must keep its pixels (filters) PNG. The same figure gives the same
bytes. Every entry of the description says which files hold the figure and how large they are, so that the page can be
written without opening a picture.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reportgen.figures import kinds
from reportgen.figures.draw.charts import bar_chart, heatmap, line_chart
from reportgen.figures.draw.scatter import scatter
from reportgen.figures.draw.tiles import feature_maps, image_grid

Drawn = dict[str, Any]  # JSON-able: what `draw` says of one figure

NAME = re.compile(r"[a-z][a-z0-9_]*")


def _table(figure: kinds.Table, name: str, folder: Path) -> Drawn:
    """Nothing is drawn: the page sets the rows as a table."""
    return {"files": [], "columns": list(figure.columns), "rows": [list(row) for row in figure.rows]}


Drawers = Mapping[type[kinds.Figure], Callable[..., Drawn]]

DRAWERS: Drawers = {
    kinds.FeatureMaps: feature_maps,
    kinds.ImageGrid: image_grid,
    kinds.LineChart: line_chart,
    kinds.BarChart: bar_chart,
    kinds.Heatmap: heatmap,
    kinds.Scatter: scatter,
    kinds.Table: _table,
}


def draw(figures: Mapping[str, kinds.Figure], folder: Path, own: Drawers | None = None) -> dict[str, Drawn]:
    """Draw every figure into `folder`; returns for each name what was drawn. `own` draws kinds that are an analysis' own.

    Every description has `kind`, `title`, `caption`, `alt` and `files` (names relative to `folder`); every kind but
    Table has `picture`, the whole figure: {"file", "width", "height"} in CSS pixels. FeatureMaps add `layer` and
    `maps`, each with its `projections` and `patches` pictures; Evolution the same and `columns`, where its epochs stand
    in those pictures; ImageGrid of photographs adds `tiles`, one picture for each image; Table has `columns` and
    `rows`; LineChart adds where its `panels` stand and their points, Occlusion what stands at every place of the
    square, for a page that follows the pointer. Raises ValueError
    for a name that would not do as a file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawers = {**DRAWERS, **(own or {})}
    drawn = {}
    for name, figure in figures.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"figure {name!r}: use lower-case letters, digits and _, beginning with a letter")
        said = {"kind": type(figure).__name__, "title": figure.title, "caption": figure.caption, "alt": figure.alt}
        drawn[name] = said | drawers[type(figure)](figure, name, folder)
    return drawn
