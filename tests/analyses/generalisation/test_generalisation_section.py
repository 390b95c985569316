"""The section on tables 4, 5 and 7: what is said of each outcome, and where there are no other images."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fake_build import page_of, section
from planted_results.generalisation import OVERTAKEN, Count, result

from reportgen.analyses.generalisation.analysis import Result

OTHERWISE: dict[str, Any] = {  # than the paper has it, in all that the section speaks of
    "counts": ((1, 0.3, 0.4), (15, 0.5, 0.8)),
    "layers": ((1, 0.9), (6, 0.5)),
    "same": False,
    "unsettled": 1,
    "restarted": 2,
    "unfinished": 7,
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is drawn of the planted result; of one with other numbers the page would have the same figures."""
    return dict(section(tmp_path_factory.mktemp("generalisation"), "generalisation", result()).figures)


@pytest.fixture
def said_of(drawn: dict[str, Any], tmp_path: Path) -> Callable[..., str]:
    """Gives the text of the page with this section alone, whose claims are judged so."""

    def text(planted: Result, *verdicts: str) -> str:
        own = section(tmp_path, "generalisation", planted, drawn)
        assert [verdict["verdict"] for verdict in own.artefact["verdicts"]] == list(verdicts)
        page = page_of(tmp_path, own)
        return " ".join(unescape(re.sub("<[^>]+>", "", page)).replace("\xa0", " ").split())

    return text


def test_the_prose_has_the_results_numbers(said_of: Callable[..., str]) -> None:
    said = said_of(result(), "holds", "holds")
    assert "the other images are birds & beasts: a<b, heron and newt" in said
    assert "50 images of each class are kept for testing (150 in all)" in said
    assert "at least 50 of each class, five folds are drawn" in said
    assert "the frozen features give 60.0 % and training from scratch 30.0 %; with 15 images, 90.0 % and 80.0 %" in said
    assert "goes from 50.0 % to 90.0 %" in said
    assert "its first 200 principal components, fitted on 1,200 of the images that the net was validated on" in said
    assert "It learns from ten views of each training image" in said
    assert "its crops and mirror images are drawn in the same way" in said
    assert "All 10 trainings settled." in said
    assert "All 1,330 fits converged." in said
    assert "the same architecture, weights drawn anew" in said
    for against in ("diverged at first", "does not fully carry over", "does not help", "nothing can be left out"):
        assert against not in said


def test_what_differs_is_said(said_of: Callable[..., str]) -> None:
    said = said_of(result(**OTHERWISE), "not tested", "not tested")
    assert "One training of 10 had not settled when its epochs were used up" in said
    assert "Two trainings diverged at first and began again at a third of the learning rate." in said
    assert "Of 1,330 fits, 7 had not converged" in said
    assert "It has the paper’s layers and reads 88 px: it learns from the same images, but sees them smaller" in said
    assert "the numbers are shown, and the claim is not judged by them" in said
    assert "what was trained from scratch is another, smaller net that reads 88 px" in said
    assert "reads layer 6, the last before the net’s own softmax" in said
    assert "with one image of a class nothing can be left out" in said
    assert "The net has no layer 7." in said


def test_features_that_are_no_start_are_discussed(said_of: Callable[..., str]) -> None:
    said = said_of(result(counts=OTHERWISE["counts"]), "contradicted", "holds")
    assert "no better a start than random weights" in said


@pytest.mark.parametrize(
    ("overlap", "words"),
    [(0.0, "No two folds share an image."), (0.31, "two of the largest sets have 31 % of their images in common")],
)
def test_whether_folds_share_images_is_said(said_of: Callable[..., str], overlap: float, words: str) -> None:
    assert words in said_of(result(overlap=overlap), "holds", "holds")


def test_depth_that_does_not_pay_is_discussed(said_of: Callable[..., str]) -> None:
    said = said_of(result(layers=((1, 0.95), (7, 0.9))), "holds", "contradicted")
    assert "depth does not help as it did in the paper’s" in said


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ((15, 0.7, 0.8), "win while images are few, and lose when there are more"),
        ((15, 0.9, 0.6), "they do not help more when there are fewer images"),
    ],
)
def test_a_verdict_against_the_paper_is_discussed_by_its_reason(
    said_of: Callable[..., str], last: Count, reason: str
) -> None:
    planted = result(counts=((2, 0.5, 0.4), last), layers=((1, 0.5), (7, last[1])))
    assert reason in said_of(planted, "contradicted", "holds")


def test_a_lower_layer_that_serves_better_is_pointed_at(said_of: Callable[..., str]) -> None:
    better, worse = (result(OVERTAKEN, ((1, 0.5), (5, middle), (7, 0.7))) for middle in (0.86, 0.76))
    said = said_of(better, "contradicted", "holds")
    assert "Not all of its features need be at fault: a softmax on layer 5 gets 86.0 % right" in said
    assert "need be at fault" not in said_of(worse, "contradicted", "holds")


def test_without_other_images_the_section_says_so(said_of: Callable[..., str]) -> None:
    said = said_of(Result(None), "not tested", "not tested")
    assert "This run has no images of other classes for that test: TRANSFER= names a folder" in said
    assert "This run has no images of other classes that show one thing each: TRANSFER= names a folder" in said


def test_tables_are_numbered_apart_from_figures_and_named_so_where_they_are_referred_to(
    said_of: Callable[..., str],
) -> None:
    said = said_of(result(), "holds", "holds")
    found = re.findall(r"((?:Figure|Table) \d)\. ([A-Z][^.:]+)\. ", said)
    assert [one for one in found if "minus" not in one[1]] == [
        ("Figure 1", "The other images"),
        ("Figure 2", "Accuracy by the number of training images"),
        ("Table 1", "Frozen features against training from scratch"),
        ("Table 2", "Whether training from scratch was run to its end"),
        ("Figure 3", "Accuracy by the layer that is read"),
        ("Table 3", "Linear classifiers, layer by layer"),
    ]
    assert "80.0 % (figure 2)" in said
    assert "Table 2 shows the outcome of each training." in said
    assert "Beside these accuracies, table 3 has those through all numbers of a layer" in said
