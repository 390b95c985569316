"""For the head of the page: where the net looks."""

from collections.abc import Mapping
from typing import Any

from reportgen.figures.cutouts import Drawn, around, part

TURN = 2  # in the story
INSIDE = 0.002  # of the picture's sides: the axes' line is left out


def story(figures: Mapping[str, Drawn]) -> dict[str, Any] | None:
    """An image, the same under the grey square, and the true class's probability by the square's place.

    Cut inside the axes: of marks and numbers beside them, halves would be seen.
    """
    name = next((name for name, figure in figures.items() if figure["kind"] == "Occlusion"), None)
    if name is None:
        return None
    covered, _, probable = (around(box, *[-INSIDE] * 4) for box in figures[name]["panels"][:3])
    parts = [
        figures[name]["clean"] | {"alt": "The image"},
        part(figures[name], covered, "The image under a grey square"),
        part(figures[name], probable, "A map of the true class's probability by the square's place"),
    ]
    return {"name": name, "parts": parts}
