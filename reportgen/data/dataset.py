"""A data set as the stages read it: images of one size, memory-mapped from disk or decoded when they are read.

The data stage writes one folder: ``<split>.npy`` (uint8 "image row column channel"), ``<split>-labels.npy`` (where an image
may show several classes, ``<split>-shows.npy``), and in ``artefact.json`` the classes, the files' names and what was skipped.
With ``DATA_PACK=false`` the files' paths replace ``<split>.npy``. The images are never all in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Int8, UInt8

from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.base.size import Size
from reportgen.data.decoding import Files, Images, Reading, Some
from reportgen.data.voc import ABSENT, PRESENT, UNCLEAR

SPLITS = ("train", "val", "test")
WIDE = "test-wide"
JUDGING = "judging"
OTHERWISE = (
    "otherwise.npz"  # some validation images in other usual readings of their files, by the switch that asks for them
)
TRIED = 200  # validation images on which other readings are tried


@dataclass(frozen=True)
class Split:
    """Images of one part of a data set.

    Where images may show several classes, `shows` says which: 1 (present), 0 (absent), -1 (not known). What speaks of an
    image's class then takes `each_label`, what trains or judges a net takes `targets`.
    """

    images: Images
    labels: Int[np.ndarray, " image"]  # where `shows` is there: -1 for an image that does not show one class alone
    names: tuple[str, ...]  # "class/file", as in the user's folder
    labelled: Bool[np.ndarray, " image"] | None = None  # False: the label is the net's prediction; None: all are known
    shows: Int8[np.ndarray, "image class"] | None = None  # None: each image shows one class
    images_of: Int[np.ndarray, " image"] | None = None  # of `each_label`: which image stands at each place
    guesses: Int[np.ndarray, " image"] | None = None  # of a loaded net, where each image shows one class

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def known(self) -> Bool[np.ndarray, " image"]:
        """Which labels are known, not predicted."""
        return np.ones(len(self), dtype=bool) if self.labelled is None else self.labelled

    @property
    def targets(self) -> Int[np.ndarray, "image *class"]:
        """What a net should say of each image: the number of its class, or of each class whether it shows it."""
        return self.labels if self.shows is None else self.shows

    @cached_property
    def pairs(self) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
        """Every image with each class that it shows: the images' numbers and the classes'; of an unlabelled one, the guess."""
        if self.shows is None:
            return np.arange(len(self)), self.labels
        present = self.shows == PRESENT
        guessed = np.flatnonzero(~self.known)
        present[guessed, self.labels[guessed]] = True
        images, labels = np.nonzero(present)
        return images, labels

    @property
    def each_label(self) -> "Split":
        """The split in which an image stands once for each class that it shows, each time with that class as its label."""
        if self.shows is None:
            return self
        images, labels = self.pairs
        names = tuple(self.names[image] for image in images)
        return Split(Some(self.images, images), labels, names, self.known[images], self.shows[images], images)

    def said(self, index: int | np.integer, classes: Sequence[str]) -> str:
        """What an image shows, in words."""
        if self.shows is None or not self.known[index]:
            return classes[self.labels[index]]
        return (
            " + ".join(classes[kind] for kind in np.flatnonzero(self.shows[index] == PRESENT).tolist())
            or "none of the classes"
        )


@dataclass(frozen=True)
class Dataset:
    """The images on which a net is trained, validated and tested."""

    name: str
    classes: tuple[str, ...]
    fingerprint: str  # a digest of all images and labels
    train: Split
    val: Split
    test: Split
    wide: UInt8[np.ndarray, "image wide_row wide_column 3"] | Some | None = (
        None  # the test images with their surroundings
    )

    @property
    def several(self) -> bool:
        """Whether an image may show several classes."""
        return self.val.shows is not None

    @property
    def each_label(self) -> "Dataset":
        """The data set whose validation and test images stand once for each class that they show."""
        if not self.several:
            return self
        wide = None if self.wide is None else Some(self.wide, self.test.pairs[0])
        return replace(self, val=self.val.each_label, test=self.test.each_label, wide=wide)

    @classmethod
    def open(cls, folder: Path) -> "Dataset":
        """Memory-map what the data stage wrote."""
        document = read_json(folder / DOCUMENT)
        files = {name: document.get("same", {}).get(name, name) for name in SPLITS}  # two splits may share their files
        numbers = document["numbers"]
        reading = reading_of(document)
        unpacked = {
            name: Files(paths, Size.of(numbers["size"]), reading) for name, paths in document.get("paths", {}).items()
        }
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

    images: UInt8[np.ndarray, "image row column 3"]  # whole images, squeezed to one size
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
    shows = folder / f"{name}-shows.npy"
    several = np.load(shows) if shows.exists() else None
    return Split(images, np.load(folder / f"{name}-labels.npy"), tuple(names), shows=several)


def matrix(
    images: Iterable[tuple[tuple[int, ...] | None, tuple[int, ...]]], classes: int
) -> Int8[np.ndarray, "image class"]:
    """`Split.shows` of images, from the numbers of the classes that each shows, None: unknown, and that it may show."""
    found = []
    for shows, unclear in images:
        row = np.full(classes, UNCLEAR if shows is None else ABSENT, np.int8)
        row[list(unclear)] = UNCLEAR
        row[list(shows or ())] = PRESENT
        found.append(row)
    return np.stack(found) if found else np.zeros((0, classes), np.int8)


def count_images(classes: Sequence[str], labels: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """How many images each class has in each split, from `Split.targets`; label -1 means unknown and counts for no class."""
    found = {}
    for name, split in labels.items():
        known = np.asarray(split, dtype=np.int64)
        shown = np.nonzero(known == PRESENT)[1] if known.ndim > 1 else known[known >= 0]
        counts = np.bincount(shown, minlength=len(classes))
        found[name] = {kind: int(counts[index]) for index, kind in enumerate(classes)}
    return found
