"""Labels from a table (``LABELS=``): which file shows what, and in which split, if the table says so.

As Kaggle's ``train.csv``, the ``metadata.csv`` or ``metadata.jsonl`` of Hugging Face's image folders, Caffe's ``val.txt`` and
COCO's annotations are written.
"""

import ast
import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.data.classes import plain
from reportgen.data.coco import Coco, coco_in
from reportgen.data.records import LIST, Entries, is_picture, read_entries
from reportgen.data.splits import split_name

ENDINGS = (".csv", ".tsv", ".jsonl", ".json")
OF_PANDAS = {".parquet": "read_parquet", ".feather": "read_feather", ".xlsx": "read_excel", ".xls": "read_excel"}
COLUMNS = {  # what people call them, as `plain` writes it, the likeliest first
    "file": (
        *("filename", "file", "imagepath", "filepath", "path", "imagename", "imageid", "image", "imagefile", "img"),
        *("imgname", "id", "name", "fname", "uuid"),
    ),
    "label": (
        *("label", "labels", "class", "classname", "category", "target", "species", "breed", "diagnosis", "tag", "y"),
        *("labelname", "categoryname", "classid", "labelid", "categoryid", "level", "tags", "classes", "categories"),
        *("findinglabels", "objects", "dx", "emotion", "disease", "kind", "groundtruth", "choice"),
    ),
    "split": ("split", "subset", "set", "partition", "datasplit"),
}
NAMES = frozenset(name for names in COLUMNS.values() for name in names)
WAY_OUT = "give a table with the columns file, label and (optionally) split, or name yours with LABELS_COLUMNS="
NONE = (
    "",
    "NaN",
    "nan",
    "None",
    "NULL",
    "null",
    "NA",
    "N/A",
    "n/a",
    "<NA>",
    "#N/A",
    "#NA",
)  # what pandas reads as unknown
ON, OFF = ("1", "1.0", "true"), ("0", "0.0", "false")  # how a column of yes and no is written
SPLIT_FLAGS = {  # columns of yes and no that say in which split a file is: where it says no, and yes
    **dict.fromkeys(("isvalid", "isval", "isvalidation"), ("train", "val")),
    "istest": ("train", "test"),
    "istrain": ("val", "train"),
}
INDEX = re.compile(r"|Unnamed: \d+")  # what pandas calls the column that it counts lines in
SEPARATORS = ("|", ";", ",")  # of labels in one cell: the first that is in any cell
BLANK = "blank"
LISTED = 5  # names in a sentence
APART = re.compile(r"""['"]\s+['"]""")  # between two texts of a list
OF_OBJECTS = (
    "categories",
    "category",
    "labels",
    "label",
    "choices",
)  # where objects of Hugging Face, or Label Studio, say it


@dataclass(frozen=True)
class Row:
    """What a table says of one image."""

    file: str  # as it is written there
    labels: tuple[str, ...] | None  # None: not known
    split: str  # empty: the table does not say
    line: int  # counted from 1
    unclear: tuple[str, ...] = ()  # labels of which it is not known whether the image shows them

    @property
    def label(self) -> str:
        """The first of its labels; empty where it has none."""
        return self.labels[0] if self.labels else ""


@dataclass(frozen=True)
class Cells:
    """How the cells of a column of labels are read."""

    several: bool  # whether an image may have several
    separator: str = "none"  # between them: a character, blank or none
    minus_is_no: bool = False  # in columns of yes and no, as in CelebA's, which have no 0


@dataclass(frozen=True)
class Table:
    """What a table says."""

    rows: tuple[Row, ...]  # every image, each once
    classes: tuple[str, ...] = ()  # in the table's own order, where it has one; also those that no image shows
    column: str = ""  # what the column of files is called, where that is none of the usual names
    said: str = ""  # how its cells were read, where that had to be found out


def read_table(
    path: Path, said_by: str, columns: Sequence[str] = (), several: bool = False, separator: str = ""
) -> Table:
    """Every image that a table names.

    CSV or TSV with a header (commas, semicolons or tabs), a ``.txt`` of files with their labels behind them, JSON lines, a JSON
    list of objects, or COCO's annotations.
    `columns` names those of file, label and split where they are called otherwise than usual. Instead of a label there may
    be a column of 0 and 1, or of -1 and 1, for each class, which stand in the order of the classes. `several`: whether an image
    may have more than one label: a list, a cell with a `separator`, several ones in its line, or several lines; where columns
    of 0 and 1 also hold -1, or nothing, it is not known (CheXpert). Raises UserError, beginning with `said_by`.
    """
    ending = path.suffix.casefold()
    if ending in OF_PANDAS:
        saved = f"pandas.{OF_PANDAS[ending]}({path.name!r}).to_csv('labels.csv', index=False)"
        raise UserError(f"{said_by}: {ending} is not read: save it as a .csv, {saved}")
    if ending not in (*ENDINGS, LIST):
        raise UserError(f"{said_by}: its name ends in none of {', '.join((*ENDINGS, LIST))}: {WAY_OUT}")
    try:
        if ending == ".json" and (coco := coco_in(path, said_by)):
            categories = sorted(coco.categories, key=lambda one: (isinstance(one.id, str), one.id))
            names = tuple(dict.fromkeys(category.name for category in categories))
            return Table(_once(_of_coco(coco), said_by, several), names)
        text = foreign.text(path)
        entries = read_entries(text, ending, lambda name: plain(name) in NAMES)
        if not entries:
            raise ValueError("it is empty")
        named, rest, left = _named(entries, columns, several)
        cells = Cells(
            several, minus_is_no=not any(_flag(entry.get(key)) is False for _, entry in entries for key in rest)
        )
        if several and "label" in named:
            written = (entry.get(named["label"]) for _, entry in entries)
            cells = Cells(several, separator or _separator([value for value in written if isinstance(value, str)]))
        found = list(_read(entries, named, rest, cells))
    except FileNotFoundError:
        raise UserError(f"{said_by}: no such file: {WAY_OUT}") from None
    except UnicodeDecodeError:
        raise UserError(f"{said_by}: not a text file in UTF-8: save it as UTF-8") from None
    except (OSError, ValueError, OverflowError, csv.Error, RecursionError) as error:
        raise UserError(f"{said_by}: {foreign.in_few_words(error)}: {WAY_OUT}") from None
    said = []
    if cells.separator != "none" and not separator:
        said.append(f"labels in one cell stand apart by {_in_words(cells.separator)} (LABELS_SEPARATOR=)")
    if "split" in named and len(columns) < 3 and plain(str(named["split"])) not in (*COLUMNS["split"], *SPLIT_FLAGS):
        said.append(f"the splits are those of its column {foreign.short(str(named['split']))}")
    if left:
        said.append(f"the labels are its columns of yes and no, {_some(rest)}, and not {_some(left)}")
    rows = _once(found, said_by, several)
    if alike := _alike(rows):
        said.append(f"{alike[0]} and {alike[1]}, which differ in capitals alone, are two classes")
    if rest and cells.minus_is_no and any(_mark(entry.get(key)) == -1 for _, entry in entries for key in rest):
        said.append("in its columns of yes and no all but 1 is no, for none holds a 0")
    unusual = str(named["file"]) if plain(str(named["file"])) not in COLUMNS["file"] else ""
    return Table(rows, tuple(map(str, rest)), unusual, "; ".join(said))


def _some(names: Sequence[str]) -> str:
    return ", ".join(foreign.short(str(name)) for name in names[:LISTED]) + (", ..." if len(names) > LISTED else "")


def _alike(rows: Iterable[Row]) -> tuple[str, ...]:
    """Two labels that differ in capitals alone, and are probably one; single letters are not."""
    found: dict[str, str] = {}
    for label in dict.fromkeys(label for row in rows for label in row.labels or ()):
        other = found.setdefault(label.casefold(), label)
        if other != label and len(label) > 1:
            return other, label
    return ()


def _in_words(separator: str) -> str:
    return "blanks" if separator == BLANK else f"a {separator!r}"


def _separator(cells: Sequence[str]) -> str:
    """What stands between labels in one cell; blanks only where they make fewer names than there are different cells."""
    plain_cells = {cell.strip() for cell in cells if not cell.strip().startswith(("[", "{"))}
    for separator in SEPARATORS:
        if any(separator in cell for cell in plain_cells):
            return separator
    words = {word for cell in plain_cells for word in cell.split()}
    return BLANK if any(" " in cell for cell in plain_cells) and len(words) < len(plain_cells) else "none"


def _of_coco(coco: Coco) -> Iterator[Row]:
    """The images of COCO's annotations, each with the categories of its objects; of one without any that is known, too."""
    names = {category.id: category.name for category in coco.categories}
    shown: dict[int | str, dict[str, None]] = {}
    for annotation in coco.annotations:
        if annotation.category_id not in names:
            raise ValueError(f"category {annotation.category_id} is not among its categories")
        shown.setdefault(annotation.image_id, {})[names[annotation.category_id]] = None
    for number, image in enumerate(coco.images, start=1):
        yield Row(image.file_name, tuple(shown.get(image.id, ())), "", number)


def _named(entries: Entries, columns: Sequence[str], several: bool) -> tuple[dict[str, str], list[str], list[str]]:
    """The columns of file, label and split; without one of labels, those of yes and no, which are the classes; what is left."""
    there = list(dict.fromkeys(key for _, entry in entries for key in entry))
    cells = {key: [entry.get(key) for _, entry in entries] for key in there}
    named = _columns(cells, columns)
    if "label" in named:
        return named, [], []
    rest = [key for key in entries[0][1] if key not in named.values() and not _is_index(key, cells[key])]
    if len(rest) == 1:
        return {**named, "label": rest[0]}, [], []
    flags = {key: None for key in rest if _are_marks(cells[key], several)}  # in their order, and found at once
    if len(flags) < 2:
        raise ValueError(f"which of its columns is the label is not known ({', '.join(map(str, entries[0][1]))})")
    return named, list(flags), [key for key in rest if key not in flags]


def _read(entries: Entries, named: Mapping[str, str], rest: Sequence[str], cells: Cells) -> Iterator[Row]:
    for number, entry in entries:
        unclear: tuple[str, ...] = ()
        if "label" in named:
            labels = _labels(entry.get(named["label"]), number, cells)
        else:
            labels, unclear = _of_marks({str(key): _mark(entry.get(key)) for key in rest}, cells)
        if labels and len(labels) > 1 and not cells.several:
            raise ValueError(
                f"line {number}: {len(labels)} labels, {labels[0]!r} and {labels[1]!r}: OUTPUTS=sigmoid reads several, "
                "each by itself; else leave one of them"
            )
        file = _text(entry.get(named["file"]), number)
        if not file:
            raise ValueError(f"line {number}: no file in the column {named['file']}")
        yield Row(file, labels, _split(entry, named, number), number, unclear)


def _of_marks(marks: Mapping[str, int | None], cells: Cells) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The labels that an image shows, and those of which that is not known; no labels at all where nothing is known."""
    shown = tuple(key for key, mark in marks.items() if mark == 1)
    unclear = () if cells.minus_is_no else tuple(key for key, mark in marks.items() if mark == -1)
    known = len(unclear) < len(marks) if cells.several else shown
    return shown if known else None, unclear if known else ()


def _split(entry: Mapping[str, Any], named: Mapping[str, str], number: int) -> str:
    """What a table says of a file's split; empty where it says nothing."""
    if "split" not in named:
        return ""
    value, pair = entry.get(named["split"]), SPLIT_FLAGS.get(plain(named["split"]))
    return pair[bool(_flag(value))] if pair and _flag(value) is not None else _text(value, number)


def _columns(cells: Mapping[str, Sequence[Any]], given: Sequence[str]) -> dict[str, str]:
    """The columns of file, label and split by what they hold; those that are not there, or not known, are left out."""
    there = list(cells)
    found = dict(zip(("file", "label", "split"), given, strict=False))
    for key in found.values():
        if key not in there:
            raise ValueError(f"it has no column {key!r} (LABELS_COLUMNS), but {', '.join(map(str, there))}")
    spelled = {plain(str(key)): key for key in reversed(there)}
    for what, names in COLUMNS.items():
        name = next((name for name in names if name in spelled and spelled[name] not in found.values()), None)
        if what not in found and name is not None:
            found[what] = spelled[name]
    if "split" not in found:
        flags = (key for name, key in spelled.items() if name in SPLIT_FLAGS and key not in found.values())
        flag = next(flags, None)
        if flag is not None and _are_flags(cells[flag]):
            found["split"] = flag
    if "split" not in found:
        splits = (key for key in there if key not in found.values() and _are_splits(cells[key]))
        if (column := next(splits, None)) is not None:
            found["split"] = column
    if not given:
        others = [key for key in there if key not in found.values()]
        pictures = (key for key in others if all(map(is_picture, cells[key])))
        likely = (key for key in others if not _is_index(key, cells[key]) and not _are_flags(cells[key]))
        # A number of a line is no name of a file, where another column names files in full.
        if "file" not in found or not any(map(is_picture, cells[found["file"]])):
            file = next(pictures, None) or found.get("file") or next(likely, None) or next(iter(others), None)
            if file is None:
                raise ValueError(f"which of its columns is the file is not known ({', '.join(map(str, there))})")
            found["file"] = file
    return found


def _is_index(name: Any, cells: Sequence[Any]) -> bool:
    """Whether a column counts the lines, as pandas writes it, or is what a comma at the end of each line makes."""
    whole = all(str(cell).strip().isdecimal() for cell in cells)
    return INDEX.fullmatch(str(name).strip()) is not None and (whole or not any(cells))


def _flag(value: Any) -> bool | None:
    """Yes or no in a cell; None where it says neither."""
    said = str(value).strip().casefold()
    with suppress(ValueError):
        said = str(float(said))
    return True if said in ON else False if said in OFF else None


def _are_flags(cells: Iterable[Any]) -> bool:
    return all(_flag(cell) is not None for cell in cells)


def _mark(value: Any) -> int | None:
    """Yes (1), no (0), or -1 for -1 and an empty cell, in a column of a label; None for anything else."""
    if (flag := _flag(value)) is not None:
        return int(flag)
    said = "" if value is None else str(value).strip()
    return -1 if said in (*NONE, "-1", "-1.0") else None


def _are_marks(cells: Sequence[Any], several: bool) -> bool:
    """Whether a column says which images show a label: by 0 and 1, or -1 and 1; where they may have `several`, also by nothing."""
    known = {_mark(cell) for cell in cells}
    if None in known or -1 not in known:
        return None not in known
    empty = any(cell is None or str(cell).strip() in NONE for cell in cells)
    return known != {-1} and (several or (0 not in known and not empty))


def _are_splits(cells: Sequence[Any]) -> bool:
    """Whether a column says which files are to train on: each of its cells names a split, and not all the same."""
    names = {split_name(cell.strip()) if isinstance(cell, str) else None for cell in cells}
    return None not in names and "train" in names and len(names) > 1


def _labels(value: Any, number: int, cells: Cells) -> tuple[str, ...] | None:
    """The labels in a cell, each once; None where they are not known. An empty list is known to name none."""
    if isinstance(value, str):
        value = _written(value.strip(), cells)
    if isinstance(value, Mapping):
        value = next((value[key] for key in OF_OBJECTS if key in value), value)
    if not isinstance(value, list):
        label = _text(value, number)
        return (label,) if label else None
    found = tuple(dict.fromkeys(label for one in value if (label := _text(one, number))))
    return found if found or cells.several else None


def _written(cell: str, cells: Cells) -> Any:
    """A cell's text, or what it writes: a list as Python or JSON, a JSON object, or labels with a separator."""
    if cell.startswith("{") and cell.endswith("}"):
        with suppress(ValueError, RecursionError):
            return json.loads(cell)
    if cell.startswith("[") and cell.endswith("]"):
        if cells.several and APART.search(cell):  # as numpy prints a list: Python would join the two
            raise ValueError(f"{foreign.short(cell)!r} has no commas between its labels")
        for read in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
                return list(read(cell))
        if cells.several:
            raise ValueError(f"{foreign.short(cell)!r} is no list of labels")
        return cell
    if not cells.several or cells.separator == "none" or cell in NONE:
        return cell
    return cell.split() if cells.separator == BLANK else cell.split(cells.separator)


def _text(value: Any, number: int) -> str:
    """A cell as text; whole numbers without the fraction that pandas gives them."""
    if isinstance(value, list) and len(value) < 2:
        value = value[0] if value else ""
    if isinstance(value, list | Mapping):
        raise ValueError(
            f"line {number}: {'a list' if isinstance(value, list) else 'an object'} where a name should be"
        )
    if isinstance(value, bool):
        value = int(value)
    text = "" if value is None else str(value).strip()
    if text in NONE:
        return ""
    whole, point, fraction = text.partition(".")
    return whole if point and whole.isdecimal() and fraction.strip("0") == "" else text


def _once(rows: Iterable[Row], said_by: str, several: bool) -> tuple[Row, ...]:
    """The rows without those that say the same again, joined where an image may have `several` labels.

    Raises UserError where two say different things of one image.
    """
    found: dict[str, Row] = {}
    for row in rows:
        other = found.setdefault(row.file, row)
        again = other is not row and (row.labels, row.unclear, row.split) == (other.labels, other.unclear, other.split)
        if not again:
            found[row.file] = joined(other, row, said_by, several, row.file)
    return tuple(found.values())


def joined(one: Row, other: Row, said_by: str, several: bool, what: str) -> Row:
    """Two rows of one image, `what`, as one; raises UserError where they disagree."""
    if one.split != other.split:
        raise UserError(
            f"{said_by}: lines {one.line} and {other.line} give {what} two splits, {one.split!r} and {other.split!r}: leave "
            "one of them out"
        )
    if several:
        together = tuple(dict.fromkeys((*(one.labels or ()), *(other.labels or ()))))
        labels = None if one.labels is None and other.labels is None else together
        unclear = tuple(name for name in dict.fromkeys((*one.unclear, *other.unclear)) if name not in together)
        return replace(one, labels=labels, unclear=unclear)
    for row in (one, other):
        if row.labels is not None and len(row.labels) > 1:
            raise UserError(
                f"{said_by}: {what} has {len(row.labels)} labels, {row.labels[0]!r} and {row.labels[1]!r}: give "
                "OUTPUTS=sigmoid, which reads each by itself, or leave all but one out"
            )
    if one.label != other.label:
        raise UserError(
            f"{said_by}: lines {one.line} and {other.line} give {what} two labels, {one.label!r} and {other.label!r}: leave "
            "one of them out, or give OUTPUTS=sigmoid, which reads each by itself"
        )
    return one
