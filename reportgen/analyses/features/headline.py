"""For the head of the page: one map of each layer, and what a deep map looks for."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from reportgen.figures.cutouts import Drawn, both, own_maps

TURN = 1  # in the story
FLAT = 0.5  # of the contrast of the map in the middle: patches with less show too little


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
    """Of the maps that respond to most images the one whose patches are most alike, beyond those of other maps.

    Patches without contrast, such as white ones, are as alike as can be and tell nothing: they come last.
    """
    least = FLAT * median(map_["contrast"] for map_ in figure["maps"])

    def telling(map_: Drawn) -> tuple[int, bool, float]:
        return map_["shown"], map_["contrast"] >= least, -1.0 if map_["alike"] is None else map_["alike"]

    return max(figure["maps"], key=telling)
