"""A data set as the stages read it: every image decoded once, scaled, cut to a square, and mapped from disk.

The data stage writes one folder: ``<split>.npy`` (uint8 "image row column 3"), ``<split>-labels.npy``, and in
``artefact.json`` the classes, the files' names and what was skipped. Nothing holds the images in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from reportgen.artifacts import DOCUMENT, read_json

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Images of one part of a data set."""

    images: UInt8[np.ndarray, "image row column 3"]  # mapped from disk
    labels: Int[np.ndarray, " image"]
    names: tuple[str, ...]  # "class/file", as in the user's folder

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """The images a net is trained, validated and tested on."""

    name: str
    classes: tuple[str, ...]
    fingerprint: str  # of every image and label
    train: Split
    val: Split
    test: Split

    @classmethod
    def open(cls, folder: Path) -> "Dataset":
        """Map what the data stage wrote."""
        document = read_json(folder / DOCUMENT)
        splits = {name: _open_split(folder, name, document["names"][name]) for name in SPLITS}
        return cls(document["numbers"]["name"], tuple(document["numbers"]["classes"]), document["content"], **splits)


def _open_split(folder: Path, name: str, names: Sequence[str]) -> Split:
    images = np.load(folder / f"{name}.npy", mmap_mode="r")
    return Split(images, np.load(folder / f"{name}-labels.npy"), tuple(names))


def count_images(classes: Sequence[str], labels: Mapping[str, Sequence[int]]) -> dict[str, dict[str, int]]:
    """Images of each class in each split."""
    return {
        name: {kind: int(np.sum(np.asarray(split) == index)) for index, kind in enumerate(classes)}
        for name, split in labels.items()
    }
