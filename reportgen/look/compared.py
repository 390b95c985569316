"""What is asked of comparison nets before they are compared: that they are trained out, and alike (docs/claims.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reportgen.look.inputs import Inputs, Judged

LEAST_EPOCHS = 12
FALL = 0.01  # of the training error, from one quarter of the epochs to the next: one point
ON_VALIDATION = "validation images"


def judged(net: Inputs) -> Judged:
    """What a comparison net says of the images that are there to judge it; of the validation images where there are none."""
    learned = net.learned
    return learned.judged or Judged(learned.logits, net.data.val.labels, ON_VALIDATION)


def training_errors(history: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Mean training error of the third and of the last quarter of the epochs, as shares; None before the second epoch.

    It is the error during training: with dropout, on the crops and flips of each epoch.
    """
    errors = [1 - epoch["train_accuracy"] for epoch in history]
    quarter = max(1, len(errors) // 4)
    if len(errors) < 2 * quarter:
        return None
    return float(np.mean(errors[-2 * quarter : -quarter])), float(np.mean(errors[-quarter:]))


def not_comparable(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Why the errors of these nets are not compared; empty if they are."""
    lengths = {name: len(history) for name, history in histories.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {epochs}" for name, epochs in lengths.items())
        return f"the nets were trained for different numbers of epochs ({said})"
    epochs = max(lengths.values(), default=LEAST_EPOCHS)
    if epochs < LEAST_EPOCHS:
        return f"the nets were trained for {epochs} epoch{'s' * (epochs != 1)}, and {LEAST_EPOCHS} are needed"
    falling = [said for name, history in histories.items() if (said := _falling(name, history))]
    if not falling:
        return ""
    return (
        f"after {epochs} epochs the nets are not trained out: from the third to the last quarter of the epochs the training "
        f"error may fall by one point at most, and it fell in {', '.join(falling)}"
    )


def _falling(name: str, history: Sequence[Mapping[str, Any]]) -> str:
    """How far the training error of a net that is not trained out still fell; empty for one that is."""
    errors = training_errors(history)
    assert errors is not None
    before, last = errors
    if before - last <= FALL + 1e-9:  # which is not a matter of the last bit
        return ""
    return f"{name} from {100 * before:.1f} to {100 * last:.1f} %"
