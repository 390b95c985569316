"""What changed between two reports: verdicts, numbers, settings, matched feature maps; a digest for a pull request."""

import copy
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
from fake_build import CLASSES, FAKED, RUN
from hypothesis import given
from hypothesis import strategies as st

from reportgen.base.artifacts import read_json, write_arrays, write_json
from reportgen.base.errors import UserError
from reportgen.base.statistics import dead
from reportgen.claims import UNBOUNDED, Part, Verdict, influence_key
from reportgen.claims.noise import judged
from reportgen.page import compare, digest, html, junit
from reportgen.page.changes import Moved, _exact, changes
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


def of_classes(older: dict[str, Any], right: list[int], tau: float | None, weights: str) -> dict[str, Any]:
    """A report of a net that has so many of 100 images of each class right."""
    found = copy.deepcopy(older)
    by_class = [{"name": f"class {place}", "right": one, "images": 100, "tau": tau} for place, one in enumerate(right)]
    found["model"] |= {"top1": None, "by_class": by_class, "weights_digest": weights}
    return found


def test_a_class_that_the_net_forgot_counts_and_within_noise_it_does_not(older: dict[str, Any]) -> None:
    before = of_classes(older, [80, 60, 40], 0.04, "a")
    found = changes(before, of_classes(older, [75, 0, 45], 0.04, "b"))
    assert [one.name for one in found.fallen] == ["validation images right: class 1"]
    assert not found.worse
    assert {one.name for one in found.within} >= {
        "validation images right: class 0",
        "validation images right: class 2",
    }
    better = changes(before, of_classes(older, [80, 95, 40], 0.04, "b"))
    assert [one.name for one in better.moved] == ["validation images right: class 1"]
    assert not better.fallen
    # Of how many classes one is, counts: a fall that one class alone could not have by chance, one of a thousand can.
    alone = changes(of_classes(older, [80], 0.04, "a"), of_classes(older, [52], 0.04, "b"))
    many = changes(of_classes(older, [80] * 1000, 0.04, "a"), of_classes(older, [52, *[80] * 999], 0.04, "b"))
    assert alone.fallen
    assert not many.fallen


@given(st.integers(1, 10**7), st.floats(0, 1), st.floats(0.5, 0.9999999))
def test_the_interval_of_a_share_is_scipys(images: int, share: float, level: float) -> None:
    right = round(share * images)
    ends = scipy.stats.binomtest(right, images).proportion_ci(level, method="exact")
    assert _exact(right, images, level) == pytest.approx((ends.low, ends.high), abs=1e-9)


def test_the_accuracy_of_the_same_images_is_compared_image_by_image(older: dict[str, Any]) -> None:
    before, now = of_classes(older, [60], 0.0, "a"), of_classes(older, [50], 0.0, "b")
    key = influence_key("accuracy", "validation images right: class 0")
    right = np.arange(100)
    same, others = ((right < 50) - 0.5) / 100, ((right >= 50) - 0.5) / 100
    was = ((right < 60) - 0.6) / 100
    assert changes(before, now, ({key: was}, {key: same})).fallen  # ten images went wrong, and none became right
    assert not changes(before, now, ({key: was}, {key: others})).fallen  # sixty did, and fifty became right


def test_a_precision_without_its_interval_is_compared_by_itself(older: dict[str, Any]) -> None:
    older["model"] |= {"map": 0.9, "map_low": 0.8, "map_high": 0.95}
    newer = copy.deepcopy(older)
    del newer["model"]["map_low"]
    newer["model"]["map"] = 0.2
    assert not changes(older, newer).moved
    assert not changes(newer, older).moved


def test_a_class_of_unknown_noise_is_unclear(older: dict[str, Any]) -> None:
    found = changes(of_classes(older, [80, 60], None, "a"), of_classes(older, [80, 0], None, "b"))
    assert not found.fallen
    assert [one.name for one in found.unclear] == ["validation images right: class 1"]
    assert changes(
        of_classes(older, [80, 60], None, "a"), of_classes(older, [80, 0], None, "a")
    ).fallen  # the same weights


def test_the_second_line_names_the_verdicts_and_their_common_reason(older: dict[str, Any]) -> None:
    older["model"] |= {"top1": 0.9, "labelled_images": 1000, "top1_tau": 0.01, "weights_digest": "a"}
    newer = copy.deepcopy(older)
    newer["model"] |= {"top1": 0.1, "weights_digest": "b"}
    for name, low in (("grouping", 0.01), ("hierarchy", 0.02)):
        claim(older, name)["verdict"] = "holds"
        why = f"the net is no better than | guessing: it has come {low} of the way"
        claim(newer, name).update({"verdict": "undecided", "why": why})
        for one in claim(newer, name)["parts"]:
            one["outcome"] = "holds"
    found = changes(older, newer)
    said = "Verdicts: 2 worse ({}, {}), because the net is no better than {} guessing."
    assert digest.second_line(found) == said.format("hierarchy", "grouping", "|")
    text = digest.of_changes(found, older, newer, {}).splitlines()
    assert text[2] == said.format("`hierarchy`", "`grouping`", "\\|")
    assert "numbers changed beyond noise:" in text[4]


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
        ("contradicted", "undecided", "unsettled", False),
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
    assert digest.second_line(found).startswith("Whether a verdict changed cannot be said")
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


def with_responses(report: Path, shift: int, noise: float = 0.0, dead: tuple[int, ...] = ()) -> None:
    """Give a report its maps' responses; map m of the shifted net does what map m - shift of the other does, but for noise."""
    rng = np.random.default_rng(1)
    responses = np.roll(rng.normal(size=(100, 40)), shift, axis=0)
    responses += noise * rng.normal(size=responses.shape) * np.linspace(1, 0.3, len(responses))[:, None]
    responses[list(dead)] = 0
    names = [f"layer{layer}.responses" for layer in range(1, 6)]
    write_arrays(report / "data" / "features.npz", dict.fromkeys(names, responses))


@pytest.fixture
def two(build: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two reports of the same images; map m of the newer does what map m - 3 of the older does."""
    for name, shift in (("older", 0), ("newer", 3)):
        html.write(build, tmp_path / name, RUN, FAKED)
        with_responses(tmp_path / name, shift)
    return tmp_path / "older", tmp_path / "newer"


def test_the_page_shows_both_nets_maps_side_by_side(two: tuple[Path, Path]) -> None:
    older, newer = two
    with_responses(newer, 3, noise=0.5, dead=(50,))
    compare.write(older, newer)
    text = (newer / "compare.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="([^"]+)"', text)
    assert len(pictures) >= 4
    for picture in pictures:
        assert (newer / picture).is_file(), picture
    assert "map 0 → 3" in text
    likeness = [float(said) for said in re.findall(r"layer 1, map .*?correlation (-?[\d.]+)<", text)]
    assert likeness == sorted(likeness)  # what changed most first
    assert "Dead now, while the partner was not: layer 1, map 50; layer 2, map 50;" in " ".join(text.split())
    assert "<script" not in text


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("dots", "leads out of its folder"),
        ("link", "is a link that leads out of"),
        ("gone", "is missing: make that report again"),
        ("huge", r"not a picture of a report \(3,221,225,472 bytes are more than 20,971,520\): make that report again"),
        ("other", r"not a picture of a report \(its first bytes are not a JPEG's\): make that report again"),
    ],
)
def test_an_older_report_brings_no_file_of_the_machine_along(way: str, said: str, two: tuple[Path, Path]) -> None:
    older, newer = two
    features, secret = older / "figures" / "features", older.parent / "secret"
    features.rename(secret)
    for path in secret.rglob("*.jpg"):
        path.write_bytes(b"the machine's")
    if way == "dots":
        text = (older / "metrics.json").read_text().replace("figures/features/", "figures/../../secret/")
        (older / "metrics.json").write_text(text)
    if way == "link":
        features.symlink_to(secret)
    if way in ("huge", "other"):
        shutil.copytree(secret, features)
    for path in features.rglob("*.jpg") if way == "huge" else ():
        os.truncate(path, 3 << 30)  # a file of holes
    with pytest.raises(UserError, match=rf"^BASE=.*older: figures/.* {said}"):
        compare.write(older, newer)
    assert not (newer / "compare").exists()
    assert not any(path.read_bytes() == b"the machine's" for path in newer.rglob("*") if path.is_file())


def test_maps_that_did_not_change_are_not_shown(two: tuple[Path, Path]) -> None:
    older, newer = two
    with_responses(newer, 0)
    compare.write(older, newer)
    text = " ".join((newer / "compare.html").read_text(encoding="utf-8").split())
    assert "No map died." in text
    assert "No pictured map changed." in text
    assert "<img" not in text


def test_a_map_is_dead_that_hardly_responds_to_any_image() -> None:
    responses = np.random.default_rng(0).random((9, 30)) + 1
    responses[[2, 7]] *= 0.01
    assert np.flatnonzero(dead(responses.max(axis=1))).tolist() == [2, 7]
    assert dead(np.zeros(3)).all()


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


def test_the_words_of_an_older_reports_units_begin_nothing_in_markdown() -> None:
    part = {"estimate": 0.1, "low": 0.0, "high": 0.2}
    theirs = {"words": "points | @everyone\n<img src=x> ![a](b) \x1b[2J", "scale": 100, "digits": 3}
    moved = Moved("layer 5", part | {"unit": theirs}, part, 0.05)
    _, _, row = digest._moves([moved])
    assert row.startswith("| layer 5 | 10 [0, 20] points \\| &#64;everyone &lt;img src=x&gt; \\!\\[a\\](b) \\x1b")
    assert row.endswith("| 0.1 [0, 0.2] |")


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
    assert "Verdicts: 1 contradicted, 1 undecided, 14 not tested. Contradicted: `grouping`." in text
    assert "**contradicted**: 1 of 4 parts (layer 5)" in text
    assert "no &lt;i&gt;labels" in text
    assert "like another map’s." in text
    assert "7x7" not in text  # as on the page
    assert not any(sign in text for sign in ("<img", "<i>", "<b>", "@everyone"))
    (numberless,) = [line for line in text.splitlines() if "`better-architecture`" in line]
    assert "did not train to the end" in numberless
    assert "∞" not in numberless


def test_the_claims_of_this_trained_net_that_the_digest_speaks_of_are_marked_in_it(older: dict[str, Any]) -> None:
    newer = copy.deepcopy(older)
    for name, of in (("grouping", "training"), ("hierarchy", "net")):
        claim(newer, name).update({"verdict": "holds", "of": of, "net": "holds"})
    text = digest.of_one(newer)
    assert "are marked “of this trained net”" in text
    [line] = [line for line in text.splitlines() if line.startswith("| ") and "`hierarchy`" in line]
    assert line.endswith("; of this trained net |")


def test_a_claim_that_lacks_the_number_of_one_part_is_told_without_one(older: dict[str, Any]) -> None:
    parts = (Part("deep", 0.3, 0.2, 0.4, 50), Part("shallow", 0.0, *UNBOUNDED, 3, untested="of three images"))
    newer = copy.deepcopy(older)
    claim(newer, "grouping").update(judged(Verdict("grouping", parts).document(), {}))
    assert (claim(newer, "grouping")["verdict"], claim(newer, "grouping")["estimate"]) == ("undecided", None)
    [line] = [line for line in digest.of_one(newer).splitlines() if "`grouping`" in line and line.startswith("| ")]
    assert line.endswith("| shallow: of three images |")
    assert b"shallow: of three images" in junit.of_claims(newer["claims"])
    for before, now in ((older, newer), (newer, older)):
        assert "`grouping`" in digest.of_changes(changes(before, now), before, now, {})


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
