"""What every registered analysis owes: a new one is tested by being registered."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from figure_samples import OWN_KINDS
from runs import Run

from reportgen import claims
from reportgen.analyses import settings
from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.figures.kinds import from_data
from reportgen.look.inputs import Inputs
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


@every_analysis
def test_its_artefacts_are_whole_and_finite(analysis: Analysis, tiny: Run) -> None:
    folder = tiny.build / analysis.name
    document = read_json(folder / DOCUMENT)
    assert document["settings"] == dataclasses.asdict(analysis.settings()) | document["settings"]
    assert document["fingerprint"] == read_json(folder / "stamp.json")["fingerprint"]
    assert {verdict["id"] for verdict in document["verdicts"]} <= set(claims.BY_ID)
    for name, array in read_arrays(folder / "result.npz").items():
        assert array.size, name
        if np.issubdtype(array.dtype, np.floating) and not name.endswith(("agreement", "within", "between")):
            assert np.isfinite(array).all(), name
    figures = from_data(read_json(folder / "figures.json"), read_arrays(folder / "figures.npz"), OWN_KINDS)
    assert figures
    for name, figure in figures.items():
        assert len(figure.alt) > 30, name
        assert len(figure.caption) > 60, name
        assert figure.title, name
    drawn = read_json(tiny.build / "drawn" / analysis.name / DOCUMENT)["figures"]
    assert set(drawn) == set(figures)


@every_analysis
def test_it_gives_the_same_numbers_for_the_same_seed(analysis: Analysis, tiny: Run, tmp_path: Path) -> None:
    loaded = settings.load({"PROFILE": "tiny"})
    module, section = analysis.module, loaded.sections[analysis.name]

    def once(seed: int) -> str:
        rng = np.random.default_rng([seed, *analysis.name.encode()])
        result = module.compute(Inputs.open(tiny.build, "cpu"), section, rng)
        module.judge(result, np.random.default_rng(1))
        return json.dumps(module.numbers(result), sort_keys=True)

    assert once(0) == once(0)
    assert json.loads(once(0)) == read_json(tiny.build / analysis.name / DOCUMENT)["numbers"]


@every_analysis
def test_it_leaves_the_net_as_it_was(analysis: Analysis, tiny: Run) -> None:
    inputs = Inputs.open(tiny.build, "cpu")
    before = {name: value.clone() for name, value in inputs.net.state_dict().items()}
    analysis.module.compute(
        inputs, settings.load({"PROFILE": "tiny"}).sections[analysis.name], np.random.default_rng(0)
    )
    after = inputs.net.state_dict()
    assert all(value.equal(after[name]) for name, value in before.items())
    assert not inputs.net.training
    assert not any(module._forward_hooks for module in inputs.net.modules())


def test_every_stage_of_the_run_left_its_stamp(tiny: Run) -> None:
    for name in stages(settings.load({"PROFILE": "tiny"})):
        assert (tiny.build / name / "stamp.json").is_file(), name
