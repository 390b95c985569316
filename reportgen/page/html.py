"""The report as a page: ``index.html``, the pictures and data it shows, and ``metrics.json``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.page import digest, metrics, pdf
from reportgen.page.content import Content, gather
from reportgen.page.folder import publish, remove_report
from reportgen.page.provenance import made
from reportgen.page.template import render
from reportgen.page.template_files import scripts as own_scripts
from reportgen.page.template_files import templates

__all__ = ["remove_report", "write"]

STYLE = "report.css"
# Classic scripts, in the order in which the page runs them: from file:// a browser loads no modules.
SCRIPTS = ("tools.js", "contents.js", "wide.js", "curves.js")


def write(build: Path, report: Path, run: Mapping[str, Any], analyses: Sequence[Analysis] = ANALYSES) -> None:
    """Write the page and all it refers to into the report's folder; foreign files there stay untouched.

    `run` becomes the entry ``run`` of ``metrics.json``; the artefacts of the net, the data and the analyses are in
    `build`. Raises UserError for a missing figure, an undefined name in a template, or a foreign file in the way.
    """
    content = gather(build, run, analyses)
    scripts = _scripts()
    page = render(content, "report.html.j2", "figures", print=False, has_pdf=pdf.available(), scripts=scripts)
    provenance = render(content, "provenance.html.j2", "figures", print=False, made=made(content))
    document = metrics.document(content)
    numbers = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    files: dict[str, bytes | Path] = {"metrics.json": numbers.encode(), STYLE: templates() / "screen.css"}
    files["digest.md"] = digest.of_one(document).encode()
    files |= scripts
    files |= _pictures(build, content)
    files |= {f"data/{section.name}.npz": build / section.name / "result.npz" for section in content.sections}
    files["provenance.html"] = provenance.encode()
    files["index.html"] = page.encode()  # last, after everything that it links to
    publish(report, "page", files)


def _scripts() -> dict[str, Path]:
    """The scripts' paths by their names in the report's folder, in the order in which the page runs them."""
    *first, last = ((name, templates() / "scripts" / name) for name in SCRIPTS)
    return {f"scripts/{name}": path for name, path in (*first, *own_scripts().items(), last)}


def _pictures(build: Path, content: Content) -> dict[str, Path]:
    return {
        f"figures/{section.name}/{file}": build / "drawn" / section.name / file
        for section in content.sections
        for figure in section.figures.values()
        for file in figure["files"]
    }
