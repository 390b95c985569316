"""The code that a stage depends on: the source files that its module imports, and the libraries that those import.

The import statements are read, not run: importing torch takes seconds.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]  # the folder in which the package lies
ENGINE = ("reportgen.pipeline",)  # decides when a stage is made, which changes no artefact
DECLARED = (  # their content reaches a stage as values, and its stamp holds the values
    "reportgen.settings.sections",
    "reportgen.settings.switches",
    "reportgen.settings.load",
    "reportgen.analyses.base",
    "reportgen.analyses.registry",
    "reportgen.analyses.settings",
)


@cache  # stages of further trainings, and every new pipeline, ask the same
def closure(
    modules: tuple[str, ...], rooms: tuple[str, ...] = (), but: tuple[str, ...] = ENGINE + DECLARED
) -> tuple[Mapping[str, Path], tuple[str, ...]]:
    """Every file of this package that these modules import, and the libraries that those import.

    Packages and modules in `but` do not count, nor do their imports. If `rooms` are named, only files in these rooms
    count, and imports through other files do not.
    """
    sources: dict[str, Path] = {}
    libraries: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in sources or within(module, but) or (rooms and not within(module, rooms)):
            continue
        path = _source(module)
        if path is None:
            continue
        sources[module] = path
        for name in _imports(module, path):
            top = name.split(".")[0]
            if top == "reportgen":
                waiting.append(name)
            else:
                libraries.add(top)
    return MappingProxyType(dict(sorted(sources.items()))), tuple(sorted(libraries - sys.stdlib_module_names))


def within(module: str, rooms: Sequence[str]) -> bool:
    """Whether a module is one of `rooms`, or inside one."""
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@cache
def _source(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _imports(module: str, path: Path) -> frozenset[str]:
    """The names of everything that a source file imports, at its top or inside functions."""
    return frozenset(imported(module, path))


def imported(module: str, path: Path) -> Iterator[str]:
    """The names of everything that a module's file imports: modules, and what is taken from them, which may be modules, too."""
    text = path.read_text(encoding="utf-8")
    package = path.name == "__init__.py"
    # It imports its modules on first use; those of the package itself are for users, and no stage reads them.
    if package and "__getattr__" in text and module != "reportgen":
        yield from (f"{module}.{other.stem}" for other in path.parent.glob("*.py") if other.stem != "__init__")
    for node in _statements(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            base = ".".join(parts[: len(parts) - node.level + package]) if node.level else ""
            name = ".".join(part for part in (base, node.module or "") if part)
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below this one. (`ast.walk` visits every expression as well, which takes ten times as long.)"""
    for inside in ("body", "orelse", "finalbody", "handlers", "cases"):
        children = getattr(node, inside, None)
        for child in children if isinstance(children, list) else ():  # an expression has a body, too
            yield child
            yield from _statements(child)
