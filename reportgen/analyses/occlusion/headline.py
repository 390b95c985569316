"""For the head of the page: where the net looks."""

from collections.abc import Mapping
from typing import Any

from reportgen.figures.cutouts import Drawn, around, part

TURN = 2  # in the story


def story(figures: Mapping[str, Drawn]) -> dict[str, Any] | None:
    """An image under the grey square, and the true class's probability by the square's place."""
    name = next((name for name, figure in figures.items() if figure["kind"] == "Occlusion"), None)
    if name is None:
        return None
    covered, _, probable, _ = (around(box, 0.064, 0.06, 0.08, 0.075) for box in figures[name]["panels"])
    parts = [
        part(figures[name], covered, "The image under a grey square"),
        part(figures[name], probable, "A map of the true class's probability by the square's place"),
    ]
    return {"name": name, "parts": parts}
