"""What the compared nets' first layers show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from reportgen.analyses.architecture import filters as measured
from reportgen.analyses.architecture.first_layers import FirstLayer, SecondLayer

BEFORE, AFTER = "krizhevsky", "zfnet"  # differences are 11x11/4 minus 7x7/2
UNCLIPPED, CLIPPED = "paper-unclipped", "paper-clipped"
SAID = {BEFORE: "11x11, stride 4", AFTER: "7x7, stride 2"}
LEADING = 0.05  # of the filters: those in which a layer's energy is said to gather
FEWEST = 3  # filters: of fewer there is no error of a likeness


@dataclass(frozen=True)
class Result:
    """Those of the four nets that this run has, by variant name."""

    first: dict[str, FirstLayer]
    further: dict[str, tuple[FirstLayer, ...]]  # of the two architectures: of the nets with the other seeds
    second: dict[str, SecondLayer]
    facts: dict[str, dict[str, Any]]  # what each net's stage recorded about it
    rescaled: dict[str, float]  # recipe `paper`: largest share of any layer's filters that was rescaled in any epoch
    errors: dict[str, Float[np.ndarray, "seed image"]]  # of the two architectures: 1 where an image is got wrong
    diverged_pairs: int  # seeds with which one of the two did not train to the end; their errors are left out
    doubt: str  # why the errors of the two are not compared; empty if they are
    images: int  # validation images
    judged: int  # images by which the nets' errors are judged
    on: str  # which images these are


def weakest(result: Result) -> dict[str, Any] | None:
    """Numbers of the less accurate of the two architectures: claims about what nets learned depend on it."""
    return min(
        (result.facts[name] for name in SAID if name in result.facts), key=lambda net: net["correct"], default=None
    )


def missing(result: Result, *names: str) -> str:
    """Why a claim about these nets cannot be tested; empty where it can."""
    lacking = [name for name in names if name not in result.facts]
    return f"this run trains no net {', '.join(lacking)} (COMPARE_VARIANTS)" if lacking else ""


def clipping_is_idle(result: Result) -> bool:
    """Whether the nets with and without clipping have exactly the same filters."""
    return all(name in result.first for name in (UNCLIPPED, CLIPPED)) and np.array_equal(
        result.first[UNCLIPPED].filters, result.first[CLIPPED].filters
    )


def layers_of(result: Result, name: str) -> list[FirstLayer]:
    """Layer 1 of all nets of an architecture, one for each seed."""
    return [result.first[name], *result.further[name]]


def filters_of(layers: Sequence[FirstLayer]) -> int:
    return sum(len(layer.filters) for layer in layers)


def likeness_of(layers: Sequence[FirstLayer]) -> tuple[float, float, Float[np.ndarray, " filter"]]:
    """Likeness to the nearest filter of the same net minus that of random filters, the latter, and the former without each.

    Means over the filters of all nets; nothing is left out of a net without two filters that point somewhere.
    """
    nets = [(layer.filters, measured.comparable(layer.filters)) for layer in layers]
    nets = [(filters, common) for filters, common in nets if len(common) >= FEWEST]
    count = sum(len(common) for _, common in nets)
    if not count:
        return 0.0, 0.0, np.zeros(0)
    total, chance, left_out = 0.0, 0.0, []
    for filters, common in nets:
        mean, without = measured.mean_likeness(common)
        total += mean * len(common)
        chance += measured.random_likeness(len(common), filters.shape[1]) * len(common)
        left_out.append((mean * len(common), without * (len(common) - 1)))
    each = np.concatenate([(total - own + without) / (count - 1) for own, without in left_out])
    return (total - chance) / count, chance / count, each
