"""Average precision with its interval (`reportgen.data.average_precision`): for what is made after a net, not with it."""

import numpy as np
from jaxtyping import Float, Int

from reportgen.claims import jackknife_part
from reportgen.data.average_precision import by_class, mean_of_classes

MOST_LEFT_OUT = 400  # images that are left out in turn; of more, as many groups


def precisions(
    scores: Float[np.ndarray, "image class"], labels: Int[np.ndarray, "image class"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "class 3"], Float[np.ndarray, " 3"]]:
    """Average precision with the ends of its interval, for each class and for their mean; images are left out in turn.

    A class without scores (NaN), or of which no image is, has none (NaN), and the mean is over the others. The jackknife,
    for a bootstrap would draw images twice: twins rank side by side, and the largest precision at any later recall flatters
    a small sample anyhow. The interval is for the mean over test sets of this size.
    """
    images = len(labels)
    groups = min(images, MOST_LEFT_OUT)
    group = rng.permutation(np.arange(images) % groups)
    weights = np.vstack([np.ones(images), group != np.arange(groups)[:, None]])  # all images, and without each group
    found = by_class(scores, labels, weights)
    precision = np.array([_with_ends(column) for column in found.T])
    return precision, _with_ends(mean_of_classes(found))


def _with_ends(found: Float[np.ndarray, " group"]) -> Float[np.ndarray, " 3"]:
    """The first number, and the ends of its interval by the others, which are without one group each."""
    if np.isnan(found[0]):
        return np.full(3, np.nan)
    turned = np.arcsin(np.sqrt(np.clip(found, 0, 1)))  # near the ends of [0, 1] a precision cannot go both ways alike
    part = jackknife_part("average precision", float(turned[0]), turned[1:])
    low, high = np.sin(np.clip([part.low, part.high], 0, np.pi / 2)) ** 2
    return np.array([found[0], low, high])
