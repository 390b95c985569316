"""What code a stage is made of: the source files that its module imports, the libraries that those import, the commit.

Imports are read off the files' import statements, without running any: importing torch takes seconds.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}  # where the import has another name


def closure(modules: Iterable[str]) -> tuple[dict[str, Path], list[str]]:
    """Every source file of ours that these modules import, and the libraries that those import."""
    sources: dict[str, Path] = {}
    libraries: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        path = None if module in sources else _source(module)
        if path is None:
            continue
        sources[module] = path
        for name in _imports(module, path):
            top = name.split(".")[0]
            if top == "reportgen":
                waiting.append(name)
            else:
                libraries.add(top)
    return dict(sorted(sources.items())), sorted(libraries - sys.stdlib_module_names)


def templates() -> Path:
    """The folder of the page's templates: beside the package in a checkout, inside it once installed."""
    beside = REPOSITORY / "templates"
    return beside if beside.is_dir() else PACKAGE / "templates"


def version(library: str) -> str:
    """The installed version of what is imported by this name."""
    if library == "reportgen":
        from reportgen import __version__

        return __version__
    try:
        return metadata.version(DISTRIBUTIONS.get(library, library))
    except metadata.PackageNotFoundError:
        return "none"


def lacking(libraries: Iterable[str]) -> str:
    """Which of these libraries this Python does not have, and the way out; empty where it has them all."""
    missing = sorted({DISTRIBUTIONS.get(name, name) for name in libraries if find_spec(name) is None})
    if not missing:
        return ""
    names = " ".join(missing)
    return (
        f"{sys.executable} has no {', '.join(missing)}: install what is missing ('{sys.executable} -m pip install "
        f"{names}'), or let make install all, without VENV=none"
    )


@dataclass(frozen=True)
class Commit:
    """The commit of the folder we work in."""

    name: str | None  # None where there is none
    date: int  # seconds since 1970; 0 where nothing says when
    changed: tuple[Path, ...]  # tracked files that differ from it

    def without(self, unread: Sequence[Path]) -> str | None:
        """Its name, with "-dirty" behind it where files were changed that do not lie below one of these."""
        touched = any(not any(path.is_relative_to(other) for other in unread) for path in self.changed)
        return f"{self.name}-dirty" if self.name and touched else self.name


def checked_out() -> Commit:
    """Ask git about the folder we work in; ``SOURCE_DATE_EPOCH`` overrides its date."""

    def git(*words: str) -> str:
        try:
            answer = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return ""
        return answer.stdout if answer.returncode == 0 else ""

    known = git("log", "-1", "--format=%H %ct").split()
    name, date = (known[0], int(known[1])) if known else (None, 0)
    top = Path(git("rev-parse", "--show-toplevel").removesuffix("\n"))
    lines = git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no").split("\0")
    changed = tuple(top / line[3:] for line in lines if line)  # two letters and a blank come before the path
    return Commit(name, int(os.environ.get("SOURCE_DATE_EPOCH", date)), changed)


@cache
def _source(module: str) -> Path | None:
    place = REPOSITORY.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _imports(module: str, path: Path) -> frozenset[str]:
    """The names of all that a source file imports, wherever it does so."""
    return frozenset(_named(module, path))


def _named(module: str, path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    package = path.name == "__init__.py"
    if package and "__getattr__" in text:  # it imports its modules when they are asked for
        yield from (f"{module}.{other.stem}" for other in path.parent.glob("*.py") if other.stem != "__init__")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            base = ".".join(parts[: len(parts) - node.level + package]) if node.level else ""
            name = ".".join(part for part in (base, node.module or "") if part)
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names if name.startswith("reportgen"))
