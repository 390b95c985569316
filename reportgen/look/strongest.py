"""A layer's strongest activations and their pictures, for any net: the material of figures 2, 4 and 6.

Zeiler & Fergus 2013, section 4. Several analyses show such pictures; each draws its own conclusions from them.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from reportgen import probe
from reportgen.base.progress import track
from reportgen.base.size import Size
from reportgen.base.statistics import dead
from reportgen.data.dataset import Split
from reportgen.data.sampling import evenly
from reportgen.figures.kinds import FeatureMaps
from reportgen.look.inputs import Inputs
from reportgen.look.pictures import cut, grey_at_zero, squared
from reportgen.look.sight import Sight, field_of
from reportgen.nets.layers import convolutions
from reportgen.nets.world import World

STRONGEST = 9
COMPARED = 200  # images whose responses are kept, for comparing this net with another


@dataclass(frozen=True)
class Top:
    """The strongest activations of each map of a layer, strongest first; image -1 where there are too few images."""

    values: Float[np.ndarray, "map strongest"]
    images: Int[np.ndarray, "map strongest"]  # indices into the split that was searched
    rows: Int[np.ndarray, "map strongest"]
    columns: Int[np.ndarray, "map strongest"]

    @property
    def active(self) -> Bool[np.ndarray, "map strongest"]:
        """Which of them count as activations: those above zero."""
        return (self.images >= 0) & (self.values > 0)


@dataclass(frozen=True)
class Pictures:
    """Some maps of one layer, as pictures."""

    maps: Int[np.ndarray, " shown"]
    projections: UInt8[np.ndarray, "shown strongest row column 3"] | None  # zero is mid-grey; None: no projection
    patches: UInt8[np.ndarray, "shown strongest row column 4"]  # the fourth channel is 0 outside the image
    active: Bool[np.ndarray, "shown strongest"]
    kinds: tuple[tuple[str, ...], ...]  # class of each picture's image; empty where there is no activation
    details: tuple[tuple[str, ...], ...]


def search(
    inputs: Inputs,
    numbers: Collection[int] | None = None,
    split: Split | None = None,
    images: Int[np.ndarray, " image"] | None = None,
    count: int = STRONGEST,
) -> dict[int, Top]:
    """The `count` strongest activations of each map of the convolution layers, or only of the layers `numbers`.

    The images are the validation set, or another split, or those of it that `images` names.
    """
    split = inputs.data.val if split is None else split
    searched = np.arange(len(split)) if images is None else images
    [found] = search_each(inputs, [searched], numbers, split, count)
    return {number: top_of(parts) for number, parts in found.items()}


def search_each(
    inputs: Inputs,
    sets: Sequence[Int[np.ndarray, " _image"]],
    numbers: Collection[int] | None = None,
    split: Split | None = None,
    count: int = STRONGEST,
) -> list[dict[int, list[probe.Strongest]]]:
    """The strongest activations over each of several sets of images, apart: for every set and layer, what each process found.

    Every image is run once. Where several processes share the search each takes whole batches, the same as one process
    alone would form.
    """
    names = {
        layer.number: layer.map for layer in convolutions(inputs.layers) if numbers is None or layer.number in numbers
    }
    split, own, before = inputs.data.val if split is None else split, [], 0
    for images in sets:
        own.append(images[own_images(len(images), inputs.batch, inputs.world, before)])
        before += -(-len(images) // inputs.batch)
    batches = track(
        chain.from_iterable(inputs.batches(split, images) for images in own),
        f"search the strongest activations{_whose(inputs)}",
        sum(map(len, own)),
        step=inputs.batch,
    )
    found = []
    for images in own:
        next_ones = islice(batches, -(-len(images) // inputs.batch))
        best = probe.strongest(inputs.graph, list(names.values()), next_ones, count) if len(images) else {}
        found.append({name: one.renumbered(images) for name, one in best.items()})
    shares = inputs.world.gather(found)
    return [
        {number: [share[place][name] for share in shares if share[place]] for number, name in names.items()}
        for place in range(len(sets))
    ]


def top_of(parts: Sequence[probe.Strongest]) -> Top:
    """The strongest activations of one layer's maps over the images of several searches together."""
    best = probe.merged(parts)
    return Top(*(getattr(best, part).numpy() for part in ("values", "images", "rows", "columns")))


def _whose(inputs: Inputs) -> str:
    """Words that name the snapshot that is searched; empty for the trained net."""
    if inputs.epoch is None:
        return ""
    return " of the untrained net" if inputs.epoch == 0 else f" of epoch {inputs.epoch:g}"


def own_images(images: int, batch: int, world: World, before: int = 0) -> Int[np.ndarray, " own"]:
    """The images of this process's batches: process i modulo their number computes the i-th batch.

    `before`: how many batches there were before these.
    """
    every = np.arange(images)
    return every[(every // batch + before) % world.size == world.rank]


def respond(inputs: Inputs) -> dict[int, Float[np.ndarray, "map image"]]:
    """The largest response of each map to some validation images, by which maps of two nets can be matched."""
    chosen = evenly(len(inputs.data.val), COMPARED)
    names = {layer.number: layer.map for layer in convolutions(inputs.layers)}

    def largest(batch: Tensor) -> list[np.ndarray]:
        outputs = probe.activations(inputs.graph, batch, list(names.values()))
        return [outputs[name].amax((2, 3)).cpu().numpy() for name in names.values()]

    found = zip(*inputs.each(largest, inputs.data.val, chosen), strict=True)
    return {number: np.concatenate(parts).T.astype(np.float32) for number, parts in zip(names, found, strict=True)}


class View(NamedTuple):
    """One activation as pictures: its projection by the deconvnet, and the part of the image that it depends on."""

    projection: Float[np.ndarray, "row column 3"]  # RGB, signed, in the units in which the net reads pixels
    patch: UInt8[np.ndarray, "row column 4"]  # the fourth channel is 0 outside the image


def view_size(inputs: Inputs, number: int) -> Size:
    """What a layer's `View`s show, in pixels: its receptive field, or the image where that is smaller."""
    field, crop = field_of(inputs, number).size, inputs.preprocessing.crop
    return Size(min(field[0], crop.rows), min(field[1], crop.columns))


def box_of_view(receptive: Any, crop: Size, row: int, column: int) -> tuple[int, int, int, int]:
    """What the `View` of a unit shows of the image, as (top, left, bottom, right)."""
    top, left, bottom, right = receptive.box(row, column)
    down = (top, bottom) if receptive.size[0] < crop.rows else (0, crop.rows)
    along = (left, right) if receptive.size[1] < crop.columns else (0, crop.columns)
    return down[0], along[0], down[1], along[1]


def views(
    inputs: Inputs, number: int, split: Split, image: int, units: Sequence[probe.Activation], projected: bool = True
) -> list[View]:
    """Project activations of a layer that one image causes, all above zero, with a single forward pass.

    Projections and patches are cut to the receptive field, or are the whole image where that is smaller; what is oblong
    lies in the middle of a square. Projections are zero where they are not wanted (`projected`), and of a net that cannot
    be projected (`Inputs.no_projection`).
    """
    receptive, crop = field_of(inputs, number), inputs.preprocessing.crop
    pixels = inputs.pixels(split, image)
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    found = []
    blank, none = np.zeros((*crop, 3), np.float32), not projected or inputs.no_projection(number)
    wholes = [blank] * len(units) if none else project(inputs, split, image, units)
    for unit, whole in zip(units, wholes, strict=True):
        box = box_of_view(receptive, crop, unit.row, unit.column)
        found.append(View(squared(cut(whole, box)), squared(cut(opaque, box))))
    return found


def project(
    inputs: Inputs, split: Split, image: int, units: Sequence[probe.Activation]
) -> list[Float[np.ndarray, "row column 3"]]:
    """`on_pixels` for activations that one image of a split causes."""
    return on_pixels(inputs, next(inputs.batches(split, np.array([image])))[0], units)


def on_pixels(
    inputs: Inputs, image: Tensor, units: Sequence[probe.Activation]
) -> list[Float[np.ndarray, "row column 3"]]:
    """Project activations that an image causes, as RGB pictures of the whole image; zeros where an activation is zero.

    An activation barely above zero in a batch can be zero here: the image is computed alone and rounds differently.
    """
    found = []
    for projection in probe.project(inputs.graph, image, units, smooth=inputs.smooth):
        signed = np.zeros(tuple(image.shape), np.float32) if projection is None else projection.full().cpu().numpy()
        found.append(np.ascontiguousarray(inputs.preprocessing.red_first(signed.transpose(1, 2, 0))))
    return found


def by_image(
    inputs: Inputs, number: int, top: Top, units: Sequence[tuple[int, int]], doing: str = "project"
) -> Iterator[tuple[int, list[tuple[int, int]], list[probe.Activation]]]:
    """A layer's strongest activations, given as (map, rank), grouped by image, so that each image is forwarded once."""
    layer = inputs.layer(number)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for map_, rank in units:
        wanted.setdefault(int(top.images[map_, rank]), []).append((map_, rank))
    for image, chosen in track(sorted(wanted.items()), f"{doing} layer {number}", len(wanted)):
        places = ((map_, int(top.rows[map_, rank]), int(top.columns[map_, rank])) for map_, rank in chosen)
        yield image, chosen, [probe.Activation(layer.map, *place) for place in places]


def projections(
    inputs: Inputs, number: int, top: Top, units: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Float[np.ndarray, "row column 3"], UInt8[np.ndarray, "row column 3"]]]:
    """Project some of a layer's strongest activations, given as (map, rank), all above zero.

    Yields, image by image, the unit, its projection as an RGB picture of the whole image, and the image's pixels.
    """
    for image, chosen, activations in by_image(inputs, number, top, units):
        pixels = inputs.pixels(inputs.data.val, image)
        for unit, whole in zip(chosen, project(inputs, inputs.data.val, image, activations), strict=True):
            yield unit, whole, pixels


def views_of_maps(
    inputs: Inputs, number: int, split: Split, top: Top, maps: Int[np.ndarray, " shown"]
) -> tuple[Float[np.ndarray, "shown strongest row column 3"], UInt8[np.ndarray, "shown strongest row column 4"]]:
    """The `View`s of some maps' strongest activations over a split: projections, and the patches that caused them.

    Zeros where there is no activation.
    """
    side, ranks = max(view_size(inputs, number)), top.values.shape[1]
    projected = np.zeros((len(maps), ranks, side, side, 3), np.float32)
    patches = np.zeros((len(maps), ranks, side, side, 4), np.uint8)
    places = {int(map_): place for place, map_ in enumerate(maps)}
    units = [(int(maps[place]), int(rank)) for place, rank in zip(*np.nonzero(top.active[maps]), strict=True)]
    for image, chosen, activations in by_image(inputs, number, top, units):
        for (map_, rank), view in zip(chosen, views(inputs, number, split, image, activations), strict=True):
            projected[places[map_], rank], patches[places[map_], rank] = view
    return projected, patches


def picture_maps(inputs: Inputs, number: int, top: Top, maps: Int[np.ndarray, " shown"]) -> Pictures:
    """Pictures of some maps' strongest activations over the validation images: projections and the patches behind them."""
    projected, patches = views_of_maps(inputs, number, inputs.data.val, top, maps)
    names = inputs.data.val.names
    kinds = tuple(
        tuple(
            inputs.data.val.said(top.images[number_, rank], inputs.data.classes) if top.active[number_, rank] else ""
            for rank in range(STRONGEST)
        )
        for number_ in maps
    )
    details = tuple(
        tuple(
            f"activation {top.values[number_, rank]:.3g}, {kind}, {names[top.images[number_, rank]]}, "
            f"row {top.rows[number_, rank]}, column {top.columns[number_, rank]}"
            if kind
            else "no activation above zero"
            for rank, kind in enumerate(row)
        )
        for number_, row in zip(maps, kinds, strict=True)
    )
    drawn = None if inputs.no_projection(number) else grey_at_zero(projected)
    return Pictures(maps, drawn, patches, top.active[maps], kinds, details)


def first_weights(inputs: Inputs) -> Float[np.ndarray, "map row column 3"] | None:
    """The filters of the lowest convolution layer in RGB; None if it does not read the image."""
    lowest = convolutions(inputs.layers)[0]
    node = inputs.graph.find(lowest.weights)
    if node.kind != "conv2d" or "weight" not in node.operation.settings:
        return None
    weights = node.operation.settings["weight"]()
    read = [below.name for below in inputs.graph.below(lowest.map) if below.kind == "conv2d"]
    if weights.shape[1] != inputs.preprocessing.channels or len(read) > 1:  # else they may be maps of another layer
        return None
    return inputs.preprocessing.red_first(weights.detach().cpu().permute(0, 2, 3, 1).numpy())


def first_filters(inputs: Inputs) -> UInt8[np.ndarray, "map row column 3"] | None:
    """`first_weights` as pictures with zero as mid-grey, each at its own contrast; None if they do not read the image."""
    filters = first_weights(inputs)
    return None if filters is None else filter_pictures(filters)


def filter_pictures(
    filters: Float[np.ndarray, "map row column 3"], alike: bool = False
) -> UInt8[np.ndarray, "map row column 3"]:
    """Filters as pictures with zero as mid-grey, each at its own contrast, or all at one contrast if `alike`."""
    largest = np.abs(filters).max(axis=None if alike else (1, 2, 3), keepdims=True).clip(1e-12)
    return (127.5 + 127.5 * filters / largest).round().astype(np.uint8)


def dead_share(top: Top) -> float:
    """Share of a layer's maps that are dead."""
    return float(dead(top.values[:, 0]).mean())


def feature_maps(
    number: int,
    pictures: Pictures,
    sight: Sight,
    images: str,
    title: str = "",
    net: str = "",
    look_for: str = "what the nine have in common",
    beside: bool = True,
) -> FeatureMaps:
    """Figure 2 for one layer, whose units see as `sight` says; `images`: which were searched (`searched`).

    `net` says of which net, where it is not the report's own; `beside`: whether the patches stand beside the projections, or
    are shown on demand alone.
    """
    cutting = f"the whole image is shown: {sight.words}" + (f"; {sight.hatched}" if sight.hatched else "")
    if sight.cut and sight.field:
        cutting = f"each picture is the {sight.field.by} px receptive field of one activation; {sight.hatched}"
    of = f" of {net}" if net else ""
    projected = pictures.projections is not None
    what = _what(images, projected, beside)
    return FeatureMaps(
        title=title or f"Layer {number}",
        caption=f"{len(pictures.maps)} feature maps of layer {number}{of}, drawn at random. {what}{cutting}. Look for "
        f"{look_for}.",
        alt=f"For {len(pictures.maps)} feature maps of layer {number}{of}: "
        f"{_pictured(projected, beside)}. "
        + " ".join(
            f"Map {number_}: {seen(kinds)}." for number_, kinds in zip(pictures.maps, pictures.kinds, strict=True)
        ),
        layer=number,
        maps=pictures.maps,
        projections=pictures.projections,
        patches=pictures.patches,
        shown=pictures.active,
        details=pictures.details,
        notes=tuple(seen(kinds) for kinds in pictures.kinds),
        net=net,
    )


def _what(images: str, projected: bool, beside: bool) -> str:
    """What a figure of feature maps shows, for its caption, up to how the pictures are cut."""
    if not projected:
        return f"The image patches that caused the nine strongest activations over {images}; "
    if not beside:
        return (
            f"The nine strongest activations over {images}, projected to pixels by the deconvnet (grey is zero, contrast "
            "alike within a map); on a screen, the image patches that caused them can be shown, too; "
        )
    return (
        f"Left of each pair: the nine strongest activations over {images}, projected to pixels by the deconvnet (grey is "
        "zero, contrast alike within a map). Right: the image patches that caused them; "
    )


def _pictured(projected: bool, beside: bool) -> str:
    """What is shown of a map, in words."""
    if not projected:
        return "nine image patches"
    return "nine projections beside nine image patches" if beside else "nine projections"


def searched(images: int, data: str = "") -> str:
    """From which images the nine are chosen, in words; `data`: the name of the data set."""
    return f"all {images:,} validation images" + (f" ({data})" if data else "")


def seen(kinds: Sequence[str]) -> str:
    """The classes of a map's nine images, the most frequent first: "5 dog, 3 cat, 1 owl"; "dog, cat" if all differ."""
    counts = Counter(kind for kind in kinds if kind)
    if len(counts) > 1 and set(counts.values()) == {1}:
        return ", ".join(counts)
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "no activation"
