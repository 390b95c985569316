"""What ``DATA=`` holds: folders that are classes, or files that a table of labels names."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from reportgen.base.artifacts import files_below, readable
from reportgen.base.errors import UserError
from reportgen.data.classes import UNKNOWN
from reportgen.data.folders import ImageFile, Listing, check_counts, list_folder, list_for_loaded, split, split_name
from reportgen.data.image_files import in_order, is_beside, is_image
from reportgen.data.tables import Row, read_table
from reportgen.settings.sections import DataSettings, LabelSettings


def list_images(data: DataSettings, labels: LabelSettings, root: Path, seed: int, loaded: bool) -> Listing:
    """The images of a folder; of a net that is `loaded`, every image is for looking at. Raises UserError."""
    if labels.file:
        return list_labelled(root, labels, {"val": data.val_share, "test": data.test_share}, seed, loaded)
    return list_for_loaded(root) if loaded else list_folder(root, data.val_share, data.test_share, seed)


def list_labelled(root: Path, labels: LabelSettings, shares: dict[str, float], seed: int, loaded: bool) -> Listing:
    """The images below `root` that a table names, with the labels and splits that it gives them.

    Images that it does not name, and names without a file, are passed over. Where it has no splits, they are made as of a
    folder without splits; of a `loaded` net every image is shown. Raises UserError that names the table and the line.
    """
    said_by = f"LABELS={labels.file}"
    if not root.is_dir():
        raise UserError(f"DATA={root}: no such folder: give the folder of the images that {said_by} names")
    rows = read_table(Path(labels.file), said_by, labels.columns)
    places = _places(root)
    found: dict[Path, Row] = {}
    missing = []
    for row in rows:
        path = _place(row, places, said_by)
        if path is None:
            missing.append(row.file)
        elif (other := found.setdefault(path, row)).label != row.label:
            raise UserError(
                f"{said_by}: lines {other.line} and {row.line} name {path} and give it two labels, {other.label!r} and "
                f"{row.label!r}: one an image is read: leave one of them out"
            )
    if not found:
        raise UserError(
            f"{said_by}: none of its {len(rows)} files is below DATA={root} (the first: {rows[0].file}): give the folder "
            "that its names begin in"
        )
    named = rows if loaded else found.values()  # as train/ names the classes of a val/ that lacks one
    classes = in_order({row.label for row in named if row.label})
    numbers = {kind: number for number, kind in enumerate(classes)}
    images: dict[str, list[ImageFile]] = {}
    for path, row in found.items():
        below = readable(path.relative_to(root).as_posix())
        name = f"{row.label.replace('/', '-')}/{below}" if row.label else below
        images.setdefault(_split(row, said_by), []).append(ImageFile(path, name, numbers.get(row.label, UNKNOWN)))
    left = len({path for paths in places.values() for path in paths} - found.keys())
    beside = {"missing": tuple(missing), "unnamed": left}
    if loaded:
        val = images.get("val") or images.get("test") or images["train"]
        test = images.get("test", val)
        shown = {"train": (), "val": tuple(val), "test": () if test is val else tuple(test)}
        return Listing(classes, shown, {"test": "val"} if test is val else {}, **beside)  # type: ignore[arg-type]
    if len(classes) < 2:
        raise UserError(f"{said_by}: {len(classes) or 'no'} class of images in it: a classifier needs two or more")
    if "train" not in images:
        raise UserError(f"{said_by}: no image of the split train in it: give some, or leave the column of splits out")
    by_class = {
        name: [[file for file in part if file.label == number] for number in numbers.values()]
        for name, part in images.items()
    }
    check_counts(by_class, classes, lambda kind: f"{said_by}: {kind}", "give {} or more, or leave the class out")
    return Listing(classes, split(by_class, shares, seed), **beside)  # type: ignore[arg-type]


def _places(root: Path) -> Mapping[str, Sequence[Path]]:
    """The images below a folder, by each way of naming them: all or some of the last parts of the path, with or without ending."""
    found: dict[str, list[Path]] = {}
    for path in files_below(root):
        below = PurePosixPath(path.relative_to(root).as_posix())
        if any(is_beside(part) for part in below.parts) or not is_image(path):
            continue
        for start in range(len(below.parts)):
            end = PurePosixPath(*below.parts[start:])
            for name in dict.fromkeys((str(end), str(end.with_suffix("")))):
                found.setdefault(name, []).append(path)
    return found


def _place(row: Row, places: Mapping[str, Sequence[Path]], said_by: str) -> Path | None:
    """The file that a row names: by its whole path below the folder, or by as many of its last parts as are there."""
    parts = PurePosixPath(row.file.replace("\\", "/")).parts
    if ".." in parts:
        raise UserError(f"{said_by}: line {row.line}: {row.file} leads out of the folder: name files below DATA=")
    for start in range(len(parts)):
        found = places.get(str(PurePosixPath(*parts[start:])), ())
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(
                f"{said_by}: line {row.line}: {row.file} is the name of {len(found)} files, {found[0]} and {found[1]}: "
                "write the folder before it"
            )
    return None


def _split(row: Row, said_by: str) -> str:
    if not row.split:
        return "train"
    name = split_name(row.split)
    if name is None:
        raise UserError(f"{said_by}: line {row.line}: {row.split!r} is no split: write train, val or test")
    return name
