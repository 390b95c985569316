"""Grey squares over the parts of objects, and over random places for comparison (Zeiler & Fergus 2013, section 4.3)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Int

from reportgen.analyses.correspondence.sign_patterns import SMALLEST_GROUP, can_differ
from reportgen.base.size import Size
from reportgen.data.annotations import Parts
from reportgen.data.transforms import window
from reportgen.look import squares


@dataclass(frozen=True)
class Masks:
    """The squares of each image: (top, left, side) in pixels of the net's input; a square that does not fit has side 0."""

    part: Int[np.ndarray, "part 1 image 3"]
    on_object: Int[np.ndarray, "part draw image 3"]  # of the part's size, on the object, clear of the parts
    anywhere: Int[np.ndarray, "part draw image 3"]  # of the part's size, clear of the parts

    def of(self, images: Int[np.ndarray, " some"]) -> "Masks":
        """The masks of some of the images."""
        return Masks(*(getattr(self, field.name)[:, :, images] for field in fields(self)))

    @property
    def fit(self) -> np.ndarray:
        """Which images have all their masks."""
        sides = [getattr(self, field.name)[..., 2] for field in fields(self)]
        return np.all([side.min(axis=(0, 1)) > 0 for side in sides], axis=0)


@dataclass(frozen=True)
class Chosen:
    """The images that can be masked."""

    images: Int[np.ndarray, " chosen"]  # of the annotated ones
    masks: Masks
    left_out: tuple[tuple[str, str], ...]  # name and reason


def in_words(part: str) -> str:
    """A part's name with spaces instead of underscores."""
    return part.replace("_", " ")


def choose(parts: Parts, crop: Size, scale: float, draws: int, rng: np.random.Generator) -> Chosen:
    """Mask every annotated image whose masks fit into what the net reads.

    Where they do not make pairs of different categories, only those of a category of three images or more.

    A part's mask is a square `scale` times as wide as the part. For every part, `draws` random masks of the same size
    are drawn on the object, and as many anywhere.
    """
    left_out = []
    part_masks = mask_parts(parts, crop, scale)
    fits = np.stack([squares.inside(of_part, crop) for of_part in part_masks])
    for index in np.flatnonzero(~fits.all(axis=0)):
        part = in_words(parts.part_names[int(np.argmin(fits[:, index]))])
        left_out.append((parts.names[index], f"the mask of its {part} would leave the {crop} px that the net reads"))
    images = np.flatnonzero(fits.all(axis=0))
    masks = random_masks(parts, part_masks, images, crop, draws, rng)
    for index in images[~masks.fit]:
        left_out.append((parts.names[index], "its object has no room for a mask clear of the parts"))
    images, masks = images[masks.fit], masks.of(np.flatnonzero(masks.fit))
    groups = [parts.groups[index] for index in images]
    large = np.ones(len(groups), bool) if can_differ(groups) else _in_large_groups(groups)
    for index in images[~large]:
        reason = f"fewer than {SMALLEST_GROUP} images of its category, {parts.groups[index]}, can be used, and too few of others"
        left_out.append((parts.names[index], reason))
    return Chosen(images[large], masks.of(np.flatnonzero(large)), tuple(left_out))


def mask_parts(parts: Parts, crop: Size, scale: float) -> Int[np.ndarray, "part image 3"]:
    """The square over each part, in pixels of the centre crop; it may reach beyond the crop."""
    rows, columns = window(parts.images.shape[1:3], crop)
    margin = np.array([columns.start, rows.start])  # x and y
    sides = np.maximum(np.round(scale * parts.diameters), 1).astype(np.int64)
    found = squares.around((parts.places - margin).reshape(-1, 2), sides.reshape(-1))
    return found.reshape(*sides.shape, 3).swapaxes(0, 1)


def random_masks(
    parts: Parts,
    part_masks: Int[np.ndarray, "part image 3"],
    images: Int[np.ndarray, " some"],
    crop: Size,
    draws: int,
    rng: np.random.Generator,
) -> Masks:
    """The parts' masks of some images, and random masks drawn uniformly from all allowed places."""
    inside = window(parts.images.shape[1:3], crop)
    everywhere = np.ones(crop, bool)
    shape = (len(part_masks), draws, len(images), 3)
    on_object, anywhere = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for place, index in enumerate(images):
        taken = squares.union(part_masks[:, index], crop)
        for part, (_, _, side) in enumerate(part_masks[:, index]):
            for into, ground in ((on_object, parts.objects[index, *inside]), (anywhere, everywhere)):
                free = squares.free_places(int(side), ground, taken)
                if len(free):
                    into[part, :, place] = free[rng.integers(len(free), size=draws)]
    return Masks(part_masks[:, None, images], on_object, anywhere)


def _in_large_groups(groups: Sequence[str]) -> np.ndarray:
    sizes = Counter(groups)
    return np.array([sizes[name] >= SMALLEST_GROUP for name in groups], bool)
