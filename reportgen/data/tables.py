"""Labels from a table (``LABELS=``): which file shows what, and in which split, if the table says so.

As Kaggle's ``train.csv`` and the ``metadata.csv`` or ``metadata.jsonl`` of Hugging Face's image folders are written.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportgen.base.errors import UserError
from reportgen.data.classes import plain

ENDINGS = (".csv", ".tsv", ".jsonl", ".json")
COLUMNS = {  # what people call them, as `plain` writes it, the likeliest first
    "file": (
        *("filename", "file", "imagepath", "filepath", "path", "imagename", "imageid", "image", "imagefile", "img"),
        *("imgname", "id", "name", "fname", "uuid"),
    ),
    "label": (
        *("label", "labels", "class", "classname", "category", "target", "species", "breed", "diagnosis", "tag", "y"),
        *("labelname", "categoryname", "classid", "labelid", "categoryid", "level"),
    ),
    "split": ("split", "subset", "set", "partition", "datasplit"),
}
WAY_OUT = "give a table with the columns file, label and (optionally) split, or name yours with LABELS_COLUMNS="
NONE = ("", "nan", "none", "null", "na", "n/a")  # a label that is not known, as pandas and others write it


@dataclass(frozen=True)
class Row:
    """What a table says of one image."""

    file: str  # as it is written there
    label: str  # empty: not known
    split: str  # empty: the table does not say
    line: int  # counted from 1


def read_table(path: Path, said_by: str, columns: Sequence[str] = ()) -> tuple[Row, ...]:
    """Every image that a table names, each once.

    CSV or TSV with a header (commas, semicolons or tabs), JSON lines, or a JSON list of objects. `columns` names those of
    file, label and split where they are called otherwise than usual. Instead of a label there may be a column of 0 and 1
    for each class. Raises UserError, beginning with `said_by`.
    """
    if path.suffix.casefold() not in ENDINGS:
        raise UserError(f"{said_by}: its name ends in none of {', '.join(ENDINGS)}: {WAY_OUT}")
    try:
        text = path.read_text(encoding="utf-8-sig")
        entries = list(_objects(text, path) if path.suffix.casefold().startswith(".json") else _rows(text))
        if not entries:
            raise ValueError("it is empty")
        found = list(_read(entries, columns))
    except OSError:
        raise UserError(f"{said_by}: no such file: {WAY_OUT}") from None
    except UnicodeDecodeError:
        raise UserError(f"{said_by}: not a text file in UTF-8: {WAY_OUT}") from None
    except (ValueError, csv.Error, RecursionError) as error:
        raise UserError(f"{said_by}: {str(error).splitlines()[0]}: {WAY_OUT}") from None
    return _once(found, said_by)


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The lines of a table with a header, with their numbers."""
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"line {reader.line_num} has {'more' if None in row else 'fewer'} cells than the header")
        yield reader.line_num, row


def _objects(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix.casefold() == ".json":
        document = json.loads(text)
        entries = list(enumerate(document, start=1)) if isinstance(document, list) else [(1, document)]
    else:
        entries = [(number, json.loads(line)) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    for number, entry in entries:
        if not isinstance(entry, dict):
            raise ValueError(f"entry {number} is a {type(entry).__name__} where an object with a file should be")
        yield number, entry


def _read(entries: Sequence[tuple[int, Mapping[str, Any]]], columns: Sequence[str]) -> Iterator[Row]:
    named = _columns(list(dict.fromkeys(key for _, entry in entries for key in entry)), columns)
    rest = [key for _, entry in entries[:1] for key in entry if key not in named.values()]
    if "label" not in named:
        if len(rest) == 1:
            named["label"] = rest[0]
        elif not all(_flag(entry.get(key)) for _, entry in entries for key in rest) or not rest:
            raise ValueError(f"which of its columns is the label is not known ({', '.join(map(str, entries[0][1]))})")
    for number, entry in entries:
        if "label" in named:
            label = _text(entry.get(named["label"]), number)
        else:
            shown = [key for key in rest if float(entry[key]) == 1]
            if len(shown) > 1:
                raise ValueError(
                    f"line {number}: {len(shown)} classes, {' and '.join(shown[:2])}: one an image is read"
                )
            label = shown[0] if shown else ""
        file = _text(entry.get(named["file"]), number)
        if not file:
            raise ValueError(f"line {number}: no file in the column {named['file']}")
        yield Row(file, label, _text(entry.get(named["split"]), number) if "split" in named else "", number)


def _columns(there: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """The columns of file, label and split by what they hold; those that are not there, or not known, are left out."""
    found = dict(zip(("file", "label", "split"), given, strict=False))
    for key in found.values():
        if key not in there:
            raise ValueError(f"it has no column {key!r} (LABELS_COLUMNS), but {', '.join(map(str, there))}")
    spelled = {plain(str(key)): key for key in reversed(there)}
    for what, names in COLUMNS.items():
        name = next((name for name in names if name in spelled and spelled[name] not in found.values()), None)
        if what not in found and name is not None:
            found[what] = spelled[name]
    if "file" not in found:
        others = [key for key in there if key not in found.values()]
        if not others:
            raise ValueError(f"which of its columns is the file is not known ({', '.join(map(str, there))})")
        found["file"] = others[0]
    return found


def _flag(value: Any) -> bool:
    try:
        return float(value) in (0, 1)
    except (TypeError, ValueError):
        return False


def _text(value: Any, number: int) -> str:
    """A cell as text; whole numbers without the fraction that pandas gives them."""
    if isinstance(value, list):
        if len(value) > 1:
            raise ValueError(f"line {number}: {len(value)} labels, {value[0]!r} and {value[1]!r}: one an image is read")
        value = value[0] if value else ""
    if isinstance(value, dict):
        raise ValueError(f"line {number}: an object where a name should be")
    if isinstance(value, bool):
        value = int(value)
    text = "" if value is None else str(value).strip()
    if text.casefold() in NONE:
        return ""
    whole, point, fraction = text.partition(".")
    return whole if point and whole.isdecimal() and fraction.strip("0") == "" else text


def _once(rows: Iterable[Row], said_by: str) -> tuple[Row, ...]:
    """The rows without those that say the same again; raises UserError where two say different things of one image."""
    found: dict[str, Row] = {}
    for row in rows:
        other = found.setdefault(row.file, row)
        if (other.label, other.split) != (row.label, row.split):
            what = "labels" if other.label != row.label else "splits"
            raise UserError(
                f"{said_by}: {row.file} has two {what}, in lines {other.line} and {row.line}: one an image is read: "
                "leave one of them out"
            )
    return tuple(found.values())
