"""How a folder of images is laid out: its splits, its folders of classes, and what only looks like either."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from reportgen.base.artifacts import files_below, readable
from reportgen.base.errors import UserError
from reportgen.data.image_files import is_beside, is_image
from reportgen.data.splits import split_name

FOLDS = re.compile(r"(k?fold|cv|part|subset)[ _-]?\d+", re.IGNORECASE)
IMAGES, MASKS = ("images", "image", "imgs", "img"), ("masks", "mask", "segmentations", "segmentation")
MASK = re.compile(r"[ _.-](mask|seg|segmentation|gt)s?([ _-]?\d+)?$", re.IGNORECASE)  # behind the name of its image
LISTED = 5  # names in a sentence


def check_folder(root: Path, said_by: str, way_out: str, near: str = "") -> None:
    """Raise UserError, beginning with `said_by`, where there is no such folder; `near`: what may have been meant."""
    if root.is_file():
        raise UserError(f"{said_by}: a file and no folder: unpack it, if it is an archive, and {way_out}")
    if not root.is_dir():
        raise UserError(f"{said_by}: no such folder{near}: {way_out}")


def what_lies_in(root: Path) -> str:
    """Of which kind most of the files in a folder without images are, as a part of a sentence; empty where it has none."""
    endings = Counter(path.suffix.casefold() for path in files_below(root) if not is_beside(path.parent.name))
    found = [(ending, count) for ending, count in endings.most_common(1) if ending]
    return "".join(
        f", but {count:,} file{'s' * (count != 1)} that end{'s' * (count == 1)} in {ending}" for ending, count in found
    )


def splits_in(root: Path, switch: str = "DATA") -> list[tuple[str, Path]]:
    """The folders named after a split; one alone without folders in it, beside others with images, is a class, as of trains.

    Raises UserError where folders only seem to be splits or classes: their folders would be lost, and which split it is would
    be a class.
    """
    folders = folders_in(root)
    found = [(name, path) for path in folders if (name := split_name(path.name))]
    if len(found) == 1 and not folders_in(found[0][1]) and any(flat(path) for path in folders if path != found[0][1]):
        found = []
    if not found:
        _check_classes(root, folders, switch)
    for _, place in found:
        if inner := _only_folder(place):
            raise UserError(f"{place}: its only folder is {inner.name}/, with folders in it: move these to {place}")
        _check_masks(folders_in(place), switch)
    return found


def one_of_each(root: Path) -> dict[str, Path]:
    """The folder of each split; raises UserError where two folders name one split."""
    parts: dict[str, Path] = {}
    for name, path in splits_in(root):
        if name in parts:
            raise UserError(
                f"DATA={root}: {parts[name].name}/ and {path.name}/ are both names of the {name} split: join them"
            )
        parts[name] = path
    return parts


def notes_on(root: Path, places: Sequence[Path]) -> tuple[str, ...]:
    """What a user should know of how a folder was read, a sentence each: `places` are its splits, if it has any."""
    folders = folders_in(root)
    if places:
        left = [path for path in folders if path not in places and any(map(is_image, files_below(path)))]
        if left:
            what = (
                "a folder beside the splits is left out" if len(left) == 1 else "folders beside the splits are left out"
            )
            return (f"{what}: {_named(left)}",)
        return ()
    alike = {frozenset(path.name for path in folders_in(folder)) for folder in folders}
    inside = sorted(alike.pop()) if len(alike) == 1 and len(folders) > 1 else []
    if len(inside) < 2 or any(map(flat, folders)):
        return ()
    return (
        f"the classes are {_named(folders)}, which all hold the same folders ({', '.join(inside[:LISTED])}): if these are the "
        "classes, put them outside",
    )


def masks_among(files: Sequence[Path]) -> set[Path]:
    """Which files are masks of images beside them: ``1_mask.png`` beside ``1.png``, or ``masks/1.png`` beside ``images/1.png``."""
    if not any(path.parent.name.casefold() in MASKS or MASK.search(path.stem) for path in files):
        return set()
    stems, parents = {path.parent / path.stem for path in files}, {path.parent for path in files}
    pictured = {place.parent for place in parents if place.name.casefold() in IMAGES}
    return {
        path
        for path in files
        if (path.parent.name.casefold() in MASKS and path.parent.parent in pictured)
        or ((image := MASK.sub("", path.stem)) != path.stem and path.parent / image in stems)
    }


def _named(folders: Sequence[Path]) -> str:
    names = [f"{path.name}/" for path in folders]
    return ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")


def _check_classes(root: Path, folders: Sequence[Path], switch: str) -> None:
    """Raise UserError where no folder is a class: where they seem to be splits, folds or masks, or one holds all others."""
    if inner := _only_folder(root):
        raise UserError(f"{switch}={root}: its only folder is {inner.name}/, with folders in it: give {switch}={inner}")
    seeming = {path: kinds for path in folders if (kinds := _split_words(path.name))}
    kinds = set().union(*seeming.values()) if seeming else set()
    inside = {path: {inner.name for inner in folders_in(path)} for path in folders}
    shared = set.intersection(*(inside[path] for path in seeming)) if len(seeming) > 1 else set()
    if len(seeming) > 1 and "train" in kinds and (len(seeming) == len(folders) or len(shared) > 1):
        names = " and ".join(f"{path.name}/" for path in seeming)
        raise UserError(
            f"{switch}={root}: {names} seem to be splits, not classes: rename them train/, val/ or test/, each with a folder for "
            "each class"
        )
    if len(folders) > 1 and all(FOLDS.fullmatch(path.name) and inside[path] for path in folders):
        raise UserError(
            f"{switch}={root}: {_named(folders)} seem to be folds, not classes: make train/ and val/ of them, each with a folder "
            "for each class"
        )
    if len(folders) > 1 and all(inside[path] and all(map(split_name, inside[path])) for path in folders):
        first = folders[0].name
        raise UserError(
            f"{switch}={root}: its classes hold the splits, as in {folders[0] / min(inside[folders[0]])}: put the splits outside, "
            f"as in {root / min(inside[folders[0]]) / first}"
        )
    _check_masks(folders, switch)


def _check_masks(folders: Sequence[Path], switch: str) -> None:
    """Raise UserError where images and their masks lie in two folders, as if these were classes."""
    spelled = {path.name.casefold(): path for path in folders}
    images, masks = (next((spelled[name] for name in names if name in spelled), None) for names in (IMAGES, MASKS))
    if images and masks and flat(images) and flat(masks):
        raise UserError(
            f"{switch}={images.parent}: {images.name}/ and {masks.name}/ are no classes: give {switch}={images} and "
            f"MASKS={masks}"
        )


def _only_folder(root: Path) -> Path | None:
    """The only folder in another, where that holds neither images itself nor in that folder, but folders."""
    folders = folders_in(root)
    return (
        folders[0] if len(folders) == 1 and folders_in(folders[0]) and not flat(folders[0]) and not flat(root) else None
    )


def _split_words(name: str) -> set[str]:
    """The splits that the words of a name name: ``seg_train``, ``TestSet``, ``test1``."""
    words = (name, *re.findall("[A-Z]?[a-z]+|[A-Z]+", name))
    return {found for word in words if (found := split_name(word))}


def folders_in(root: Path) -> list[Path]:
    """The folders in another that are not the system's; raises UserError where a name is not UTF-8."""
    with os.scandir(root) as entries:
        found = sorted(root / entry.name for entry in entries if entry.is_dir() and not is_beside(entry.name))
    for path in found:
        if readable(path.name) != path.name:
            raise UserError(f"{readable(str(path))}: the name of this folder is not UTF-8: rename it")
    return found


def visible(folder: Path) -> list[Path]:
    """The visible files in a folder itself."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def flat(folder: Path) -> list[Path]:
    """The images in a folder itself."""
    return [path for path in visible(folder) if is_image(path)]


def below(place: Path) -> Iterator[tuple[Path, str]]:
    """A class's files, named "class/file"; what lies in hidden folders, such as a notebook's copies, is left out."""
    for path in files_below(place):
        name = path.relative_to(place)
        if not any(is_beside(part) for part in name.parts):
            yield path, f"{place.name}/{readable(name.as_posix())}"
