"""The drawing stage: figures as data in, pictures out. Needs neither the net nor torch."""

from pathlib import Path

from reportgen.artifacts import DOCUMENT, read_arrays, read_json, write_json
from reportgen.figures import draw
from reportgen.figures.kinds import from_data
from reportgen.pipeline import Work


def make(work: Work, folder: Path) -> None:
    """Draw every figure of one analysis."""
    source = work.input(work.analysis.name)
    figures = from_data(read_json(source / "figures.json"), read_arrays(source / "figures.npz"))
    write_json(folder / DOCUMENT, {"figures": draw.draw(figures, folder)})
