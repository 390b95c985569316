"""Where the page's templates, styles and scripts lie, and which of them the page reads and which the PDF."""

from pathlib import Path

from reportgen.analyses import registry
from reportgen.analyses.base import FOLDER
from reportgen.base.artifacts import files_below

PACKAGE = Path(__file__).resolve().parent.parent
UNREAD = {  # top-level templates of the others
    "page": ("print.html.j2", "print.css", "compare.html.j2"),
    "pdf": ("report.html.j2", "screen.css", "scripts", "provenance.html.j2", "compare.html.j2"),
}


def templates() -> Path:
    """The folder of the page's templates: beside the package in a checkout, inside it once installed."""
    beside = PACKAGE.parent / "templates"
    return beside if beside.is_dir() else PACKAGE / "templates"


def folders() -> tuple[Path, Path]:
    """Where a template is looked for, by its path below one of them: ``occlusion/section.html.j2`` lies in the second."""
    return templates(), FOLDER


def scripts() -> dict[str, Path]:
    """The scripts of the analyses' own figures, by the name of their file."""
    return {path.name: path for analysis in registry.ANALYSES for path in sorted(analysis.folder.glob("*.js"))}


def of(writer: str) -> tuple[dict[str, Path], tuple[Path, ...]]:
    """What ``page`` or ``pdf`` reads, by name, and what of the rest lies among it."""
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
