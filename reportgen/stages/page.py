"""The page stage: results and pictures in, ``index.html``, ``metrics.json`` and what they show out."""

from pathlib import Path

from reportgen.base.artifacts import DOCUMENT, write_json
from reportgen.page import html
from reportgen.page.content import ATLAS
from reportgen.page.folder import publish, written
from reportgen.pipeline.work import Work

FROM_PAGE = ("single", "compare")  # written after the page, where asked for: those of the page before it are stale


def make(work: Work, folder: Path) -> None:
    """Write the report's page."""
    given = work.stage.given
    since = given["since"]
    html.write(
        work.build,
        work.report,
        work.run,
        history=bool(given["history"]),
        atlas=ATLAS in work.stage.inputs,
        base=Path(since["base"]) if since else None,
        tolerance=float(since["tolerance"]) if since and since["tolerance"] else None,
    )
    for writer in FROM_PAGE:
        if written(work.report, writer):
            publish(work.report, writer, {})
    write_json(folder / DOCUMENT, {"report": work.report_beside})
