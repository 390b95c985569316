"""What the section says of pictures that do not depend on the image."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from fake_build import page_of, section
from planted_results import features

from reportgen.probe import Way

EXPLAINED = "Without its switches nothing on the way down depends on the image"
READING = "what the projection leaves grey did not excite it."


@pytest.mark.parametrize(
    ("alike", "said"), [((), (READING,)), ((2,), (READING, EXPLAINED)), ((2, 3, 4, 5), (EXPLAINED,))]
)
def test_a_picture_that_is_the_same_for_every_image_says_nothing_of_one(
    alike: tuple[int, ...], said: tuple[str, ...], tmp_path: Path
) -> None:
    result = features.result()
    layers = {
        name: replace(layer, way=Way("windows", alike=layer.number in alike)) for name, layer in result.layers.items()
    }
    assert {layer.number for layer in layers.values()} >= set(alike)
    page = page_of(tmp_path, section(tmp_path, "features", replace(result, layers=layers)))
    words = " ".join(unescape(re.sub("<[^>]*>", "", page)).split())
    assert tuple(one for one in (READING, EXPLAINED) if one in words) == said
