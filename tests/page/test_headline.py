"""The pictures that tell the story: of a deep map, of where the net looks, of how a map came to be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fake_build import FAKED, RUN

from reportgen.page.content import Content, Section, gather
from reportgen.page.headline import story

PICTURE = {"file": "x.svg", "width": 600, "height": 400}
OCCLUSION = {"kind": "Occlusion", "picture": PICTURE, "panels": [[0.1, 0.1, 0.2, 0.3]] * 4, "classes": ["dog"]}
STRIPS = {"map": 3, "projections": PICTURE, "patches": PICTURE}
EVOLUTION = {"kind": "Evolution", "layer": 5, "maps": [STRIPS], "columns": []}
CHART = {"kind": "LineChart", "picture": PICTURE, "panels": [{"box": [0.3, 0.3, 0.2, 0.2]}] * 9}


def content(build: Path, **figures: dict[str, Any]) -> Content:
    """The fake build, and further figures by ``analysis_figure``."""
    found = gather(build, RUN, FAKED)
    more = (Section(*name.split("_")[:1], "", {}, {name.split("_")[1]: figure}) for name, figure in figures.items())
    return replace(found, sections=(*found.sections, *more))


def told(build: Path, **figures: dict[str, Any]) -> list[str]:
    return [picture["id"] for picture in story(content(build, **figures))]


def test_three_pictures_tell_it(build: Path) -> None:
    drawn = {"evolution_layer5": EVOLUTION, "invariance_means": CHART, "occlusion_example1": OCCLUSION}
    assert told(build, **drawn) == ["features-layer5", "occlusion-example1", "evolution-layer5"]


def test_where_training_left_nothing_behind_the_third_is_another(build: Path) -> None:
    drawn = {"invariance_means": CHART, "occlusion_example1": OCCLUSION}
    assert told(build, **drawn) == ["features-layer5", "occlusion-example1", "invariance-means"]
    assert [len(picture["parts"]) for picture in story(content(build, **drawn))] == [2, 2, 3]


def test_a_report_of_one_analysis_has_one(build: Path) -> None:
    assert told(build) == ["features-layer5"]


def test_what_is_cut_out_holds_its_panel_and_lies_within_the_picture(build: Path) -> None:
    covered = story(content(build, occlusion_example1=OCCLUSION))[1]["parts"][0]["box"]
    assert 0 <= covered["left"] < 0.1 * 600
    assert 0 <= covered["top"] < 0.1 * 400
    assert 0.3 * 600 < covered["left"] + covered["width"] <= 600
    assert 0.4 * 400 < covered["top"] + covered["height"] <= 400
