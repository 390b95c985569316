"""For the head of the page: one map of each layer, and what a deep map looks for."""

from collections.abc import Iterator, Mapping
from typing import Any

from reportgen.figures.cutouts import Drawn, both, own_maps

TURN = 1  # in the story


def strip(figures: Mapping[str, Drawn]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of every layer, its most telling map (`_best`)."""
    for name, figure in figures.items():
        if own_maps(figure) and figure["maps"] and figure["maps"][0]["projections"]:
            yield name, {"layer": figure["layer"], **_best(figure)}


def story(figures: Mapping[str, Drawn]) -> dict[str, Any] | None:
    """A map of the highest layer: its projections and patches."""
    names = [name for name, figure in figures.items() if own_maps(figure) and figure["maps"]]
    if not names:
        return None
    best = _best(figures[names[-1]])
    return {"name": names[-1], "parts": both(best), "map": best["map"]}


def _best(figure: Drawn) -> Drawn:
    """Of the maps that respond to most images the one whose patches are most alike, beyond those of other maps."""
    return max(figure["maps"], key=lambda map_: (map_["shown"], -1.0 if map_["alike"] is None else map_["alike"]))
