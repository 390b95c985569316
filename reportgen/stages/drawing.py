"""The drawing stage: figures as data in, pictures out. Needs neither the net nor torch."""

from pathlib import Path

from reportgen.analyses.base import Analysis
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json, write_json
from reportgen.figures import draw
from reportgen.figures.kinds import from_data
from reportgen.pipeline.work import Work


def make(work: Work, folder: Path) -> None:
    """Draw every figure of one analysis."""
    draw_all(work.analysis, work.input(work.analysis.name), folder)


def draw_all(analysis: Analysis, source: Path, folder: Path) -> None:
    """Draw every figure of the artefact in `source`, and write down what was drawn."""
    own = analysis.offered("draw")
    drawers = own.DRAWERS if own else {}
    kinds = (*drawers, *getattr(own, "PIECES", ()))
    figures = from_data(read_json(source / "figures.json"), read_arrays(source / "figures.npz"), kinds)
    write_json(folder / DOCUMENT, {"figures": draw.draw(figures, folder, drawers)})
