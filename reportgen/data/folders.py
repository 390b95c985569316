"""Folders of images: finding them, splitting them, reading them in order."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from reportgen.base.artifacts import readable
from reportgen.base.errors import UserError
from reportgen.base.size import Sides
from reportgen.data.dataset import SPLITS
from reportgen.data.decoding import AS_EVER, Reading, Unreadable, read_image, read_picture
from reportgen.data.image_files import composed, in_order, is_image
from reportgen.data.layouts import (
    below,
    check_folder,
    flat,
    folders_in,
    masks_among,
    notes_on,
    one_of_each,
    splits_in,
    visible,
    what_lies_in,
)

MOST_SKIPPED = 0.01  # of all files; with more, the folder is not what the user thinks it is


@dataclass(frozen=True)
class ImageFile:
    """One file and the class its folder says it shows."""

    path: Path
    name: str  # "class/file"
    label: int  # number of the class; -1 where it is unknown, or not one alone
    picture: Callable[[], Image.Image] | None = None  # gives an image that lies in no file of its own
    shows: tuple[int, ...] | None = (
        None  # the numbers of all its classes, where an image may have several; None: unknown
    )
    unclear: tuple[int, ...] = ()  # classes of which it is not known whether it shows them


@dataclass(frozen=True)
class Listing:
    """What a folder holds, before anything is decoded."""

    classes: tuple[str, ...]
    splits: dict[str, tuple[ImageFile, ...]]
    same: dict[str, str] = field(default_factory=dict)  # a split that has the images of another: {"test": "val"}
    empty: tuple[str, ...] = ()  # folders without any image, which are no classes
    passed: tuple[str, ...] = ()  # files among the images that are none, by name
    masks: tuple[str, ...] = ()  # masks of images beside them, by name
    notes: tuple[str, ...] = ()  # what else a user should know, a sentence each
    missing: tuple[str, ...] = ()  # files that a table of labels names and that are not there
    unnamed: int = 0  # images that a table of labels does not name
    several: bool = False  # whether an image may show several classes: `ImageFile.shows`
    said: str = ""  # how labels were read, where that had to be found out
    counted: tuple[
        str, ...
    ] = ()  # every class in the order in which a table counts them, also those that no image shows


class Part:
    """The class folders of one split, with their images, and what else lies there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images: dict[str, list[tuple[Path, str]]] = {}  # by class: path, and name "class/file"
        self.passed: list[str] = []
        self.masks: list[str] = []
        for place in folders_in(folder):
            images = self.images.setdefault(composed(place.name), [])
            inside = list(below(place))
            masks = masks_among([path for path, _ in inside])
            for path, name in inside:
                if not is_image(path):
                    self.passed.append(name)
                elif path in masks:
                    self.masks.append(name)
                else:
                    images.append((path, name))

    @property
    def classes(self) -> set[str]:
        """The folders with images in them."""
        return {kind for kind, images in self.images.items() if images}

    def files(self, kind: str, label: int) -> list[ImageFile]:
        """The images of a class; none where it has no folder here."""
        return [ImageFile(path, name, label) for path, name in self.images.get(kind, ())]


def _names(parts: Iterable[Part]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The classes of some splits, the folders that are empty in all of them, and the files that are no images.

    Raises UserError where a class has another name in another split, with capitals.
    """
    found = list(parts)
    for one, other in combinations(found, 2):
        _check_capitals(one, other)
    classes = {kind for part in found for kind in part.classes}
    empty = {kind for part in found for kind in part.images} - classes
    return in_order(classes), tuple(sorted(empty)), tuple(name for part in found for name in part.passed)


def _check_capitals(one: Part, other: Part) -> None:
    """Raise UserError where a class of one split is one of the other but for capitals; two of one split, as a/ and A/, are two."""
    lacking = {kind.casefold(): kind for kind in sorted(one.classes - other.classes)}
    for kind in sorted(other.classes - one.classes):
        if (alike := lacking.get(kind.casefold())) is not None:
            raise UserError(
                f"{one.folder / alike} and {other.folder / kind}: their names differ in capitals alone: give both one name"
            )


def list_folder(root: Path, val_share: float, test_share: float, seed: int) -> Listing:
    """List an ImageFolder tree: ``root/<class>/<file>``, or ``root/train/<class>/<file>`` with ``val`` and ``test``.

    Where the tree has no splits, this function makes them, class by class, by the seed: `test_share` of the images for testing,
    `val_share` for validation. Folders and files without an image are passed over. Raises UserError that names the folder or
    the class.
    """
    check_folder(root, f"DATA={root}", "give a folder with one folder of images for each class")
    places = one_of_each(root)
    if "train" not in places:
        if places and len(places) == len(folders_in(root)):
            names = " and ".join(f"{path.name}/" for path in places.values())
            raise UserError(f"DATA={root}: {names} but no train/: put the images to train on there, class by class")
        places = {"train": root}
    parts = {name: Part(folder) for name, folder in places.items()}
    classes = in_order(parts["train"].classes)
    if not classes:
        raise UserError(
            f"DATA={root}: no folders of images in it{what_lies_in(root)}: put each class's images into a folder of its name"
        )
    if len(classes) == 1:
        raise UserError(f"DATA={root}: only one class ({classes[0]}): a classifier needs two or more")
    found = {name: [part.files(kind, index) for index, kind in enumerate(classes)] for name, part in parts.items()}
    _, empty, passed = _names(parts.values())
    for name, part in parts.items():
        strange = sorted(part.classes - set(classes))
        if strange:
            raise UserError(
                f"{part.folder / strange[0]}: this class is not in {places['train']}: add it there, or remove it"
            )
        if name != "train" and not any(found[name]):
            what = "its images lie outside of class folders" if flat(part.folder) else "no images in it"
            raise UserError(
                f"{part.folder}: {what}: give it a folder for each class, or leave it out and a share of "
                f"{places['train'].name}/ is taken"
            )
    check_counts(found, classes, lambda kind: str(places["train"] / kind), "put {} or more there, or remove the folder")
    return Listing(
        classes,
        split(found, {"val": val_share, "test": test_share}, seed),
        empty=empty,
        passed=passed,
        masks=tuple(name for part in parts.values() for name in part.masks),
        notes=notes_on(root, [path for path in places.values() if path != root]),
    )


def check_counts(
    found: dict[str, list[list[ImageFile]]], classes: Sequence[str], place: Callable[[str], str], way_out: str
) -> None:
    """Raise UserError where a class has too few images to be split; `place` says where it lies, {} is the number needed."""
    wanted = 1 + ("val" not in found) + ("test" not in found)
    for index, kind in enumerate(classes):
        count = len(found["train"][index])
        if count < wanted:
            raise UserError(
                f"{place(kind)}: {count or 'no'} image{'s' * (count != 1)} in this class: {way_out.format(wanted)}"
            )


def list_for_loaded(root: Path) -> Listing:
    """List a folder for a net that is not trained here: every image is for looking at.

    ``root/<class>/<file>``; of a tree with splits, ``val`` and ``test``, or whichever of the two exists, else
    ``train``; or images without class in ``root``, ``val`` or ``test`` itself. Where one set of images serves as both,
    `Listing.same` says so. A class that only ``train`` has is a class all the same. Raises UserError that names the folder.
    """
    check_folder(root, f"DATA={root}", "give a folder of images")
    places = one_of_each(root)
    val = places.get("val") or places.get("test") or places.get("train") or root
    test = places.get("test", val)
    parts = {place: Part(place) for place in dict.fromkeys((*places.values(), val))}
    unknown = _unlabelled(parts[test], [parts[place] for place in parts if place != test])
    classes, empty, _ = _names(part for place, part in parts.items() if not (unknown and place == test))
    passed: list[str] = []
    masks: list[str] = []

    def files(place: Path) -> tuple[ImageFile, ...]:
        passed.extend(parts[place].passed)
        masks.extend(parts[place].masks)
        if unknown and place == test:
            return tuple(parts[place].files(unknown, -1))
        if parts[place].classes:
            return tuple(file for index, kind in enumerate(classes) for file in parts[place].files(kind, index))
        images = flat(place)
        passed.extend(sorted(path.name for path in visible(place) if path not in images))
        hidden = masks_among(images)
        masks.extend(path.name for path in images if path in hidden)
        return tuple(ImageFile(path, readable(path.name), -1) for path in images if path not in hidden)

    found = {"train": (), "val": files(val), "test": () if test == val else files(test)}
    for place, name in ((val, "val"), (test, "test")):
        if not found[name] and not (name == "test" and test == val):
            raise UserError(
                f"DATA={place}: no images in it{what_lies_in(place)}: give a folder of images, or of one folder for each class"
            )
    notes = notes_on(root, [*places.values()])
    return Listing(classes, found, {"test": "val"} if test == val else {}, empty, tuple(passed), tuple(masks), notes)


def _unlabelled(part: Part, others: Sequence[Part]) -> str:
    """The only folder of a split, where it is no class of any other split, as Kaggle's ``test/unknown``; else nothing."""
    known = {kind for other in others for kind in other.classes}
    return next(iter(part.classes)) if len(part.classes) == 1 < len(known) and not part.classes & known else ""


def list_classes(root: Path, said_by: str) -> tuple[tuple[str, ...], tuple[ImageFile, ...]]:
    """The classes and files of ``root/<class>/<file>``; of a tree with ``train``, ``val`` and ``test``, all together.

    Raises UserError, beginning with `said_by`, where there are no two classes.
    """
    check_folder(root, said_by, "give a folder with one folder of images for each class")
    parts = [Part(path) for path in ([path for _, path in splits_in(root, said_by.partition("=")[0])] or [root])]
    classes, _, _ = _names(parts)
    if len(classes) < 2:
        raise UserError(f"{said_by}: {len(classes) or 'no'} folders of images in it: a classifier needs two or more")
    return classes, tuple(
        file for index, kind in enumerate(classes) for part in parts for file in part.files(kind, index)
    )


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


def split_several(
    found: dict[str, list[ImageFile]], shares: dict[str, float], seed: int
) -> dict[str, tuple[ImageFile, ...]]:
    """`split`, for images that show several classes: each counts for the rarest that it shows.

    Of every class at least one image stays in ``train``, so that a class of few images may have none in another split.
    An image that shows a class is in every split, where there are enough; those that show nothing are dealt last.
    """
    taken = {name: list(found.get(name, ())) for name in SPLITS}
    missing = {name: share for name, share in shares.items() if name not in found}
    if missing:
        taken["train"] = []
        counts = Counter(kind for file in found["train"] for kind in file.shows or ())
        groups: dict[int, list[ImageFile]] = {}
        for file in found["train"]:
            groups.setdefault(min(file.shows or (-1,), key=lambda kind: (counts[kind], kind)), []).append(file)
        rng = np.random.default_rng(seed)
        due, left = dict.fromkeys(missing, 0.0), Counter(counts)
        kinds = sorted(groups, key=lambda kind: (kind < 0, counts[kind], kind))
        commonest = max(kinds, key=lambda kind: (kind >= 0, counts[kind], kind))
        for kind in kinds:
            files = groups[kind]
            order = [files[place] for place in rng.permutation(len(files))]
            for name, share in missing.items():
                due[name] += share * len(files)  # what rounding keeps back is taken from the next class
                count = max(int(due[name]), int(kind == commonest and not taken[name]))
                some, order = _dealt(order, min(count, len(order) - 1), left)
                due[name] -= len(some)
                taken[name] += some
            taken["train"] += order
        taken = {name: sorted(files, key=lambda file: file.name) for name, files in taken.items()}
    return {name: tuple(files) for name, files in taken.items()}


def _dealt(files: Sequence[ImageFile], most: int, left: Counter[int]) -> tuple[list[ImageFile], list[ImageFile]]:
    """The first files, `most` of them, without the last one of any class, and the others; what goes is taken off `left`."""
    some: list[ImageFile] = []
    others: list[ImageFile] = []
    for file in files:
        shows = file.shows or ()
        if len(some) < most and all(left[kind] > 1 for kind in shows):
            left.subtract(shows)
            some.append(file)
        else:
            others.append(file)
    return some, others


def read_images(
    files: Iterable[ImageFile],
    size: Sides,
    skip: Callable[[ImageFile, str], None],
    whole: bool = False,
    reading: Reading = AS_EVER,
) -> Iterator[tuple[ImageFile, UInt8[np.ndarray, "row column channel"]]]:
    """Read files in order on all cores, `whole` or their middle; what cannot be read goes to `skip`."""

    def read(file: ImageFile) -> tuple[ImageFile, np.ndarray | Unreadable]:
        if file.picture is None and readable(str(file.path)) != str(file.path):
            return file, Unreadable("its name is not UTF-8: rename it")
        try:
            if file.picture is not None:
                return file, read_picture(file.picture, size, whole, reading)
            return file, read_image(file.path, size, whole, reading)
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
