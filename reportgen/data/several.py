"""Answers to images of which each may show several classes, judged by one rule that holds for images of one class, too.

Of an image that shows so many classes, the net's answer is as many that it thinks most probable. A class that the image
shows is right if it is among them; of one class that is the most probable. No threshold is needed, so that a net that is
sure of nothing is judged, too. `targets`: see `reportgen.data.dataset.Split`.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from reportgen.data.classes import UNKNOWN
from reportgen.data.voc import PRESENT, UNCLEAR


def answerable(targets: Int[np.ndarray, "image *class"]) -> Bool[np.ndarray, " image"]:
    """Which images are known to show a class."""
    return targets != UNKNOWN if targets.ndim == 1 else (targets == PRESENT).any(axis=1)


def labelled(targets: Int[np.ndarray, "image *class"]) -> Bool[np.ndarray, " image"]:
    """Of which images it is known what they show, if only that it is nothing."""
    return targets != UNKNOWN if targets.ndim == 1 else (targets != UNCLEAR).any(axis=1)


def right(guesses: Int[np.ndarray, " image"], targets: Int[np.ndarray, "image *class"]) -> Bool[np.ndarray, " image"]:
    """Whether one class that is guessed of each image is the image's, or one of those that it shows."""
    if targets.ndim == 1:
        return guesses == targets
    return targets[np.arange(len(targets)), guesses] == PRESENT


def labels_an_image(targets: Int[np.ndarray, "image *class"]) -> float:
    """How many classes an image shows, on average over those that show any."""
    if targets.ndim == 1 or not answerable(targets).any():
        return 1.0
    return float((targets == PRESENT).sum(axis=1)[answerable(targets)].mean())


def chance(targets: Int[np.ndarray, "image *class"], classes: int) -> float:
    """How often guessing is right of images that show a class, of so many `classes`.

    Of images of one class each, one in so many. Where an image may show several, the share of those that show the commonest
    class: naming it always gets that. 1/classes where no image shows any.
    """
    known = answerable(targets)
    if targets.ndim == 1 or not known.any():
        return 1 / classes
    return float((targets[known] == PRESENT).mean(axis=0).max())


def answers(
    scores: Float[np.ndarray, "image class"], targets: Int[np.ndarray, "image *class"]
) -> Bool[np.ndarray, "image class"]:
    """The classes that the net says each image shows: as many as it does, the most probable; the first of equal ones.

    Of classes of which it is not known whether an image shows them, none is said.
    """
    if targets.ndim == 1:
        return scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1])
    asked = np.where(targets == UNCLEAR, -np.inf, scores)
    places = np.argsort(np.argsort(-asked, axis=1, kind="stable"), axis=1)
    return places < (targets == PRESENT).sum(axis=1)[:, None]


def taken_for(
    scores: Float[np.ndarray, "image class"],
    labels: Int[np.ndarray, " image"],
    shows: Int[np.ndarray, "image class"] | None,
) -> Int[np.ndarray, " image"]:
    """What the net takes each image for, when asked for one of the classes that it shows: `labels`.

    Of images that show one class, the most probable class. Of others (`shows`), the label where it is among the net's
    `answers`, else the most probable class that the image does not show. An image whose class is not known shows one.
    """
    first = scores.argmax(axis=1)
    if shows is None:
        return first
    known = (shows != UNCLEAR).any(axis=1)
    found = answers(scores, shows)[np.arange(len(labels)), labels]
    wrong = np.where(shows == 0, scores, -np.inf).argmax(axis=1)
    return np.where(known, np.where(found, labels, wrong), first)
