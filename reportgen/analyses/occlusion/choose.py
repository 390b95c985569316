"""Which images are examined: those that the user names, a few chosen by a rule, and a random sample."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from reportgen.base.errors import UserError
from reportgen.base.names import nearest
from reportgen.data.sampling import turns


def find_image(name: str, names: Mapping[str, Sequence[str]]) -> tuple[str, int]:
    """The split and the index of an image that the user names; raises UserError with the nearest name.

    `names`: the names of each split's images. A name in both "test" and "val" means the test image, unless it begins
    with ``val/``.
    """
    prefix, _, rest = name.partition("/")
    for split in ("test", "val"):
        if name in names[split]:
            return split, names[split].index(name)
        if prefix == split and rest in names[split]:
            return split, names[split].index(rest)
    known = [*names["test"], *names["val"]]
    raise UserError(
        f"IMAGES={name}: no test or validation image has that name{nearest(name, known)} "
        f"(write a name as {known[0]}, with val/ before it for a validation image)"
    )


def of_one_name(names: Sequence[str], first: int, most: int) -> list[int]:
    """The places of the first image of a name: as many as it shows classes, but no more than `most`."""
    return [place for place, name in enumerate(names) if name == names[first]][:most]


def inside_image(objects: Bool[np.ndarray, "image row column"]) -> Bool[np.ndarray, " image"]:
    """Which images have a known object that touches no edge of the image."""
    edges = [objects[:, 0], objects[:, -1], objects[:, :, 0], objects[:, :, -1]]
    return objects.any((1, 2)) & ~np.any([edge.any(1) for edge in edges], axis=0)


def choose(
    labels: Int[np.ndarray, " image"],
    correct: Int[np.ndarray, " right"],
    objects: Bool[np.ndarray, "image row column"] | None,
    count: int,
    rng: np.random.Generator,
) -> tuple[Int[np.ndarray, " chosen"], str]:
    """A few images of different classes chosen by a rule, and the rule in words.

    Candidates are images that the net gets right and, where objects are known, whose object lies wholly inside. The seed
    draws the classes; each contributes the image whose object is nearest to the median size, or, where objects are not
    known, a random one.
    """
    pool, words = correct, f"the {len(correct):,} of {len(labels):,} test images that the net gets right"
    if not len(correct):
        pool, words = np.arange(len(labels)), f"the {len(labels):,} test images (the net gets none right)"
    rule = f"{words}, of different classes drawn by the seed"
    kinds = min(count, len(np.unique(labels[pool])))
    whole = pool[inside_image(objects)[pool]] if objects is not None else pool[:0]
    if objects is not None and len(np.unique(labels[whole])) >= kinds:
        pool, sizes = whole, objects.sum((1, 2)).astype(float)
        rule += ": in each class the one whose object lies wholly inside and is nearest to the median size"
    else:
        sizes = rng.random(len(labels))
        rule += ", one of each at random"
    middle = np.median(sizes[pool])
    chosen = []
    for kind in rng.permutation(np.unique(labels[pool]))[:kinds]:
        own = pool[labels[pool] == kind]
        chosen.append(own[np.abs(sizes[own] - middle).argmin()])
    return np.array(chosen), rule


def typical(
    labels: Int[np.ndarray, " image"],
    images: Int[np.ndarray, " sampled"],
    drops: Float[np.ndarray, " sampled"],
    count: int,
    rng: np.random.Generator,
) -> tuple[Int[np.ndarray, " chosen"], str] | None:
    """A few images of a sample, of different classes, that show what covering usually costs; and the rule in words.

    `drops`: the largest drop of the true class's probability that a square causes in each. The seed draws the classes; each
    contributes the image whose drop is nearest to the sample's median. None where the sample has fewer classes than that.
    """
    kinds = np.unique(labels[images])
    if len(kinds) < count:
        return None
    apart = np.abs(drops - np.median(drops))
    chosen = []
    for kind in rng.permutation(kinds)[:count]:
        own = np.flatnonzero(labels[images] == kind)
        chosen.append(images[own[apart[own].argmin()]])
    rule = (
        f"the sample's {len(images):,} test images, all of which the net gets right: the seed draws the classes, and of each "
        "the image is taken whose largest drop is nearest to the sample's median"
    )
    return np.array(chosen), rule


def sample(
    pool: Int[np.ndarray, " candidate"],
    objects: Bool[np.ndarray, "image row column"] | None,
    count: int,
    rng: np.random.Generator,
    images_of: Int[np.ndarray, " image"] | None = None,
) -> Int[np.ndarray, " drawn"]:
    """`count` random images of the pool, in ascending order; those whose object is known are preferred.

    Where an image stands for several classes (`images_of`: which image is at each place), it is drawn a second time only
    when all have been drawn once: what is found for two classes of one image is not independent.
    """
    shuffled = rng.permutation(pool)
    if images_of is not None:
        again = turns(images_of[shuffled], np.arange(len(shuffled)))
        shuffled = shuffled[np.argsort(again, kind="stable")]
    if objects is not None:
        shuffled = shuffled[np.argsort(~objects[shuffled].any((1, 2)), kind="stable")]
    return np.sort(shuffled[:count])
