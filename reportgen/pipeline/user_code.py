"""The user's own code that makes a net: a module, and what it imports from the folder in which the command runs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reportgen.pipeline.source_files import imported, within


def files(module: str) -> list[Path]:
    """The module's file, or every file of its package; the files here that those import, and so on.

    The import statements are read, not run. What cannot be read as Python imports nothing: loading the net says so.
    """
    top = module.split(".")[0]
    found = {path for path in (Path(f"{top}.py"), *Path(top).rglob("*.py")) if top and path.is_file()}
    waiting = sorted(found)
    while waiting:
        path = waiting.pop()
        new = set(_imported_here(path)) - found
        found |= new
        waiting += new
    return sorted(found)


def _imported_here(path: Path) -> Iterator[Path]:
    name = path.parent if path.name == "__init__.py" else path.with_suffix("")
    with suppress(SyntaxError, ValueError, RecursionError):
        for other in imported(".".join(name.parts), path):
            parts = other.split(".") if not within(other, ["reportgen"]) else []  # has stamps of its own
            for depth in range(1, len(parts) + 1):
                place = Path(*parts[:depth])
                yield from (one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file())
