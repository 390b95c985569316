"""The report as a page: ``index.html``, the pictures and data it shows, and ``metrics.json``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.page import atlas as all_maps
from reportgen.page import badge, compare, digest, history_page, junit, metrics, pdf
from reportgen.page.changes import ACCURACY_CLAIM
from reportgen.page.content import Content, gather
from reportgen.page.folder import publish
from reportgen.page.older import influences_in
from reportgen.page.provenance import made
from reportgen.page.template import render
from reportgen.page.template_files import scripts as own_scripts
from reportgen.page.template_files import templates

STYLE = "report.css"
# Classic scripts, in the order in which the page runs them: from file:// a browser loads no modules.
SCRIPTS = ("tools.js", "contents.js", "wide.js", "curves.js")


def write(
    build: Path,
    report: Path,
    run: Mapping[str, Any],
    analyses: Sequence[Analysis] = ANALYSES,
    history: bool = False,
    base: Path | None = None,
    tolerance: float | None = None,
    atlas: bool = False,
) -> None:
    """Write the page and all it refers to into the report's folder; foreign files there stay untouched.

    `run` becomes the entry ``run`` of ``metrics.json``; the artefacts of the net, the data and the analyses are in
    `build`; `history`: whether the page shows the drawing that `reportgen.page.history_page` makes; `base`: the folder of an
    older report, if the head of the page is to say what changed since (`tolerance` as in `changes`); `atlas`: whether there are
    pages of all maps. Raises UserError for a
    missing figure, an undefined name in a template, or a foreign file in the way.
    """
    content = gather(build, run, analyses, atlas)
    document = metrics.document(content)
    scripts = _scripts()
    page = render(
        content,
        "report.html.j2",
        "figures",
        print=False,
        has_pdf=pdf.available(),
        scripts=scripts,
        history=_history(history),
        since=compare.since(base, document, _influences(build, content), tolerance) if base else None,
    )
    provenance = render(content, "provenance.html.j2", "figures", print=False, made=made(content))
    numbers = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    files: dict[str, bytes | Path] = {"metrics.json": numbers.encode(), STYLE: templates() / "screen.css"}
    files["digest.md"] = digest.of_one(document).encode()
    files |= {"junit.xml": junit.of_claims(document["claims"]), "badge.json": badge.of(document)}
    files |= scripts | {f"scripts/{name}": templates() / "scripts" / name for name in all_maps.SCRIPTS if content.atlas}
    files |= _pictures(build, content)
    files |= all_maps.files(build, content)
    files |= {f"data/{section.name}.npz": build / section.name / "result.npz" for section in content.sections}
    files[f"data/{ACCURACY_CLAIM}.npz"] = build / "claims" / "right.npz"  # for a comparison with a later report
    files["provenance.html"] = provenance.encode()
    files["index.html"] = page.encode()  # last, after everything that it links to
    publish(report, "page", files)


def _influences(build: Path, content: Content) -> dict[str, np.ndarray]:
    """What each unit adds to the error of each number of this report."""
    paths = (build / section.name / "result.npz" for section in content.sections)
    found: dict[str, np.ndarray] = {}
    for path in (*paths, build / "claims" / "right.npz"):
        found |= influences_in(path)
    return found


def _history(shown: bool) -> dict[str, Any] | None:
    """The drawing of the history, which is made after the page: it holds this report, too."""
    return {"file": f"{history_page.PLACE}/timeline.svg", "size": history_page.SIZE} if shown else None


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
