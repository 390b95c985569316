"""The section reads well whatever the run could test, and discusses a verdict against the paper."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_build import page_of, section
from planted_results.occlusion import bare, example, genuineness, localisation, result

from reportgen.analyses.occlusion.analysis import Result, judge

Drawn = dict[str, Any]
Page = Callable[..., str]
NO_DIFFERENCE = {
    "localisation": localisation(0.1, 0.1, hits=20),
    "genuineness": genuineness(peak=0.1, empty=0.1, other=0.1),
}
AGAINST = {"localisation": localisation(-0.1, 0.2, hits=5), "genuineness": genuineness(peak=0.0, empty=0.3)}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """What is drawn of the planted result; of one with other numbers the page would have the same figures."""
    return dict(section(tmp_path_factory.mktemp("occlusion"), "occlusion", result()).figures)


@pytest.fixture
def page(drawn: Drawn, tmp_path: Path) -> Page:
    """Gives the text of a report whose only section is of the planted result, with some of it replaced."""

    def text(planted: Result | None = None, **more: Any) -> str:
        said = page_of(tmp_path, section(tmp_path, "occlusion", planted or result(**more), drawn))
        return " ".join(said.replace("&nbsp;", " ").replace("\u00a0", " ").split())

    return text


def test_it_says_what_was_measured(page: Page) -> None:
    text = page()
    for said in (
        "loses 12 points",
        "clear of it, −1.2",
        "80 % of them",
        "in 40 %",
        "loses 34 %",
        "correlate by 0.41",
        "Map 17 keeps 25 %",
        "on the peak of that projection the first map loses 15 %; with the square on its own, in the same images, it loses 34 %",
        "Of the 400 maps drawn for this, 25 % have their peak on the first square",
        "wherever its peak lies, the own projection costs 9.5 points of activity more",
        "covering the object costs 2.5 and covering what lies around it −0.25: a difference of 2.7",
        "of all 1,234 validation images (drawn scenes)",
    ):
        assert said in text, said
    assert "no better than that guess" in text  # the overlap is below that of a square in the middle
    assert "no better than that guess" not in page(localisation=localisation(overlap=0.4))
    assert "<script>alert" not in text.split('id="occlusion"')[1]


def test_the_table_says_which_part_is_not_tested_where_that_keeps_the_claim_from_holding(page: Page) -> None:
    text = page(genuineness=genuineness(without=8))
    [row] = re.findall(r'<tr id="row-visualisation-is-genuine">.*?</tr>', text)
    first_sight = re.sub(r"<details.*</details>", "", row)
    assert "undecided" in first_sight
    assert "shown minus shown by another map, not tested" in first_sight
    assert "n = 42" in first_sight
    assert "shown minus shown by another map: 50 images are needed, and there are 42" in row
    assert "33 [" not in first_sight  # of the part that holds
    assert ", not tested" in row  # beside that part's interval


@pytest.mark.parametrize(
    ("middle", "peak", "said"),
    [
        (0.2, 0.34, "covering the middle of the image would give about 46 % of the difference to the empty place"),
        (0.2, 0.112, "this test does not tell the projections from a guess"),
        (0.2, 0.012, "this test does not tell the projections from a guess"),  # projections make no difference
        (0.01, 0.34, "The middle of the image explains none of the difference"),
        (0.01, 0.012, "The middle of the image explains none of the difference"),
    ],
)
def test_what_the_middle_of_the_image_explains(middle: float, peak: float, said: str, page: Page) -> None:
    text = page(genuineness=genuineness(peak=peak, middle=middle))
    assert said in text


def test_a_map_that_is_more_active_under_the_square_gains(page: Page) -> None:
    text = page(genuineness=genuineness(empty=-0.021, corner=-0.001), localisation=localisation(on_object=-0.03))
    for said in (
        "map loses 34 %",
        "emptiest, the map gains 2 %",
        "a map loses 20 %",
        "corner it loses 0 %",
        "class gains 3 p",
    ):
        assert said in text, said


@pytest.mark.parametrize(
    ("planted", "verdict", "discussed"),
    [
        (result(), "holds", 0),
        (result(**NO_DIFFERENCE), "undecided", 0),
        (bare(), "not tested", 0),
        (result(**AGAINST), "contradicted", 2),
    ],
)
def test_only_a_verdict_against_the_paper_is_discussed(
    planted: Result, verdict: str, discussed: int, page: Page
) -> None:
    assert [found.verdict for found in judge(planted, np.random.default_rng(0))] == [verdict] * 2
    assert page(planted).count("claim is contradicted") == discussed


def test_without_another_map_it_says_so(page: Page) -> None:
    text = page(genuineness=genuineness(without=50))
    assert "No image has such a map." in text
    assert "25 % have their peak on the first square" in text
    assert "In log-odds" not in page(localisation=None)


def test_without_masks_or_a_sample_it_still_reads_well(page: Page) -> None:
    text = page(known=False, localisation=None)
    assert "is not known, so this report cannot count" in text
    assert "Over many images" in text
    alone = page(localisation=None, genuineness=None, sweep=None, gallery=None)
    assert "is not known" not in alone
    assert "Over many images" not in alone


def test_it_says_where_more_was_computed_than_what_the_square_changes(page: Page) -> None:
    assert "takes longer" not in page()
    whole = example(whole="there is no rule for windows of flip ('flip'): behind it, whole maps")
    text = page(examples={"example1": whole})
    assert "takes longer and changes no number: there is no rule for windows of flip (&#39;flip&#39;)" in text


def test_an_image_that_the_user_named_and_the_net_gets_wrong(page: Page) -> None:
    kept = example(guess=1, guesses=np.full((4, 4), 2), clean_activation=0.0)
    text = page(examples={"example1": kept}, chosen=0)
    assert "chosen by <code>IMAGES=</code>" in text
    assert "which the net takes for cat &amp; co, and" in text
    assert "stays the right one" in text


def test_the_table_says_how_many_images_a_number_rests_on(page: Page) -> None:
    [row] = re.findall(r'<tr id="row-localises">.*?</tr>', page())
    assert "n = 50" in re.sub(r"<details.*</details>", "", row)
