"""Imports point down only."""

import ast
from pathlib import Path

import pytest
from runs import REPOSITORY

PACKAGE = REPOSITORY / "reportgen"
HEAVY = {"torch", "torchvision", "captum"}
# What the modules below a folder (or a module) must not import, at any depth of the file.
FORBIDDEN = {
    "probe": {"reportgen", "matplotlib", "jinja2", "weasyprint"},
    "measures": HEAVY | {"reportgen", "matplotlib", "jinja2", "weasyprint"},
    "figures": HEAVY
    | {"jinja2", "weasyprint", "reportgen.analyses", "reportgen.page", "reportgen.probe", "reportgen.nets"},
    "page": HEAVY
    | {"matplotlib.pyplot", "reportgen.analyses", "reportgen.probe", "reportgen.nets", "reportgen.figures.draw"},
    "analyses": {
        "matplotlib",
        "jinja2",
        "weasyprint",
        "reportgen.page",
        "reportgen.figures.draw",
        "reportgen.analyses",
    },
    "observe": {
        "matplotlib",
        "jinja2",
        "weasyprint",
        "reportgen.page",
        "reportgen.figures.draw",
        "reportgen.analyses",
    },
    "data": {
        "matplotlib",
        "jinja2",
        "weasyprint",
        "reportgen.probe",
        "reportgen.nets",
        "reportgen.analyses",
        "reportgen.page",
    },
    "nets": {"matplotlib", "jinja2", "weasyprint", "reportgen.analyses", "reportgen.page", "reportgen.figures"},
    "training.py": {"matplotlib", "jinja2", "weasyprint", "reportgen.analyses", "reportgen.page", "reportgen.figures"},
    "batches.py": {"matplotlib", "jinja2", "weasyprint", "reportgen.analyses", "reportgen.page", "reportgen.figures"},
    "settings.py": HEAVY | {"matplotlib", "jinja2", "weasyprint"},
    "registry.py": HEAVY | {"matplotlib", "jinja2", "weasyprint"},
}
ONLY_USERS = {"matplotlib": ("figures", "page"), "jinja2": ("page",), "weasyprint": ("page",)}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, with its packages; those for type checkers alone left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(place: str) -> list[Path]:
    path = PACKAGE / place
    return [path] if path.suffix else sorted(path.rglob("*.py"))


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("place", FORBIDDEN)
def test_imports_point_down(place: str) -> None:
    for path in files(place):
        for name in imports(path):
            own = place in ("probe", "measures") and within(name, f"reportgen.{place}")
            wrong = [package for package in FORBIDDEN[place] if within(name, package) and not own]
            assert not wrong, f"{path.relative_to(REPOSITORY)} imports {name}"


@pytest.mark.parametrize("library", ONLY_USERS)
def test_a_library_has_one_room(library: str) -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in ONLY_USERS[library]:
            assert not any(within(name, library) for name in imports(path)), path


def test_no_file_is_too_long_to_fit_in_the_head() -> None:
    for path in [*PACKAGE.rglob("*.py"), *(REPOSITORY / "tests").rglob("*.py")]:
        assert len(path.read_text().splitlines()) <= 500, path


def test_nothing_of_the_workplace_is_named() -> None:
    here = {"/work" + "/", "farm" + "-", ".library" + "/"}
    for folder in ("reportgen", "templates", "tests", "docs", ".ci", ".github"):
        for path in (REPOSITORY / folder).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".md", ".j2", ".css", ".js", ".yml", ".toml", ""):
                assert not any(word in path.read_text() for word in here), path
