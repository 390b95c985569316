"""Which of a net's classes a folder of images shows: by name, by WordNet id, or by its place among the folders."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from reportgen.base.errors import UserError

UNKNOWN = -1  # label of an image that has no class, or one that the net does not know
HOW = "give CLASSES= a .csv with the columns index, name and (optionally) wnid, or a .json list of names"


@dataclass(frozen=True)
class ClassName:
    """The names of one of a net's classes."""

    name: str
    wnid: str = ""  # WordNet id, as ImageNet's folders are named

    @property
    def spellings(self) -> Iterator[str]:
        """Everything that a folder of this class may be called: the id, the name, each of several names."""
        for text in (self.wnid, self.name, *self.name.split(",")):
            if plain(text):
                yield plain(text)


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


def plain(text: str) -> str:
    """A name without the details that people spell differently: case, spaces, underscores, hyphens, dots, apostrophes.

    >>> plain("Great_White-Shark")
    'greatwhiteshark'
    """
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def map_folders(folders: Sequence[str], classes: Sequence[ClassName], count: int) -> tuple[Mapping, tuple[str, ...]]:
    """Which of the net's `count` classes each folder is, and what the classes are called.

    Where there are as many folders as classes, and none of them bears the name of a class, they are taken in their order,
    which is that of their names, as torchvision's ImageFolder does. A name that several classes bear is then resolved by its
    place, where that fits all.
    """
    known: dict[str, set[int]] = {}
    for index, entry in enumerate(classes):
        for spelling in entry.spellings:
            known.setdefault(spelling, set()).add(index)
    found = [known.get(plain(folder), set()) for folder in folders]
    in_place = all(index in places for index, places in enumerate(found))
    if len(folders) == count and (in_place or not any(found)):
        how = "by their names" if all(found) else "by the order of their names, as ImageFolder counts them"
        return Mapping(tuple(range(count)), how, ()), _distinct(classes) or tuple(folders)
    unmapped = tuple(
        {"folder": folder, "reason": "several of the net's classes bear this name" if places else "no class of the net"}
        for folder, places in zip(folders, found, strict=True)
        if len(places) != 1
    )
    labels = tuple(next(iter(places)) if len(places) == 1 else UNKNOWN for places in found)
    names = _distinct(classes) or tuple(f"class {index}" for index in range(count))
    return Mapping(labels, "by their names" if folders else "", unmapped), names


def _distinct(classes: Sequence[ClassName]) -> tuple[str, ...]:
    """The classes' names; two of one name are told apart by their places."""
    names = [entry.name.replace("_", " ") for entry in classes]
    return tuple(name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names))


def read_classes(path: Path, said_by: str) -> tuple[ClassName, ...]:
    """The names of a net's classes, in its order, from a table or a JSON file.

    CSV: columns ``index``, ``name``, ``wnid`` (one of the last two may be left out). JSON: a list of names, or an object
    of ``"index": "name"`` or ``"index": ["wnid", "name"]``. Raises UserError, beginning with `said_by`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else "not a text file"
        raise UserError(f"{said_by}: {reason}: {HOW}") from None
    try:
        found = _from_json(json.loads(text)) if path.suffix == ".json" else _from_table(text)
        wanted = list(range(len(found)))
        if not found or sorted(found) != wanted:
            missing = next((index for index in wanted if index not in found), 0)
            raise ValueError(f"class {missing} is missing: count from 0, without gaps" if found else "it is empty")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"no column '{error.args[0]}'" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{said_by}: not a list of classes ({what}): {HOW}") from None
    return tuple(found[index] for index in wanted)


def _from_table(text: str) -> dict[int, ClassName]:
    found = {}
    for row in csv.DictReader(text.splitlines()):
        cells = {key.strip().lower(): (value or "").strip() for key, value in row.items() if isinstance(key, str)}
        wnid = cells.get("wnid", "")
        found[int(cells["index"])] = ClassName(cells["name"] if "name" in cells or not wnid else wnid, wnid)
    return found


def _from_json(document: Any) -> dict[int, ClassName]:
    entries = (
        enumerate(document) if isinstance(document, list) else ((int(key), value) for key, value in document.items())
    )
    return {
        index: ClassName(value) if isinstance(value, str) else ClassName(str(value[1]), str(value[0]))
        for index, value in entries
    }
