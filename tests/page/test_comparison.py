"""What changed between two reports: verdicts, numbers, settings, matched feature maps; a digest for a pull request."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_build import CLASSES, FAKED, RUN

from reportgen.base.artifacts import read_json, write_arrays, write_json
from reportgen.base.errors import UserError
from reportgen.claims import influence_key
from reportgen.page import compare, digest, html
from reportgen.page.changes import changes
from reportgen.page.matching import correlation, match


@pytest.fixture
def older(report: Path) -> dict[str, Any]:
    return read_json(report / "metrics.json")


def claim(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    return next(claim for claim in metrics["claims"] if claim["id"] == name)


def part(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    return claim(metrics, name)["parts"][0]


def changed(older: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A newer report, of other weights, in which the first part of `grouping` has other values."""
    newer = copy.deepcopy(older)
    claim(newer, "grouping")["weights"] = "other"
    part(newer, "grouping").update(values)
    return newer


def test_a_report_is_no_different_from_itself(older: dict[str, Any]) -> None:
    found = changes(older, older)
    assert not found.any
    assert len(found.numbers) == 7  # six parts of claims that have an interval, and the accuracy
    text = digest.of_changes(found, older, older, {})
    assert "Nothing was changed: the same settings, data, versions and code." in text.splitlines()[0]
    assert "No verdict and no number changed." in text


def test_the_first_line_is_the_accuracy_and_what_was_changed(older: dict[str, Any]) -> None:
    older["model"] |= {"top1": 0.581, "labelled_images": 1000, "top1_tau": 0.01, "weights_digest": "a"}
    older["run"] |= {"commit": "a" * 40}
    newer = copy.deepcopy(older)
    newer["model"] |= {"top1": 0.265, "weights_digest": "b"}
    newer["run"] |= {"commit": "b" * 40 + "-dirty"}
    newer["run"]["settings"]["training"] = {"epochs": 4, "seed": None}
    older["run"]["settings"]["training"] = {"epochs": 10, "seed": None}
    said = digest.first_line(changes(older, newer), older, newer)
    assert said == ("Accuracy 58.1 → 26.5 %. Changed: training epochs 10 → 4; code aaaaaaaaaaaa → bbbbbbbbbbbb-dirty.")
    newer["model"] |= {"top1": 0.579}
    assert "58.1 → 57.9 % (within noise)" in digest.first_line(changes(older, newer), older, newer)
    newer["model"] |= {"top1": None}
    assert digest.first_line(changes(older, newer), older, newer).startswith("Accuracy unknown (no labels).")


def test_many_and_long_changes_are_cut_in_the_first_line(older: dict[str, Any]) -> None:
    newer = copy.deepcopy(older)
    older["run"]["settings"] = {"data": {f"field_{place}": "x" * 100 for place in range(6)}}
    newer["run"]["settings"] = {"data": {f"field_{place}": "y" for place in range(6)}}
    said = digest.first_line(changes(older, newer), older, newer)
    assert "data field 0 " + "x" * 39 + "… → y" in said
    assert said.endswith("and 2 more.")


@pytest.mark.parametrize(
    ("before", "now", "direction", "worse"),
    [
        ("holds", "undecided", "worse", True),
        ("undecided", "contradicted", "worse", True),
        ("contradicted", "holds", "better", False),
        ("not tested", "contradicted", "new", False),
        ("holds", "not tested", "lost", True),
    ],
)
def test_a_verdict_changes_for_better_or_worse(
    older: dict[str, Any], before: str, now: str, direction: str, worse: bool
) -> None:
    part(older, "grouping").update({"se": 0.01, "tau": 0.02})
    newer = changed(older, estimate=part(older, "grouping")["estimate"] - 1)
    claim(older, "grouping")["verdict"] = before
    claim(newer, "grouping")["verdict"] = now
    found = changes(older, newer)
    [change] = found.verdicts
    assert (change.id, change.direction) == ("grouping", direction)
    assert bool(found.worse) == worse
    assert found.turned == (change,)


def test_a_verdict_that_changes_within_noise_is_not_worse(older: dict[str, Any]) -> None:
    part(older, "grouping").update({"se": 0.01, "tau": 0.2})
    newer = changed(older, estimate=part(older, "grouping")["estimate"] - 0.5)
    claim(older, "grouping")["verdict"], claim(newer, "grouping")["verdict"] = "holds", "contradicted"
    found = changes(older, newer)
    assert found.verdicts
    assert not found.worse
    assert not found.moved
    assert [move.claim for move in found.within] == ["grouping"]
    text = digest.of_changes(found, older, newer, {})
    assert "No verdict changed beyond noise" in text
    assert text.index("<details>") < text.index("`grouping`")


@pytest.mark.parametrize(
    ("difference", "se", "tau", "weights", "moved"),
    [
        (0.4, 0.0, 0.1, "other", False),  # 2.95 * sqrt(2) * 0.1 = 0.418
        (0.43, 0.0, 0.1, "other", True),
        (0.43, 0.1, 0.1, "other", False),  # 2.95 * sqrt(4) * 0.1 = 0.591
        (0.6, 0.1, 0.1, "other", True),
        (0.43, 0.1, 9.0, "same", True),  # the same weights: training again says nothing
        (0.4, 0.1, 9.0, "same", False),
    ],
)
def test_a_number_changes_by_more_than_sampling_and_training_again(
    older: dict[str, Any], difference: float, se: float, tau: float, weights: str, moved: bool
) -> None:
    claim(older, "grouping")["weights"] = "same"
    part(older, "grouping").update({"se": se, "tau": tau})
    newer = changed(older, estimate=part(older, "grouping")["estimate"] + difference)
    claim(newer, "grouping")["weights"] = weights
    assert bool(changes(older, newer).moved) == moved


def test_where_the_noise_of_training_is_unknown_nobody_can_say(older: dict[str, Any]) -> None:
    part(older, "grouping").update({"se": 0.01, "tau": None})
    newer = changed(older, estimate=part(older, "grouping")["estimate"] - 0.5)
    claim(older, "grouping")["verdict"], claim(newer, "grouping")["verdict"] = "holds", "contradicted"
    found = changes(older, newer)
    assert (found.worse, [change.id for change in found.undecidable]) == ((), ["grouping"])
    assert "REPEATS=3" in digest.of_changes(found, older, newer, {})
    assert [change.id for change in changes(older, newer, tolerance=1.0).worse] == ["grouping"]
    assert not changes(older, newer, tolerance=100.0).worse


def test_where_images_are_the_same_the_paired_error_counts(older: dict[str, Any]) -> None:
    part(older, "grouping").update({"se": 1.0, "tau": 0.0})
    newer = changed(older, estimate=part(older, "grouping")["estimate"] - 0.5)
    shared = np.random.default_rng(0).normal(size=100) / 10
    key = influence_key("grouping", part(older, "grouping")["name"])
    alike = ({key: shared}, {key: shared + 0.001})  # paired error 0.01
    assert changes(older, newer, alike).moved
    assert not changes(older, newer, ({key: shared}, {key: -shared})).moved
    assert not changes(older, newer).moved
    newer["data"]["fingerprint"] = "other images"
    assert not changes(older, newer, alike).moved


def test_a_verdict_that_the_accuracy_decides_changes_with_that(older: dict[str, Any]) -> None:
    older["model"] |= {"top1": 0.9, "labelled_images": 1000, "top1_tau": 0.01, "weights_digest": "a"}
    newer = copy.deepcopy(older)
    newer["model"] |= {"top1": 0.1, "weights_digest": "b"}
    claim(older, "grouping")["verdict"] = "holds"
    claim(newer, "grouping").update({"verdict": "undecided", "why": "the net is not clearly better than guessing"})
    for one in claim(newer, "grouping")["parts"]:
        one["outcome"] = "holds"
    assert [change.id for change in changes(older, newer).worse] == ["grouping"]
    newer["model"]["top1"] = 0.88
    assert not changes(older, newer).worse


def test_a_report_of_before_is_still_read(older: dict[str, Any]) -> None:
    """Of the first rules: without errors, units, and what training again adds."""
    newer = copy.deepcopy(older)
    for entry in older["claims"]:
        for name in ("of", "net", "trainings", "unit", "weights", "beside"):
            entry.pop(name, None)
        for one in entry["parts"]:
            for name in ("se", "tau", "unit", "net", "most", "smallest_effect", "why"):
                one.pop(name, None)
    assert not changes(older, newer).moved


def test_settings_versions_and_data_that_differ_are_named(older: dict[str, Any]) -> None:
    newer = copy.deepcopy(older)
    newer["run"]["settings"]["data"]["size"] = 128
    newer["run"]["settings"]["occlusion"] = {"stride": 4}
    newer["run"]["versions"]["numpy"] = "2.5.0"
    newer["data"]["fingerprint"] = "other"
    found = changes(older, newer)
    assert [(item.name, item.before, item.now) for item in found.settings] == [
        ("data.size", "48", "128"),
        ("occlusion.stride", "–", "4"),
    ]
    assert [item.name for item in found.versions] == ["numpy"]
    assert [item.name for item in found.facts] == ["data fingerprint"]


def test_maps_are_matched_by_their_responses_not_by_their_number() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=(5, 60))
    order = np.array([3, 0, 4, 1, 2])
    now = 2.5 * before[order] + 1 + 0.01 * rng.normal(size=(5, 60))
    rows, columns = match(correlation(now, before))
    assert columns[np.argsort(rows)].tolist() == order.tolist()
    flat = np.vstack([np.full((1, 60), 3.0), before[1:]])
    assert correlation(flat, before)[0].tolist() == [0] * 5


def with_responses(report: Path, shift: int) -> None:
    """Give a report its maps' responses; map m of the shifted net does what map m - shift of the other does."""
    responses = np.random.default_rng(1).normal(size=(100, 40))
    names = [f"layer{layer}.responses" for layer in range(1, 6)]
    write_arrays(report / "data" / "features.npz", dict.fromkeys(names, np.roll(responses, shift, axis=0)))


@pytest.fixture
def two(build: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two reports of the same images; map m of the newer does what map m - 3 of the older does."""
    for name, shift in (("older", 0), ("newer", 3)):
        html.write(build, tmp_path / name, RUN, FAKED)
        with_responses(tmp_path / name, shift)
    return tmp_path / "older", tmp_path / "newer"


def test_the_page_shows_both_nets_maps_side_by_side(two: tuple[Path, Path]) -> None:
    older, newer = two
    compare.write(older, newer)
    text = (newer / "compare.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="([^"]+)"', text)
    assert len(pictures) >= 4
    for picture in pictures:
        assert (newer / picture).is_file(), picture
    assert "map 0 → 3" in text
    assert "correlation 1<" in text
    assert "<script" not in text


def test_reports_of_other_images_are_not_matched(two: tuple[Path, Path]) -> None:
    older, newer = two
    metrics = read_json(older / "metrics.json")
    write_json(older / "metrics.json", metrics | {"data": metrics["data"] | {"fingerprint": "other"}})
    compare.write(older, newer)
    assert "cannot be matched by their responses" in (newer / "compare.html").read_text(encoding="utf-8")


def test_the_digest_is_harmless_and_fits_a_comment(older: dict[str, Any]) -> None:
    newer = copy.deepcopy(older)
    hostile = {f"{name}{index}|@everyone\n<img src=x>": index for index, name in enumerate(CLASSES * 2000)}
    newer["run"]["settings"]["hostile"] = hostile
    text = digest.of_changes(changes(older, newer), older, newer, {5: 0.5})
    assert len(text) < 65_536
    assert "<img" not in text
    assert "@everyone" not in text
    assert " more | | |" in text
    assert "layer 5 0.50" in text


def test_a_report_without_another_has_its_claims_as_digest(older: dict[str, Any]) -> None:
    newer = copy.deepcopy(older)
    newer["data"]["name"] = "<img src=x>|@everyone"
    newer["model"]["warning"] = "near chance | <b>"
    newer["claims"][0] |= {"verdict": "not tested", "why": "no <i>labels</i>"}
    text = digest.of_one(newer)
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == len(newer["claims"]) + 1
    for claim in newer["claims"]:
        assert f"`{claim['id']}`" in text
        assert f"**{claim['verdict']}**" in text
    assert "&lt;img" in text
    assert "**Warning:** near chance \\| &lt;b&gt;" in text
    assert "no &lt;i&gt;labels" in text
    assert not any(sign in text for sign in ("<img", "<i>", "<b>", "@everyone"))
    (numberless,) = [line for line in text.splitlines() if "`better-architecture`" in line]
    assert "did not train to the end" in numberless
    assert "∞" not in numberless


def test_a_claim_that_lost_its_numbers_is_compared_by_its_verdict(older: dict[str, Any]) -> None:
    newer = copy.deepcopy(older)
    claim(newer, "hierarchy").update(
        {"verdict": "undecided", "parts": [], "estimate": None, "low": None, "high": None, "n": 0, "why": "it diverged"}
    )
    for before, now in ((older, newer), (newer, older)):
        found = changes(before, now)
        assert [change.id for change in found.verdicts] == ["hierarchy"]
        assert found.moved == ()
        assert "hierarchy" in digest.of_changes(found, before, now, {})


def test_what_is_no_report_is_named(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"BASE=.*nowhere: no report in it \(metrics.json\)"):
        compare.write(tmp_path / "nowhere", two[1])
    (two[0] / "metrics.json").write_text("{")
    with pytest.raises(UserError, match=r"metrics.json is damaged"):
        compare.write(*two)
    (two[0] / "metrics.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(UserError, match="has schema 99, but this reportgen reads 1"):
        compare.write(*two)
