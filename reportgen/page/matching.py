"""Matching the feature maps of two nets by their responses, because map numbers mean nothing across nets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
from jaxtyping import Float, Int

from reportgen.analyses.registry import offering


@dataclass(frozen=True)
class Pair:
    """A feature map of this report's net and its partner in the older report's net."""

    layer: int
    now: int  # number of the map in this report's net
    before: int  # and in the older report's
    similarity: float  # correlation of their largest responses over the same images


def correlation(
    one: Float[np.ndarray, "map image"], other: Float[np.ndarray, "other image"]
) -> Float[np.ndarray, "map other"]:
    """Correlation over images between each map of one net and each map of another; 0 for a map that never varies."""

    def standard(responses: np.ndarray) -> np.ndarray:
        centred = responses - responses.mean(axis=1, keepdims=True)
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return centred / np.where(length > 0, length, 1)

    return standard(one.astype(np.float64)) @ standard(other.astype(np.float64)).T


def match(similarity: Float[np.ndarray, "map other"]) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """One partner for each map, none twice, with the largest sum of similarities."""
    return scipy.optimize.linear_sum_assignment(similarity, maximize=True)


def match_reports(
    before: Path, now: Path, pictured: Mapping[int, tuple[list[int], list[int]]]
) -> tuple[list[Pair], dict[int, float]]:
    """Match the maps of two reports, which must use the same images.

    Returns the pairs among the maps `pictured` in both (layer -> before, now), in each layer the most similar first, and
    for each layer the mean similarity of all its maps to their partners.
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
