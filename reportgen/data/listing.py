"""What ``DATA=`` holds: folders that are classes, or files that a table of labels names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from reportgen.base.artifacts import files_below, readable
from reportgen.base.errors import UserError
from reportgen.data.classes import UNKNOWN
from reportgen.data.folders import (
    ImageFile,
    Listing,
    check_counts,
    list_folder,
    list_for_loaded,
    split,
    split_several,
)
from reportgen.data.image_files import composed, in_order, is_beside, is_image
from reportgen.data.layouts import check_folder
from reportgen.data.splits import split_name
from reportgen.data.tables import Row, joined, read_table
from reportgen.data.voc import PRESENT, UNCLEAR, is_voc, list_voc, voc_splits
from reportgen.settings.sections import DataSettings, LabelSettings

ENDING = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{1,4}$")  # of a file's name: .jpg, .dcm; not the .001 of img.001


def list_images(
    data: DataSettings, labels: LabelSettings, root: Path, seed: int, loaded: bool, several: bool = False
) -> Listing:
    """The images of a folder; of a net that is `loaded`, every image is for looking at. Raises UserError.

    `several`: whether an image may show several classes, as a table or the layout of PASCAL VOC says.
    """
    shares = {"val": data.val_share, "test": data.test_share}
    if labels.file:
        return list_labelled(root, labels, shares, seed, loaded, several)
    if is_voc(root):
        if not several:
            raise UserError(
                f"DATA={root}: PASCAL VOC's layout, whose images show several things: give OUTPUTS=sigmoid, which reads each "
                "by itself, or a folder with one folder of images for each class"
            )
        return _of_voc(root, shares, seed, loaded)
    return list_for_loaded(root) if loaded else list_folder(root, data.val_share, data.test_share, seed)


def list_labelled(
    root: Path, labels: LabelSettings, shares: dict[str, float], seed: int, loaded: bool, several: bool = False
) -> Listing:
    """The images below `root` that a table names, with the labels and splits that it gives them.

    Images that it does not name, and names without a file, are passed over. Where it has no splits, the folders that are
    named after splits count, else they are made as of a folder without splits; of a `loaded` net every image is shown.
    Raises UserError that names the table and the line.
    """
    said_by = f"LABELS={labels.file}"
    check_folder(root, f"DATA={root}", f"give the folder of the images that {said_by} names")
    table = read_table(Path(labels.file), said_by, labels.columns, several, labels.separator)
    places = _places(root)
    if table.column and composed(table.column) in places:
        raise UserError(
            f"{said_by}: its first line names a file, {table.column!r}, and no columns: write file,label above it"
        )
    if not table.rows:
        raise UserError(f"{said_by}: it names no file: give a table of files and labels")
    found: dict[Path, Row] = {}
    missing = []
    said = [table.said] if table.said else []
    placed = {row: _place(row, places, said_by) for row in table.rows}
    if not any(placed.values()):  # as of DICOM files that were turned into PNGs
        placed = {row: _place(row, places, said_by, ending=False) for row in table.rows}
        if first := next((row for row, path in placed.items() if path), None):
            said.append(f"its files have other endings than it says (the first: {first.file})")
    elsewhere = _of_other_folders(placed, root)
    for row, path in placed.items():
        if path is None or row in elsewhere:
            missing.append(row.file)
        else:
            found[path] = joined(found.setdefault(path, row), row, said_by, several, str(path))
    if not found:
        raise UserError(
            f"{said_by}: none of its {len(table.rows)} files is below DATA={root} (the first: {table.rows[0].file}): give "
            "the folder that its names begin in"
        )
    named = table.rows if loaded else found.values()  # as train/ names the classes of a val/ that lacks one
    shown = {label for row in named for label in row.labels or ()}
    classes = tuple(name for name in table.classes if name in shown) or in_order(shown)
    numbers = {kind: number for number, kind in enumerate(classes)}
    several = several and any(
        row.unclear or (row.labels is not None and len(row.labels) != 1) for row in found.values()
    )
    folders = _split_folders(found, root)
    images: dict[str, list[ImageFile]] = {}
    for path, row in found.items():
        below = readable(path.relative_to(root).as_posix())
        name = f"{row.label.replace('/', '-')}/{below}" if row.label and not several else below
        shows = None if row.labels is None or not several else tuple(sorted(map(numbers.__getitem__, row.labels)))
        unclear = tuple(numbers[name] for name in row.unclear if several and name in numbers)
        label = numbers[row.label] if row.labels and len(row.labels) == 1 else UNKNOWN
        part = folders.get(path) or _split(row, said_by)
        images.setdefault(part, []).append(ImageFile(path, name, label, None, shows, unclear))
    left = len({path for paths in places.values() for path in paths} - found.keys())
    known = Listing(
        classes,
        {},
        missing=tuple(missing),
        unnamed=left,
        several=several,
        said="; ".join(said),
        counted=table.classes if shown <= {*table.classes} else (),
    )
    return _shown(known, images) if loaded else _to_train_on(known, images, shares, seed, said_by)


def _of_voc(root: Path, shares: dict[str, float], seed: int, loaded: bool) -> Listing:
    """The images of a folder in PASCAL VOC's layout, in those of its splits that are there."""
    said_by = f"DATA={root}"
    found = list_voc(root, voc_splits(root), said_by)
    images: dict[str, list[ImageFile]] = {}
    for part, annotated in found.splits.items():
        for image, row in zip(annotated, found.labels(part), strict=True):
            shows, unclear = (tuple(np.flatnonzero(row == value).tolist()) for value in (PRESENT, UNCLEAR))
            label = shows[0] if len(shows) == 1 else UNKNOWN
            images.setdefault(part, []).append(ImageFile(image.path, image.path.name, label, None, shows, unclear))
    known = Listing(found.classes, {}, several=True)
    return _shown(known, images) if loaded else _to_train_on(known, images, shares, seed, said_by)


def _shown(known: Listing, images: dict[str, list[ImageFile]]) -> Listing:
    """The images as a loaded net is shown them."""
    val = images.get("val") or images.get("test") or images["train"]
    test = images.get("test", val)
    shown = {"train": (), "val": tuple(val), "test": () if test is val else tuple(test)}
    return replace(known, splits=shown, same={"test": "val"} if test is val else {})


def _to_train_on(
    known: Listing, images: dict[str, list[ImageFile]], shares: dict[str, float], seed: int, said_by: str
) -> Listing:
    """The images with a label, in splits; raises UserError where there are too few of a class, or a split shows none."""
    classes = known.classes
    if len(classes) < 2:
        raise UserError(f"{said_by}: {len(classes) or 'no'} class of images in it: a classifier needs two or more")
    if "train" not in images:
        raise UserError(f"{said_by}: no image of the split train in it: give some, or leave the column of splits out")
    by_class = {
        name: [[file for file in part if number in (file.shows or (file.label,))] for number in range(len(classes))]
        for name, part in images.items()
    }
    check_counts(by_class, classes, lambda kind: f"{said_by}: {kind}", "give {} or more, or leave the class out")
    if not known.several:
        return replace(known, splits=split(by_class, shares, seed))
    labelled = {name: [file for file in part if file.shows is not None] for name, part in images.items()}
    splits = split_several(labelled, shares, seed)
    for name, files in splits.items():
        if not any(file.shows for file in files):
            raise UserError(
                f"{said_by}: no {name} image shows a class: give more images with labels, or splits of your own"
            )
    return replace(known, splits=splits)


def _places(root: Path) -> Mapping[str, Sequence[Path]]:
    """The images below a folder, by each way of naming them: all or some of the last parts of the path, with or without ending.

    Also in lower case, where that is no other image's name: a table may have been written where capitals do not count.
    """
    found: dict[str, list[Path]] = {}
    for path in files_below(root):
        below = PurePosixPath(path.relative_to(root).as_posix())
        if any(is_beside(part) for part in below.parts) or not is_image(path):
            continue
        for start in range(len(below.parts)):
            end = PurePosixPath(*below.parts[start:])
            for name in dict.fromkeys((composed(str(end)), composed(str(end.with_suffix(""))))):
                found.setdefault(name, []).append(path)
    lower: dict[str, list[Path]] = {}
    for name, paths in found.items():
        lower.setdefault(name.casefold(), []).extend(paths)
    return {**lower, **found}


def _place(row: Row, places: Mapping[str, Sequence[Path]], said_by: str, ending: bool = True) -> Path | None:
    """The file that a row names: by its whole path below the folder, or by as many of its last parts as are there.

    Without the `ending` that it names, if it is not to count.
    """
    parts = _parts(row)
    if ".." in parts:
        raise UserError(f"{said_by}: line {row.line}: {row.file} leads out of the folder: name files below DATA=")
    if parts and not ending:
        parts = (*parts[:-1], ENDING.sub("", parts[-1]))
    ways = [str(PurePosixPath(*parts[start:])) for start in range(len(parts))]
    for way in (*ways, *map(str.casefold, ways)):
        found = places.get(way, ())
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(
                f"{said_by}: line {row.line}: {row.file} is the name of {len(found)} files, {found[0]} and {found[1]}: "
                "write the folder before it"
            )
    return None


def _parts(row: Row) -> tuple[str, ...]:
    return PurePosixPath(composed(row.file.replace("\\", "/"))).parts


def _of_other_folders(placed: Mapping[Row, Path | None], root: Path) -> set[Row]:
    """Rows that name a file of another folder, and found one of the same name in a folder that other rows name in full.

    Where no row names the folder of a file in full, the folders have been renamed since, or thrown together.
    """
    by_folder: dict[Path, list[Row]] = {}
    for row, path in placed.items():
        if path is not None:
            by_folder.setdefault(path.parent, []).append(row)
    found: set[Row] = set()
    for folder, rows in by_folder.items():
        here, below = (tuple(map(composed, way.parts)) for way in (folder.absolute(), folder.relative_to(root)))
        ways = {row: _parts(row)[:-1] for row in rows}
        strange = {row for row, way in ways.items() if way and way != here[-len(way) :] and way[-len(below) :] != below}
        if below and any(way and row not in strange for row, way in ways.items()):
            found |= strange
    return found


def _split_folders(found: Mapping[Path, Row], root: Path) -> dict[Path, str]:
    """The split after which the folder of each file is named; empty where the table has splits, or not all files lie so."""
    if any(row.split for row in found.values()):
        return {}
    splits = {path: name for path in found if (name := split_name(path.relative_to(root).parts[0]))}
    return splits if len(splits) == len(found) and {"train"} < {*splits.values()} else {}


def _split(row: Row, said_by: str) -> str:
    if not row.split:
        return "train"
    name = split_name(row.split)
    if name is None:
        raise UserError(f"{said_by}: line {row.line}: {row.split!r} is no split: write train, val or test")
    return name
