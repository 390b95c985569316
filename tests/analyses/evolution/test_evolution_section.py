"""The section on figure 4: epochs above their columns, and what is said where there is nothing to show."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_build import CLASSES, FILE, page_with, verdict, words

from reportgen.analyses.evolution.draw import GAP
from reportgen.analyses.evolution.figure import Evolution
from reportgen.analyses.registry import BY_NAME
from reportgen.figures.kinds import Figure, LineChart, Panel, Series

CLAIM = "lower-layers-converge-first"
ANALYSES = (BY_NAME["evolution"],)
NUMBERS: dict[str, Any] = {
    "images": 3600,
    "training_images": 3600,
    "compared": 500,
    "epochs": [1.0, 2.0, 5.0],
    "snapshots": [0.0, 1.0, 2.0, 5.0],
    "mark": 0.9,
    "nearest": 0.95,
    "layers": [
        {"number": 1, "maps": 48, "shown": [0, 7], "jumps": 1.25, "already_final": [0.25, 0.5, 1.0], "refusal": ""},
        {"number": 5, "maps": 48, "shown": [0, 7], "jumps": 1.75, "already_final": [None, None, None], "refusal": ""},
    ],
    "likeness": [
        {"number": 1, "cka": [0.3, 0.99, 1.0, 1.0], "dip": 0.0, "lowest_epoch": 0.0, "plain": 0.91}
        | {"settled": 0.85, "settled_low": 0.8, "settled_high": None},
        {"number": 4, "cka": [None] * 4, "dip": None, "lowest_epoch": None, "plain": None}
        | {"settled": None, "settled_low": None, "settled_high": None},
        {"number": 5, "cka": [0.5, 0.2, 0.99, 1.0], "dip": 0.3, "lowest_epoch": 1.0, "plain": 1.89}
        | {"settled": 1.94, "settled_low": 1.92, "settled_high": 1.96},
    ],
}


def figures() -> dict[str, Figure]:
    rng = np.random.default_rng(0)
    chart = (Panel("", "epoch", "share", (Series("layer 1", np.arange(3.0), np.arange(3.0)),)),)
    found: dict[str, Figure] = {name: LineChart(**words(name), panels=chart) for name in ("cka", "already_final")}
    for number, side in ((1, 7), (5, 67)):
        patches = rng.integers(0, 256, (2, 3, side, side, 4), dtype=np.uint8)
        found[f"layer{number}"] = Evolution(
            **words(f"Layer {number}"),
            layer=number,
            maps=np.array([0, 7]),
            epochs=np.array([1.0, 2.0, 5.0]),
            projections=rng.integers(90, 160, (2, 3, side, side, 3), dtype=np.uint8),
            patches=patches,
            shown=np.array([[False, True, True]] * 2),
            jumped=np.array([[False, False, True]] * 2),
            details=((FILE,) * 3,) * 2,
            notes=CLASSES[2:4],
        )
    return found


def section(folder: Path, numbers: dict[str, Any], drawn: dict[str, Figure], said: dict[str, Any]) -> str:
    """The page's source with this section alone."""
    return page_with(folder, ANALYSES, drawn, numbers=numbers, verdicts=[said], settings={"maps": 2})


def text(page: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", "", page)).replace("\xa0", " ").split())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    said = verdict(CLAIM, "contradicted")
    return section(tmp_path_factory.mktemp("section"), NUMBERS, figures(), said)


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
    assert "layer 1 at epoch 0.85 and layer 5 at epoch 1.94 (1.92 to 1.96)" in said
    assert "For layer 4 this cannot be measured" in said
    assert "epoch 0.91 (layer 1) and epoch 1.89 (layer 5) on" in said
    assert "the CKA of layer 5 falls by 0.3 to its lowest at epoch 1" in said
    assert "all 3,600 training images" in said
    assert "After epoch 1, 25 % of the maps" in said


def test_a_verdict_against_the_paper_is_discussed_and_no_other(page: str, tmp_path: Path) -> None:
    assert "this net disagrees with the paper" in text(page)
    numbers = NUMBERS | {"images": 100}
    other = text(section(tmp_path, numbers, figures(), verdict(CLAIM, "holds")))
    assert "disagrees with the paper" not in other
    assert "100 of the 3,600 training images, drawn at random. For a few maps" in other


def test_a_net_that_cannot_be_projected_is_said_to_be_none(page: str, tmp_path: Path) -> None:
    refused = [layer | {"refusal": "GroupNorm ('norm') has no rule in the deconvnet"} for layer in NUMBERS["layers"]]
    other = text(section(tmp_path, NUMBERS | {"layers": refused}, figures(), verdict(CLAIM, "holds")))
    assert "it cannot be projected to pixels, because GroupNorm ('norm') has no rule in the deconvnet." in other
    assert "is projected to pixels. Read a row" in text(page)


def test_a_net_without_snapshots_has_a_section_that_says_so(tmp_path: Path) -> None:
    said = verdict(CLAIM, "not tested", why="the net was loaded: there are no snapshots of its training")
    empty = NUMBERS | {"epochs": [], "snapshots": [], "layers": [], "likeness": []}
    page = text(section(tmp_path, empty, {}, said))
    assert "This net was not trained here" in page
    assert "The net was loaded: there are no snapshots of its training." in page
