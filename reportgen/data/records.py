"""The lines of a table, each with its number and its cells by column.

Of CSV, of lists of files with their labels as Caffe reads them, of JSON lines, and of JSON however it is nested.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from reportgen.base import foreign
from reportgen.data.image_files import endings

Entries = Sequence[tuple[int, Mapping[str, Any]]]
FILE, LABEL = "file", "label"  # the columns of a document that names none
LIST = ".txt"
MOST_RECORDS = 3_000_000  # each takes some hundred bytes of memory, however few are written
MOST_CELLS = 20_000_000
LONGEST = 4_000  # characters of a file's name with its folders
WHOLE = re.compile("-?[0-9]+")


def read_entries(text: str, ending: str, known: Callable[[str], bool]) -> Entries:
    """Every line of a table whose file has that ending; raises ValueError, or as csv and json do.

    `known`: whether a name is one of a column.
    """
    if max(map(text.count, "\n{[")) > MOST_RECORDS:
        raise ValueError(f"more than {MOST_RECORDS:,} lines or entries")
    if max(map(text.count, ",;\t")) > MOST_CELLS:
        raise ValueError(f"more than {MOST_CELLS:,} cells")
    if ending == ".jsonl":
        lines = [(number, json.loads(line)) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        return list(_objects(lines))
    if ending == ".json":
        return list(_objects(list(enumerate(_records(json.loads(text), known), start=1))))
    if ending == LIST and _line().match(text.lstrip()):
        return list(_listed(text))
    return list(_rows(text))


def is_picture(cell: Any) -> bool:
    """Whether a cell ends as a name of an image does."""
    return isinstance(cell, str) and Path(cell.strip()).suffix.casefold() in endings()


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The lines of a table with a header, with their numbers."""
    if re.match(r"sep=.\n", text):  # which Excel writes for itself
        text = text.partition("\n")[2]
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    names = [name for name in reader.fieldnames or () if name]
    if file := next((name for name in names if is_picture(name)), None):
        raise ValueError(
            f"its first line names a file, {foreign.short(file)!r}, and no columns: write file,label above it"
        )
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise ValueError(f"two of its columns are called {foreign.short(twice)!r}")
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"line {reader.line_num} has {'more' if None in row else 'fewer'} cells than the header")
        yield reader.line_num, row


@cache
def _line() -> re.Pattern[str]:
    """A file, which ends as an image does, and behind it, after a blank, its label."""
    ends = "|".join(re.escape(ending.removeprefix(".")) for ending in sorted(endings()))
    return re.compile(rf"(\S.{{0,{LONGEST}}}?\.(?:{ends}))[ \t]+(\S.*)", re.IGNORECASE)


def _listed(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The lines of a list, as ``n01440764/10026.JPEG 0``.

    Several whole numbers are as many labels; where every line has as many, all of them 0 or 1 (or -1), a column for each class.
    """
    found: dict[int, tuple[str, str, list[str]]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            match = _line().fullmatch(line.strip())
            if match is None:
                raise ValueError(f"line {number}: no name of an image with its label behind it, as in photo_1.png 0")
            found[number] = match[1], match[2], match[2].split()
    rows = [words for _, _, words in found.values()]
    marks = len(rows[0]) > 1 and all(len(words) == len(rows[0]) and {*words} <= {"0", "1", "-1"} for words in rows)
    for number, (file, label, words) in found.items():
        several = len(words) > 1 and all(map(WHOLE.fullmatch, words))
        columns = dict(zip(map(str, range(len(words))), words, strict=True))
        yield number, {FILE: file} | (columns if marks else {LABEL: words if several else label})


def _objects(entries: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, entry in entries:
        if not isinstance(entry, dict):
            raise ValueError(f"entry {number} is a {type(entry).__name__} where an object with a file should be")
        yield number, entry


def _records(document: Any, known: Callable[[str], bool]) -> list[Any]:
    """The records of a JSON document: a list of them, or what pandas and others write in its place.

    A list below one key (``{"data": [...]}``); pairs of file and label, as a list or by file; an object for each file; the
    files of each label; or a column below each key, as a list or by line.
    """
    if isinstance(document, list):
        pairs = document and all(
            isinstance(entry, list) and len(entry) == 2 and is_picture(entry[0]) for entry in document
        )
        return [{FILE: file, LABEL: label} for file, label in document] if pairs else document
    if not isinstance(document, dict) or not document:
        return [document]
    values = list(document.values())
    if not any(map(known, document)) and all(
        isinstance(value, list) and all(map(is_picture, value)) for value in values
    ):
        return [{FILE: file, LABEL: label} for label, files in document.items() for file in files]
    plain = len(document) > 1 and not any(isinstance(value, (list, dict)) for value in values)
    if all(map(is_picture, document)) or (plain and not any(map(known, document))):
        if all(isinstance(value, dict) for value in values):
            return [{FILE: file, **value} for file, value in document.items()]
        return [{FILE: file, LABEL: value} for file, value in document.items()]
    if len(document) == 1 and isinstance(values[0], list) and not all(map(is_picture, values[0])):
        return _records(values[0], known)
    if len(document) > 1 and all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values):
        return [{name: column[line] for name, column in document.items()} for line in values[0]]
    # Of one record alone, labels may be a list; of columns, the files are.
    if all(isinstance(value, list) and len(value) == len(values[0]) for value in values):
        return [dict(zip(document, cells, strict=True)) for cells in zip(*values, strict=True)]
    return [document]
