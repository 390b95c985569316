"""What a changed file makes due: the table of causes and effects, for every file of the package."""

import ast
from pathlib import Path

import pytest
from runs import REPOSITORY

from reportgen.analyses import settings
from reportgen.pipeline import source_files
from reportgen.pipeline.run import Pipeline
from reportgen.stages.plan import pipeline

TRAINED = ("net", "compare/")  # stages that train
# What a trained net's bytes depend on: docs/decisions/what-a-net-depends-on.md.
LEARNING = ("nets", "data", "scenes", "stages/net.py", "stages/compare.py", "stages/train.py")
LEARNING += ("stages/data.py", "stages/scenes.py", "settings/recipes.py", "settings/variants.py")
LEARNING += ("stages/judging.py",)  # whose images a comparison net is asked about
ENDS = {"page", "pdf"}
# Read at every call: what would end a run late, what compares reports; and what draws the stages themselves.
NOT_OF_A_STAGE = ("/preflight.py", "/maps.py", "/graph.py")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("causes")
    return pipeline(settings.load({"PROFILE": "tiny"}), folder / "build", folder / "report")


def due_after(opened: Pipeline, path: str) -> set[str]:
    """The stages whose stamps hold the content of a file of the package, and all that depend on these."""
    module = ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")
    found: set[str] = set()
    for name, stage in opened.stages.items():
        stamp = opened.stamps[name]
        read = {f"reportgen.{module}"} & set(stamp["sources"]) or path in _templates(opened, name)
        if read or found & set(stage.inputs):
            found.add(name)
    return found


def _templates(opened: Pipeline, stage: str) -> set[str]:
    package = REPOSITORY / "reportgen"
    paths = opened.stages[stage].templates.values()
    return {path.relative_to(package).as_posix() for path in paths if path.is_relative_to(package)}


def trains(stages: set[str]) -> set[str]:
    return {name for name in stages if name.startswith(TRAINED)}


def files() -> list[str]:
    package = REPOSITORY / "reportgen"
    return sorted(
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix in (".py", ".j2", ".js", ".toml", ".json")
    )


@pytest.mark.parametrize("path", files())
def test_only_what_a_net_learns_by_trains_it_again(path: str, opened: Pipeline) -> None:
    allowed = any(path == place or path.startswith(f"{place}/") for place in LEARNING)
    assert allowed or not trains(due_after(opened, path)), path


@pytest.mark.parametrize(
    ("path", "effects"),
    [
        ("analyses/registry.py", ENDS),
        ("analyses/base.py", ENDS),
        ("analyses/settings.py", ENDS),
        ("settings/load.py", ENDS),
        ("settings/switches.py", ENDS),
        ("settings/sections.py", ENDS),
        ("pipeline/run.py", set()),
        ("pipeline/jobs.py", set()),
        ("pipeline/work.py", set()),
        ("pipeline/source_files.py", set()),
        ("pipeline/user_files.py", set()),
        ("stages/plan.py", set()),
        ("stages/preflight.py", set()),
        ("cli.py", set()),
        ("commands/figures.py", set()),
        ("page/changes.py", {"page"}),
        ("page/atlas.py", ENDS),
        ("look/sheets.py", {"atlas", *ENDS}),
        ("stages/atlas.py", {"atlas", *ENDS}),
        ("page/content.py", ENDS),
        ("analyses/features/maps.py", {"atlas", *ENDS}),
        ("analyses/occlusion/section.html.j2", ENDS),
        ("analyses/occlusion/occlusion.js", {"page"}),
        ("analyses/occlusion/draw.py", {"drawn/occlusion", *ENDS}),
        ("analyses/occlusion/analysis.py", {"occlusion", "claims", "drawn/occlusion", *ENDS}),
        ("analyses/occlusion/headline.py", ENDS),
    ],
)
def test_what_a_changed_file_makes_due(path: str, effects: set[str], opened: Pipeline) -> None:
    assert due_after(opened, path) == effects


@pytest.mark.parametrize("path", ["base/errors.py", "base/progress.py", "base/artifacts.py", "settings/sections.py"])
def test_what_serves_everything_trains_nothing(path: str, opened: Pipeline) -> None:
    assert not trains(due_after(opened, path))
    assert "data" not in due_after(opened, path)


def test_the_training_code_trains_every_net_again(opened: Pipeline) -> None:
    nets = trains(set(opened.stages))
    for path in (
        "nets/training/loop.py",
        "nets/training/gradients.py",
        "nets/zfnet.py",
        "data/transforms.py",
        "stages/train.py",
    ):
        assert trains(due_after(opened, path)) == nets, path
    assert trains(due_after(opened, "settings/recipes.py")) == nets
    assert "compare/zfnet" in due_after(opened, "settings/variants.py")


# What the code that trains imports from elsewhere, which no net's stamp holds: it may change no artefact, or a decision says why.
UNHELD = {"base", "base.artifacts", "base.errors", "base.foreign", "base.names", "base.progress", "base.size"}
UNHELD |= {"base.torchrun", "look.cost", "probe.fetching", "probe.layouts", "probe.memory"}


def test_nothing_else_reaches_a_trained_net_past_its_stamp(opened: Pipeline) -> None:
    found = set()
    for name in [name for name, stage in opened.stages.items() if stage.rooms]:
        held = set(opened.stamps[name]["sources"])
        for module in held:
            path = source_files._source(module)
            assert path is not None
            found |= {
                other.removeprefix("reportgen.")
                for other in source_files._imports(module, path)
                if other.startswith("reportgen.") and other not in held and source_files._source(other)
            }
    beyond = {
        one for one in found if not source_files.within(f"reportgen.{one}", source_files.ENGINE + source_files.DECLARED)
    }
    assert beyond == UNHELD


def test_every_file_that_computes_is_read_by_a_stage(opened: Pipeline) -> None:
    """A file that no stamp holds could change what a report says, and nobody would notice."""
    loaded = settings.load({"PROFILE": "tiny", "MODEL": "resnet18", "WEIGHTS": "DEFAULT", "DATA": "CIFAR10"})
    other = pipeline(loaded, opened.build / "loaded", opened.report)
    for path in files():
        if path.endswith("__init__.py") and len(ast.parse((REPOSITORY / "reportgen" / path).read_text()).body) == 1:
            continue  # it says what lies in its folder, and nothing else
        if path.split("/")[0] in ("probe", "scenes", "claims", "figures", "data", "nets", "look", "analyses"):
            assert due_after(opened, path) or due_after(other, path) or path.endswith(NOT_OF_A_STAGE), path


def test_no_import_is_missed_in_reading_statements_alone() -> None:
    for path in sorted((source_files.ROOT / "reportgen").rglob("*.py")):
        tree = ast.parse(path.read_text())
        all_of_them = {one.lineno for one in ast.walk(tree) if isinstance(one, ast.Import | ast.ImportFrom)}
        found = source_files._statements(tree)
        assert {one.lineno for one in found if isinstance(one, ast.Import | ast.ImportFrom)} == all_of_them, path
