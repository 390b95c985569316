"""The page's templates, styles and scripts, and which of them the page reads and which the PDF."""

from pathlib import Path
from typing import Any

from reportgen.analyses import registry
from reportgen.analyses.base import FOLDER
from reportgen.base.artifacts import files_below

PACKAGE = Path(__file__).resolve().parent.parent
UNREAD = {  # writer -> top-level templates that only other writers read
    "page": ("print.html.j2", "print_figure.html.j2", "print.css", "compare.html.j2", "history.html.j2"),
    "pdf": (
        *("report.html.j2", "figure.html.j2", "screen.css", "scripts", "provenance.html.j2", "atlas.html.j2"),
        *("compare.html.j2", "history.html.j2"),
    ),
}


def templates() -> Path:
    """The folder of the page's templates: beside the package in a checkout, inside it once installed."""
    beside = PACKAGE.parent / "templates"
    return beside if beside.is_dir() else PACKAGE / "templates"


def folders() -> tuple[Path, Path]:
    """The folders in which templates are looked up; ``occlusion/section.html.j2`` is in the second."""
    return templates(), FOLDER


def scripts() -> dict[str, Path]:
    """The scripts of the analyses' own figures, by file name."""
    return {path.name: path for analysis in registry.ANALYSES for path in sorted(analysis.folder.glob("*.js"))}


def environment(**more: Any) -> Any:  # jinja2.Environment, which planning does without
    """The templates of a page of its own, beside the report's; `more`: further options of jinja2's environment."""
    import jinja2

    from reportgen.page.filters import FILTERS

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        lstrip_blocks=True,
        **more,
    )
    found.filters |= FILTERS
    return found


def by_writer() -> dict[str, tuple[dict[str, Path], tuple[Path, ...]]]:
    """For each writer, ``page`` and ``pdf``: the templates and scripts that it reads, by name, and those it does not read."""
    shared = {path.relative_to(templates()).as_posix(): path for path in files_below(templates())}
    sections = {
        path.relative_to(FOLDER).as_posix(): path
        for analysis in registry.ANALYSES
        for path in sorted(analysis.folder.glob("*.j2"))
    }
    found = {}
    for writer, others in UNREAD.items():
        unread = {name: path for name, path in shared.items() if name.split("/")[0] in others}
        read = {name: path for name, path in shared.items() if name not in unread} | sections
        (read if writer == "page" else unread).update(scripts())
        found[writer] = read, tuple(unread.values())
    return found
