"""The PDF stage: the same report for printing."""

from pathlib import Path

from reportgen.artifacts import DOCUMENT, write_json
from reportgen.page import pdf
from reportgen.pipeline import Work, report_beside
from reportgen.progress import say


def make(work: Work, folder: Path) -> None:
    """Write ``report.pdf``; without WeasyPrint or its Pango say that only the PDF is missing, and leave it due."""
    document = {"report": report_beside(work.build, work.report)}
    try:
        pdf.write(work.build, work.report, work.run)
    except pdf.NoPdf as reason:
        say(f"  {reason}")
        document["missing"] = str(reason)
    write_json(folder / DOCUMENT, document)
