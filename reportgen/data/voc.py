"""Images that show several things at once, in the layout of PASCAL VOC (Everingham et al., IJCV 2010).

``JPEGImages/<name>.jpg``, ``Annotations/<name>.xml`` with a box for each object, ``ImageSets/Main/<split>.txt`` with a name
on each line. What such a folder says is not trusted: names cannot lead out of it, and an annotation may not define
entities, so that a small file cannot grow large.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np
from jaxtyping import Int8

from reportgen.base import foreign
from reportgen.base.errors import UserError

HERE = (".", "VOC2012", "VOCdevkit/VOC2012")  # where the layout may begin, below the folder that is given
IMAGES, ANNOTATIONS, SETS = "JPEGImages", "Annotations", "ImageSets/Main"
SUFFIXES = (".jpg", ".jpeg", ".png")
MOST_BYTES = 1_000_000  # of one annotation: the largest of VOC2012 has some 20,000
MOST_IMAGES = 3_000_000  # of a split
MOST_CLASSES = 10_000
MOST_MARKS = 1 << 30  # of a split: a byte for each class of each image
LONGEST_NAME = 200  # of an image or a class
PRESENT, ABSENT, UNCLEAR = 1, 0, -1


class Box(NamedTuple):
    """The pixels from `left` to `right` and from `top` to `bottom`, both ends included, counted from 1 as VOC does."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Instance:
    """One object in an image."""

    kind: str
    box: Box
    difficult: bool = False  # hard to recognise, even for people: it counts neither as present nor as absent
    truncated: bool = False  # more than the box shows: it goes on beyond the frame, or behind something


@dataclass(frozen=True)
class Annotated:
    """One image and the objects that are marked in it."""

    name: str
    path: Path  # of the image
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Listing:
    """What a folder holds, before any image is decoded."""

    classes: tuple[str, ...]  # every class that is marked in any of the splits, by name
    splits: dict[str, tuple[Annotated, ...]]

    def labels(self, split: str) -> Int8[np.ndarray, "image class"]:
        """Which classes each image of a split shows.

        `PRESENT` where at least one instance is not difficult, `UNCLEAR` where all of them are, else `ABSENT`; as the
        class's own file in ``ImageSets/Main`` says 1, 0 and -1.
        """
        places = {kind: place for place, kind in enumerate(self.classes)}
        found = np.full((len(self.splits[split]), len(self.classes)), ABSENT, np.int8)
        for row, image in zip(found, self.splits[split], strict=True):
            for instance in image.instances:
                column = places[instance.kind]
                row[column] = PRESENT if row[column] == PRESENT or not instance.difficult else UNCLEAR
        return found


def is_voc(root: Path) -> bool:
    """Whether a folder, or one below it, has the layout of PASCAL VOC."""
    return _top(root) is not None


def voc_splits(root: Path) -> tuple[str, ...]:
    """Which of train, val and test such a folder lists; of a folder that lists none, all, of which `list_voc` complains."""
    top = _top(root)
    there = tuple(name for name in ("train", "val", "test") if top and (top / SETS / f"{name}.txt").is_file())
    return there or ("train",)


def list_voc(root: Path, splits: Sequence[str], said_by: str) -> Listing:
    """Read the annotations of the named splits; `root` is ``VOC2012`` itself, ``VOCdevkit``'s folder or ``VOCdevkit``.

    Raises UserError, beginning with `said_by`, that names the file and the way out: where a folder, split, annotation or
    image is missing, where an annotation is broken, where a name would lead out of the folder, where a split is empty.
    """
    top = _top(root)
    if top is None:
        missing = "no such folder" if not root.is_dir() else f"no {IMAGES}/, {ANNOTATIONS}/ and {SETS}/ in it"
        raise UserError(f"{said_by}: {missing}: give the folder VOC2012 of PASCAL VOC, or one of its layout")
    found: dict[str, tuple[Annotated, ...]] = {}
    kinds: set[str] = set()
    for split in splits:
        images: list[Annotated] = []
        for name in _names(top, split, said_by):
            images.append(_annotated(top, name, said_by))
            kinds |= {one.kind for one in images[-1].instances}
            if len(kinds) > MOST_CLASSES or len(kinds) * len(images) > MOST_MARKS:
                raise UserError(
                    f"{said_by}: {len(kinds):,} classes or more, of {len(images):,} images so far, are too many: mark fewer"
                )
        found[split] = tuple(images)
    classes = sorted(kinds)
    if len(classes) < 2:
        raise UserError(
            f"{said_by}: {len(classes) or 'no'} class of objects in {' and '.join(splits)}: mark two or more"
        )
    return Listing(tuple(classes), found)


def _top(root: Path) -> Path | None:
    tops = (root / below for below in HERE)
    return next((top for top in tops if all((top / part).is_dir() for part in (IMAGES, ANNOTATIONS, SETS))), None)


def _names(top: Path, split: str, said_by: str) -> tuple[str, ...]:
    """The images of a split, each once."""
    path = top / SETS / f"{split}.txt"
    try:
        text = foreign.text(path)
    except FileNotFoundError:
        there = sorted(other.stem for other in path.parent.glob("*.txt") if "_" not in other.stem)
        raise UserError(
            f"{said_by}: no split {split!r} ({path} is missing; there are {', '.join(there) or 'none'}): add it"
        ) from None
    except (OSError, ValueError) as error:
        why = foreign.in_few_words(error)
        raise UserError(
            f"{said_by}: {path}: not a text file ({why}): write the name of an image on each line"
        ) from None
    if text.count("\n") > MOST_IMAGES:
        raise UserError(f"{said_by}: {path}: more than {MOST_IMAGES:,} lines: write the name of an image on each line")
    names: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.strip()
        if not name:
            continue
        if not _stays(name) or name in names:
            why = "is named twice" if name in names else "is not the name of an image in the folder"
            raise UserError(f"{said_by}: {path}, line {number}: {name[:80]!r} {why}: write a name on each line")
        names[name] = None
    if not names:
        raise UserError(f"{said_by}: {path}: it is empty: write the name of an image on each line")
    return tuple(names)


def _stays(name: str) -> bool:
    """Whether a name is one part of a path, and neither hidden nor the folder above."""
    return name.isprintable() and len(name) <= LONGEST_NAME and not name.startswith(".") and not set(name) & set("/\\:")


def _annotated(top: Path, name: str, said_by: str) -> Annotated:
    image = next((path for path in (top / IMAGES / f"{name}{end}" for end in SUFFIXES) if path.is_file()), None)
    if image is None:
        raise UserError(
            f"{said_by}: {top / IMAGES / name}.jpg (or .jpeg, .png) is missing: put it there, or take its name out of {SETS}"
        )
    path = top / ANNOTATIONS / f"{name}.xml"
    if not path.exists():
        raise UserError(f"{said_by}: {path} is missing: put it there, or take {name} out of {SETS}")
    with foreign.reading(f"{said_by}: {path}", "an annotation of PASCAL VOC", f"mend it, or take {name} out of {SETS}"):
        instances = tuple(_instance(entry) for entry in _parsed(foreign.content(path, MOST_BYTES)).findall("object"))
    return Annotated(name, image, instances)


def _parsed(content: bytes) -> Element:
    """The document's root; no document type, so that nothing is defined, expanded or fetched."""
    builder, parser = TreeBuilder(), expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError) as error:  # the latter of an encoding that nobody knows
        raise ValueError(str(error)) from None
    root = builder.close()
    if root.tag != "annotation":
        raise ValueError(f"<{root.tag[:80]}> where <annotation> should be")
    return root


def _instance(entry: Element) -> Instance:
    kind = entry.findtext("name", "").strip()
    if not kind or not kind.isprintable() or len(kind) > LONGEST_NAME:
        raise ValueError(f"{kind[:80]!r} cannot be the name of a class" if kind else "an object without a name")
    box = Box(*(_number(entry, f"bndbox/{side}", kind) for side in ("xmin", "ymin", "xmax", "ymax")))
    if box.left > box.right or box.top > box.bottom:
        raise ValueError(f"{kind}: its box ends before it begins")
    return Instance(kind, box, _flag(entry, "difficult", kind), _flag(entry, "truncated", kind))


def _number(entry: Element, name: str, kind: str) -> float:
    text = entry.findtext(name)
    if text is None:
        raise ValueError(f"{kind}: no <{name.split('/')[-1]}>")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{kind}: {text.strip()[:80]!r} in <{name.split('/')[-1]}> is not a number")
    return value


def _flag(entry: Element, name: str, kind: str) -> bool:
    text = entry.findtext(name, "0").strip()
    if text not in ("0", "1"):
        raise ValueError(f"{kind}: {text[:80]!r} in <{name}>: use 0 or 1")
    return text == "1"
