"""Twelve units of layer 2 and of layer 5, whose pictures change so much as the layers below forget what they learned."""

import numpy as np

from planted_results import CLASSES, VALIDATION
from reportgen.analyses.sanity.analysis import Curves, Result, Start, Units

UNITS, EXAMPLES, SIDE = 12, 2, 16
LAYERS = (2, 5)
NEITHER = np.linspace(-0.05, 0.05, UNITS)  # what units differ by: zero on average


def result(own: float = 0.83, everything: float = 0.35, other: float = 0.86) -> Result:
    """Rank correlations with the trained net's projection once the unit's own layer is random, and once all are; and
    those of the projections of two units.
    """
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, EXAMPLES, LAYERS[-1] + 1, SIDE, SIDE, 3), dtype=np.uint8)
    return Result(
        starts={f"layer{number}": start(number, own, everything, other) for number in LAYERS},
        patches=rng.integers(0, 256, (EXAMPLES, SIDE, SIDE, 3), dtype=np.uint8),
        deconvnet=pictures[0],
        gradient=pictures[1],
        titles=tuple(f"map {place}: {name}" for place, name in enumerate(CLASSES[2 : 2 + EXAMPLES])),
        images=VALIDATION,
    )


def silent() -> Result:
    """Of a net in which no map responds to any image."""
    none = np.zeros((0, 1, SIDE, SIDE, 3), np.uint8)
    return Result({}, np.zeros((0, SIDE, SIDE, 3), np.uint8), none, none, (), VALIDATION)


def start(number: int, own: float, everything: float, other: float) -> Start:
    """One layer; the gradient keeps half of what the deconvnet keeps."""
    units = Units(*(np.arange(UNITS) % part for part in (16, 12, 5, 7)))
    kept = np.array([1.0, *np.linspace(own, everything, number)])
    return Start(
        number=number,
        units=units,
        deconvnet=curves(kept),
        gradient=curves(np.array([1.0, *kept[1:] / 2])),
        deconvnet_other=curves(np.array([other])),
        gradient_other=curves(np.array([other / 2])),
    )


def curves(kept: np.ndarray) -> Curves:
    """By all three measures alike; a picture that nothing changed is itself in every unit."""
    shares = kept[:, None] + np.where(kept[:, None] == 1, 0, NEITHER)
    return Curves(shares, shares, shares)
