"""The nine found again without each group of images in turn: what a delete-a-group jackknife needs.

The nine of each group are kept apart, so that those without any one group are merged from the nine of the others. They are
the same that a search without its images would find, and every image is run once.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from reportgen import probe
from reportgen.look.inputs import Inputs
from reportgen.look.strongest import Top, search_each, top_of

GROUPS = 10


@dataclass(frozen=True)
class LeftOut:
    """A layer's strongest activations over all images, and without each group of them in turn."""

    top: Top
    without: tuple[Top, ...]  # none where there is one group alone


def deal(images: int, rng: np.random.Generator) -> Int[np.ndarray, " image"]:
    """The group of each image: ten groups of equal size to within one image, dealt at random.

    They are not stratified by class: a jackknife over strata would take the number of images of each class as given, and
    with other images of the same kind it would not be.
    """
    return rng.permutation(np.arange(images) % GROUPS)


def search_left_out(inputs: Inputs, groups: Int[np.ndarray, " image"]) -> dict[int, LeftOut]:
    """The strongest activations of each map of the convolution layers over the validation images, and without each group."""
    sets = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    found = search_each(inputs, sets)
    layers = {}
    for number in found[0]:
        parts = [probe.merged(one[number]) for one in found]
        others = [[*parts[:place], *parts[place + 1 :]] for place in range(len(parts))]
        layers[number] = LeftOut(top_of(parts), tuple(top_of(rest) for rest in others if rest))
    return layers
