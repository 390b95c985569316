"""Architecture selection (Zeiler & Fergus 2013, section 4.1, figure 6; section 5.1, table 2)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reportgen.analyses.architecture import Settings
from reportgen.analyses.architecture.first_layers import first_layer, second_layer
from reportgen.analyses.architecture.result import AFTER, BEFORE, CLIPPED, SAID, UNCLIPPED, Result, weakest
from reportgen.analyses.architecture.shown import figures, numbers
from reportgen.analyses.architecture.verdict import judge
from reportgen.look import compared
from reportgen.look.inputs import Inputs

__all__ = ["Result", "compute", "figures", "judge", "numbers", "weakest"]


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Open the comparison nets and measure their first two layers."""
    nets = {name: net for name in (BEFORE, AFTER, UNCLIPPED, CLIPPED) if (net := inputs.compared(name)) is not None}
    pairs = _pairs(inputs)
    kept = [pair for pair in pairs if all(net.learned.numbers["diverged"] is None for net in pair)]
    first = {name: first_layer(net) for name, net in nets.items()}
    further = {name: [first_layer(pair[place]) for pair in pairs[1:]] for place, name in enumerate(SAID)}
    second = {name: second_layer(nets[name], settings.maps, settings.projections, rng) for name in SAID if name in nets}
    answers = [[compared.judged(net) for net in pair] for pair in kept]
    return Result(
        first={name: layer for name, layer in first.items() if layer is not None},
        further={name: tuple(layer for layer in layers if layer is not None) for name, layers in further.items()},
        second={name: layer for name, layer in second.items() if layer is not None},
        facts={name: net.learned.numbers for name, net in nets.items()},
        rescaled={name: rescaled(nets[name].learned.history) for name in (UNCLIPPED, CLIPPED) if name in nets},
        errors={name: np.array([pair[place].wrong for pair in answers]) for place, name in enumerate(SAID) if answers},
        diverged_pairs=len(pairs) - len(kept),
        doubt=_doubt(kept),
        images=len(inputs.data.val),
        judged=len(answers[0][0].labels) if answers else 0,
        on=answers[0][0].on if answers else compared.ON_VALIDATION,
    )


def _pairs(inputs: Inputs) -> list[list[Inputs]]:
    """The two architectures, trained with each seed in turn."""
    pairs: list[list[Inputs]] = []
    while True:
        pair = [net for name in SAID if (net := inputs.compared(name, len(pairs))) is not None]
        if len(pair) < len(SAID):
            return pairs
        pairs.append(pair)


def _doubt(pairs: Sequence[Sequence[Inputs]]) -> str:
    """Why the errors of these pairs of nets are not compared; empty if they are."""
    return compared.not_comparable(
        {
            name + (f" (seed {turn + 1} of {len(pairs)})" if len(pairs) > 1 else ""): pair[place].learned.numbers
            for turn, pair in enumerate(pairs)
            for place, name in enumerate(SAID)
        }
    )


def rescaled(history: list[dict[str, Any]]) -> float:
    """Largest share of a layer's filters that clipping rescaled, each share a mean over an epoch; 0 if it never acted."""
    return max((share for epoch in history for share in epoch["clipped"].values()), default=0.0)
