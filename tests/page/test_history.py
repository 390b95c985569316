"""The history of reports: its file, what a commit broke, and the drawing."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_build import FAKED, RUN
from matplotlib.text import Text

from reportgen.base.artifacts import read_json
from reportgen.base.errors import UserError
from reportgen.claims import CLAIMS
from reportgen.figures.draw import history as drawing
from reportgen.page import history, history_page, html, single
from reportgen.page.history import Claim, Damaged, Line


@pytest.fixture
def metrics(report: Path) -> dict[str, Any]:
    found = read_json(report / "metrics.json")
    found["model"] |= {"top1": 0.9, "labelled_images": 1000, "top1_tau": 0.01, "weights_digest": "a"}
    for claim in found["claims"]:
        claim |= {"weights": "a", "verdict": "holds"}
        for part in claim["parts"]:
            part |= {"se": 0.01, "tau": 0.02}
    return found


def commits(metrics: dict[str, Any], *changes: dict[str, Any]) -> list[Line]:
    """A line for each change of the report before: `top1`, or the verdict on `grouping` with its parts that much lower."""
    lines, now = [], copy.deepcopy(metrics)
    for number, change in enumerate(({}, *changes)):
        now = copy.deepcopy(now)
        now["run"] |= {"commit": f"{number:040x}", "date": 1764000000 + 86400 * number}
        now["model"]["weights_digest"] = str(number)
        if "top1" in change:
            now["model"]["top1"] = change["top1"]
        if "verdict" in change:
            claim = next(claim for claim in now["claims"] if claim["id"] == "grouping")
            claim |= {"verdict": change["verdict"], "weights": str(number)}
            for part in claim["parts"]:
                part["estimate"] -= change["lower"]
        lines.append(history.line_of(now, 100.0 + number))
    return lines


def test_a_line_is_read_as_it_was_written(metrics: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "kept" / "history.jsonl"
    line = history.line_of(metrics, 252.04)
    assert history.read(path) == history.History(())
    assert history.add(path, line)
    assert history.read(path) == history.History((line,))
    assert (line.commit, line.time, line.seconds) == (RUN["commit"], RUN["date"], 252.0)
    assert (line.model.top1, [claim.id for claim in line.claims]) == (0.9, [claim.id for claim in CLAIMS])
    written = json.loads(path.read_text())
    assert next(iter(written)) == "schema"
    assert written["schema"] == history.SCHEMA
    assert path.read_bytes().count(b"\n") == 1


def test_a_report_made_again_takes_the_place_of_its_line(metrics: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    first, second = commits(metrics, {"top1": 0.5})
    assert [history.add(path, line) for line in (first, second, first)] == [True, True, False]
    again = replace(first, seconds=7.0)
    assert history.add(path, again)
    assert history.read(path).lines == (again, second)
    other = replace(first, switches={"PROFILE": "tiny", "EPOCHS": "4"})
    assert history.add(path, other)
    assert history.read(path).lines == (again, second, other)
    nowhere = replace(first, commit=None)
    assert history.add(path, nowhere)
    history.add(path, replace(nowhere, time=5, seconds=9.0))
    assert len(history.read(path).lines) == 4
    assert history.add(path, replace(nowhere, data="others"))
    assert len(history.read(path).lines) == 5


def test_damaged_lines_are_named_and_stay(metrics: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    good = history.line_of(metrics)
    history.add(path, good)
    text = path.read_bytes().strip()
    bad = (
        b'{"schema": 1, "ti',
        b"[1]",
        b"\xff\xfe",
        b'{"schema": 99, "model": []}',
        b'{"schema": "new"}',
        b'{"schema": 0}',
    )
    bad += (
        b'{"model": {"top1": 2}}',
        b'{"claims": [{"id": "x", "verdict": "maybe"}]}',
        b'{"seconds": NaN}',
        b"[" * 9999,
    )
    path.write_bytes(b"\n".join([text, *bad, b"", text]))  # the last without an end, as after a kill
    found = history.read(path)
    assert found.lines == (good, good)
    assert [one.number for one in found.damaged] == list(range(2, 12))
    whys = [one.why for one in found.damaged]
    assert whys[:3] == ["it is no JSON", "it is no JSON object", "it is no JSON"]
    assert whys[3] == "its schema 99 is newer than this reportgen's, 1"
    assert whys[4:6] == ['its schema is "new": it counts from 1', "its schema is 0: it counts from 1"]
    assert whys[6].startswith("model.top1: ")
    assert whys[7].startswith("claims.0.verdict: ")
    history.add(path, replace(good, commit="b" * 40))
    assert history.read(path).damaged == found.damaged
    assert len(history.read(path).lines) == 3


def test_a_history_of_nothing_but_strange_claims_is_drawn_in_part() -> None:
    lines = [
        Line(claims=tuple(Claim(f"strange-{number}-{one}", "holds", 1.0) for one in range(50))) for number in range(9)
    ]
    drawn = history_page.timeline(lines, [])
    assert len(drawn.verdicts) == history_page.MOST_TRACKS
    assert [*drawn.verdicts][: len(CLAIMS)] == [claim.id for claim in CLAIMS]
    many = json.dumps({"claims": [{"id": "x", "verdict": "holds"}] * 1001}).encode()
    assert str(history._read(many)).startswith("claims: ")


def test_of_very_many_classes_a_line_keeps_the_first(metrics: dict[str, Any]) -> None:
    """Each is compared from line to line: of 200,000 in three lines that took 24 seconds."""
    one = {"name": "c", "right": 1, "images": 2, "tau": None}
    metrics["model"]["by_class"] = [one] * (history.MOST_CLASSES + 1)
    assert len(history.line_of(metrics).model.by_class) == history.MOST_CLASSES
    many = json.dumps({"model": {"by_class": [one] * 20_001}}).encode()
    assert str(history._read(many)).startswith("model.by_class: ")


def test_lines_of_before_and_of_later_are_read(tmp_path: Path) -> None:
    """A name that a line lacks has its default; one that is not known is left out."""
    path = tmp_path / "history.jsonl"
    path.write_text(
        '{"commit": "aaaa", "time": 5, "claims": [{"id": "localises", "verdict": "holds"}]}\n'
        '{"schema": 1, "commit": "bbbb", "model": {"top1": 0.5, "mood": 3}, "weather": "fine"}\n'
    )
    found = history.read(path)
    assert not found.damaged
    assert [(line.label, line.model.top1, line.seconds) for line in found.lines] == [
        ("aaaa", None, None),
        ("bbbb", 0.5, None),
    ]
    assert history_page.write(tmp_path, found, "history.jsonl") == []
    assert "unknown" in (tmp_path / "history.html").read_text()


def test_a_commit_that_broke_something_is_told_from_noise(metrics: dict[str, Any]) -> None:
    lines = commits(
        metrics,
        {"top1": 0.89},  # within noise
        {"top1": 0.4},
        {"top1": 0.9},
        {"verdict": "undecided", "lower": 0.01},  # within noise
        {"verdict": "contradicted", "lower": 5.0},
        {"verdict": "holds", "lower": -5.0},
    )
    found = {step.place: step for step in history.steps(lines)}
    assert {place: (step.broke, step.mended, step.unsure) for place, step in found.items()} == {
        2: (True, False, False),
        3: (False, True, False),
        5: (True, False, False),
        6: (False, True, False),
    }
    assert [change.id for change in found[5].worse] == ["grouping"]
    assert found[5].accuracy is None
    assert found[2].accuracy is not None


def test_a_report_without_a_commit_is_called_by_its_day() -> None:
    """“no commit broke” was misread."""
    assert Line(commit="0123456789" * 4, time=1764000000).label == "0123456"
    assert Line(time=1764000000).label == "24 Nov"
    assert Line().label == "undated"


def test_where_the_noise_of_training_is_unknown_that_is_said(metrics: dict[str, Any], tmp_path: Path) -> None:
    metrics["model"]["top1_tau"] = None
    [step] = history.steps(commits(metrics, {"top1": 0.4}))
    assert (step.broke, step.unsure) == (True, True)
    lines = tuple(commits(metrics, {"top1": 0.4}))
    history_page.write(tmp_path, history.History(lines), "history.jsonl")
    assert "how much training again changes it is unknown" in (tmp_path / "history.html").read_text()


def test_the_switches_that_were_changed_are_named(metrics: dict[str, Any], tmp_path: Path) -> None:
    before, now = commits(metrics, {"top1": 0.4})
    now = replace(now, switches=before.switches | {"EPOCHS": "4<b>"})
    [step] = history.steps([before, now])
    assert step.switches == [("EPOCHS", "the profile’s", "4<b>")]
    history_page.write(tmp_path, history.History((before, now), (Damaged(7, "it is no JSON"),)), "history.jsonl")
    text = (tmp_path / "history.html").read_text()
    assert "EPOCHS: the profile’s → 4&lt;b&gt;" in text
    assert "line 7 (it is no JSON)" in text
    assert "One commit broke something: 0000000" in text
    assert "<script" not in text


@pytest.mark.parametrize("count", [1, 2, 2000])
def test_any_number_of_lines_is_drawn(count: int, metrics: dict[str, Any], tmp_path: Path) -> None:
    first = history.line_of(metrics, 100.0)
    lines = tuple(replace(first, commit=f"{number:07x}") for number in range(count))
    history_page.write(tmp_path, history.History(lines), "history.jsonl")
    text = (tmp_path / "history.html").read_text()
    assert ("the last of 2,000" in text) == (count == 2000)
    assert ("None broke anything" in text) == (count > 1)
    assert " to " not in text.split('<p class="lead">')[1].split("</p>")[0]  # of one day
    for name in ("timeline.svg", "claims.svg"):
        picture = tmp_path / "figures" / "history" / name
        assert picture.stat().st_size < 600_000
        assert "NaN" not in picture.read_text()


def test_what_is_drawn_is_what_the_lines_say(metrics: dict[str, Any]) -> None:
    lines = commits(metrics, {"top1": 0.4}, {"verdict": "contradicted", "lower": 5.0})
    made = history_page.timeline(lines, list(history.steps(lines)))
    assert made.accuracy.y.tolist() == pytest.approx([90, 40, 40])
    assert made.broke == [1, 2]
    assert made.seconds.tolist() == [100, 101, 102]
    with drawing.house_style():
        canvas = drawing.compose_timeline(made)
    accuracy, ribbon, seconds = canvas.axes
    assert np.asarray(accuracy.lines[0].get_ydata()).tolist() == pytest.approx([90, 40, 40])
    assert [label.get_text() for label in ribbon.get_yticklabels()] == [claim.id for claim in CLAIMS]
    assert [text.get_text() for text in accuracy.texts] == ["▼ 0000000", "▼ 0000000"]
    assert len(seconds.lines) == 1 + 2
    width, height = canvas.get_size_inches() * 96
    assert (round(width), round(height)) == history_page.SIZE


def test_no_name_is_cut_or_hides_another(metrics: dict[str, Any]) -> None:
    made = history_page.timeline(commits(metrics, {"top1": 0.4}), [])
    made = replace(
        made,
        numbers=[
            replace(made.accuracy, name=name, unit="of the distance between two images") for name in made.verdicts
        ],
    )
    with drawing.house_style():
        for canvas in (drawing.compose_timeline(made), drawing.compose_claims(made)):
            canvas.draw_without_rendering()
            boxes = [
                one.get_window_extent() for one in canvas.findobj(Text) if one.get_text().strip() and one.get_visible()
            ]
            assert min(box.x0 for box in boxes) >= 0
            assert max(box.x1 for box in boxes) <= canvas.bbox.width
            names = [one.get_window_extent() for one in canvas.texts]
            assert not [one for one in names for other in names if one is not other and one.overlaps(other)]


def test_runs_of_a_verdict_are_bars() -> None:
    assert drawing._runs([True, True, False, True]) == [(-0.5, 2.0), (2.5, 1.0)]
    assert drawing._runs([False]) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"HISTORY=.*: .*: give a file of lines, as history.jsonl"):
        history.read(tmp_path)


def test_the_page_and_the_single_file_show_it(build: Path, metrics: dict[str, Any], tmp_path: Path) -> None:
    html.write(build, tmp_path, RUN, FAKED, history=True)
    history_page.write(tmp_path, history.History((history.line_of(metrics),)), "history.jsonl")
    text = (tmp_path / "index.html").read_text()
    assert 'src="figures/history/timeline.svg"' in text
    assert 'href="history.html"' in text
    packed = single.write(tmp_path).read_text()
    assert "figures/history" not in packed
    assert "history.html" not in packed
