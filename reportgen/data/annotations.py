"""Where the object in each image lies, and where its parts are (COCO annotations)."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from reportgen.base import foreign
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.base.errors import UserError
from reportgen.base.size import Sides, Size
from reportgen.data.classes import ClassName, plain
from reportgen.data.coco import HOW, Category, CocoAnnotation, Identity, Marked, Runs, open_coco
from reportgen.data.decoding import covering
from reportgen.data.image_files import SLENDER, open_image
from reportgen.data.runs import uncompressed
from reportgen.data.upright import size_upright

HIDDEN = 1  # COCO's visibility of a part that is marked but not visible
MOST_EFFORT = 2e10  # of filling the outlines in one image (`_effort`): some seconds
BOX_SHARE = 0.22  # of the side of a square as large as the object's box: a part's diameter where the file gives none


@dataclass(frozen=True)
class Parts:
    """Images whose parts are known, in stored pixels (`reportgen.data.dataset`), x to the right, y down."""

    images: UInt8[np.ndarray, "image row column channel"]
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
    marked = open_coco(path, said_by)
    with foreign.reading(said_by, "a COCO annotations file", HOW):
        yield from _annotated(marked, roots, said_by, classes or {})


def _annotated(marked: Marked, roots: Sequence[Path], said_by: str, classes: Mapping[Path, str]) -> Iterator[Annotated]:
    for image in marked.images:
        if image.id not in marked.marks:
            continue
        name = Path(foreign.beneath(image.file_name, said_by))
        path = _found(name, roots, said_by)
        kind = classes.get(path) or classes.get(path.resolve(), "")
        same = _of_class(marked.marks[image.id], marked.categories, kind)
        annotation = max(same or marked.marks[image.id], key=_weight)
        if annotation.category_id not in marked.categories:
            raise ValueError(f"category {annotation.category_id} is not among its categories")
        category = marked.categories[annotation.category_id]
        part_names = category.keypoints
        marks = [0] * 3 * len(part_names) if annotation.keypoints is None else annotation.keypoints
        if len(marks) != 3 * len(part_names):
            raise ValueError(
                f"{name}: {len(marks)} numbers in 'keypoints', but {len(part_names)} parts need three each"
            )
        points = np.array(marks, float).reshape(len(part_names), 3)
        size = (image.height, image.width)
        diameters = annotation.part_sizes or [_diameter(annotation, points)] * len(part_names)
        if len(diameters) != len(part_names):
            raise ValueError(f"{name}: {len(diameters)} 'part_sizes' for {len(part_names)} parts")
        yield Annotated(
            path=path,
            name="/".join(name.parts[-2:]),
            width=size[1],
            height=size[0],
            category=category.name,
            part_names=part_names,
            places=points[:, :2],
            seen=points[:, 2] > 0,
            hidden=points[:, 2] == HIDDEN,
            diameters=np.array(diameters, float),
            object=_marked(same or [annotation], size, name),
        )


def _found(name: Path, roots: Sequence[Path], said_by: str) -> Path:
    """The file that a document names: below its own folder, the first of `roots`, or below another of them.

    Raises UserError where it is in none, and where a link in the document's folder leads out of all. Links below the other
    roots are the user's own.
    """
    root = next((root for root in roots if (root / name).is_file()), None)
    if root is None:
        where = " nor in ".join(dict.fromkeys(str(root) for root in roots))
        raise UserError(f"{said_by}: {name} is not in {where}: put the file's images beside it")
    place = (root / name).resolve()
    if root not in roots[1:] and not any(place.is_relative_to(other.resolve()) for other in roots):
        raise UserError(f"{said_by}: {name} is a link that leads out of {root}: put the image itself there")
    return Path(os.path.normpath(root / name))


def _of_class(
    annotations: Sequence[CocoAnnotation], categories: Mapping[Identity, Category], kind: str
) -> list[CocoAnnotation]:
    """The annotations of a category with the name of the class `kind`."""
    called = set(map(plain, ClassName(kind).spellings))
    names = {number: plain(category.name) for number, category in categories.items()}
    return [annotation for annotation in annotations if names.get(annotation.category_id) in called]


def _weight(annotation: CocoAnnotation) -> tuple[bool, float]:
    """Sorts an image's annotations: those that mark parts before the others, then by size."""
    return any((annotation.keypoints or ())[2::3]), annotation.area


def _diameter(annotation: CocoAnnotation, points: np.ndarray) -> float:
    """A part's size where the file does not say: a share of the object's box, or of the distance between the parts."""
    box = annotation.bbox
    if box and box[2] * box[3] > 0:
        return BOX_SHARE * float(np.sqrt(box[2] * box[3]))
    if len(points) < 2:
        return 0.0
    gaps = np.linalg.norm(points[:, None, :2] - points[None, :, :2], axis=2)
    return float(gaps[~np.eye(len(points), dtype=bool)].min()) / 2


def _marked(
    annotations: Iterable[CocoAnnotation], size: tuple[int, int], name: Path
) -> Bool[np.ndarray, "row column"] | None:
    """What annotations of an image mark together, each by its outline, else its box; None where none marks anything.

    Raises ValueError where filling their outlines would take very long.
    """
    mask = np.zeros(size, np.uint8)
    found, effort = False, 0.0
    for annotation in annotations:
        outline = annotation.segmentation
        if isinstance(outline, Runs):
            runs = uncompressed(outline.counts) if isinstance(outline.counts, str) else outline.counts
            if sum(runs) != size[0] * size[1]:
                raise ValueError(f"runs of {sum(runs)} pixels for an image of {size[1]}x{size[0]}")
            effort += _fill_runs(mask, np.array(runs))
        elif outline:
            for polygon in outline:  # one at a time: filled together, what two of them share would count as outside
                corners = np.round(np.array(polygon, float).reshape(-1, 2)).astype(np.int32)
                effort += _effort(corners, size)
                if polygon and effort <= MOST_EFFORT:
                    cv2.fillPoly(mask, [corners], 1)
        elif annotation.bbox:
            left, top, width, height = (round(value) for value in annotation.bbox)
            box = mask[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
            box[:] = 1
            effort += box.size
        else:
            continue
        if effort > MOST_EFFORT:
            raise ValueError(
                f"{name}: its outlines and boxes have too many corners, or are too large and too many, to be filled"
            )
        found = True
    return mask.view(bool) if found else None


def _fill_runs(mask: UInt8[np.ndarray, "row column"], runs: np.ndarray) -> int:
    """Mark what lies inside of runs down the columns, and touch no column beside; returns how many pixels were touched."""
    rows, ends = len(mask), np.cumsum(runs)
    inside = ends[: len(ends) // 2 * 2]  # where each run inside begins and ends
    if not inside.size:
        return 0
    left, right = inside[0] // rows, -(-inside[-1] // rows)
    bounds = np.concatenate(([left * rows], inside, [right * rows]))
    marks = np.repeat(np.arange(len(bounds) - 1) % 2 == 1, np.diff(bounds))
    mask[:, left:right] |= marks.reshape(-1, rows).T
    return marks.size


def _effort(corners: np.ndarray, size: tuple[int, int]) -> float:
    """How long OpenCV takes to fill a polygon, in pixels filled meanwhile: for these, for its lines, also outside, and its corners."""
    width, height = np.ptp(corners, axis=0) if len(corners) else (0, 0)
    return min(width, size[1]) * min(height, size[0]) + 20.0 * height + 100.0 * len(corners) ** 2


class Unusable(Exception):
    """Why an annotated image cannot be used, in a few words."""


def stored(annotated: Annotated, size: Sides) -> Annotated:
    """The annotation in the pixels of the stored image: scaled until it covers `size`, its middle cut.

    Raises Unusable where the file is of another size than the annotation says, or no image.
    """
    size, true = Size.of(size), _size_of(annotated.path)
    if true != (annotated.width, annotated.height):
        raise Unusable(f"annotated at {annotated.width}x{annotated.height} px, but its file has {true[0]}x{true[1]}")
    if max(true) > SLENDER * min(true):
        raise Unusable(f"{true[0]}x{true[1]} px: more than {SLENDER} times as long as wide")
    image = Size(true[1], true[0])
    (height, width), top, left = covering(image, size)
    scale = max(size.rows / image.rows, size.columns / image.columns)
    places = annotated.places * (np.array([width, height]) / np.array(true)) - np.array([left, top])
    shown = None
    if annotated.object is not None:
        whole = cv2.resize(annotated.object.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        shown = whole[top : top + size.rows, left : left + size.columns].astype(bool)
    return Annotated(
        path=annotated.path,
        name=annotated.name,
        width=size.columns,
        height=size.rows,
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
        with open_image(path) as image:
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
            raise Unusable(f"its {name.replace('_', ' ')} lies outside the part that is cut from the image")
    if not (annotated.diameters > 0).all():
        raise Unusable("how large its parts are is not known: give a box")
    if annotated.object is None or not annotated.object.any():
        raise Unusable("where the object lies is not known: give a segmentation or a box")
