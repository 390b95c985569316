"""What every registered analysis owes: a new one is tested by being registered."""

import dataclasses
import json
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from figure_samples import OWN_KINDS
from runs import SLOW, Run

from reportgen import claims
from reportgen.analyses import settings
from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.figures.kinds import from_data
from reportgen.look.inputs import Inputs
from reportgen.nets.threads import prepare
from reportgen.stages.plan import stages

every_analysis = pytest.mark.parametrize("analysis", ANALYSES, ids=lambda analysis: analysis.name)


@every_analysis
def test_its_module_has_the_shape_of_an_analysis(analysis: Analysis) -> None:
    module = analysis.module
    assert module.__doc__
    for name in ("compute", "judge", "numbers", "figures"):
        assert callable(getattr(module, name)), name
    for kind in (analysis.settings, module.Result):
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    analysis.settings()
    assert (analysis.folder / "section.html.j2").is_file()


# NaN where there is nothing to measure: maps that are silent, layers that training did not change, and so on
MAY_BE_UNDEFINED = ("agreement", "within", "between", "measures", "ends", "other_drop", "precision")


@every_analysis
def test_its_artefacts_are_whole_and_finite(analysis: Analysis, tiny: Run) -> None:
    folder = tiny.build / analysis.name
    document = read_json(folder / DOCUMENT)
    assert document["settings"] == dataclasses.asdict(analysis.settings()) | document["settings"]
    assert document["fingerprint"] == read_json(folder / "stamp.json")["fingerprint"]
    assert {verdict["id"] for verdict in document["verdicts"]} <= set(claims.BY_ID)
    for name, array in read_arrays(folder / "result.npz").items():
        assert array.size, name
        if np.issubdtype(array.dtype, np.floating) and not name.endswith(MAY_BE_UNDEFINED):
            assert np.isfinite(array).all(), name
    figures = from_data(read_json(folder / "figures.json"), read_arrays(folder / "figures.npz"), OWN_KINDS)
    assert figures
    for name, figure in figures.items():
        assert len(figure.alt) > 30, name
        assert len(figure.caption) > 60, name
        assert figure.title, name
    drawn = read_json(tiny.build / "drawn" / analysis.name / DOCUMENT)["figures"]
    assert set(drawn) == set(figures)


@pytest.fixture(scope="module")
def computed(tiny: Run) -> Callable[[Analysis], list["Computed"]]:
    """Every analysis once more in this process; where the slow tests are asked for, twice in turn."""

    @cache
    def again(analysis: Analysis) -> list[Computed]:
        return [compute(analysis, tiny) for _ in range(2 if SLOW else 1)]

    return again


@dataclasses.dataclass(frozen=True)
class Computed:
    """What an analysis gave, and what it left behind."""

    numbers: str
    touched: list[str]  # weights and buffers of the net that are no longer what they were
    training: bool
    hooked: bool


def compute(analysis: Analysis, tiny: Run) -> Computed:
    loaded, module = settings.load({"PROFILE": "tiny"}), analysis.module
    prepare(loaded)
    inputs = Inputs.open(tiny.build, "cpu")
    before = {name: value.clone() for name, value in inputs.net.state_dict().items()}
    result = module.compute(inputs, loaded.sections[analysis.name], np.random.default_rng([0, *analysis.name.encode()]))
    after = inputs.net.state_dict()
    module.judge(result, np.random.default_rng(1))
    return Computed(
        json.dumps(module.numbers(result), sort_keys=True),
        [name for name, value in before.items() if not value.equal(after[name])],
        inputs.net.training,
        any(module._forward_hooks for module in inputs.net.modules()),
    )


@every_analysis
def test_it_gives_the_same_numbers_for_the_same_seed(
    analysis: Analysis, tiny: Run, computed: Callable[[Analysis], list[Computed]]
) -> None:
    of_the_run = read_json(tiny.build / analysis.name / DOCUMENT)["numbers"]
    for found in computed(analysis):
        assert json.loads(found.numbers) == of_the_run


@every_analysis
def test_it_leaves_the_net_as_it_was(analysis: Analysis, computed: Callable[[Analysis], list[Computed]]) -> None:
    for found in computed(analysis):
        assert (found.touched, found.training, found.hooked) == ([], False, False)


def test_every_stage_of_the_run_left_its_stamp(tiny: Run) -> None:
    for name in stages(settings.load({"PROFILE": "tiny"})):
        assert (tiny.build / name / "stamp.json").is_file(), name
