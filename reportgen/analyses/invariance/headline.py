"""For the head of the page of a net with an unknown training: what becomes of the answer when the image moves."""

from collections.abc import Mapping
from typing import Any

from reportgen.figures.cutouts import Drawn, around, part

TURN = 3  # in the story, as how a map came to be


def story(figures: Mapping[str, Drawn]) -> dict[str, Any] | None:
    """The true class's probability by shift, scale and turn: the last column of the curves."""
    if "means" not in figures:
        return None
    figure = figures["means"]
    answers = [panel["box"] for panel in figure["panels"][2::3]]
    parts = [
        part(figure, around(box, 0.1, 0.04, 0.02, 0.055), f"The true class's probability by {change}")
        for box, change in zip(answers, ("shift", "scale", "turn"), strict=True)
    ]
    return {"name": "means", "parts": parts}
