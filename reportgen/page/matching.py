"""Matching the feature maps of two nets by their responses, because map numbers mean nothing across nets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
from jaxtyping import Float, Int

from reportgen.analyses.registry import offering
from reportgen.base.foreign import Wrong
from reportgen.base.statistics import dead


class MissingResponses(Exception):
    """A report does not hold the responses of its maps."""


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


@dataclass(frozen=True)
class Matched:
    """The maps of two reports, paired."""

    pairs: list[Pair]  # among the maps that both reports picture; in each layer, those that changed most first
    overall: dict[int, float]  # layer -> mean similarity of all its maps to their partners
    died: dict[int, list[int]]  # layer -> the maps of this report's net that are dead, while their partners are not


def match_reports(before: Path, now: Path, pictured: Mapping[int, tuple[list[int], list[int]]]) -> Matched:
    """Match the maps of two reports, which must use the same images; `pictured`: layer -> before, now.

    Raises MissingResponses where one of the reports
    does not hold them, Wrong where those of the older one are not of the maps and images that it names.
    """
    maps = offering("maps")
    pairs: list[Pair] = []
    overall: dict[int, float] = {}
    died: dict[int, list[int]] = {}
    for layer, (maps_before, maps_now) in pictured.items():
        mine, theirs = maps.responses(now, layer), maps.responses(before, layer)
        if mine is None or theirs is None:
            raise MissingResponses
        if mine.shape[1] != theirs.shape[1] or max(maps_before, default=0) >= len(theirs):
            raise Wrong(f"layer {layer} has responses of {len(theirs)} maps to {theirs.shape[1]} images")
        similarity = correlation(mine, theirs)
        partners = match(similarity)
        overall[layer] = float(similarity[partners].mean())
        lifeless, before_that = dead(mine.max(axis=1)), dead(theirs.max(axis=1))
        died[layer] = [
            int(map_) for map_, was in zip(*partners, strict=True) if lifeless[map_] and not before_that[was]
        ]
        shown = similarity[np.ix_(maps_now, maps_before)]
        pairs += [
            Pair(layer, maps_now[row], maps_before[column], float(shown[row, column]))
            for row, column in zip(*match(shown), strict=True)
        ]
    return Matched(sorted(pairs, key=lambda pair: (pair.layer, pair.similarity)), overall, died)
