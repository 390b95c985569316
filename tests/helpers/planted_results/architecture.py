"""Four comparison nets of which little is left: two diverged, and one image alone excites layer 1."""

import numpy as np
from planted import facts

from planted_results import VALIDATION
from reportgen.analyses.architecture.first_layers import FirstLayer
from reportgen.analyses.architecture.result import AFTER, BEFORE, CLIPPED, UNCLIPPED, Result


def result(diverged: int | None = 3, rescaled: float = 0.2) -> Result:
    """`diverged`: epoch in which the net without clipping did; `rescaled`: the share of filters that clipping reached."""
    rng = np.random.default_rng(0)
    ended = {UNCLIPPED: diverged, BEFORE: 4}
    return Result(
        first={UNCLIPPED: first_layer(0.31, rng), CLIPPED: first_layer(0.3, rng)},
        further={BEFORE: (), AFTER: ()},
        second={},
        facts={name: facts(1000, VALIDATION, diverged=ended.get(name)) for name in (BEFORE, AFTER, UNCLIPPED, CLIPPED)},
        rescaled={UNCLIPPED: 0.0, CLIPPED: rescaled},
        errors={},
        diverged_pairs=1,
        doubt="",
        images=VALIDATION,
        judged=0,
        on="validation images",
    )


def first_layer(led: float, rng: np.random.Generator) -> FirstLayer:
    """Four filters, the first with this share of the energy; two images of three excite none."""
    rest = (1 - led) / 3
    energy = np.array([[0.0] * 4, [led, rest, rest, rest], [0.0] * 4])
    return FirstLayer(rng.normal(size=(4, 7, 7, 3)), np.ones(4), energy)
