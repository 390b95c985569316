"""The section on table 6: what is said of these images and of PASCAL's, and where there are none."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from fake_build import page_of, section
from planted_results.pascal import result

from reportgen.analyses import registry
from reportgen.analyses.pascal import ANALYSIS
from reportgen.analyses.pascal.analysis import Result


@pytest.fixture
def said_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Result], str]:
    """Gives the text of the page with this section alone."""
    monkeypatch.setitem(registry.BY_NAME, "pascal", ANALYSIS)

    def text(planted: Result) -> str:
        page = page_of(tmp_path, section(tmp_path, "pascal", planted))
        return " ".join(unescape(re.sub("<[^>]+>", "", page)).replace("\xa0", " ").split())

    return text


def test_the_prose_has_the_results_numbers(said_of: Callable[[Result], str]) -> None:
    said = said_of(result())
    assert "Here the images are birds & beasts, together" in said
    assert "1,200 to learn from and 30 to test on" in said
    assert "average precisions is 80.0 % [75.0 %, 85.0 %]" in said
    assert "The paper’s 79.0 % were on other images of other classes, so the two numbers do not compare." in said
    assert "Newt has no average precision" in said
    assert "All 57 fits converged." in said
    assert "Table 1. Average precision for each class." in said


def test_of_pascals_classes_the_papers_numbers_stand_beside(said_of: Callable[[Result], str]) -> None:
    said = said_of(result(pascal=True, without=False, unfinished=2))
    assert "The paper printed 79.0 %, and the two leaders of that year’s competition had 74.3 % and 82.2 %" in said
    assert "have no average precision" not in said
    assert "Of 57 fits, 2 had not converged" in said


def test_without_such_images_the_section_says_so(said_of: Callable[[Result], str]) -> None:
    said = said_of(Result(None))
    assert "This run has none: TRANSFER= names a folder in the layout of PASCAL VOC, or VOC2012." in said
