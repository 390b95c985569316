"""What is due, and how the stages hang together."""

from pathlib import Path

import pytest

from reportgen.analyses import settings
from reportgen.base.artifacts import write_json
from reportgen.commands import graph
from reportgen.figures.draw.graph import compose
from reportgen.pipeline.run import Pipeline
from reportgen.stages.plan import pipeline as planned


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("graph")
    return planned(settings.load({"PROFILE": "tiny"}), folder / "build", folder / "report")


def test_the_summary_counts_stages_time_and_nets(opened: Pipeline) -> None:
    assert graph.summary(opened, []) == "everything is up to date"
    assert graph.summary(opened, ["page"]) == (
        "1 stage is due, how long that takes is not known yet; no net is trained"
    )
    write_json(opened.build / "timings.json", {"net": 100.0, "compare/zfnet": 20.0, "page": 1.0, "pdf": 3.6})
    assert graph.summary(opened, ["page", "pdf"]) == "2 stages are due, about 5 s; no net is trained"
    assert graph.summary(opened, ["net", "compare/zfnet", "page", "features"]) == (
        "4 stages are due, about 2 min, and 1 that never ran here; 2 nets are trained"
    )
    assert graph.summary(opened, ["net"]) == "1 stage is due, about 2 min; 1 net is trained"


def test_what_is_read_through_another_is_left_out() -> None:
    reads = graph.direct({"a": (), "b": ("a",), "c": ("a", "b"), "d": ("a",), "e": ("a", "c", "d")})
    assert reads == {"a": [], "b": ["a"], "c": ["b"], "d": ["a"], "e": ["c", "d"]}
    assert graph.ranks(reads) == {"a": 0, "b": 1, "c": 2, "d": 1, "e": 3}


def test_every_stage_has_its_line_and_its_box(opened: Pipeline, tmp_path: Path) -> None:
    lines = list(graph.lines(opened, ["net", "page"]))
    assert len(lines) == len(opened.stages) + 1
    signs = {line.split()[1]: line.split()[0] for line in lines[:-1]}
    assert [name for name, sign in signs.items() if sign == "●"] == ["net", "page"]
    assert next(line for line in lines if line.startswith("● net")).endswith("reads data")
    made = graph.draw(opened, ["net"])
    text = made.read_text(encoding="utf-8")
    assert made == opened.build / "graph.svg"
    assert all(f">{name}<" in text for name in opened.stages if len(name) < 30)
    assert text.count('id="due-') == 1


def test_boxes_do_not_overlap(opened: Pipeline) -> None:
    reads = graph.direct({name: stage.inputs for name, stage in opened.stages.items()})
    axes = compose(reads, graph.ranks(reads), ()).axes[0]
    boxes = [patch.get_window_extent() for patch in axes.patches]
    assert len(boxes) == len(reads)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
