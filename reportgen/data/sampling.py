"""Choosing images of a split: evenly spread, or by lot and fairly over the classes."""

import numpy as np
from jaxtyping import Bool, Int


def evenly(images: int, most: int) -> Int[np.ndarray, " chosen"]:
    """The numbers of all images, or of `most` of them evenly spread; ascending, each once."""
    return np.linspace(0, images - 1, min(images, most)).round().astype(np.int64)


def stratified(labels: Int[np.ndarray, " image"], count: int, rng: np.random.Generator) -> Int[np.ndarray, " drawn"]:
    """Draw images, as many of each class as can be, ascending; all of them where there are no more than `count`."""
    order = np.lexsort((rng.random(len(labels)), turns(labels, rng.permutation(len(labels)))))
    return np.sort(order[:count])


def of_different_classes(
    labels: Int[np.ndarray, " image"],
    preferred: Bool[np.ndarray, " image"],
    count: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, " drawn"]:
    """Draw images: preferred ones first, and among equals of classes that were not drawn yet. In the order of drawing."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(~preferred[order], kind="stable")]
    return order[np.lexsort((turns(labels, order)[order], ~preferred[order]))][:count]


def turns(labels: Int[np.ndarray, " image"], order: Int[np.ndarray, " image"]) -> Int[np.ndarray, " image"]:
    """How many images of its own class come before each image in an order: one of every class has turn 0."""
    found = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        found[own] = np.arange(len(own))
    return found
