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
from reportgen.settings.sections import NAMED_SETS, DataSettings

HOME = Path("data")  # torchvision's own root: the sets lie in folders of their own below it


@dataclass(frozen=True)
class Named:
    """How to get a data set from torchvision, split by split."""

    kind: str  # the class in torchvision.datasets
    folder: str  # below `HOME`, where torchvision looks for it
    splits: Mapping[str, Mapping[str, Any]]  # ours -> the arguments of the constructor
    downloads: bool = True  # torchvision knows where to get it


SETS = {
    "CIFAR10": Named("CIFAR10", "cifar-10-batches-py", {"train": {"train": True}, "test": {"train": False}}),
    "STL10": Named("STL10", "stl10_binary", {"train": {"split": "train"}, "test": {"split": "test"}}),
    "Caltech101": Named("Caltech101", "caltech101", {"train": {}}),
    "Imagenette": Named("Imagenette", "imagenette2", {"train": {"split": "train"}, "val": {"split": "val"}}),
    "OxfordIIITPet": Named(
        "OxfordIIITPet", "oxford-iiit-pet", {"train": {"split": "trainval"}, "test": {"split": "test"}}
    ),
    "ImageNet": Named("ImageNet", "", {"train": {"split": "train"}, "val": {"split": "val"}}, downloads=False),
}
"""The data sets by the name that ``DATA=`` takes."""
assert tuple(SETS) == NAMED_SETS


def list_named(settings: DataSettings, seed: int, loaded: bool) -> Listing:
    """List a data set; for a `loaded` net only the images that nobody trains on, where the set tells them apart."""
    named = SETS[settings.source]
    wanted = {name: arguments for name, arguments in named.splits.items() if not loaded or name != "train"}
    opened = {name: _open(settings.source, named, arguments) for name, arguments in (wanted or named.splits).items()}
    classes = _classes(next(iter(opened.values())))
    found = {name: _files(data, name, classes) for name, data in opened.items()}
    if not loaded:
        return Listing(classes, split(found, {"val": settings.val_share, "test": settings.test_share}, seed))
    part = found.get("val") or found.get("test") or found["train"]
    files = tuple(file for kind in part for file in kind)
    return Listing(classes, {"train": (), "val": files, "test": ()}, {"test": "val"})


def _open(source: str, named: Named, arguments: Mapping[str, Any]) -> Any:
    kind = getattr(torchvision.datasets, named.kind)
    try:
        return kind(HOME, **arguments)
    except (RuntimeError, OSError, ValueError) as error:
        reason = _first_line(error)
    if named.downloads:
        try:
            with redirect_stdout(StringIO()):
                return kind(HOME, **arguments, download=True)
        except (URLError, OSError, RuntimeError, ValueError) as error:
            reason = f"and torchvision cannot download it ({_first_line(error)})"
    place = HOME / named.folder
    raise UserError(
        f"DATA={source}: it is not in {place}, {reason}: put it there as torchvision.datasets.{named.kind} reads it"
    )


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "reason", error)).strip().split("\n")[0] or type(error).__name__


def _classes(data: Any) -> tuple[str, ...]:
    """The names of the set's classes; the first name where a class has several."""
    names = data.categories if hasattr(data, "categories") else data.classes
    return tuple(name if isinstance(name, str) else name[0] for name in names)


def _files(data: Any, part: str, classes: tuple[str, ...]) -> list[list[ImageFile]]:
    """Every image of one part, class by class."""
    found: list[list[ImageFile]] = [[] for _ in classes]
    for index, label in enumerate(_labels(data)):
        name = f"{classes[label]}/{part}-{index:06d}"
        found[label].append(_file(data, index, name, label))
    return found


def _file(data: Any, index: int, name: str, label: int) -> ImageFile:
    """One image: a file where the set is a list of files (ImageNet, Imagenette), else what the set itself gives."""
    samples = getattr(data, "samples", None) or getattr(data, "_samples", None)
    if samples:
        return ImageFile(Path(samples[index][0]), name, label)
    return ImageFile(HOME, name, label, _picture(data, index))


def _labels(data: Any) -> list[int]:
    """Every image's class, without decoding images where the set holds its labels apart."""
    for attribute in ("targets", "labels", "y", "_labels"):
        if getattr(data, attribute, None) is not None:
            return [int(label) for label in getattr(data, attribute)]
    return [int(label) for _, label in data._samples]


def _picture(data: Any, index: int) -> Callable[[], Image.Image]:
    return lambda: data[index][0]
