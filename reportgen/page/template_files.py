"""The page's templates, styles and scripts, and which of them the page reads and which the PDF."""

from pathlib import Path

from reportgen.analyses import registry
from reportgen.analyses.base import FOLDER
from reportgen.base.artifacts import files_below

PACKAGE = Path(__file__).resolve().parent.parent
UNREAD = {  # writer -> top-level templates that only other writers read
    "page": ("print.html.j2", "print.css", "compare.html.j2"),
    "pdf": ("report.html.j2", "screen.css", "scripts", "provenance.html.j2", "compare.html.j2"),
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


def of(writer: str) -> tuple[dict[str, Path], tuple[Path, ...]]:
    """The templates and scripts that the writer ``page`` or ``pdf`` reads, by name, and those that it does not read."""
    read: dict[str, Path] = {}
    unread: list[Path] = []
    for path in files_below(templates()):
        name = path.relative_to(templates()).as_posix()
        if name.split("/")[0] in UNREAD[writer]:
            unread.append(path)
        else:
            read[name] = path
    for analysis in registry.ANALYSES:
        read |= {path.relative_to(FOLDER).as_posix(): path for path in sorted(analysis.folder.glob("*.j2"))}
    if writer == "page":
        read |= scripts()
    else:
        unread += scripts().values()
    return read, tuple(unread)
