"""torchvision's data sets by name: read from ``data/`` if they are there, else downloaded by torchvision."""

from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torchvision
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.data.folders import ImageFile, Listing, split
from reportgen.settings.sections import NAMED_MULTILABEL, NAMED_SETS, DataSettings

HOME = Path("data")  # torchvision's own root: the sets lie in folders of their own below it


@dataclass(frozen=True)
class Named:
    """How to get a data set from torchvision, split by split."""

    kind: str  # the class in torchvision.datasets
    folder: str  # below `HOME`, where torchvision looks for it
    splits: Mapping[str, Mapping[str, Any]]  # ours -> the arguments of the constructor
    downloads: bool = True  # torchvision knows where to get it
    without: tuple[str, ...] = ()  # what torchvision counts as a class and is none


Splits = Mapping[str, Mapping[str, Any]]
BY_FLAG: Splits = {"train": {"train": True}, "test": {"train": False}}
TRAIN_TEST: Splits = {name: {"split": name} for name in ("train", "test")}
TRAIN_VAL_TEST: Splits = {name: {"split": name} for name in ("train", "val", "test")}
SETS = {
    "CIFAR10": Named("CIFAR10", "cifar-10-batches-py", BY_FLAG),
    "CIFAR100": Named("CIFAR100", "cifar-100-python", BY_FLAG),
    "STL10": Named("STL10", "stl10_binary", TRAIN_TEST),
    "SVHN": Named("SVHN", "", TRAIN_TEST),
    "MNIST": Named("MNIST", "MNIST", BY_FLAG),
    "FashionMNIST": Named("FashionMNIST", "FashionMNIST", BY_FLAG),
    "EMNIST": Named(
        "EMNIST", "EMNIST", {name: {"split": "balanced", "train": name == "train"} for name in ("train", "test")}
    ),
    "Caltech101": Named("Caltech101", "caltech101", {"train": {}}),
    "Caltech256": Named("Caltech256", "caltech256", {"train": {}}, without=("257.clutter",)),
    "Imagenette": Named("Imagenette", "imagenette2", {"train": {"split": "train"}, "val": {"split": "val"}}),
    "OxfordIIITPet": Named(
        "OxfordIIITPet", "oxford-iiit-pet", {"train": {"split": "trainval"}, "test": {"split": "test"}}
    ),
    "Flowers102": Named("Flowers102", "flowers-102", TRAIN_VAL_TEST),
    "Food101": Named("Food101", "food-101", TRAIN_TEST),
    "DTD": Named("DTD", "dtd", TRAIN_VAL_TEST),
    "EuroSAT": Named("EuroSAT", "eurosat", {"train": {}}),
    "GTSRB": Named("GTSRB", "gtsrb", TRAIN_TEST),
    "Places365": Named(
        "Places365", "", {"train": {"split": "train-standard", "small": True}, "val": {"split": "val", "small": True}}
    ),
    "StanfordCars": Named("StanfordCars", "stanford_cars", TRAIN_TEST, downloads=False),
    "FGVCAircraft": Named("FGVCAircraft", "fgvc-aircraft-2013b", TRAIN_VAL_TEST),
    "ImageNet": Named("ImageNet", "", {"train": {"split": "train"}, "val": {"split": "val"}}, downloads=False),
}
"""The data sets by the name that ``DATA=`` takes."""
assert tuple(SETS) == NAMED_SETS


def list_named(settings: DataSettings, seed: int, loaded: bool, switch: str = "DATA") -> Listing:
    """List a data set; for a `loaded` net only the images that nobody trains on, where the set tells them apart.

    Raises UserError, which names the `switch`, where the set is not there and cannot be downloaded.
    """
    named = SETS[settings.source]
    wanted = {name: arguments for name, arguments in named.splits.items() if not loaded or name != "train"}
    opened = {
        name: _open(f"{switch}={settings.source}", named, arguments)
        for name, arguments in (wanted or named.splits).items()
    }
    classes = _classes(next(iter(opened.values())))
    kept = tuple(kind for kind in classes if kind not in named.without)
    found = {name: _files(data, name, classes, kept) for name, data in opened.items()}
    classes = kept
    if not loaded:
        return Listing(classes, split(found, {"val": settings.val_share, "test": settings.test_share}, seed))
    part = found.get("val") or found.get("test") or found["train"]
    files = tuple(file for kind in part for file in kind)
    return Listing(classes, {"train": (), "val": files, "test": ()}, {"test": "val"})


def list_transfer(source: str) -> tuple[tuple[str, ...], tuple[ImageFile, ...]]:
    """The classes and files of a data set for ``TRANSFER=``: those that nobody trains on, where the set tells them apart."""
    listing = list_named(DataSettings(source=source), 0, loaded=True, switch="TRANSFER")
    return listing.classes, listing.splits["val"]


def voc_folder() -> Path:
    """The folder of PASCAL VOC 2012 in its own layout; raises UserError where it is not there and cannot be downloaded."""
    folder = HOME / "VOCdevkit" / NAMED_MULTILABEL
    if not folder.is_dir():
        named = Named("VOCDetection", f"VOCdevkit/{NAMED_MULTILABEL}", {})
        _open(f"TRANSFER={NAMED_MULTILABEL}", named, {"year": "2012", "image_set": "trainval"})
    return folder


def _open(said_by: str, named: Named, arguments: Mapping[str, Any]) -> Any:
    kind = getattr(torchvision.datasets, named.kind)
    try:
        return kind(HOME, **arguments)
    except (RuntimeError, OSError, ValueError, LookupError) as error:  # the last: from files of another layout
        reason = _first_line(error)
    if named.downloads:
        try:
            with redirect_stdout(StringIO()):
                return kind(HOME, **arguments, download=True)
        except (URLError, OSError, RuntimeError, ValueError) as error:
            reason = f"and torchvision cannot download it ({_first_line(error)})"
    place = HOME / named.folder
    raise UserError(
        f"{said_by}: it is not in {place}, {reason}: put it there as torchvision.datasets.{named.kind} reads it"
    )


def _first_line(error: BaseException) -> str:
    """The first line of an error, and those after it as long as they announce another."""
    said, *rest = str(getattr(error, "reason", error)).strip().split("\n")
    while rest and said.endswith(":"):
        said = f"{said} {rest.pop(0).strip()}"
    return said or type(error).__name__


def _classes(data: Any) -> tuple[str, ...]:
    """The names of the set's classes; the first name where a class has several, numbers where they have none."""
    names = data.categories if hasattr(data, "categories") else getattr(data, "classes", None)
    if names is None:
        return tuple(str(number) for number in range(max(_labels(data)) + 1))
    return tuple(name if isinstance(name, str) else name[0] for name in names)


def _files(data: Any, part: str, classes: tuple[str, ...], kept: tuple[str, ...]) -> list[list[ImageFile]]:
    """Every image of one part, class by class, of the classes that are kept."""
    found: list[list[ImageFile]] = [[] for _ in kept]
    numbers = {kind: number for number, kind in enumerate(kept)}
    for index, label in enumerate(_labels(data)):
        number = numbers.get(classes[label])
        if number is not None:
            found[number].append(_file(data, index, f"{classes[label]}/{part}-{index:06d}", number))
    return found


def _file(data: Any, index: int, name: str, label: int) -> ImageFile:
    """One image: a file where the set is a list of files, with their labels or without, else what the set itself gives."""
    for attribute in ("samples", "_samples", "imgs", "_image_files"):
        if files := getattr(data, attribute, None):
            file = files[index]
            return ImageFile(Path(file[0] if isinstance(file, tuple) else file), name, label)
    return ImageFile(HOME, name, label, _picture(data, index))


def _labels(data: Any) -> list[int]:
    """Every image's class, without decoding images where the set holds its labels apart."""
    for attribute in ("targets", "labels", "y", "_labels"):
        if getattr(data, attribute, None) is not None:
            return [int(label) for label in getattr(data, attribute)]
    return [int(label) for _, label in data._samples]


def _picture(data: Any, index: int) -> Callable[[], Image.Image]:
    return lambda: data[index][0]
