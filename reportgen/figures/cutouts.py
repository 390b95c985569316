"""Parts cut out of drawn figures for the head of the page, by their descriptions (`reportgen.figures.draw.draw`)."""

from collections.abc import Mapping, Sequence
from typing import Any

Drawn = Mapping[str, Any]
Box = Sequence[float]  # left, top, width, height, as shares of a picture


def own_maps(figure: Drawn) -> bool:
    """Whether a figure shows feature maps of the report's own net: `make figures` can draw more of them."""
    return figure["kind"] == "FeatureMaps" and not figure["net"]


def both(map_: Drawn) -> list[dict[str, Any]]:
    """A map's projections, if there are any, and its patches."""
    words = {"projections": "projections", "patches": "image patches"}
    return [map_[part] | {"alt": f"Map {map_['map']}: {said}"} for part, said in words.items() if map_[part]]


def around(box: Box, left: float, above: float, right: float, below: float) -> Box:
    """A box enlarged on each side to make room for its labels, within the picture, as shares of it."""
    first, top = max(0.0, box[0] - left), max(0.0, box[1] - above)
    last, bottom = min(1.0, box[0] + box[2] + right), min(1.0, box[1] + box[3] + below)
    return first, top, last - first, bottom - top


def part(figure: Drawn, box: Box, alt: str) -> dict[str, Any]:
    """A figure's picture with the box to cut out of it, in pixels."""
    picture = figure["picture"]
    left, top, width, height = (
        round(share * picture[side], 1) for share, side in zip(box, ("width", "height", "width", "height"), strict=True)
    )
    return {**picture, "alt": alt, "box": {"left": left, "top": top, "width": width, "height": height}}
