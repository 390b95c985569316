"""Where the object in each image lies, and where its parts are (COCO annotations)."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.base.errors import UserError
from reportgen.data.classes import ClassName, plain
from reportgen.data.runs import uncompressed
from reportgen.data.upright import size_upright

HIDDEN = 1  # COCO's visibility of a part that is marked but not visible
BOX_SHARE = 0.22  # of the side of a square as large as the object's box: a part's diameter where the file gives none


@dataclass(frozen=True)
class Parts:
    """Images whose parts are known, in stored pixels (`reportgen.data.dataset`), x to the right, y down."""

    images: UInt8[np.ndarray, "image row column 3"]
    names: tuple[str, ...]
    groups: tuple[str, ...]  # category of each image
    part_names: tuple[str, ...]
    places: Float[np.ndarray, "image part 2"]  # x, y of each part's middle, pixels
    diameters: Float[np.ndarray, "image part"]  # pixels
    objects: Bool[np.ndarray, "image row column"]  # where the object is: its outline, or its box

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Annotations:
    """The known objects and parts; None where nothing is known."""

    objects: Bool[np.ndarray, "image row column"] | None  # of the test images; empty where one has no annotation
    parts: Parts | None
    skipped: tuple[tuple[str, str], ...] = ()  # annotated images that cannot be used: name and reason

    @classmethod
    def open(cls, folder: Path) -> "Annotations":
        """Read what the annotations stage wrote."""
        document = read_json(folder / DOCUMENT)
        objects = np.load(folder / "objects.npy", mmap_mode="r") if document["objects"] else None
        skipped = tuple((entry["file"], entry["reason"]) for entry in document["skipped"])
        if document["parts"] is None:
            return cls(objects, None, skipped)
        with np.load(folder / "parts.npz") as file:
            arrays = {name: file[name] for name in ("places", "diameters", "objects")}
        images = np.load(folder / "parts-images.npy", mmap_mode="r")
        known = document["parts"]
        parts = Parts(images, tuple(known["names"]), tuple(known["groups"]), tuple(known["part_names"]), **arrays)
        return cls(objects, parts, skipped)


@dataclass(frozen=True)
class Annotated:
    """One annotated image, in the pixels of its file."""

    path: Path
    name: str  # "class/file", as the data set names it
    width: int
    height: int
    category: str
    part_names: tuple[str, ...]
    places: Float[np.ndarray, "part 2"]
    seen: Bool[np.ndarray, " part"]  # which parts are marked
    hidden: Bool[np.ndarray, " part"]  # which of them are marked as not visible
    diameters: Float[np.ndarray, " part"]
    object: Bool[np.ndarray, "row column"] | None


def read_coco(
    path: Path, roots: Sequence[Path], said_by: str, classes: Mapping[Path, str] | None = None
) -> Iterator[Annotated]:
    """The annotated images of a COCO file, one after another, files looked for below `roots`.

    One annotation of each image counts: the largest that marks parts, else the largest. Where `classes` names the class
    of an image, those of a category of that name come before all others, and together they outline the object. Outlines
    may be polygons or runs, compressed or not; of an object without an outline, the box is taken. Beyond COCO,
    ``part_sizes`` gives the parts' diameters in pixels; where it is missing they are a share of the object's box.

    Raises UserError, beginning with `said_by`, for a file of another kind or an image that is missing.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{said_by}: no such file: give a COCO annotations file") from None
    except ValueError as error:
        raise UserError(f"{said_by}: not a JSON file ({error}): give a COCO annotations file") from None
    try:
        if not isinstance(document, dict):
            raise TypeError(f"a {type(document).__name__} where an object with 'images' should be")
        yield from _annotated(document, roots, said_by, classes or {})
    except (KeyError, TypeError, IndexError, ValueError) as error:
        what = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{said_by}: not a COCO annotations file ({what}): see cocodataset.org, format") from None


def _annotated(
    document: Mapping[str, Any], roots: Sequence[Path], said_by: str, classes: Mapping[Path, str]
) -> Iterator[Annotated]:
    categories = {category["id"]: category for category in document["categories"]}
    marks_of: dict[int, list[Mapping[str, Any]]] = {}
    for annotation in document["annotations"]:
        marks_of.setdefault(annotation["image_id"], []).append(annotation)
    for image in document["images"]:
        if image["id"] not in marks_of:
            continue
        name = Path(image["file_name"])
        places = [Path(os.path.normpath(root / name)) for root in roots]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            where = " nor in ".join(dict.fromkeys(str(root) for root in roots))
            raise UserError(f"{said_by}: {name} is not in {where}: put the file's images beside it")
        kind = classes.get(path) or classes.get(path.resolve(), "")
        same = _of_class(marks_of[image["id"]], categories, kind)
        annotation = max(same or marks_of[image["id"]], key=_weight)
        if annotation["category_id"] not in categories:
            raise ValueError(f"category {annotation['category_id']} is not among its categories")
        category = categories[annotation["category_id"]]
        part_names = tuple(category.get("keypoints", ()))
        marks = annotation.get("keypoints", [0] * 3 * len(part_names))
        if len(marks) != 3 * len(part_names):
            raise ValueError(
                f"{name}: {len(marks)} numbers in 'keypoints', but {len(part_names)} parts need three each"
            )
        points = np.array(marks, float).reshape(len(part_names), 3)
        size = (int(image["height"]), int(image["width"]))
        diameters = annotation.get("part_sizes") or [_diameter(annotation, points)] * len(part_names)
        if len(diameters) != len(part_names):
            raise ValueError(f"{name}: {len(diameters)} 'part_sizes' for {len(part_names)} parts")
        yield Annotated(
            path=path,
            name="/".join(name.parts[-2:]),
            width=size[1],
            height=size[0],
            category=str(category["name"]),
            part_names=part_names,
            places=points[:, :2],
            seen=points[:, 2] > 0,
            hidden=points[:, 2] == HIDDEN,
            diameters=np.array(diameters, float),
            object=_united([_object(one, size) for one in same or [annotation]]),
        )


def _of_class(
    annotations: Sequence[Mapping[str, Any]], categories: Mapping[int, Mapping[str, Any]], kind: str
) -> list[Mapping[str, Any]]:
    """The annotations of a category with the name of the class `kind`."""
    called = set(ClassName(kind).spellings)
    names = {number: plain(str(category["name"])) for number, category in categories.items()}
    return [annotation for annotation in annotations if names.get(annotation["category_id"]) in called]


def _united(objects: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [shown for shown in objects if shown is not None]
    return np.logical_or.reduce(known) if known else None


def _weight(annotation: Mapping[str, Any]) -> tuple[bool, float]:
    """Sorts an image's annotations: those that mark parts before the others, then by size."""
    return any(annotation.get("keypoints", ())[2::3]), float(annotation.get("area", 0))


def _diameter(annotation: Mapping[str, Any], points: np.ndarray) -> float:
    """A part's size where the file does not say: a share of the object's box, or of the distance between the parts."""
    box = annotation.get("bbox")
    if box and box[2] * box[3] > 0:
        return BOX_SHARE * float(np.sqrt(box[2] * box[3]))
    gaps = [np.linalg.norm(one - other) for at, one in enumerate(points[:, :2]) for other in points[:at, :2]]
    return float(min(gaps, default=0.0)) / 2


def _object(annotation: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray | None:
    """The object's outline, else its box, else None."""
    outline, mask = annotation.get("segmentation"), np.zeros(size, np.uint8)
    if isinstance(outline, dict):  # runs of outside, inside, outside, ..., down the columns
        counts = outline["counts"]
        runs = uncompressed(counts) if isinstance(counts, str) else counts
        if sum(runs) != mask.size:
            raise ValueError(f"runs of {sum(runs)} pixels for an image of {size[1]}x{size[0]}")
        flat = np.repeat(np.arange(len(runs)) % 2, runs)
        return flat.reshape(size[::-1]).T.astype(bool)
    if isinstance(outline, list) and outline:
        for polygon in outline:  # one at a time: filled together, what two of them share would count as outside
            cv2.fillPoly(mask, [np.round(np.array(polygon, float).reshape(-1, 2)).astype(np.int32)], 1)
        return mask.astype(bool)
    if annotation.get("bbox"):
        left, top, width, height = (round(float(value)) for value in annotation["bbox"])
        mask[max(top, 0) : top + height, max(left, 0) : left + width] = 1
        return mask.astype(bool)
    return None


class Unusable(Exception):
    """Why an annotated image cannot be used, in a few words."""


def stored(annotated: Annotated, size: int) -> Annotated:
    """The annotation in the pixels of the stored image: its shorter side scaled to `size`, the centre square cut.

    Raises Unusable where the file is of another size than the annotation says, or no image.
    """
    true = _size_of(annotated.path)
    if true != (annotated.width, annotated.height):
        raise Unusable(f"annotated at {annotated.width}x{annotated.height} px, but its file has {true[0]}x{true[1]}")
    scale = size / min(true)
    width, height = (max(size, round(side * scale)) for side in true)
    left, top = (width - size) // 2, (height - size) // 2
    places = annotated.places * (np.array([width, height]) / np.array(true)) - np.array([left, top])
    shown = None
    if annotated.object is not None:
        whole = cv2.resize(annotated.object.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        shown = whole[top : top + size, left : left + size].astype(bool)
    return Annotated(
        path=annotated.path,
        name=annotated.name,
        width=size,
        height=size,
        category=annotated.category,
        part_names=annotated.part_names,
        places=places,
        seen=annotated.seen,
        hidden=annotated.hidden,
        diameters=annotated.diameters * scale,
        object=shown,
    )


def _size_of(path: Path) -> tuple[int, int]:
    """Width and height of an image file, turned upright; only its head is read."""
    try:
        with Image.open(path) as image:
            return size_upright(image)
    except Exception:  # as in decoding it
        raise Unusable("not an image") from None


def check_parts(annotated: Annotated) -> None:
    """Raise Unusable where a part is not marked, hidden or outside of the stored image, or the object is not known."""
    marks = zip(annotated.part_names, annotated.seen, annotated.hidden, annotated.places, strict=True)
    for name, seen, hidden, (x, y) in marks:
        if not seen:
            raise Unusable(f"its {name.replace('_', ' ')} is not marked")
        if hidden:
            raise Unusable(f"its {name.replace('_', ' ')} is marked as not visible")
        if not (0 <= x < annotated.width and 0 <= y < annotated.height):
            raise Unusable(f"its {name.replace('_', ' ')} lies outside the square that is cut from the image")
    if not (annotated.diameters > 0).all():
        raise Unusable("how large its parts are is not known: give a box")
    if annotated.object is None or not annotated.object.any():
        raise Unusable("where the object lies is not known: give a segmentation or a box")
