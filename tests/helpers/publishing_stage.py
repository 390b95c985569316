"""A stage that publishes, as the page's does, a few files whose content is given: for tests that kill it."""

from pathlib import Path

from reportgen.base.artifacts import DOCUMENT, write_json
from reportgen.page.folder import publish
from reportgen.pipeline.work import Work


def make(work: Work, folder: Path) -> None:
    """Publish a page of the stage's settings."""
    content = str(work.stage.given["content"])
    (folder / "source.txt").write_text(content)
    files = {
        "index.html": f"page {content}".encode(),
        "figures/a/one.txt": folder / "source.txt",
        f"data/{content}.txt": b"",
    }
    publish(work.report, "page", files)
    write_json(folder / DOCUMENT, {"report": work.report_beside})
