"""A data set as the stages read it: square images of one size, memory-mapped from disk or decoded when they are read.

The data stage writes one folder: ``<split>.npy`` (uint8 "image row column 3"), ``<split>-labels.npy``, and in
``artefact.json`` the classes, the files' names and what was skipped. With ``DATA_PACK=false`` the files' paths replace
``<split>.npy``. The images are never all in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Int8, UInt8

from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.data.decoding import Files, Images, Reading

SPLITS = ("train", "val", "test")
WIDE = "test-wide"
JUDGING = "judging"
OTHERWISE = (
    "otherwise.npz"  # some validation images in other usual readings of their files, by the switch that asks for them
)
TRIED = 200  # validation images on which other readings are tried


@dataclass(frozen=True)
class Split:
    """Images of one part of a data set."""

    images: Images
    labels: Int[np.ndarray, " image"]
    names: tuple[str, ...]  # "class/file", as in the user's folder
    labelled: Bool[np.ndarray, " image"] | None = None  # False: the label is the net's prediction; None: all are known

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def known(self) -> Bool[np.ndarray, " image"]:
        """Which labels are known, not predicted."""
        return np.ones(len(self), dtype=bool) if self.labelled is None else self.labelled


@dataclass(frozen=True)
class Dataset:
    """The images on which a net is trained, validated and tested."""

    name: str
    classes: tuple[str, ...]
    fingerprint: str  # a digest of all images and labels
    train: Split
    val: Split
    test: Split
    wide: UInt8[np.ndarray, "image wide_row wide_column 3"] | None = None  # the test images with their surroundings

    @classmethod
    def open(cls, folder: Path) -> "Dataset":
        """Memory-map what the data stage wrote."""
        document = read_json(folder / DOCUMENT)
        files = {name: document.get("same", {}).get(name, name) for name in SPLITS}  # two splits may share their files
        numbers = document["numbers"]
        reading = reading_of(document)
        unpacked = {name: Files(paths, numbers["size"], reading) for name, paths in document.get("paths", {}).items()}
        splits = {
            name: open_split(folder, files[name], document["names"][name], unpacked.get(files[name])) for name in SPLITS
        }
        place = folder / f"{WIDE}.npy"
        wide = np.load(place, mmap_mode="r") if place.exists() else None
        return cls(numbers["name"], tuple(numbers["classes"]), document["content"], **splits, wide=wide)


@dataclass(frozen=True)
class Transfer:
    """Images of classes that the net was not trained on (Zeiler & Fergus 2013, section 5.2)."""

    name: str
    classes: tuple[str, ...]
    fingerprint: str
    images: Split

    @classmethod
    def open(cls, folder: Path) -> "Transfer | None":
        """Memory-map what the transfer stage wrote; None where the run has no transfer set."""
        document = read_json(folder / DOCUMENT)
        numbers = document["numbers"]
        if numbers is None:
            return None
        images = open_split(folder, "transfer", document["names"])
        return cls(numbers["name"], tuple(numbers["classes"]), numbers["fingerprint"], images)


@dataclass(frozen=True)
class MultiSplit:
    """Images of one part of a multi-label set, and what each of them shows."""

    images: UInt8[np.ndarray, "image row column 3"]  # whole images, squeezed to a square
    labels: Int8[np.ndarray, "image class"]  # 1 present, 0 absent, -1 neither: `reportgen.data.voc.Listing.labels`
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Multilabel:
    """Images that show several objects at once, as PASCAL VOC's do (Zeiler & Fergus 2013, section 5.2, table 6)."""

    name: str
    classes: tuple[str, ...]
    fingerprint: str
    train: MultiSplit
    test: MultiSplit

    @classmethod
    def open(cls, folder: Path) -> "Multilabel | None":
        """Map what the multilabel stage wrote; None where the run has no such set."""
        document = read_json(folder / DOCUMENT)
        numbers = document["numbers"]
        if numbers is None:
            return None
        parts = {
            part: MultiSplit(
                np.load(folder / f"{part}.npy", mmap_mode="r"), np.load(folder / f"{part}-labels.npy"), tuple(names)
            )
            for part, names in document["names"].items()
        }
        return cls(numbers["name"], tuple(numbers["classes"]), numbers["fingerprint"], **parts)


def reading_of(document: Mapping[str, Any]) -> Reading:
    """How the files of a data set were read, from the artefact's document."""
    known = document.get("reading", {})
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    return Reading(**values)


def open_judging(folder: Path) -> Split | None:
    """Map what the judging stage wrote; None where there are no images but those of the data set."""
    document = read_json(folder / DOCUMENT)
    return None if document["numbers"] is None else open_split(folder, JUDGING, document["names"])


def open_split(folder: Path, name: str, names: Sequence[str], files: Files | None = None) -> Split:
    """Memory-map what `reportgen.data.packing.pack` wrote; with `files`, which decode the images, only the labels."""
    images = np.load(folder / f"{name}.npy", mmap_mode="r") if files is None else files
    return Split(images, np.load(folder / f"{name}-labels.npy"), tuple(names))


def count_images(classes: Sequence[str], labels: Mapping[str, Sequence[int]]) -> dict[str, dict[str, int]]:
    """How many images each class has in each split; label -1 means unknown and counts for no class."""
    found = {}
    for name, split in labels.items():
        known = np.asarray(split, dtype=np.int64)
        counts = np.bincount(known[known >= 0], minlength=len(classes))
        found[name] = {kind: int(counts[index]) for index, kind in enumerate(classes)}
    return found
