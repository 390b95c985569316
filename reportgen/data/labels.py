"""The images as a loaded net sees them: labels are its classes, or its own prediction where the class is unknown."""

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reportgen.base.artifacts import read_json, write_json
from reportgen.data.classes import UNKNOWN, Mapping
from reportgen.data.dataset import Dataset, Split
from reportgen.data.voc import PRESENT, UNCLEAR

SEEN = "seen.json"  # in the net's artefact


def write_seen(path: Path, mapping: Mapping, classes: Sequence[str], guesses: AnyMapping[str, np.ndarray]) -> None:
    """Write which class each folder is, what the classes are called, and what the net takes each image for."""
    taken_for = {name: [int(guess) for guess in values] for name, values in guesses.items()}
    write_json(path, {"classes": list(classes), "labels": list(mapping.labels), "guesses": taken_for})


def as_seen(data: Dataset, net_folder: Path) -> Dataset:
    """The data set with the net's classes and labels; as it is where the net was trained on its folders.

    A loaded net was trained on other images: those that are shown stand wherever an analysis speaks of training images.
    """
    path = net_folder / SEEN
    if not path.exists():
        return data
    seen = read_json(path)
    mapping = Mapping(tuple(seen["labels"]), "", ())
    guesses = {name: np.array(values, dtype=np.int64) for name, values in seen["guesses"].items()}
    count = len(seen["classes"])
    val = _seen(data.val, mapping, guesses["val"], count)
    test = _seen(data.test, mapping, guesses.get("test", guesses["val"]), count)
    return replace(data, classes=tuple(seen["classes"]), train=val, val=val, test=test)


def _seen(split: Split, mapping: Mapping, guesses: np.ndarray, classes: int) -> Split:
    labels = mapping.of(split.labels)
    if split.shows is None:
        known = labels != UNKNOWN
        return replace(split, labels=np.where(known, labels, guesses), labelled=known, guesses=guesses)
    shows = mapping.of_shows(split.shows, classes)
    if not (shows == PRESENT).any():  # as images without any label: nothing could be asked of what they show
        shows = np.full_like(shows, UNCLEAR)
    known = (shows != UNCLEAR).any(axis=1)
    return replace(split, labels=np.where(known, labels, guesses), labelled=known, shows=shows)
