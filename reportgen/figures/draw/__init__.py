"""Drawing figures into picture files, in the house style. An analysis draws the kinds that are its own.

Line art becomes SVG, photographs JPEG, and pictures that must keep their pixels (filters) PNG. The same figure gives the
same bytes. Every description names the figure's files and their sizes, so that the page can be written without opening a
picture.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reportgen.figures import kinds
from reportgen.figures.draw.charts import bar_chart, heatmap, line_chart
from reportgen.figures.draw.scatter import scatter
from reportgen.figures.draw.tiles import feature_maps, image_grid

Drawn = dict[str, Any]  # JSON-able: the description of one figure, from `draw`

NAME = re.compile(r"[a-z][a-z0-9_]*")


def _table(figure: kinds.Table, name: str, folder: Path) -> Drawn:
    """Draw nothing: the page shows the rows as a table."""
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
    """Draw every figure into `folder`; returns the description of each by name. `own` draws an analysis' own kinds.

    Every description has `kind`, `title`, `caption`, `alt` and `files` (names relative to `folder`). Every kind but Table
    has `picture`, the whole figure: {"file", "width", "height"} in CSS pixels. FeatureMaps adds `layer` and `maps`, each
    with its `projections` and `patches` pictures. An ImageGrid of photographs adds `tiles`, one picture for each image.
    Table has `columns` and `rows`. For a page that follows the pointer, LineChart adds the places of its `panels` and their
    points. Raises ValueError for a name that cannot be a file name.
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
