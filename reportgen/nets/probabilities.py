"""A net's outputs as probabilities of classes: the one place that knows how they are to be read.

A *reading* says what the outputs mean: ``softmax`` (logits of classes that exclude each other), ``sigmoid`` (a logit of each
label by itself), ``probabilities`` (the net has applied one of the two itself). A net that gives one number has two classes:
the number speaks for the second.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

Reading = Literal["softmax", "sigmoid", "probabilities"]


def probabilities(
    outputs: Float[np.ndarray, "*place output"], reading: Reading = "softmax"
) -> Float[np.ndarray, "*place class"]:
    """The probabilities of the classes, in double precision; under ``sigmoid`` they need not sum to 1."""
    scores = of_classes(outputs, reading).astype(np.float64)
    if reading == "softmax":
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return shares / shares.sum(axis=-1, keepdims=True)
    return sigmoid(scores) if reading == "sigmoid" else scores


def of_classes(
    outputs: Float[np.ndarray, "*place output"], reading: Reading = "softmax"
) -> Float[np.ndarray, "*place class"]:
    """A score for each class, in the order of their probabilities: the outputs; of one number, a score for and one against."""
    if outputs.shape[-1] != 1:
        return outputs
    against = 1 - outputs if reading == "probabilities" else -outputs
    scores = np.concatenate([against, outputs], axis=-1)
    # As a softmax of halves is the sigmoid of the number.
    return scores / 2 if reading == "softmax" else scores


def sigmoid(logits: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-np.logaddexp(0, -logits))
