"""Conditions of the user's own on a report; claims as tests in JUnit's XML; the badge."""

import copy
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from reportgen.base.artifacts import read_json, write_json
from reportgen.base.errors import UserError
from reportgen.claims import CLAIMS
from reportgen.commands.gates import check, read
from reportgen.page import badge, gates, junit
from reportgen.page.changes import changes


@pytest.fixture
def now(report: Path) -> dict[str, Any]:
    found = read_json(report / "metrics.json")
    found["model"] |= {"top1": 0.9, "labelled_images": 1000, "top1_tau": None}
    return found


def claim(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in metrics["claims"] if one["id"] == name)


def judged(text: str, now: dict[str, Any], **more: Any) -> list[tuple[str, bool]]:
    return [(one.outcome, one.narrow) for one in gates.judge(gates.read(text), now, **more)]


def planted(now: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A report whose claim `localises` is this."""
    claim(now, "localises").update(
        {"verdict": "holds", "estimate": 0.05, "low": 0.03, "high": 0.07, "why": "", "of": "net", **values}
    )
    return now


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("verdicts", "no 'verdicts' to judge; did you mean 'verdict'?"),
        ("top1>=0.9,locolises>=0.02", "no 'locolises' to judge; did you mean 'localises'?"),
        ("accuracy>=0.9", "(verdict, moved, top1, top5, map, hierarchy,"),
        ("top1", "'top1' lacks its bound: as in top1>=0.9"),
        ("localises", "'localises' lacks its bound: as in localises>=0.02 or localises=holds"),
        ("top1>0.9", "'top1>0.9' is no condition: write verdict, moved, top1>=0.9"),
        ("top1>=nan", "'top1>=nan' is no condition"),
        ("top1>=", "'top1>=' is no condition"),
        ("top1=0.9", "'top1=0.9' is no condition"),
        ("top1=holds", "'top1=holds': as in top1>=0.9"),
        ("moved>=2", "'moved' stands alone"),
        ("verdict=holds", "'verdict' stands alone"),
        ("localises=hold", "'localises=hold': use holds, contradicted, undecided, not tested; did you mean 'holds'?"),
        ("top1>=90", "an accuracy lies between 0 and 1: write 90% or 0.9"),
        ("top1>=0.9+--1", "a tolerance is 0 or more"),
        ("localises>=-1e999", "a bound and its tolerance are finite: use numbers up to 1e+100"),
        ("localises<=2+-1e999%", "a bound and its tolerance are finite"),
        ("verdict,,moved", "'' is no condition"),
        (",", "'' is no condition"),
        ("verdict moved", "'verdict moved' is no condition"),
    ],
)
def test_a_misspelt_condition_is_refused_with_what_exists(text: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"FAIL_ON={text}: ") + ".*" + re.escape(message)):
        gates.read(text)


def test_conditions_are_read() -> None:
    found = gates.read(" verdict , moved,top1 >= 90% ± 1%, localises>=-2e-2+-0,grouping<=.5, hierarchy=not tested ")
    assert [(one.name, one.sign, one.value, one.tolerance, one.verdict) for one in found] == [
        ("verdict", "", 0.0, None, ""),
        ("moved", "", 0.0, None, ""),
        ("top1", ">=", 0.9, 0.01, ""),
        ("localises", ">=", -0.02, 0.0, ""),
        ("grouping", "<=", 0.5, None, ""),
        ("hierarchy", "=", 0.0, None, "not tested"),
    ]
    assert gates.read("") == gates.read("  ") == ()


@pytest.mark.parametrize(
    ("text", "outcome", "narrow"),
    [
        ("localises>=0.05", "passed", False),
        ("localises>=0.06", "passed", True),  # the interval reaches 0.07
        ("localises>=0.08", "failed", False),
        ("localises>=0.06+-0", "failed", False),
        ("localises>=0.06+-0.01", "passed", False),
        ("localises>=0.0601+-1%", "failed", False),
        ("localises<=0.05", "passed", False),
        ("localises<=0.04", "passed", True),
        ("localises<=0.02", "failed", False),
        ("localises=holds", "passed", False),
        ("localises=contradicted", "failed", False),
        ("better-architecture>=-9", "failed", False),  # not tested
        ("top1>=0.9", "passed", False),
        ("top1>=0.91", "passed", True),
        ("top1>=0.95", "failed", False),
        ("top5>=0.1", "failed", False),  # of so few classes there is none
    ],
)
def test_a_number_fails_where_its_interval_lies_on_the_wrong_side(
    now: dict[str, Any], text: str, outcome: str, narrow: bool
) -> None:
    assert judged(text, planted(now)) == [(outcome, narrow)]


def test_training_noise_and_tolerance_widen_what_passes(now: dict[str, Any]) -> None:
    assert judged("top1>=0.95", now) == [("failed", False)]
    now["model"]["top1_tau"] = 0.03
    assert judged("top1>=0.95", now) == [("passed", True)]
    assert judged("top1>=0.95", now, tolerance=0.0) == [("passed", True)]
    planted(now)
    assert judged("localises>=0.08", now, tolerance=1.0) == [
        ("failed", False)
    ]  # reaches 0.05 + 0.02 * sqrt(2) = 0.0783
    assert judged("localises>=0.078", now, tolerance=1.0) == [("passed", True)]
    planted(now, of="training")  # its interval holds the noise of training already
    assert judged("localises>=0.078", now, tolerance=1.0) == [("failed", False)]
    planted(now, high=None)
    assert judged("localises>=9", now) == [("passed", True)]


def test_what_changed_is_judged_as_the_comparison_says(now: dict[str, Any]) -> None:
    assert judged("verdict,moved", now) == [("not judged", False)] * 2
    assert judged("verdict,moved", now, found=changes(now, now)) == [("passed", False)] * 2
    older = copy.deepcopy(now)
    for metrics, weights in ((older, "a"), (now, "b")):
        claim(metrics, "grouping")["weights"] = weights
        claim(metrics, "grouping")["parts"][0] |= {"se": 0.01, "tau": 0.02}
    claim(now, "grouping")["parts"][0]["estimate"] -= 1
    claim(older, "grouping")["verdict"], claim(now, "grouping")["verdict"] = "holds", "contradicted"
    assert judged("verdict,moved", now, found=changes(older, now)) == [("failed", False)] * 2
    for metrics in (older, now):
        claim(metrics, "grouping")["parts"][0]["tau"] = None
    unknown = gates.judge(gates.read("verdict"), now, changes(older, now))[0]
    assert unknown.outcome == "not judged"
    assert "grouping (holds → contradicted): give REPEATS=3, NOISE= or TOLERANCE=1" in unknown.why
    assert judged("verdict,moved", now, found=changes(older, now, tolerance=1.0)) == [("failed", False)] * 2


def test_what_is_not_met_is_said_and_written_down(
    now: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(tmp_path / "metrics.json", planted(now, unit={"words": "points", "scale": 100, "digits": 3}))
    assert not check(gates.read("localises>=0.08,localises>=0.06,moved,top1>=0.5"), tmp_path, None, None)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "error: FAIL_ON=localises>=0.08: it is 5 [3, 7] points, at least 8 is asked",
        "warning: FAIL_ON=localises>=0.06: it is 5 [3, 7] points, at least 6 is asked: within noise (localises>=0.06+-0 takes "
        "the number as it is)",
        "warning: FAIL_ON=moved: there is no older report to compare with yet",
    ]
    suite = ET.parse(tmp_path / "gates.xml").getroot().find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        **{"tests": "4", "failures": "1", "skipped": "1"}
    }
    assert check((), tmp_path, None, None)
    assert not (tmp_path / "gates.xml").exists()


def test_what_changed_since_no_report_cannot_be_asked() -> None:
    wrong = "FAIL_ON=moved: it asks what changed since an older report: give BASE=path/to/older/report, or BASE=none"
    with pytest.raises(UserError, match=f"^{re.escape(wrong)}"):
        read({"FAIL_ON": "top1>=0.5, moved"})
    for words in (
        {"FAIL_ON": "moved", "BASE": "older"},
        {"FAIL_ON": "moved", "BASE": "none"},
        {"FAIL_ON": "top1>=0.5"},
    ):
        assert read(words) == gates.read(words["FAIL_ON"])


def test_claims_are_tests(now: dict[str, Any]) -> None:
    planted(now, verdict="contradicted", why="a <reason>\x00 & more")
    root = ET.fromstring(junit.of_claims(now["claims"]))
    cases = {str(case.get("name")).split(":")[0]: case for case in root.iter("testcase")}
    assert list(cases) == [one.id for one in CLAIMS]
    for one in now["claims"]:
        kinds = [child.tag for child in cases[one["id"]] if child.tag != "system-out"]
        wanted = {"holds": [], "contradicted": ["failure"]}.get(one["verdict"], ["skipped"])
        assert kinds == wanted, one["id"]
    failure = cases["localises"].find("failure")
    assert failure is not None
    assert failure.get("message") == "contradicted; 0.05 [0.03, 0.07]; a <reason>  & more"


def test_the_badge_is_what_shields_reads(now: dict[str, Any], report: Path) -> None:
    assert set(json.loads((report / "badge.json").read_text())) == {"schemaVersion", "label", "message", "color"}
    for one in now["claims"]:
        one["verdict"] = "holds"
    assert json.loads(badge.of(now)) == {
        **{"schemaVersion": 1, "label": "reportgen", "message": "90.0 %, 16 of 16 claims hold", "color": "brightgreen"}
    }
    now["claims"][0]["verdict"], now["claims"][1]["verdict"] = "contradicted", "not tested"
    found = json.loads(badge.of(now))
    assert (found["message"], found["color"]) == ("90.0 %, 14 of 15 claims hold", "yellow")
    now["model"] |= {"top1": None, "warning": "near chance"}
    found = json.loads(badge.of(now))
    assert (found["message"], found["color"]) == ("14 of 15 claims hold", "orange")
