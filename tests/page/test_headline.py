"""The pictures that tell the story: of a deep map, of where the net looks, of how a map came to be."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from fake_build import FAKED, RUN
from figure_samples import draw_any

from reportgen.analyses.features import headline
from reportgen.analyses.registry import BY_NAME
from reportgen.page.content import Content, Section, gather
from reportgen.page.headline import story


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Section]:
    """What further analyses found, and what is drawn of it."""
    folder = tmp_path_factory.mktemp("headline")
    results = {
        name: import_module(f"planted_results.{name}").result() for name in ("evolution", "invariance", "occlusion")
    }
    figures = {name: BY_NAME[name].module.figures(result) for name, result in results.items()}
    told = {"evolution": "layer5", "invariance": "means", "occlusion": "example1"}  # drawn alone: the others take long
    return {
        name: Section(name, "", {}, draw_any({figure: figures[name][figure]}, folder / name))
        for name, figure in told.items()
    }


def content(build: Path, *sections: Section) -> Content:
    """The fake build, whose occlusion shows nothing, with further sections."""
    found = gather(build, RUN, FAKED)
    return replace(found, sections=(*found.sections, *sections))


def told(build: Path, *sections: Section) -> list[str]:
    return [picture["id"] for picture in story(content(build, *sections))]


def test_three_pictures_tell_it(build: Path, more: dict[str, Section]) -> None:
    assert told(build, more["evolution"], more["invariance"], more["occlusion"]) == [
        "features-layer5",
        "occlusion-example1",
        "evolution-layer5",
    ]


def test_where_training_left_nothing_behind_the_third_is_another(build: Path, more: dict[str, Section]) -> None:
    sections = more["invariance"], more["occlusion"]
    assert told(build, *sections) == ["features-layer5", "occlusion-example1", "invariance-means"]
    assert [len(picture["parts"]) for picture in story(content(build, *sections))] == [2, 3, 3]


def test_a_report_of_one_analysis_has_one(build: Path) -> None:
    assert told(build) == ["features-layer5"]


def test_what_is_cut_out_is_the_inside_of_its_panel(build: Path, more: dict[str, Section]) -> None:
    drawn = more["occlusion"].figures["example1"]
    wide, high = drawn["picture"]["width"], drawn["picture"]["height"]
    left, top, width, height = drawn["panels"][0]
    image, covered, _ = story(content(build, more["occlusion"]))[1]["parts"]
    assert image["file"] == "example1-clean.jpg"
    cut = covered["box"]
    # Up to the axes' line, of which marks and numbers stand outside.
    assert left * wide < cut["left"] < left * wide + 3
    assert top * high < cut["top"] < top * high + 3
    assert (left + width) * wide - 3 < cut["left"] + cut["width"] < (left + width) * wide
    assert (top + height) * high - 3 < cut["top"] + cut["height"] < (top + height) * high


def test_patches_without_contrast_are_alike_and_tell_nothing() -> None:
    def map_(number: int, alike: float | None, contrast: float, shown: int = 9) -> dict[str, object]:
        pictures = {"projections": {"file": "p"}, "patches": {"file": "q"}}
        return {"map": number, "shown": shown, "alike": alike, "contrast": contrast, **pictures}

    def best(*maps: dict[str, object]) -> object:
        figure = {"kind": "FeatureMaps", "net": "", "layer": 1, "maps": list(maps)}
        [(_, found)] = headline.strip({"layer1": figure})
        return found["map"]

    white, told, dull = map_(0, 0.9, 3), map_(1, 0.5, 60), map_(2, 0.1, 70)
    assert best(white, told, dull) == 1
    assert best(white, told | {"shown": 8}, dull | {"shown": 8}) == 0  # one that few images excite says less
    assert best(white, map_(1, None, 4)) == 0  # no layer is without a map
