"""What a net is to say of an image, and how far what it says is from that.

Targets are the number of each image's class, or, where an image may show several, for each class 1 (present), 0 (absent) or
-1 (not known).
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


def loss(logits: Float[Tensor, "image class"], targets: Int[Tensor, "image *class"]) -> Float[Tensor, ""]:
    """Negative log probability of the targets in nats, summed over the images.

    Of classes that exclude each other, of the true one (cross-entropy). Otherwise of the answer to each class by itself
    (binary cross-entropy), summed over the classes, so that a class's logit has a gradient of the same size in both; what
    is not known counts as nothing.
    """
    if targets.dim() == 1:
        return functional.cross_entropy(logits, targets, reduction="sum")
    known = (targets >= 0).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), known, reduction="sum")


def right(guesses: Int[Tensor, " image"], targets: Int[Tensor, "image *class"]) -> Bool[Tensor, " image"]:
    """Whether the class that a net thinks most probable is the image's, or one of those that it shows."""
    if targets.dim() == 1:
        return guesses == targets
    return targets.gather(1, guesses[:, None])[:, 0] == 1


def each_alone(labels: Int[np.ndarray, " image"], classes: int) -> Int[np.ndarray, "image class"]:
    """The targets of images of one class each, for a net that says each class by itself."""
    return (labels[:, None] == np.arange(classes)).astype(np.int8)
