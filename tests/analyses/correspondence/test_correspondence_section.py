"""What the section says of features that no mask changes."""

import re
from html import unescape
from pathlib import Path

import pytest
from fake_build import page_of, section
from planted_results import correspondence


@pytest.mark.parametrize(
    ("parts", "random", "said"),
    [
        (1.0, 0.999, "Here every mask changes nearly all of layer 5’s features, so zeros play no part."),
        (0.9, 0.8, "so zeros that agree speak for the random masks, not for the parts."),
        (0.8, 0.9, "so zeros that agree favour the parts."),
    ],
)
def test_zeros_speak_for_nobody_where_there_are_none(parts: float, random: float, said: str, tmp_path: Path) -> None:
    own = section(tmp_path, "correspondence", correspondence.result())
    scores = own.artefact["numbers"]["layers"][0]["scores"]
    for name, score in scores.items():
        score["changed"] = random if name in ("random", "anywhere") else parts
    words = " ".join(unescape(re.sub("<[^>]*>", "", page_of(tmp_path, own))).split())
    assert said in words
    assert words.count("Here every mask changes") + words.count("so zeros that agree") == 1
