"""Folders of images: finding them, splitting them, reading them in order."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from reportgen.base.artifacts import files_below, readable
from reportgen.base.errors import UserError
from reportgen.data.dataset import SPLITS
from reportgen.data.decoding import Unreadable, read_image, read_picture

MOST_SKIPPED = 0.01  # of all files; with more, the folder is not what the user thinks it is
SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}  # in any case: Train/ is train/


@dataclass(frozen=True)
class ImageFile:
    """One file and the class its folder says it shows."""

    path: Path
    name: str  # "class/file"
    label: int  # number of the class; -1 where it is unknown
    picture: Callable[[], Image.Image] | None = None  # gives an image that lies in no file of its own


@dataclass(frozen=True)
class Listing:
    """What a folder holds, before anything is decoded."""

    classes: tuple[str, ...]
    splits: dict[str, tuple[ImageFile, ...]]
    same: dict[str, str] = field(default_factory=dict)  # a split that has the images of another: {"test": "val"}


def list_folder(root: Path, val_share: float, test_share: float, seed: int) -> Listing:
    """List an ImageFolder tree: ``root/<class>/<file>``, or ``root/train/<class>/<file>`` with ``val`` and ``test``.

    Where the tree has no splits, this function makes them, class by class, by the seed: `test_share` of the images for testing,
    `val_share` for validation. Raises UserError that names the folder or the class.
    """
    if not root.is_dir():
        raise UserError(f"DATA={root}: no such folder: give a folder with one folder of images for each class")
    parts = _one_of_each(root)
    if "train" not in parts:
        if parts and len(parts) == len(_folders(root)):
            names = " and ".join(f"{path.name}/" for path in parts.values())
            raise UserError(f"DATA={root}: {names} but no train/: put the images to train on there, class by class")
        parts = {"train": root}
    classes = tuple(path.name for path in _folders(parts["train"]))
    if not classes:
        raise UserError(f"DATA={root}: no folders of images in it: put each class's images into a folder of its name")
    if len(classes) == 1:
        raise UserError(f"DATA={root}: only one class ({classes[0]}): a classifier needs two or more")
    found = {
        name: [_files(folder, kind, index) for index, kind in enumerate(classes)] for name, folder in parts.items()
    }
    for name, folder in parts.items():
        strange = sorted({path.name for path in _folders(folder)} - set(classes))
        if strange:
            raise UserError(f"{folder / strange[0]}: this class is not in {parts['train']}: add it there, or remove it")
        if name != "train" and not any(found[name]):
            what = "its images lie outside of class folders" if _flat(folder) else "no images in it"
            raise UserError(
                f"{folder}: {what}: give it a folder for each class, or leave it out and a share of "
                f"{parts['train'].name}/ is taken"
            )
    wanted = 1 + ("val" not in parts) + ("test" not in parts)
    for index, kind in enumerate(classes):
        if len(found["train"][index]) < wanted:
            count = len(found["train"][index])
            raise UserError(
                f"{parts['train'] / kind}: {count or 'no'} image{'s' * (count != 1)} in this class: "
                f"put {wanted} or more there, or remove the folder"
            )
    return Listing(classes, split(found, {"val": val_share, "test": test_share}, seed))


def list_for_loaded(root: Path) -> Listing:
    """List a folder for a net that is not trained here: every image is for looking at.

    ``root/<class>/<file>``; of a tree with splits, ``val`` and ``test``, or whichever of the two exists, else
    ``train``; or images without class in ``root``, ``val`` or ``test`` itself. Where one set of images serves as both,
    `Listing.same` says so. Raises UserError that names the folder.
    """
    if not root.is_dir():
        raise UserError(f"DATA={root}: no such folder: give a folder of images")
    parts = _one_of_each(root)
    val = parts.get("val") or parts.get("test") or parts.get("train") or root
    test = parts.get("test", val)
    classes = tuple(sorted({path.name for part in (val, test) for path in _folders(part)}))

    def files(part: Path) -> tuple[ImageFile, ...]:
        if _folders(part):
            labelled = (_files(part, kind, index) for index, kind in enumerate(classes) if (part / kind).is_dir())
            return tuple(file for files in labelled for file in files)
        return tuple(ImageFile(path, readable(path.name), -1) for path in _flat(part))

    found = {"train": (), "val": files(val), "test": () if test == val else files(test)}
    for part, name in ((val, "val"), (test, "test")):
        if not found[name] and not (name == "test" and test == val):
            raise UserError(f"DATA={part}: no images in it: give a folder of images, or of one folder for each class")
    return Listing(classes, found, {"test": "val"} if test == val else {})


def list_classes(root: Path, said_by: str) -> tuple[tuple[str, ...], tuple[ImageFile, ...]]:
    """The classes and files of ``root/<class>/<file>``; of a tree with ``train``, ``val`` and ``test``, all together.

    Raises UserError, beginning with `said_by`, where there are no two classes.
    """
    if not root.is_dir():
        raise UserError(f"{said_by}: no such folder: give a folder with one folder of images for each class")
    parts = [path for _, path in _splits(root)] or [root]
    classes = tuple(sorted({path.name for part in parts for path in _folders(part)}))
    if len(classes) < 2:
        raise UserError(f"{said_by}: {len(classes) or 'no'} folders of images in it: a classifier needs two or more")
    files = [
        file for index, kind in enumerate(classes) for part in parts if (part / kind).is_dir()
        for file in _files(part, kind, index)
    ]  # fmt: skip
    return classes, tuple(files)


def split(
    found: dict[str, list[list[ImageFile]]], shares: dict[str, float], seed: int
) -> dict[str, tuple[ImageFile, ...]]:
    """The files of every split, from those that are `found` class by class; what is missing is taken from ``train``."""
    taken: dict[str, list[ImageFile]] = {
        name: [file for files in found.get(name, []) for file in files] for name in SPLITS
    }
    missing = {name: share for name, share in shares.items() if name not in found}
    if missing:
        taken["train"] = []
        rng = np.random.default_rng(seed)
        for files in found["train"]:
            order = [files[place] for place in rng.permutation(len(files))]
            for name, share in missing.items():
                count = max(1, round(share * len(files)))
                taken[name] += sorted(order[:count], key=lambda file: file.name)
                order = order[count:]
            taken["train"] += sorted(order, key=lambda file: file.name)
    return {name: tuple(files) for name, files in taken.items()}


def _splits(root: Path) -> list[tuple[str, Path]]:
    """The folders named after a split; a ``train/`` without folders in it, beside others, is a class of trains."""
    folders = _folders(root)
    found = [(name, path) for path in folders for name, said in SPLIT_NAMES.items() if path.name.casefold() in said]
    alone = [name for name, _ in found] == ["train"] and len(folders) > 1
    return [] if alone and not _folders(found[0][1]) else found


def _one_of_each(root: Path) -> dict[str, Path]:
    """The folder of each split; raises UserError where two folders name one split."""
    parts: dict[str, Path] = {}
    for name, path in _splits(root):
        if name in parts:
            raise UserError(
                f"DATA={root}: {parts[name].name}/ and {path.name}/ are both names of the {name} split: join them"
            )
        parts[name] = path
    return parts


def _folders(root: Path) -> list[Path]:
    found = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in found:
        if readable(path.name) != path.name:
            raise UserError(f"{readable(str(path))}: the name of this folder is not UTF-8: rename it")
    return found


def _flat(folder: Path) -> list[Path]:
    """The files in a folder itself."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _files(folder: Path, kind: str, label: int) -> list[ImageFile]:
    """A class's files; what lies in hidden folders, such as a notebook's copies, is left out."""
    place = folder / kind
    found = [(path, path.relative_to(place)) for path in files_below(place)]
    return [
        ImageFile(path, f"{kind}/{readable(below.as_posix())}", label)
        for path, below in found
        if not any(part.startswith(".") for part in below.parts)
    ]


def read_images(
    files: Iterable[ImageFile], size: int, skip: Callable[[ImageFile, str], None], whole: bool = False
) -> Iterator[tuple[ImageFile, UInt8[np.ndarray, "row column 3"]]]:
    """Read files in order on all cores, `whole` or the square in their middle; what cannot be read goes to `skip`."""

    def read(file: ImageFile) -> tuple[ImageFile, np.ndarray | Unreadable]:
        if file.picture is None and readable(str(file.path)) != str(file.path):
            return file, Unreadable("its name is not UTF-8: rename it")
        try:
            if file.picture is not None:
                return file, read_picture(file.picture, size, whole)
            return file, read_image(file.path, size, whole)
        except Unreadable as error:
            return file, error

    waiting = list(files)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(waiting), 256):  # so that no more than 256 decoded images wait in memory
            for file, image in pool.map(read, waiting[start : start + 256]):
                if isinstance(image, Unreadable):
                    skip(file, str(image))
                else:
                    yield file, image
