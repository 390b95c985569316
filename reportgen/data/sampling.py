"""Choosing images of a split: evenly spread, or at random and balanced over the classes."""

import numpy as np
from jaxtyping import Bool, Int


def evenly(images: int, most: int) -> Int[np.ndarray, " chosen"]:
    """The indices of all images, or of `most` of them evenly spread; ascending and distinct."""
    return np.linspace(0, images - 1, min(images, most)).round().astype(np.int64)


def evenly_of_each(labels: Int[np.ndarray, " image"], most: int) -> Int[np.ndarray, " chosen"]:
    """The indices of all images of each class, or of `most` of them evenly spread over the class; ascending."""
    of_class = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return np.sort(np.concatenate([indices[evenly(len(indices), most)] for indices in of_class]))


def stratified(labels: Int[np.ndarray, " image"], count: int, rng: np.random.Generator) -> Int[np.ndarray, " drawn"]:
    """Draw `count` images, balanced over the classes as far as possible, in ascending order; all if there are fewer."""
    order = np.lexsort((rng.random(len(labels)), turns(labels, rng.permutation(len(labels)))))
    return np.sort(order[:count])


def of_different_classes(
    labels: Int[np.ndarray, " image"],
    preferred: Bool[np.ndarray, " image"],
    count: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, " drawn"]:
    """Draw images, preferred ones first; among these, those of classes drawn least so far. In the order of drawing."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(~preferred[order], kind="stable")]
    return order[np.lexsort((turns(labels, order)[order], ~preferred[order]))][:count]


def turns(labels: Int[np.ndarray, " image"], order: Int[np.ndarray, " image"]) -> Int[np.ndarray, " image"]:
    """For each image, how many images of its class come before it in an order; each class's first has turn 0."""
    found = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        found[own] = np.arange(len(own))
    return found
