"""How a loaded net's outputs are to be read: what the user says, and what they look like."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from reportgen.nets.probabilities import Reading

ROUNDING = 1e-3  # in a sum of probabilities, in half precision too


@dataclass(frozen=True)
class Read:
    """A reading, and in words why it was chosen."""

    reading: Reading
    why: str


def read(outputs: Float[np.ndarray, "image output"], known: dict[str, Any]) -> Read:
    """How to read a net's outputs for all images; `known`: the numbers of the model stage.

    Outputs between 0 and 1, for noise of any strength as for the images, have been through a sigmoid or a softmax:
    another would bring them near to each other. They are taken as they are, whatever the user says.
    """
    asked, single = known["asked_outputs"], outputs.shape[1] == 1
    if known["bounded"] and bool(((outputs >= 0) & (outputs <= 1)).all()):
        summed = not single and bool(np.abs(outputs.sum(axis=1) - 1).max(initial=0) < ROUNDING)
        kind = "sum to 1, as behind a softmax" if summed else "lie between 0 and 1, as behind a sigmoid"
        return Read("probabilities", f"its outputs {kind}: they are taken for probabilities as they are")
    if single:
        said = f"OUTPUTS={asked}" if asked else "it gives one number for an image"
        return Read("softmax", f"{said}: the number is the logit of the second of two classes")
    if asked == "sigmoid":
        return Read("sigmoid", "OUTPUTS=sigmoid: each label has a probability by itself")
    return Read("softmax", f"OUTPUTS={asked}: the outputs are logits" if asked else "")
