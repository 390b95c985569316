"""What the section makes of how alike the pictures stay."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from fake_build import page_of, section
from planted_results import sanity

OF_THE_PLACE = "much as before, and much as its neighbours are"
OF_WHICH_UNIT = "depend on which unit it belongs to, but hardly on what that unit’s own layer has learned"
OF_ALL_UNITS = "Any two units of the layer have nearly the same picture"
OF_THE_UNIT = "a projection does depend on what its own unit learned"
OF_THE_IMAGE = "which parts of this image get through to the unit"
OF_NO_IMAGE = "for it is the same for every image"


@pytest.mark.parametrize(
    ("own", "other", "alike", "said"),
    [
        (0.93, 0.93, False, (OF_THE_PLACE, OF_THE_IMAGE)),
        (0.96, 0.62, False, (OF_WHICH_UNIT, OF_THE_IMAGE)),
        (0.5, 0.8, False, (OF_THE_UNIT, OF_THE_IMAGE)),
        (0.5, 1.0, False, (OF_ALL_UNITS, OF_THE_IMAGE)),
        (0.93, 0.93, True, (OF_THE_PLACE, OF_NO_IMAGE)),
    ],
)
def test_what_follows_from_the_numbers(
    own: float, other: float, alike: bool, said: tuple[str, ...], tmp_path: Path
) -> None:
    result = replace(sanity.result(own=own, everything=0.6, other=other), alike=alike)
    page = page_of(tmp_path, section(tmp_path, "sanity", result))
    words = " ".join(unescape(re.sub("<[^>]*>", "", page)).split())
    every = (OF_THE_PLACE, OF_WHICH_UNIT, OF_ALL_UNITS, OF_THE_UNIT, OF_THE_IMAGE, OF_NO_IMAGE)
    assert tuple(one for one in every if one in words) == said
    assert ("so a unit has one projection for all images" in words) is alike  # at the head of the page
    assert ("It shows how the net is built more than what it learned." in words) is alike
    assert ("partly recovers the image it was given" in words) is not alike
