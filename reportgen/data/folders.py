"""Folders of images: finding them, splitting them, and reading whatever a photograph turns out to be."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps
from PIL import ImageFile as ImageReader

from reportgen.errors import UserError

SPLITS = ("train", "val", "test")
MOST_SKIPPED = 0.01  # of all files; more, and the folder is not what the user thinks it is
MOST_PIXELS = 100_000_000  # in one image: about 300 MB once decoded
SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class ImageFile:
    """One file and the class its folder says it shows."""

    path: Path
    name: str  # "class/file"
    label: int  # number of the class; -1 where nobody says
    picture: Callable[[], Image.Image] | None = None  # gives an image that lies in no file of its own


@dataclass(frozen=True)
class Listing:
    """What a folder holds, before anything is decoded."""

    classes: tuple[str, ...]
    splits: dict[str, tuple[ImageFile, ...]]
    same: dict[str, str] = field(default_factory=dict)  # a split that has the images of another: {"test": "val"}


class Unreadable(Exception):
    """Why a file cannot be used, in a few words."""


def list_folder(root: Path, val_share: float, test_share: float, seed: int) -> Listing:
    """List an ImageFolder tree: ``root/<class>/<file>``, or ``root/train/<class>/<file>`` with ``val`` and ``test``.

    What the tree does not split is split here, class by class, by the seed: `test_share` of the images for testing,
    `val_share` for validation. Raises UserError that names the folder or the class.
    """
    if not root.is_dir():
        raise UserError(f"DATA={root}: no such folder: give a folder with one folder of images for each class")
    parts = {SPLIT_NAMES[path.name]: path for path in _folders(root) if path.name in SPLIT_NAMES}
    if "train" not in parts:
        parts = {"train": root}
    classes = tuple(path.name for path in _folders(parts["train"]))
    if not classes:
        raise UserError(f"DATA={root}: no folders of images in it: put each class's images into a folder of its name")
    if len(classes) == 1:
        raise UserError(f"DATA={root}: only one class ({classes[0]}): a classifier needs two or more")
    found = {
        name: [_files(folder, kind, index) for index, kind in enumerate(classes)] for name, folder in parts.items()
    }
    for folder in (folder for name, folder in parts.items() if name != "train"):
        strange = sorted({path.name for path in _folders(folder)} - set(classes))
        if strange:
            raise UserError(f"{folder / strange[0]}: this class is not in {parts['train']}: add it there, or remove it")
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

    ``root/<class>/<file>``; of a tree with splits, ``val`` and ``test``, or the one of them that there is, else
    ``train``; or images without class in ``root`` itself. Where one set of images serves as both, `Listing.same` says so.
    Raises UserError that names the folder.
    """
    if not root.is_dir():
        raise UserError(f"DATA={root}: no such folder: give a folder of images")
    parts = {SPLIT_NAMES[path.name]: path for path in _folders(root) if path.name in SPLIT_NAMES}
    val = parts.get("val") or parts.get("test") or parts.get("train") or root
    test = parts.get("test", val)
    classes = tuple(sorted({path.name for part in (val, test) for path in _folders(part)}))

    def files(part: Path) -> tuple[ImageFile, ...]:
        if classes:
            labelled = (_files(part, kind, index) for index, kind in enumerate(classes) if (part / kind).is_dir())
            return tuple(file for files in labelled for file in files)
        paths = sorted(path for path in part.iterdir() if path.is_file() and not path.name.startswith("."))
        return tuple(ImageFile(path, path.name, -1) for path in paths)

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
    parts = [path for path in _folders(root) if path.name in SPLIT_NAMES] or [root]
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


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path, kind: str, label: int) -> list[ImageFile]:
    place = folder / kind
    paths = sorted(path for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [ImageFile(path, f"{kind}/{path.relative_to(place).as_posix()}", label) for path in paths]


def read_image(path: Path, size: int) -> UInt8[np.ndarray, "row column 3"]:
    """Read any image as an RGB square: turned upright, shorter side scaled to `size`, centre cut (section 3).

    Grey, palette, CMYK and 16-bit images become RGB; what is transparent becomes white. Raises Unreadable.
    """
    return read_picture(lambda: Image.open(path), size)


def read_picture(opened: Callable[[], Image.Image], size: int) -> UInt8[np.ndarray, "row column 3"]:
    """`read_image` of an image that may lie in no file of its own."""
    # WeasyPrint and others allow truncated files to the whole process, on import: half a picture would be an image.
    ImageReader.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own notes on odd metadata and large files: the limit is ours
            with opened() as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Unreadable(f"{image.width}x{image.height} pixels are more than {MOST_PIXELS:,}")
                image.draft("RGB", (2 * size, 2 * size))  # a JPEG is decoded no larger than needed
                upright = ImageOps.exif_transpose(image)
                return np.asarray(_square(_rgb(upright), size))
    except Image.UnidentifiedImageError:
        raise Unreadable("not an image") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MOST_PIXELS:,} pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unreadable(str(error).split("\n")[0] or type(error).__name__) from None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more of grey
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        image = Image.fromarray((values.clip(0, top) / top * 255).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        shown = image.convert("RGBA")
        ground = Image.new("RGBA", shown.size, "white")
        return Image.alpha_composite(ground, shown).convert("RGB")
    return image.convert("RGB")


def _square(image: Image.Image, size: int) -> Image.Image:
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


def read_images(
    files: Iterable[ImageFile], size: int, skip: Callable[[ImageFile, str], None]
) -> Iterator[tuple[ImageFile, UInt8[np.ndarray, "row column 3"]]]:
    """Read files in order on all cores; what cannot be read goes to `skip` with the reason."""

    def read(file: ImageFile) -> tuple[ImageFile, np.ndarray | Unreadable]:
        try:
            return file, read_picture(file.picture, size) if file.picture else read_image(file.path, size)
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
