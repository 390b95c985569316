"""Which feature map of one net does what a map of another net does: matched by how they respond, not by number."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
from jaxtyping import Float, Int

from reportgen.analyses.registry import offering


@dataclass(frozen=True)
class Pair:
    """A feature map of this report's net and its counterpart in the other's."""

    layer: int
    now: int  # number of the map
    before: int
    similarity: float  # correlation of their largest responses over the same images


def correlation(
    one: Float[np.ndarray, "map image"], other: Float[np.ndarray, "other image"]
) -> Float[np.ndarray, "map other"]:
    """Correlation over the images of each map's responses with each of another net's; 0 for a map that never varies."""

    def standard(responses: np.ndarray) -> np.ndarray:
        centred = responses - responses.mean(axis=1, keepdims=True)
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return centred / np.where(length > 0, length, 1)

    return standard(one.astype(np.float64)) @ standard(other.astype(np.float64)).T


def match(similarity: Float[np.ndarray, "map other"]) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """One partner for each map, none twice, so that the similarities add up to the most."""
    return scipy.optimize.linear_sum_assignment(similarity, maximize=True)


def match_reports(
    before: Path, now: Path, pictured: Mapping[int, tuple[list[int], list[int]]]
) -> tuple[list[Pair], dict[int, float]]:
    """Match two reports' nets: the pairs among maps `pictured` in both (layer -> before, now), the most alike first.

    Also, for each layer, the mean similarity of all its maps to their partners. The reports must be of the same images.
    """
    maps = offering("maps")
    pairs: list[Pair] = []
    overall: dict[int, float] = {}
    for layer, (maps_before, maps_now) in pictured.items():
        similarity = correlation(maps.responses(now, layer), maps.responses(before, layer))
        overall[layer] = float(similarity[match(similarity)].mean())
        shown = similarity[np.ix_(maps_now, maps_before)]
        pairs += [
            Pair(layer, maps_now[row], maps_before[column], float(shown[row, column]))
            for row, column in zip(*match(shown), strict=True)
        ]
    return sorted(pairs, key=lambda pair: (pair.layer, -pair.similarity)), overall
