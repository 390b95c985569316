"""For the head of the page: how a map came to be."""

from collections.abc import Mapping
from typing import Any

from reportgen.figures.cutouts import Drawn, both

TURN = 3  # in the story


def story(figures: Mapping[str, Drawn]) -> dict[str, Any] | None:
    """A map of the highest layer, epoch by epoch."""
    names = [name for name, figure in figures.items() if figure["kind"] == "Evolution" and figure["maps"]]
    if not names:
        return None
    first = figures[names[-1]]["maps"][0]
    return {"name": names[-1], "parts": both(first), "map": first["map"]}
