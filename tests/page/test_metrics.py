"""``metrics.json`` is what its schema says, and carries what the run found."""

import json
from pathlib import Path
from unittest.mock import create_autospec

import jsonschema
import pytest
from fake_build import CLASSES, FAKED, NET, RUN, planted

from reportgen.base.artifacts import read_json
from reportgen.claims import CLAIMS
from reportgen.commands import summary
from reportgen.page.metrics import SCHEMA, VERSION
from reportgen.pipeline.run import Pipeline


@pytest.fixture
def metrics(report: Path) -> dict:
    return read_json(report / "metrics.json")


def test_the_schema_is_a_schema_and_the_metrics_follow_it(metrics: dict):
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(metrics, schema)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda metrics: metrics.pop("claims"),
        lambda metrics: metrics.update(schema=VERSION + 1),
        lambda metrics: metrics["claims"][0].update(verdict="perhaps"),
        lambda metrics: metrics["claims"].pop(),
        lambda metrics: metrics["claims"][-1].update(why=""),
        lambda metrics: metrics["claims"][9].update(why=""),  # undecided without a number: the reason is all there is
        lambda metrics: metrics["model"].update(top1=87),
        lambda metrics: metrics["data"].pop("fingerprint"),
        lambda metrics: metrics["figures"][0].update(files=["../elsewhere"]),
    ],
)
def test_the_schema_refuses_what_is_not_so(metrics: dict, spoil):
    spoil(metrics)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(metrics, json.loads(SCHEMA.read_text()))


def test_it_holds_the_run_the_data_and_the_model(metrics: dict):
    assert metrics["schema"] == VERSION
    assert metrics["run"] == RUN
    assert metrics["data"]["classes"] == list(CLASSES)
    assert metrics["data"]["images"]["train"] == 3600
    assert metrics["model"]["top1"] == NET["top1"] == 1079 / 1234
    numbers = {analysis.name: analysis.module.numbers(planted(analysis.name)) for analysis in FAKED}
    assert metrics["model"]["layers"] == numbers["schematics"]["layers"]
    assert metrics["analyses"] == numbers


def test_it_holds_every_claim_of_the_paper_in_order(metrics: dict):
    assert [claim["id"] for claim in metrics["claims"]] == [claim.id for claim in CLAIMS]
    found = {claim["id"]: claim for claim in metrics["claims"]}
    assert found["hierarchy"]["verdict"] == "holds"
    assert found["grouping"]["estimate"] == pytest.approx(-0.2)
    assert found["grouping"]["low"] == pytest.approx(-0.2153, abs=1e-4)
    assert found["clipping"]["high"] is None
    assert found["localises"]["why"] == "it is not known where the objects lie in the test images"
    assert found["deeper-is-better"]["verdict"] == "not tested"


def test_every_figure_names_its_files(metrics: dict, report: Path):
    assert len({figure["id"] for figure in metrics["figures"]}) == len(metrics["figures"]) == 19
    for figure in metrics["figures"]:
        assert figure["files"] or figure["id"] == "architecture-nets"  # a table, which is text
        for file in figure["files"]:
            assert (report / file).is_file()


def test_the_last_lines_of_a_run_say_why_a_claim_has_no_number(report: Path):
    lines = list(summary.lines(create_autospec(Pipeline, instance=True, report=report), {}, 0.0))
    why = "with 1 of the seeds one of the two did not train to the end"
    assert f"   undecided  better-architecture: {why}" in lines


def test_the_last_lines_of_a_run_say_first_what_fails_and_once_what_several_share(metrics: dict, tmp_path: Path):
    for claim in metrics["claims"][:2]:
        claim |= {"verdict": "undecided", "why": "too little was learned: 3 %"}
    failing = metrics["claims"][4]
    failing["verdict"] = "contradicted"
    failing["parts"] = [{"name": name, "outcome": outcome} for name, outcome in (("a", "contradicted"), ("b", "holds"))]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    lines = list(summary.lines(create_autospec(Pipeline, instance=True, report=tmp_path), {}, 0.0))
    [at] = [place for place, line in enumerate(lines) if line.startswith("contradicted")]
    assert lines[at].endswith("; it fails in 1 of 2 parts (a)")
    assert "   undecided" in lines[at + 1]
    assert "2 claims are undecided for one reason (hierarchy, grouping): too little was learned: 3 %" in lines


def test_the_last_lines_of_a_run_say_the_time_by_the_clock(report: Path):
    took = {"data": 30.0, "net": 40.0}  # made at the same time
    lines = list(summary.lines(create_autospec(Pipeline, instance=True, report=report), took, 45.0))
    assert lines[:2] == ["net 40.0 s  data 30.0 s", "45 s in all"]
