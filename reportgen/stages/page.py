"""The page stage: results and pictures in, ``index.html``, ``metrics.json`` and what they show out."""

from pathlib import Path

from reportgen.base.artifacts import DOCUMENT, write_json
from reportgen.page import html
from reportgen.pipeline.work import Work


def make(work: Work, folder: Path) -> None:
    """Write the report's page."""
    html.write(work.build, work.report, work.run)
    write_json(folder / DOCUMENT, {"report": work.report_beside})
