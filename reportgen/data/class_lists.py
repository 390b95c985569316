"""The names of a net's classes, as people and tools list them (``CLASSES=``): text, tables, JSON."""

import ast
import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from reportgen.base import foreign
from reportgen.data.classes import WORDNET_ID, ClassName

LONGEST_NAME = 1_000  # characters: ImageNet's longest, with all its synonyms, has some 130
MOST_BYTES = 16 << 20  # of a list of classes
HOW = (
    "give CLASSES= a text file with a name a line, a .csv with the columns index, name and (optionally) wnid, or a .json list "
    "of names"
)
KEYS = (
    "id2label",
    "idx_to_class",
    "class_to_idx",
    "label2id",
    "classes",
    "names",
    "categories",
    "labels",
    "class_names",
)
DEEPEST = 5  # objects within each other, in which one of these is looked for


class ClassList(NamedTuple):
    """The names of a net's classes, in its order."""

    names: tuple[ClassName, ...] = ()
    from_one: bool = False  # whether their numbers in the file are 1, 2, ..., as those of folders often are

    def as_folders_sort(self) -> tuple[ClassName, ...]:
        """The classes of a list from 1 in the order in which ImageFolder sorts folders of these numbers: 1, 10, 100, 2."""
        return tuple(self.names[int(number) - 1] for number in sorted(map(str, range(1, len(self.names) + 1))))


def read_classes(path: Path, said_by: str) -> ClassList:
    """The names of a net's classes, from a text, a table or a JSON file.

    Text: a name a line, with its index before or behind it or without, or with a WordNet id before it; or a list or an
    object as Python or JSON write it. CSV: columns ``index``, ``name``, ``wnid`` (one of the last two may be left out), or two
    columns of any name, one of them of numbers. JSON: a list of names, an object of ``"index": "name"``,
    ``"index": ["wnid", "name"]`` or ``"name": index`` (torchvision's ``class_to_idx``), also below one of `KEYS`, as
    ``id2label`` (transformers' ``config.json``), ``names`` (ultralytics') or ``categories`` (COCO's, in the order of their
    numbers). Numbers count from 0, or from 1. Raises UserError, beginning with `said_by`.
    """
    with foreign.reading(said_by, "a text file", HOW):
        text = foreign.text(path, MOST_BYTES)
    with foreign.reading(said_by, "a list of classes", HOW):
        if sum(map(text.count, "{[,\n")) > foreign.MOST_VALUES:
            raise ValueError(f"more than {foreign.MOST_VALUES:,} values")
        kind = path.suffix.lower()
        # A list of pairs, not a dictionary: in one, an index that is given twice would count once.
        pairs = READERS.get(kind, _from_text)(text)
        if not pairs:
            raise ValueError("it is empty")
        given = Counter(index for index, _ in pairs)
        if twice := [index for index, count in given.items() if count > 1]:
            raise ValueError(f"class {twice[0]} is given twice")
        first = int(len(given) > 1 and 0 not in given)
        missing = next((index for index in range(first, first + len(given)) if index not in given), None)
        if missing is not None:
            raise ValueError(f"class {missing} is missing: count from 0 or from 1, without gaps")
        if long := next((entry.name for _, entry in pairs if len(entry.name) > LONGEST_NAME), None):
            raise ValueError(f"the name {foreign.short(long)!r} has more than {LONGEST_NAME} characters")
    return ClassList(tuple(entry for _, entry in sorted(pairs, key=lambda pair: pair[0])), from_one=first == 1)


Pairs = list[tuple[int, ClassName]]


def _from_table(text: str) -> Pairs:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(row)]
    columns = [name.lower() for name in rows[0]] if rows else []
    if "index" not in columns and len(columns) == 2 and (pairs := _of_two(rows)):
        return pairs
    found = []
    for row in rows[1:]:
        cells = dict(zip(columns, row, strict=False))
        wnid = cells.get("wnid", "")
        lacking = [name for name in ("index", "name") if name not in cells and not (name == "name" and wnid)]
        if lacking:
            raise ValueError(f"no column '{lacking[0]}'")
        found.append((int(_whole(cells["index"])), ClassName(cells.get("name", wnid), wnid)))
    return found


def _of_two(rows: Sequence[Sequence[str]]) -> Pairs:
    """The classes in a table of two columns, one of numbers and one of names, with a header or without."""
    for at in (0, 1):
        numbers = [_whole(row[at]) if len(row) == 2 else "" for row in rows]
        first = int(not numbers[0].isdecimal())
        if len(rows) > first and all(number.isdecimal() for number in numbers[first:]):
            return [
                (int(number), _of_words(row[1 - at])) for number, row in zip(numbers[first:], rows[first:], strict=True)
            ]
    return []


def _whole(cell: str) -> str:
    """A number without the fraction that pandas gives it."""
    return cell.removesuffix(".0")


def _from_text(text: str) -> Pairs:
    """A list or an object, as Python or JSON writes it; names in one line; else a name a line."""
    whole = text.strip()
    if (whole[:1], whole[-1:]) in (("[", "]"), ("{", "}")):
        for read in (_from_json, _from_python):
            with suppress(ValueError, SyntaxError, TypeError, MemoryError):
                return read(whole)
    if "," in whole and "\n" not in whole:
        return [(index, _of_words(name.strip())) for index, name in enumerate(whole.split(","))]
    return _from_lines(text)


def _from_python(text: str) -> Pairs:
    return _from_json(json.dumps(ast.literal_eval(text)))


def _from_yaml(text: str) -> Pairs:
    raise ValueError("YAML is not read: copy the names into a text file")


def _from_lines(text: str) -> Pairs:
    lines = [line.strip() for line in text.strip().splitlines()]
    if "" in lines:
        raise ValueError(f"line {lines.index('') + 1} is empty")
    if long := next((number for number, line in enumerate(lines, start=1) if len(line) > LONGEST_NAME), 0):
        raise ValueError(f"line {long} has more than {LONGEST_NAME} characters")
    for apart in (_number_first, _number_last):
        numbered = [found for line in lines if (found := apart(line))]
        first = min(numbered)[0] if numbered and len(numbered) == len(lines) else -1
        if first == 0 and max(numbered)[0] < len(lines):
            return [(index, _of_words(name)) for index, name in numbered]
        indices, names = zip(*numbered, strict=True) if numbered else ((), ())
        if first == 1 and sorted(indices) == list(range(1, len(lines) + 1)) and len(set(names)) == len(names):
            return [(index, _of_words(name)) for index, name in numbered]
    return [(index, _of_words(line)) for index, line in enumerate(lines)]


def _number_first(line: str) -> tuple[int, str] | None:
    """The number and the name in a line such as ``3: cat``."""
    match = re.fullmatch(r"(\d+)(?:\s*[:,]\s*|\s+)(.+)", line)
    return (int(match[1]), match[2]) if match else None


def _number_last(line: str) -> tuple[int, str] | None:
    """The number and the name in a line such as ``cat 3``; from its end, as a pattern that looks for both would try every blank."""
    digits = re.match(r"\d*", line[::-1])
    number = line[len(line) - digits.end() :] if digits else ""
    before = line[: len(line) - len(number)]
    name = before.rstrip()
    if not number or (name == before and not name.endswith((":", ","))):
        return None
    name = name[:-1].rstrip() if name.endswith((":", ",")) else name
    return (int(number), name) if name else None


def _of_words(text: str) -> ClassName:
    """A name, after a WordNet id where there is one."""
    first, _, rest = text.strip("'\"").partition(" ")
    return ClassName(rest.strip() or first, first) if WORDNET_ID.match(first) else ClassName(text.strip("'\""))


def _from_json(text: str) -> Pairs:
    document = json.loads(text, object_pairs_hook=_Object)
    document = _below_a_key(document) or document
    if isinstance(document, list):
        if document and all(isinstance(entry, _Object) and type(entry.get("id")) is int for entry in document):
            document.sort(key=lambda entry: entry.get("id"))  # as COCO's categories, whose numbers have gaps
        return [(index, _of_value(value)) for index, value in enumerate(document)]
    if not isinstance(document, _Object):
        raise ValueError(f"a {type(document).__name__} where a list or an object should be")
    values = [value for _, value in document.pairs]
    named = not all(key.isdecimal() for key, _ in document.pairs)
    if values and (
        all(type(value) is int for value in values)  # True is no index
        or (named and all(isinstance(value, str) and value.isdecimal() for value in values))
    ):
        return [(int(value), ClassName(name)) for name, value in document.pairs]
    return [(int(key), _of_value(value)) for key, value in document.pairs]


def _below_a_key(document: Any, depth: int = 0) -> Any:
    """What stands below one of `KEYS`, at any depth; None where there is none."""
    if not isinstance(document, _Object) or depth > DEEPEST:
        return None
    for key in KEYS:
        if isinstance(found := document.get(key), (_Object, list)):
            return found
    inside = (_below_a_key(value, depth + 1) for _, value in document.pairs)
    return next((found for found in inside if found), None)


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


READERS = {".json": _from_json, ".csv": _from_table, ".tsv": _from_table, ".yaml": _from_yaml, ".yml": _from_yaml}
