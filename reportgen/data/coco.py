"""A COCO annotations file as values (cocodataset.org, format): what is read of it, of which type and how large."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, FailFast, Field, Tag
from pydantic.dataclasses import dataclass as checked

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.foreign import Count, Finite, Named
from reportgen.data.image_files import MOST_PIXELS

MOST_BYTES = 1 << 30  # of a file: the largest of COCO's own has some 450 million
MOST_VALUES = 200_000_000  # the coordinates of COCO's largest file are some fifty million
MOST_OBJECTS = 3_000_000  # images, annotations, categories: each takes half a kilobyte of memory
MOST_VERTICES = 5_000  # of one polygon: filling it takes the square of that
MOST_POLYGONS = 10_000  # of one object
MOST_RUNS = 1_000_000
MOST_NAME = 200  # characters of a name of a category or a part
MOST_PARTS = 1_000
FARTHEST = 1e6  # pixels from the image's corner: farther out nothing is marked
HOW = "see cocodataset.org, format"

Number = Annotated[Finite, Field(ge=-FARTHEST, le=FARTHEST)]
Name = Annotated[str, Field(min_length=1, max_length=MOST_NAME)]
Identity = int | str
_WRITTEN = ConfigDict(coerce_numbers_to_str=True)  # a category may be called 7


def _none_for_empty(value: Any) -> Any:
    return None if value == [] else value


def _closed(polygon: list[float]) -> list[float]:
    if len(polygon) % 2:
        raise ValueError("an odd number of coordinates in a polygon")
    return polygon


@checked(frozen=True, config=_WRITTEN)
class CocoImage:
    """An image and its size in pixels."""

    id: Identity
    file_name: Named
    height: Annotated[int, Field(ge=1, le=MOST_PIXELS)]
    width: Annotated[int, Field(ge=1, le=MOST_PIXELS)]

    def __post_init__(self) -> None:
        if self.width * self.height > MOST_PIXELS:
            raise ValueError(f"{self.width}x{self.height} pixels are more than {MOST_PIXELS:,}")


@checked(frozen=True, config=_WRITTEN)
class Category:
    """A kind of object, and what its parts are called."""

    id: Identity
    name: Name
    keypoints: Annotated[tuple[Name, ...], Field(max_length=MOST_PARTS)] = ()


@checked(frozen=True)
class Runs:
    """Lengths of runs outside, inside, outside, ..., down the columns; as text, compressed."""

    counts: Annotated[list[Count], Field(max_length=MOST_RUNS)] | str


Polygon = Annotated[list[Number], AfterValidator(_closed), Field(max_length=2 * MOST_VERTICES)]
Outline = Annotated[
    Annotated[Runs, Tag("runs")] | Annotated[list[Polygon], Field(max_length=MOST_POLYGONS), Tag("polygons")],
    Discriminator(lambda value: "polygons" if isinstance(value, list) else "runs"),
]


@checked(frozen=True)
class CocoAnnotation:
    """One object in an image; its parts as x, y, visibility."""

    image_id: Identity
    category_id: Identity
    keypoints: Annotated[list[Number], Field(max_length=3 * MOST_PARTS)] | None = None
    part_sizes: Annotated[list[Annotated[Number, Field(ge=0)]], Field(max_length=MOST_PARTS)] | None = None
    bbox: Annotated[tuple[Number, Number, Number, Number] | None, BeforeValidator(_none_for_empty)] = None
    segmentation: Annotated[Outline | None, BeforeValidator(_none_for_empty)] = None
    area: Finite = 0.0


@checked(frozen=True)
class Coco:
    """What is read of the whole file."""

    images: Annotated[list[CocoImage], FailFast()]  # else each that is wrong would be kept, to be listed
    annotations: Annotated[list[CocoAnnotation], FailFast()]
    categories: Annotated[list[Category], FailFast()]


@dataclass(frozen=True)
class Marked:
    """The annotations of a file by image, and its categories by number."""

    images: list[CocoImage]
    marks: Mapping[Identity, list[CocoAnnotation]]
    categories: Mapping[Identity, Category]


def coco_in(path: Path, said_by: str) -> Coco | None:
    """The annotations in a JSON file; None where it holds another document.

    Raises UserError, beginning with `said_by`, and as `foreign.marked`.
    """
    written = foreign.marked(path, MOST_BYTES)
    if not all(key in written for key in (b'"images"', b'"annotations"', b'"categories"')):
        return None
    with foreign.reading(said_by, "a COCO annotations file", HOW):
        return _parsed(written)


def _parsed(written: bytes) -> Coco:
    """Raises Wrong or ValidationError."""
    if written.count(b"{") > MOST_OBJECTS:
        raise foreign.Wrong(f"more than {MOST_OBJECTS:,} images and annotations")
    found: Coco = foreign.parsed(written, Coco, MOST_VALUES)
    return found


def open_coco(path: Path, said_by: str) -> Marked:
    """Read a COCO file; raises UserError, beginning with `said_by`, for anything else."""
    if not path.exists():
        raise UserError(f"{said_by}: no such file: give a COCO annotations file")
    with foreign.reading(said_by, "a COCO annotations file", HOW):
        found = _parsed(foreign.marked(path, MOST_BYTES))
    marks: dict[Identity, list[CocoAnnotation]] = {}
    for annotation in found.annotations:
        marks.setdefault(annotation.image_id, []).append(annotation)
    return Marked(found.images, marks, {category.id: category for category in found.categories})
