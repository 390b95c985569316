"""Correspondence between parts of different images (Zeiler & Fergus 2013, section 4.3, figure 8, table 1)."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from reportgen import probe
from reportgen.analyses.correspondence import Settings
from reportgen.analyses.correspondence.part_masks import Chosen, Masks, choose
from reportgen.analyses.correspondence.result import SCORED, SORTS, Layer, Result, Scores, pairing_of
from reportgen.analyses.correspondence.shown import figures, numbers
from reportgen.analyses.correspondence.sign_patterns import SMALLEST_GROUP, Pairing, compare, signs_of_change
from reportgen.analyses.correspondence.verdict import judge
from reportgen.base.progress import track
from reportgen.base.size import Size
from reportgen.data.annotations import Parts
from reportgen.data.reading import stored
from reportgen.data.sampling import of_different_classes
from reportgen.data.transforms import window
from reportgen.look.inputs import Inputs
from reportgen.nets.layers import PaperLayer, feature_vectors
from reportgen.probe.memory import by_batches

__all__ = ["Result", "compute", "figures", "judge", "numbers"]

GREY = 128  # of the masks in the pictures: mid-grey


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Mask, forward, and compare the signs of the changes."""
    parts, skipped = inputs.annotations.parts, inputs.annotations.skipped
    if parts is None:
        return _nothing((), skipped, "no parts annotated (PARTS=)")
    crop = inputs.preprocessing.crop
    chosen = choose(parts, crop, settings.mask_scale, settings.draws, rng)
    if not len(chosen.images):
        name, reason = chosen.left_out[-1]
        why = (
            f"no category has {SMALLEST_GROUP} annotated images that can be used, nor are there enough of different ones "
            f"({name}: {reason})"
        )
        return _nothing(parts.part_names, skipped + chosen.left_out, why)
    group_names, groups = np.unique([parts.groups[index] for index in chosen.images], return_inverse=True)
    shown = _to_show(groups, settings.shown, rng)
    return Result(
        part_names=parts.part_names,
        names=tuple(parts.names[index] for index in chosen.images),
        group_names=tuple(group_names.tolist()),
        groups=groups,
        masks=chosen.masks,
        layers=score(inputs, parts, chosen, pairing_of(groups)),
        shown=shown,
        pictures=inputs.preprocessing.shown(_pictures(parts, chosen, shown, crop)),
        left_out=skipped + chosen.left_out,
    )


def _nothing(part_names: tuple[str, ...], left_out: tuple[tuple[str, str], ...], why: str) -> Result:
    none, no_masks = np.zeros(0, np.int64), np.zeros((len(part_names), 1, 0, 3), np.int64)
    no_pictures = np.zeros((0, 0, 0, 0, 3), np.uint8)
    masks = Masks(no_masks, no_masks, no_masks)
    return Result(part_names, (), (), none, masks, {}, none, no_pictures, left_out, why)


def _to_show(groups: Int[np.ndarray, " image"], count: int, rng: np.random.Generator) -> Int[np.ndarray, " shown"]:
    """Some images at random, of different classes as the paper's five dogs are, as far as there are such."""
    return np.sort(of_different_classes(groups, np.ones(len(groups), bool), count, rng))


def score(inputs: Inputs, parts: Parts, chosen: Chosen, pairing: Pairing) -> dict[str, Layer]:
    """The scores of every sort of mask at layers 5 and 7, where the net has them."""
    layers = [layer for layer in inputs.layers if layer.number in SCORED]
    squares = {sort: getattr(chosen.masks, sort) for sort in SORTS}
    counts = {(layer.number, sort): _empty(squares[sort].shape[:3], pairing) for layer in layers for sort in SORTS}
    entries: dict[int, int] = {}
    jobs = [(sort, part, draw) for sort in SORTS for part, draw in np.ndindex(*squares[sort].shape[:2])]
    original = features(inputs, layers, parts, chosen.images)
    for sort, part, draw in track(jobs, "mask the parts", unit="mask of all images"):
        masked = features(inputs, layers, parts, chosen.images, squares[sort][part, draw])
        for number, vectors in masked.items():
            signs = signs_of_change(original[number], vectors)
            found, entries[number] = compare(signs, pairing.pairs), signs.shape[1]
            into = counts[number, sort]
            into.different[part, draw] = found.different
            into.both[part, draw] = pairing.mean(found.changed.astype(float))
            into.opposite[part, draw] = pairing.mean(found.opposite.astype(float))
            into.changed[part, draw] = np.count_nonzero(signs, axis=1)
    return {
        f"layer{number}": Layer(number, entries[number], *(counts[number, sort] for sort in SORTS))
        for number in entries
    }


def _empty(shape: tuple[int, int, int], pairing: Pairing) -> Scores:
    per_mask = shape[:2]
    return Scores(
        np.zeros((*per_mask, len(pairing.pairs)), np.int32),
        np.zeros(per_mask),
        np.zeros(per_mask),
        np.zeros(shape, np.int32),
    )


def features(
    inputs: Inputs,
    layers: Sequence[PaperLayer],
    parts: Parts,
    images: Int[np.ndarray, " image"],
    squares: Int[np.ndarray, "image 3"] | None = None,
) -> dict[int, Float[np.ndarray, "image entry"]]:
    """The feature vectors of some images at each layer; `squares`: a grey square to cover part of each image with."""

    grey = inputs.preprocessing.grey()[:, None, None].to(inputs.device)
    starts = range(0, len(images), inputs.batch)

    def masked() -> Iterator[Tensor]:
        pixels = stored(parts.images, [images[start : start + inputs.batch] for start in starts], inputs.device)
        for start, some in zip(starts, pixels, strict=True):
            batch = inputs.preprocessing.centre(some)
            for image, (top, left, side) in zip(batch, () if squares is None else squares[start:], strict=False):
                image[:, top : top + side, left : left + side] = grey
            yield batch

    def of(batch: Tensor) -> list[np.ndarray]:
        outputs = probe.activations(inputs.graph, batch, [layer.features for layer in layers])
        return [feature_vectors(layer, outputs[layer.features]).cpu().numpy() for layer in layers]

    pieces = zip(*by_batches(of, masked()), strict=True)
    return {layer.number: np.concatenate(some) for layer, some in zip(layers, pieces, strict=True)}


def _pictures(
    parts: Parts, chosen: Chosen, shown: Int[np.ndarray, " shown"], crop: Size
) -> UInt8[np.ndarray, "row shown height width channel"]:
    """Rows of figure 8: the images; then with each part masked, with a random mask on the object, and with one anywhere."""
    inside = window(parts.images.shape[1:3], crop)
    originals = np.asarray(parts.images[chosen.images[shown]])[:, *inside]
    masks = chosen.masks
    rows = [*masks.part[:, 0, shown], masks.on_object[0, 0, shown], masks.anywhere[0, 0, shown]]
    pictures = np.stack([originals] * (1 + len(rows)))
    for row, squares in zip(pictures[1:], rows, strict=True):
        for picture, (top, left, side) in zip(row, squares, strict=True):
            picture[top : top + side, left : left + side] = GREY
    return pictures
