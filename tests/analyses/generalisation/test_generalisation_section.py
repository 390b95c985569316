"""The section on tables 4, 5 and 7: what is said of each outcome, and where there are no other images."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_build import page_with, verdict, words

from reportgen.analyses.registry import BY_NAME
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series, Table


def of_count(count: int, frozen: float, scratch: float) -> dict[str, Any]:
    return {"images_of_class": count, "updates": [60, 90], "scratch_loss": 0.01, "scratch_train_accuracy": 1.0} | {
        name: {"mean": mean, "deviation": 0.02} for name, mean in (("frozen", frozen), ("scratch", scratch))
    }


def of_layer(number: int, accuracy: float) -> dict[str, Any]:
    spread = {"mean": accuracy, "deviation": 0.02}
    return {"number": number, "maps": 8, "side": 5, "pooled": 5, "features": 200, "SVM": spread, "softmax": spread}


NUMBERS: dict[str, Any] = {
    "tested": True,
    "name": "birds & beasts",
    "classes": ["a<b", "heron", "newt"],
    "chance": 1 / 3,
    "folds": 5,
    "pool": 50,
    "test_images": 150,
    "test_images_of_class": 50,
    "top": 7,
    "counts": [of_count(2, 0.5, 0.4), of_count(15, 0.7, 0.8)],
    "layers": [of_layer(1, 0.5), of_layer(7, 0.9)],
    "fits": 1330,
    "unfinished": 0,
    "same_architecture": True,
    "scratch_crop": 88,
    "unsettled": 0,
    "trainings": 10,
    "restarted": 0,
}
CHANGED = {
    "same_architecture": False,
    "unsettled": 1,
    "restarted": 2,
    "unfinished": 7,
    "top": 6,
    "counts": [of_count(1, 0.3, 0.4), of_count(15, 0.7, 0.8)],
}


def figures() -> dict[str, Figure]:
    chart = (Panel("", "layer", "%", (Series("SVM", np.arange(3.0), np.arange(3.0)),)),)
    found: dict[str, Figure] = {name: LineChart(**words(name), panels=chart) for name in ("by_count", "by_layer")}
    for name in ("by_count_table", "from_scratch", "by_layer_table"):
        found[name] = Table(**words(name), columns=("a",), rows=(("1",),))
    found["gallery"] = ImageGrid(**words("gallery"), images=np.zeros((2, 8, 8, 3), np.uint8), columns=2)
    return found


def section(folder: Path, numbers: dict[str, Any], drawn: dict[str, Figure], said: str) -> str:
    """The text of the page with this section alone, both claims judged so."""
    verdicts = [verdict(claim, said, why="no images" if said == "not tested" else "") for claim in CLAIMS]
    analyses = (BY_NAME["generalisation"],)
    page = page_with(folder, analyses, drawn, numbers=numbers, verdicts=verdicts, settings={"folds": 5})
    return " ".join(unescape(re.sub("<[^>]+>", "", page)).replace("\xa0", " ").split())


CLAIMS = ("generalises", "deeper-is-better")


def test_the_prose_has_the_results_numbers(tmp_path: Path) -> None:
    said = section(tmp_path, NUMBERS, figures(), "holds")
    assert "the other images are birds & beasts: a<b, heron and newt" in said
    assert "50 images of each class are kept for testing (150 in all)" in said
    assert "at least 50 of each class, five folds are drawn" in said
    assert "the frozen features give 50.0 % and training from scratch 40.0 %; with 15 images, 70.0 % and 80.0 %" in said
    assert "goes from 50.0 % to 90.0 %" in said
    assert "All 10 trainings settled." in said
    assert "All 1,330 fits converged." in said
    assert "the same architecture, weights drawn anew" in said
    for against in ("diverged", "does not fully carry over", "does not help", "nothing can be left out"):
        assert against not in said


def test_what_differs_is_said(tmp_path: Path) -> None:
    said = section(tmp_path, NUMBERS | CHANGED, figures(), "contradicted")
    assert "One training of 10 had not settled when its epochs were used up" in said
    assert "Two trainings diverged at first and began again at a third of the learning rate." in said
    assert "Of 1,330 fits, 7 had not converged" in said
    assert "It has the paper’s layers and reads 88 px" in said
    assert "reads layer 6, the last before the net’s own softmax" in said
    assert "with one image of a class nothing can be left out" in said
    assert "no better a start than random weights" in said
    assert "depth does not help as it did in the paper’s" in said


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ((0.7, 0.8), "win while images are few, and lose when there are more"),
        ((0.9, 0.6), "they do not help more when there are fewer images"),
    ],
)
def test_a_verdict_against_the_paper_is_discussed_by_its_reason(tmp_path: Path, last: tuple, reason: str) -> None:
    numbers = NUMBERS | {"counts": [of_count(2, 0.5, 0.4), of_count(15, *last)]}
    assert reason in section(tmp_path, numbers, figures(), "contradicted")


def test_a_lower_layer_that_serves_better_is_pointed_at(tmp_path: Path) -> None:
    better = NUMBERS | {"layers": [of_layer(1, 0.5), of_layer(4, 0.85), of_layer(7, 0.7)]}
    said = section(tmp_path / "better", better, figures(), "contradicted")
    assert "a softmax on layer 4 gets 85.0 % right" in said
    worse = NUMBERS | {"layers": [of_layer(1, 0.5), of_layer(4, 0.75), of_layer(7, 0.7)]}
    assert "Not all of its features are at fault" not in section(tmp_path / "worse", worse, figures(), "contradicted")


def test_without_other_images_the_section_says_so(tmp_path: Path) -> None:
    said = section(tmp_path, {"tested": False}, {}, "not tested")
    assert "This run has no images of other classes for that test: TRANSFER= names a folder" in said
    assert "No images." in said


def test_tables_are_numbered_apart_from_figures_and_named_so_where_they_are_referred_to(tmp_path: Path) -> None:
    said = section(tmp_path, NUMBERS, figures(), "holds")
    found = re.findall(r"((?:Figure|Table) \d)\. (\w+)\.", said)
    assert found == [
        ("Figure 1", "Gallery"),
        ("Table 1", "From_scratch"),
        ("Table 2", "By_count_table"),
        ("Figure 2", "By_count"),
        ("Table 3", "By_layer_table"),
        ("Figure 3", "By_layer"),
    ]
    assert "(figure 2, table 2)" in said
    assert "table 3 gives the length of each vector" in said
