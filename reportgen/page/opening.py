"""What opens the page: a feature map of every layer, and the pictures that tell the story."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reportgen.page.content import Content

Drawn = Mapping[str, Any]  # as `reportgen.figures.draw.draw` describes a figure
Box = Sequence[float]  # left, top, width, height, as shares of a picture


def own_maps(figure: Drawn) -> bool:
    """Whether a figure shows feature maps of the report's own net, of which `make figures` draws more."""
    return figure["kind"] == "FeatureMaps" and not figure["net"]


def strip(content: Content) -> list[dict[str, Any]]:
    """One feature map of every layer of the net, for the head of the report: the first that responds to most images."""
    return [
        {"id": f"{analysis}-{name}", "analysis": analysis, "layer": figure["layer"], **_best(figure)}
        for analysis, name, figure in _figures(content)
        if own_maps(figure) and figure["maps"] and figure["maps"][0]["projections"]
    ]


def _figures(content: Content) -> Iterator[tuple[str, str, Drawn]]:
    for section in content.sections:
        for name, figure in section.figures.items():
            yield section.name, name, figure


def _best(figure: Drawn) -> Drawn:
    """The first of a figure's maps that responds to most images."""
    return max(figure["maps"], key=lambda map_: map_["shown"])


def story(content: Content) -> list[dict[str, Any]]:
    """Up to three pictures that tell the story, each of parts side by side.

    What a deep map looks for; where the net looks; how a map came to be, or where nothing is known of that, what becomes
    of the answer when the image moves.
    """
    found = {(analysis, name): figure for analysis, name, figure in _figures(content)}
    maps = [place for place, figure in found.items() if own_maps(figure) and figure["maps"]]
    looks = [place for place, figure in found.items() if figure["kind"] == "Occlusion"]
    grown = [place for place, figure in found.items() if figure["kind"] == "Evolution" and figure["maps"]]
    moved = [place for place in found if place == ("invariance", "means")]

    def told(place: tuple[str, str], parts: Sequence[Drawn], **more: Any) -> dict[str, Any]:
        return {"id": "-".join(place), "analysis": place[0], "figure": found[place], "parts": parts, **more}

    chosen = []
    for place in maps[-1:]:
        best = _best(found[place])
        chosen.append(told(place, _both(best), map=best["map"]))
    for place in looks[:1]:
        covered, _, probable, _ = (_around(box, 0.064, 0.06, 0.08, 0.075) for box in found[place]["panels"])
        parts = [
            _part(found[place], covered, "The image under a grey square"),
            _part(found[place], probable, "A map of the true class's probability by the square's place"),
        ]
        chosen.append(told(place, parts))
    for place in grown[-1:]:
        first = found[place]["maps"][0]
        chosen.append(told(place, _both(first), map=first["map"]))
    for place in moved if not grown else []:
        answers = [panel["box"] for panel in found[place]["panels"][2::3]]  # the last column: the true class
        parts = [
            _part(found[place], _around(box, 0.1, 0.04, 0.02, 0.055), f"The true class's probability by {change}")
            for box, change in zip(answers, ("shift", "scale", "turn"), strict=True)
        ]
        chosen.append(told(place, parts))
    return chosen


def _both(map_: Drawn) -> list[dict[str, Any]]:
    """A map's projections, where there are any, and its patches."""
    words = {"projections": "projections", "patches": "image patches"}
    return [map_[part] | {"alt": f"Map {map_['map']}: {said}"} for part, said in words.items() if map_[part]]


def _around(box: Box, left: float, above: float, right: float, below: float) -> Box:
    """A box with room around it for its words, as shares of the picture."""
    return box[0] - left, box[1] - above, box[2] + left + right, box[3] + above + below


def _part(figure: Drawn, box: Box, alt: str) -> dict[str, Any]:
    """A picture with the box that is cut out of it, in pixels."""
    picture = figure["picture"]
    left, top, width, height = (
        round(share * picture[side], 1) for share, side in zip(box, ("width", "height", "width", "height"), strict=True)
    )
    return {**picture, "alt": alt, "box": {"left": left, "top": top, "width": width, "height": height}}
