"""The PDF stage: the same report for printing."""

from pathlib import Path

from reportgen.base.artifacts import DOCUMENT, write_json
from reportgen.base.progress import say
from reportgen.page import pdf
from reportgen.page.content import ATLAS
from reportgen.pipeline.work import Work


def make(work: Work, folder: Path) -> None:
    """Write ``report.pdf``; without WeasyPrint or its Pango say that only the PDF is missing, and leave it due."""
    document = {"report": work.report_beside}
    try:
        pdf.write(work.build, work.report, work.run, atlas=ATLAS in work.stage.inputs)
    except pdf.NoPdf as reason:
        say(f"  {reason}")
        document["missing"] = str(reason)
    write_json(folder / DOCUMENT, document)
