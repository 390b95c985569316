"""Which of a net's classes a folder of images shows: by name, WordNet id, number, or place among the folders."""

import csv
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Int8

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.data import imagenet
from reportgen.data.image_files import composed, in_order, is_number
from reportgen.data.wordnet_ids import WORDNET_IDS

LONGEST_NAME = 1_000  # characters: ImageNet's longest, with all its synonyms, has some 130
MOST_BYTES = 16 << 20  # of a list of classes
UNKNOWN = -1  # label of an image that has no class, or one that the net does not know
HOW = (
    "give CLASSES= a text file with a name a line, a .csv with the columns index, name and (optionally) wnid, or a .json list "
    "of names"
)
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
    return tuple(name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names))


def read_classes(path: Path, said_by: str) -> tuple[ClassName, ...]:
    """The names of a net's classes, in its order, from a text, a table or a JSON file.

    Text: a name a line, with its index before or behind it or without, or with a WordNet id before it. CSV: columns
    ``index``, ``name``, ``wnid`` (one of the last two may be left out). JSON: a list of names, an object of
    ``"index": "name"``, ``"index": ["wnid", "name"]`` or ``"name": index`` (torchvision's ``class_to_idx``), also below the
    key ``class_to_idx``, ``idx_to_class``, ``classes``, ``id2label`` (transformers' ``config.json``), ``names`` (ultralytics') or
    ``categories`` (COCO's, in the order of their numbers). Raises UserError,
    beginning with `said_by`.
    """
    with foreign.reading(said_by, "a text file", HOW):
        text = foreign.text(path, MOST_BYTES)
    with foreign.reading(said_by, "a list of classes", HOW):
        kind = path.suffix.lower()
        # A list of pairs, not a dictionary: in one, an index that is given twice would count once.
        pairs = _from_json(text) if kind == ".json" else _from_table(text) if kind == ".csv" else _from_lines(text)
        if not pairs:
            raise ValueError("it is empty")
        given = Counter(index for index, _ in pairs)
        if twice := [index for index, count in given.items() if count > 1]:
            raise ValueError(f"class {twice[0]} is given twice")
        missing = next((index for index in range(len(given)) if index not in given), None)
        if missing is not None:
            raise ValueError(f"class {missing} is missing: count from 0, without gaps")
        if long := next((entry.name for _, entry in pairs if len(entry.name) > LONGEST_NAME), None):
            raise ValueError(f"the name {foreign.short(long)!r} has more than {LONGEST_NAME} characters")
    return tuple(entry for _, entry in sorted(pairs, key=lambda pair: pair[0]))


Pairs = list[tuple[int, ClassName]]


def _from_table(text: str) -> Pairs:
    found = []
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    for row in csv.DictReader(text.splitlines(), delimiter=delimiter):
        cells = {key.strip().lower(): (value or "").strip() for key, value in row.items() if isinstance(key, str)}
        wnid = cells.get("wnid", "")
        lacking = [name for name in ("index", "name") if name not in cells and not (name == "name" and wnid)]
        if lacking:
            raise ValueError(f"no column '{lacking[0]}'")
        found.append((int(cells["index"]), ClassName(cells.get("name", wnid), wnid)))
    return found


def _from_lines(text: str) -> Pairs:
    lines = [line.strip() for line in text.strip().splitlines()]
    if "" in lines:
        raise ValueError(f"line {lines.index('') + 1} is empty")
    if long := next((number for number, line in enumerate(lines, start=1) if len(line) > LONGEST_NAME), 0):
        raise ValueError(f"line {long} has more than {LONGEST_NAME} characters")
    for pattern in (r"(?P<index>\d+)(?:\s*[:,]\s*|\s+)(?P<name>.+)", r"(?P<name>.+?)(?:\s*[:,]\s*|\s+)(?P<index>\d+)"):
        matches = [re.fullmatch(pattern, line) for line in lines]
        numbered = [(int(match["index"]), match["name"]) for match in matches if match]
        first = min(numbered)[0] if numbered and len(numbered) == len(lines) else -1
        if first == 0 and max(numbered)[0] < len(lines):
            return [(index, _of_words(name)) for index, name in numbered]
        indices, names = zip(*numbered, strict=True) if numbered else ((), ())
        if first == 1 and sorted(indices) == list(range(1, len(lines) + 1)) and len(set(names)) == len(names):
            return [(index - 1, _of_words(name)) for index, name in numbered]
    return [(index, _of_words(line)) for index, line in enumerate(lines)]


def _of_words(text: str) -> ClassName:
    """A name, after a WordNet id where there is one."""
    first, _, rest = text.strip("'\"").partition(" ")
    return ClassName(rest.strip() or first, first) if WORDNET_ID.match(first) else ClassName(text.strip("'\""))


def _from_json(text: str) -> Pairs:
    document = json.loads(text, object_pairs_hook=_Object)
    for key in ("id2label", "idx_to_class", "class_to_idx", "label2id", "classes", "names", "categories"):
        found = document.get(key) if isinstance(document, _Object) else None
        if isinstance(found, (_Object, list)):
            document = found
            break
    if isinstance(document, list):
        if document and all(isinstance(entry, _Object) and type(entry.get("id")) is int for entry in document):
            document.sort(key=lambda entry: entry.get("id"))  # as COCO's categories, whose numbers have gaps
        return [(index, _of_value(value)) for index, value in enumerate(document)]
    if not isinstance(document, _Object):
        raise ValueError(f"a {type(document).__name__} where a list or an object should be")
    if document.pairs and all(type(value) is int for _, value in document.pairs):  # True is no index
        return [(value, ClassName(name)) for name, value in document.pairs]
    return [(int(key), _of_value(value)) for key, value in document.pairs]


def _of_value(value: Any) -> ClassName:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, _Object):
        if not isinstance(value.get("name"), str):
            raise ValueError("an object without 'name' is no name of a class")
        value = value.get("name")
    if isinstance(value, str):
        return _of_words(value)
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(part, str) for part in value):
        raise ValueError(f"{foreign.short(str(value))} is no name of a class")
    return ClassName(value[1], value[0])


class _Object:
    """A JSON object with all its pairs, also those of one key."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs

    def get(self, key: str) -> Any:
        return next((value for name, value in self.pairs if name == key), None)
