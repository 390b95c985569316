"""A net's logits as probabilities."""

import numpy as np
from jaxtyping import Float


def softmax(logits: Float[np.ndarray, "*place class"]) -> Float[np.ndarray, "*place class"]:
    """The probabilities of the classes, in double precision."""
    shares = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)
