"""Which of a net's classes a folder of images shows: by name, WordNet id, number, or place among the folders."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int, Int8

from reportgen.base.errors import UserError
from reportgen.data import imagenet
from reportgen.data.image_files import composed, in_order, is_number
from reportgen.data.wordnet_ids import WORDNET_IDS

UNKNOWN = -1  # label of an image that has no class, or one that the net does not know
WORDNET_ID = re.compile(r"n\d{8}$")
# A WordNet id with words behind it, as Stanford Dogs names its folders; a name behind a number, as CUB-200 and Caltech-256.
BEGINNING = re.compile(r"(n\d{8})[^A-Za-z0-9].+")
NUMBERED = re.compile(r"\d+[^A-Za-z0-9]+([^\W\d].*)")
MOSTLY = 0.9  # share of ImageNet's classes that a list must name in their places to be a list of them
IN_ITS_ORDER = "in the order in which the data set counts them"
ORDERS = {  # what LABELS_ORDER= takes, in words
    "names": "in the order of their names, as ImageFolder counts them",
    "natural": "in the order of their names and the numbers in them",
    "numbers": "by their numbers, counted from 0",
    "from-one": "by their numbers, counted from 1",
}


@dataclass(frozen=True)
class ClassName:
    """The names of one of a net's classes."""

    name: str
    wnid: str = ""  # WordNet id, as ImageNet's folders are named

    @property
    def spellings(self) -> Iterator[str]:
        """Everything that a folder of this class may be called: the id, the name, each of several names."""
        return (
            text for text in (self.wnid, self.name, *self.name.split(","), imagenet.TWICE.get(self.wnid, "")) if text
        )


@dataclass(frozen=True)
class Mapping:
    """The net's class of each folder."""

    labels: tuple[int, ...]  # `UNKNOWN` for a folder that is none of the net's classes
    how: str  # in words
    unmapped: tuple[dict[str, str], ...]  # {"folder", "reason"}

    def of(self, folders: Int[np.ndarray, " image"]) -> Int[np.ndarray, " image"]:
        """The net's class of each image, from the number of its folder (`UNKNOWN` stays)."""
        table = np.array([*self.labels, UNKNOWN], dtype=np.int64)  # the last entry is that of -1
        return table[folders]

    def of_targets(self, targets: Int[np.ndarray, "image *folder"], classes: int) -> Int[np.ndarray, "image *class"]:
        """What the net should say of each image: `of` or `of_shows`."""
        return self.of(targets) if targets.ndim == 1 else self.of_shows(targets, classes)

    def of_shows(self, shows: Int8[np.ndarray, "image folder"], classes: int) -> Int8[np.ndarray, "image class"]:
        """Which of the net's classes each image shows, as `Split.shows`; of those that no folder is, it is not known."""
        found = np.full((len(shows), classes), -1, np.int8)
        for folder, label in enumerate(self.labels):
            if label != UNKNOWN:
                found[:, label] = shows[:, folder]
        return found


def plain(text: str) -> str:
    """A name without the details that people spell differently: case, spaces, underscores, hyphens, dots, apostrophes.

    >>> plain("Great_White-Shark")
    'greatwhiteshark'
    """
    kept = (
        letter for letter in composed(text).casefold() if letter.isalnum() or unicodedata.category(letter)[0] == "M"
    )
    return "".join(kept)


def _exact(text: str) -> str:
    """A name that differs from others by signs alone, such as ``C++``, in any case."""
    return composed(text).replace("_", " ").strip().casefold()


def _places(folders: Sequence[str], classes: Sequence[ClassName]) -> list[set[int]]:
    """The classes that each folder may be by its name: by all of it, else by what `plain` leaves of it, or by a part."""
    exact: dict[str, set[int]] = {}
    known: dict[str, set[int]] = {}
    for index, entry in enumerate(classes):
        for spelling in entry.spellings:
            exact.setdefault(_exact(spelling), set()).add(index)
            if letters := plain(spelling):
                known.setdefault(letters, set()).add(index)

    def of(folder: str) -> set[int]:
        if whole := exact.get(_exact(folder)):
            return whole
        parts = [match[1] for pattern in (BEGINNING, NUMBERED) if (match := pattern.fullmatch(folder))]
        return next((known[name] for name in map(plain, (folder, *parts)) if name in known), set())

    return [of(folder) for folder in folders]


def map_folders(
    folders: Sequence[str],
    classes: Sequence[ClassName],
    count: int,
    empty: Sequence[str] = (),
    order: str = "",
    counted: Sequence[str] = (),
) -> tuple[Mapping, tuple[str, ...]]:
    """Which of the net's `count` classes each folder is, and what the classes are called.

    By their names or WordNet ids; else, where all folders are numbers, by these, counted from 0, or from 1 where the last
    class would otherwise be missing. Else, where there are as many folders as classes (with those that are `empty`, or
    without), and none of them bears the name of a class, they are taken in their order, as torchvision's ImageFolder
    does, or in that of `counted`, all classes as a table counts them. A name that several classes bear is then resolved by its
    place, where that fits all. An `order` of `ORDERS` replaces all this; raises UserError where the folders do not fit it.
    """
    classes = _of_imagenet(folders, classes, count)
    if order:
        labels = in_given_order(order, folders, count, empty)
        if labels is None:
            raise UserError(f"LABELS_ORDER={order}: {_misfit(order, folders, count)}: leave it out, or use another")
        return Mapping(labels, ORDERS[order], ()), _distinct(classes) or _called(folders, labels, count)
    found = _places(folders, classes)
    if folders and not all(len(places) == 1 for places in found):
        for numbered in ("numbers", "from-one"):
            if labels := in_given_order(numbered, folders, count, empty):
                return Mapping(labels, ORDERS[numbered], ()), _distinct(classes) or _called(folders, labels, count)
    in_place = all(index in places for index, places in enumerate(found))
    if len(folders) == count and (in_place or not any(found)):
        as_names = tuple(folders) == in_order(folders)
        order = "by the order of their names, as ImageFolder counts them" if as_names else IN_ITS_ORDER
        how = "by their names" if all(found) else order
        return Mapping(tuple(range(count)), how, ()), _distinct(classes) or tuple(folders)
    if not any(found) and empty and len(folders) + len(empty) == count:
        how = "by the order of their names, as ImageFolder counts them, with those that are empty"
        everything = in_order((*folders, *empty))
        if counted:
            how, everything = f"{IN_ITS_ORDER}, with those that no image shows", tuple(counted)
        return Mapping(tuple(map(everything.index, folders)), how, ()), _distinct(classes) or everything
    unmapped = tuple(
        {"folder": folder, "reason": "several of the net's classes bear this name" if places else "no class of the net"}
        for folder, places in zip(folders, found, strict=True)
        if len(places) != 1
    )
    labels = tuple(next(iter(places)) if len(places) == 1 else UNKNOWN for places in found)
    names = _distinct(classes) or tuple(f"class {index}" for index in range(count))
    return Mapping(labels, "by their names" if folders else "", unmapped), names


def in_given_order(order: str, folders: Sequence[str], count: int, empty: Sequence[str] = ()) -> tuple[int, ...] | None:
    """The class of each folder in an order of `ORDERS`; None where they do not fit it."""
    if order in ("numbers", "from-one"):
        if not folders or not all(is_number(name) for name in folders):
            return None
        labels = tuple(int(name) - (order == "from-one") for name in folders)
        return labels if min(labels) >= 0 and max(labels) < count and len({*labels}) == len(labels) else None
    for names in (folders, (*folders, *empty)):
        if len(names) == count:
            ordered = sorted(names, key=_natural if order == "natural" else None)
            return tuple(map(ordered.index, folders))
    return None


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts a9 before a10."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split("([0-9]+)", name) if part
    ]


def _misfit(order: str, folders: Sequence[str], count: int) -> str:
    if order in ("numbers", "from-one"):
        first = int(order == "from-one")
        return f"not every folder is a number from {first} to {count - 1 + first} ({', '.join(folders[:3])}, ...)"
    return f"{len(folders)} folders, but the net has {count} classes"


def _called(folders: Sequence[str], labels: Sequence[int], count: int) -> tuple[str, ...]:
    """The names of classes that only folders name."""
    names = dict(zip(labels, folders, strict=True))
    return tuple(names.get(index, f"class {index}") for index in range(count))


def _of_imagenet(folders: Sequence[str], classes: Sequence[ClassName], count: int) -> Sequence[ClassName]:
    """The net's classes with WordNet ids, where they are ImageNet's: by what they are called, or, without names, by the folders."""
    if count not in (imagenet.COUNT, imagenet.COUNT + 1) or any(entry.wnid for entry in classes):
        return classes
    its = tuple(ClassName(name, wnid) for name, wnid in zip(imagenet.names(), WORDNET_IDS, strict=True))
    if not classes:
        spellings = {plain(spelling) for entry in its for spelling in entry.spellings}
        whole = folders and all(plain(folder) in spellings for folder in folders)
        by_id = {folder[:9] for folder in folders if WORDNET_ID.match(folder) or BEGINNING.match(folder)} & set(
            WORDNET_IDS
        )
        background = (ClassName("background"),) * (count - imagenet.COUNT)  # TensorFlow's nets have it first
        return (*background, *its) if by_id or (whole and not background) else classes
    if count != imagenet.COUNT:
        return classes
    same = sum(
        not {plain(text) for text in entry.spellings}.isdisjoint(map(plain, other.spellings))
        for entry, other in zip(classes, its, strict=True)
    )
    if same < MOSTLY * count:
        return classes
    return tuple(replace(entry, wnid=wnid) for entry, wnid in zip(classes, WORDNET_IDS, strict=True))


def _distinct(classes: Sequence[ClassName]) -> tuple[str, ...]:
    """The classes' names; two of one name are told apart by their places."""
    names = [entry.name.replace("_", " ") for entry in classes]
    count = Counter(names)
    return tuple(name if count[name] == 1 else f"{name} ({index})" for index, name in enumerate(names))
