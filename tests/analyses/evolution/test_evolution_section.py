"""The section on figure 4: epochs above their columns, and what is said where there is nothing to show."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_build import page_with
from planted_results import FILE
from planted_results.evolution import AGAINST, FOR, loaded, result

from reportgen.analyses.evolution.analysis import judge
from reportgen.analyses.evolution.draw import GAP


def section(folder: Path, planted: Any) -> str:
    """The page's source with this section alone."""
    return page_with(folder, "evolution", planted)


def text(page: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", "", page)).replace("\xa0", " ").split())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return section(tmp_path_factory.mktemp("section"), result())


def test_the_planted_results_are_judged_as_the_tests_below_take_them() -> None:
    for cka, verdict in ((AGAINST, "contradicted"), (FOR, "holds")):
        assert [found.verdict for found in judge(result(cka), np.random.default_rng(0))] == [verdict]


def test_each_epoch_stands_above_the_middle_of_its_column(page: str) -> None:
    headings = re.findall(r'<svg class="epochs" width="(\d+)".*?</svg>', page)
    pictures = re.findall(r'<div class="both"><img[^>]*map0000-projections.jpg" width="(\d+)"', page)
    assert headings == pictures
    assert len(headings) == 2
    side = (int(headings[1]) - 2 * GAP) / 3
    found = [float(place) for place in re.findall(r'<text x="([\d.]+)"', page)]
    assert found[3:] == [side / 2 + column * (side + GAP) for column in range(3)]


def test_every_map_has_both_strips_and_its_images_by_name(page: str) -> None:
    for number in (1, 5):
        for map_ in ("0000", "0007"):
            for part in ("projections", "patches"):
                assert f'src="figures/evolution/layer{number}/map{map_}-{part}.jpg"' in page
    assert text(page).count(FILE) == 2 * 2 * 3
    assert "<script>" not in page  # a class has that name
    assert "All maps of this layer" not in text(page)  # those would be figure 2's


def test_the_prose_has_the_results_numbers(page: str) -> None:
    said = text(page)
    assert "T is, in epochs, " in said
    assert "5 for one that settles only at the end" in said
    assert "For layer 4 it cannot be measured" in said
    assert "(CKA above 0.999)" in said
    assert (
        "CKA itself, not set against the untrained net’s, stays at 0.9 or above from epochs 4.25, 0.87 and 1.89 on"
        in said
    )
    assert "Progress stays at 0.9 or above from epochs 4.47, 0.913 and 1.95 on (layers 1, 2 and 5)" in said
    assert said.count("The learning rate followed a cosine, which anneals all layers together") == 2  # and in the table
    assert "the CKA of layer 5 falls by 0.3 to its lowest at epoch 1" in said
    assert "all 3,600 training images" in said
    assert "After epoch 1, 25 % of the maps" in said


def test_a_verdict_against_the_paper_is_discussed_and_no_other(page: str, tmp_path: Path) -> None:
    assert "this net disagrees with the paper" in text(page)
    other = text(section(tmp_path, result(FOR, images=100)))
    assert "disagrees with the paper" not in other
    assert "each shown 100 of the 3,600 training images" in other


def test_a_net_that_cannot_be_projected_is_said_to_be_none(page: str, tmp_path: Path) -> None:
    other = text(section(tmp_path, result(FOR, refusal="GroupNorm ('norm') has no rule in the deconvnet")))
    assert "it cannot be projected to pixels, because GroupNorm ('norm') has no rule in the deconvnet." in other
    assert "cannot be projected" not in text(page)


def test_a_net_without_snapshots_has_a_section_that_says_so(tmp_path: Path) -> None:
    page = text(section(tmp_path, loaded()))
    assert "This net was not trained here" in page
    assert "The net was loaded: there are no snapshots of its training." in page
