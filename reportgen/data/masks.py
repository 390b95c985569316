"""Where the object of each image lies, from the user's files (``MASKS=``): COCO boxes and outlines, or mask pictures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image

from reportgen.base.artifacts import files_below
from reportgen.base.errors import UserError
from reportgen.data.annotations import Annotated, read_coco
from reportgen.data.decoding import in_few_words
from reportgen.data.image_files import MOST_PIXELS, is_image, open_image, too_large, unread, what_else
from reportgen.data.layouts import MASK

OPAQUE = 128  # of 255: a cut-out's soft edge is the object's from here on


def read_masks(place: Path, files: Mapping[Path, str], roots: Sequence[Path]) -> Iterator[Annotated]:
    """The annotated images among `files`, one after another, whose values are names ("class/file"), in the pixels of those files.

    `place` is a COCO file, whose images are looked for below `roots`, and in which annotations of an image's own class come
    before the largest; or a folder with ``class/name.png`` or ``name.png``:
    the object is what is not black (in a JPEG, what is nearer to white), or, in pictures with transparent parts, what is not
    transparent. A mask may have another ending, or ``_mask`` and the like behind its name. Raises UserError.
    """
    said_by = f"MASKS={place}"
    if not place.is_dir():
        classes = {path: name.split("/")[0] for path, name in files.items() if "/" in name}
        yield from read_coco(place, roots, said_by, classes)
        return
    found = False
    for annotated in _pictures(place, files, said_by):
        found = True
        yield annotated
    if not found:
        first = Path(next(iter(files.values()), "class/name.png")).with_suffix(".png")
        raise UserError(
            f"{said_by}: it holds no mask of any image: name each mask after its image, as in {place / first}"
        )


def _pictures(folder: Path, files: Mapping[Path, str], said_by: str) -> Iterator[Annotated]:
    there: dict[Path, Path] = {}
    for path in sorted(files_below(folder), key=lambda path: path.suffix.casefold() != ".png"):
        if is_image(path):
            for stem in (path.stem, MASK.sub("", path.stem)):
                there.setdefault(path.relative_to(folder).with_name(stem), path)
    for image, name in files.items():
        place = Path(name).with_name(Path(name).stem)
        mask = there.get(place) or there.get(Path(place.name))
        if mask is None:
            continue
        try:
            with open_image(mask) as picture:
                if too_large(picture):
                    raise ValueError(f"more than {MOST_PIXELS:,} pixels")
                shown = _shown(picture)
        except Exception as error:  # a broken file makes decoders raise nearly anything
            unknown = isinstance(error, Image.UnidentifiedImageError)
            why = (unread(mask) or what_else(mask)) if unknown else in_few_words(error)
            raise UserError(f"{said_by}: {mask}: not a picture ({why}): mend it, or move it away") from None
        yield Annotated(
            path=image,
            name=name,
            width=shown.shape[1],
            height=shown.shape[0],
            category=name.split("/")[0],
            part_names=(),
            places=np.zeros((0, 2)),
            seen=np.zeros(0, bool),
            hidden=np.zeros(0, bool),
            diameters=np.zeros(0),
            object=shown,
        )


def _shown(picture: Image.Image) -> Bool[np.ndarray, "row column"]:
    """Where a mask is not black; where a cut-out, whose background may have any colour, is not transparent."""
    if picture.has_transparency_data:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
        if alpha.min() < alpha.max():
            return alpha >= OPAQUE
    if picture.format == "JPEG":  # which makes its blacks a little grey
        return np.asarray(picture.convert("L")) >= OPAQUE
    pixels = np.asarray(picture)  # of a palette, the numbers
    if pixels.ndim == 2:
        return pixels != 0
    return (pixels[..., : -1 if picture.mode in ("RGBA", "LA") else None] != 0).any(axis=2)
