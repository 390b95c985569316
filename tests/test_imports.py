"""The plan of the rooms: who may import whom. docs/architecture.md draws it."""

import ast
from pathlib import Path

import pytest
from runs import REPOSITORY

PACKAGE = REPOSITORY / "reportgen"
# Rooms from the ground up. A room may import those that stand before it; of those in one row none imports another.
FLOORS = (
    ("base",),
    ("probe", "scenes", "claims", "figures"),
    ("settings",),
    ("data",),
    ("nets",),
    ("look",),
    ("analyses",),
    ("pipeline",),
    ("page",),
    ("stages",),
    ("commands",),
    ("cli", "handed"),
    ("api",),
    ("__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ALONE = {"probe", "scenes"}  # libraries of their own: they import nothing of ours
PIPELINE = {"reportgen.pipeline.work"}  # all that a stage may import of the engine
PLANNING = ("plan", "preflight")  # modules of `stages` that are no stage
# Only these rooms, or files, may import a library.
ONLY_USERS = {
    "matplotlib": ("figures", "analyses"),
    "jinja2": ("page",),
    "weasyprint": ("page",),
    "click": ("cli",),
}
TORCH = {"torch", "torchvision", "captum"}
WITHOUT_TORCH = ("base", "settings", "claims", "figures", "page", "pipeline", "cli", "__main__")
DRAWING = ("draw", "figure", "deconvnet", "diagrams")  # files of an analysis that the drawing stage imports
LIGHT = (
    "__init__",
    "preflight",
    "headline",
    "maps",
    *DRAWING,
)  # files of an analysis that are imported where nothing is computed


def modules(*rooms: str) -> list[Path]:
    """Every file of these rooms, or of all."""
    found = sorted(PACKAGE.rglob("*.py"))
    return [path for path in found if not rooms or room_of(path) in rooms]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """Every module that a file imports, with its packages."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own(path: Path) -> set[str]:
    """The modules of ours that a file imports: of ``from reportgen.a import b`` the file in which b lies."""
    found = set()
    for name in imports(path):
        if name.startswith("reportgen.") and name != "reportgen.__version__":
            parts = name.split(".")
            while not (
                REPOSITORY.joinpath(*parts).is_dir() or REPOSITORY.joinpath(*parts).with_suffix(".py").is_file()
            ):
                parts.pop()
            found.add(".".join(parts))
    return found


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_every_room_has_its_floor() -> None:
    assert {room_of(path) for path in modules()} == {*FLOOR, "__init__"}


@pytest.mark.parametrize("room", FLOOR)
def test_imports_point_down(room: str) -> None:
    for path in modules(room):
        for name in own(path):
            other = name.split(".")[1]
            assert other == room or FLOOR[other] < FLOOR[room], f"{path.relative_to(REPOSITORY)} imports {name}"


@pytest.mark.parametrize("room", sorted(ALONE))
def test_a_library_of_its_own_imports_nothing_of_ours(room: str) -> None:
    for path in modules(room):
        assert all(within(name, f"reportgen.{room}") for name in own(path)), path


def test_analyses_do_not_know_each_other() -> None:
    folders = {path.name for path in (PACKAGE / "analyses").iterdir() if (path / "__init__.py").is_file()}
    for path in modules("analyses"):
        mine = path.relative_to(PACKAGE / "analyses").parts[0]
        others = {
            name.split(".")[2] for name in own(path) if within(name, "reportgen.analyses") and name.count(".") > 1
        }
        assert not (others & folders) - {mine}, path


def test_a_stage_knows_no_engine() -> None:
    for path in modules("stages"):
        if path.stem not in PLANNING:
            assert {name for name in own(path) if within(name, "reportgen.pipeline")} <= PIPELINE, path


def test_no_room_but_the_registry_knows_an_analysis_by_name() -> None:
    folders = {path.name for path in (PACKAGE / "analyses").iterdir() if (path / "__init__.py").is_file()}
    for path in modules("page", "cli", "stages", "commands", "pipeline", "settings", "look", "nets", "data"):
        named = {name.split(".")[2] for name in own(path) if within(name, "reportgen.analyses") and name.count(".") > 1}
        assert not named & folders, path


@pytest.mark.parametrize("library", ONLY_USERS)
def test_a_library_has_one_room(library: str) -> None:
    for path in modules():
        if room_of(path) not in ONLY_USERS[library]:
            assert not any(within(name, library) for name in imports(path)), path
    for path in modules("analyses"):
        if path.stem not in DRAWING:
            assert not any(within(name, "matplotlib") for name in imports(path)), path


def test_torch_is_imported_only_where_something_is_computed() -> None:
    light = [path for path in modules("analyses") if path.stem in LIGHT or path.parent.name == "analyses"]
    for path in [*modules(*WITHOUT_TORCH), *light]:
        if path.name != "launch.py":  # which starts the processes that share a stage
            assert not any(within(name, library) for name in imports(path) for library in TORCH), path
