"""Feature visualisation (Zeiler & Fergus 2013, section 4, figure 2)."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import skimage  # its parts load when they are first used
from jaxtyping import Bool, Float, Int, UInt8

from reportgen.analyses.features import Settings
from reportgen.claims import Verdict, difference_part, mean_part, not_tested
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series
from reportgen.look.inputs import Inputs
from reportgen.look.statistics import mean_or_none, without_nan
from reportgen.look.strongest import (
    STRONGEST,
    Pictures,
    Top,
    dead_share,
    feature_maps,
    field_of,
    field_side,
    first_filters,
    picture_maps,
    respond,
    search,
)

HOG_SIDE = 32  # pixels; patches are compared at this size
GROUPED = (2, 3, 4, 5)  # the layers that the claim `grouping` is about


@dataclass(frozen=True)
class Layer:
    """What one convolution layer's maps respond to."""

    number: int
    field: int | None  # side of its receptive field, pixels; None where it is not known
    size: int  # side of the net's input, pixels
    top: Top
    pictures: Pictures
    agreement: Float[np.ndarray, " map"]  # share of same-class pairs among a map's nine images; NaN below two images
    untrained_agreement: Float[np.ndarray, " map"]
    within: Float[np.ndarray, " map"]  # mean similarity of a map's patches to each other
    between: Float[np.ndarray, " map"]  # mean similarity of a map's patches to those of other maps
    responses: Float[np.ndarray, "map image"]  # largest response of each map to some validation images, evenly spaced
    refusal: str = ""  # why its activations cannot be projected; empty where they can


@dataclass(frozen=True)
class Result:
    """Every convolution layer, and the filters of the lowest."""

    layers: dict[str, Layer]  # "layer1" ..
    filters: UInt8[np.ndarray, "map row column 3"] | None  # of the lowest layer, where it reads the image
    images_of_smallest_class: int  # validation images
    images: int  # validation images
    classes: int
    unlabelled: int = 0  # images without a label: the net's prediction stands for it
    untrained: bool = True  # whether the untrained net is known


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Search all maps in one pass, then project and compare."""
    labels, known = inputs.data.val.labels, inputs.data.val.known
    if len(np.unique(labels[known])) == known.sum():  # no two images are of one class: nothing could agree
        known = np.zeros_like(known)
    tops, untrained = share(inputs)
    responses = respond(inputs)
    layers = {}
    for number, top in tops.items():
        count = min(settings.maps, len(top.values))
        chosen = np.sort(rng.choice(len(top.values), count, replace=False))
        within, between = similarities(inputs, number, top)
        layers[f"layer{number}"] = Layer(
            number=number,
            field=field_side(inputs, number),
            size=inputs.preprocessing.crop,
            top=top,
            pictures=picture_maps(inputs, number, top, chosen),
            agreement=same_class_share(top, labels, known),
            untrained_agreement=same_class_share(untrained[number], labels, known)
            if untrained is not None
            else np.full(len(top.values), np.nan),
            within=within,
            between=between,
            responses=responses[number],
            refusal=inputs.no_projection(number),
        )
    return Result(
        layers=layers,
        filters=first_filters(inputs),
        images_of_smallest_class=_smallest(labels[inputs.data.val.known], len(inputs.data.classes), inputs.loaded),
        images=len(labels),
        classes=len(inputs.data.classes),
        unlabelled=int((~inputs.data.val.known).sum()),
        untrained=untrained is not None,
    )


def share(inputs: Inputs) -> tuple[dict[int, Top], dict[int, Top] | None]:
    """The strongest activations of the net, and of the untrained net where it is known.

    Where several processes share the analysis, each of them calls this.
    """
    known = not inputs.loaded or 0 in inputs.epochs
    return search(inputs), search(inputs.at_epoch(0)) if known else None


def _smallest(labels: Int[np.ndarray, " image"], classes: int, loaded: bool) -> int:
    """Labelled images of the class with fewest; a loaded net's classes of which there is no image do not count."""
    counts = np.bincount(labels, minlength=classes)
    return int((counts[counts > 0] if loaded else counts).min(initial=len(labels)))


def same_class_share(
    top: Top, labels: Int[np.ndarray, " image"], known: Bool[np.ndarray, " image"] | None = None
) -> Float[np.ndarray, " map"]:
    """Share of same-class pairs among each map's nine images, those of `known` class alone; NaN below two images."""
    shares = np.full(len(top.images), np.nan)
    for number, (images, active) in enumerate(zip(top.images, top.active, strict=True)):
        chosen = images[active]
        kinds = labels[chosen if known is None else chosen[known[chosen]]]
        if len(kinds) > 1:
            pairs = np.triu_indices(len(kinds), 1)
            shares[number] = (kinds[pairs[0]] == kinds[pairs[1]]).mean()
    return shares


def similarities(inputs: Inputs, number: int, top: Top) -> tuple[Float[np.ndarray, " map"], Float[np.ndarray, " map"]]:
    """Mean similarity of each map's patches to each other, and to patches of the layer's other maps."""
    receptive = field_of(inputs, number)
    maps, ranks = np.nonzero(top.active)
    images = top.images[maps, ranks]
    pixels: dict[int, np.ndarray] = {}
    described = []
    for map_, rank, image in zip(maps, ranks, images, strict=True):
        if image not in pixels:
            pixels[image] = inputs.pixels(inputs.data.val, int(image))
        box = receptive.inside(int(top.rows[map_, rank]), int(top.columns[map_, rank]))
        described.append(describe(pixels[image][box[0] : box[2], box[1] : box[3]]))
    if not described:
        return np.full(len(top.values), np.nan), np.full(len(top.values), np.nan)
    shapes, colours = (np.stack(part) for part in zip(*described, strict=True))
    return compare(shapes, colours, maps, images, len(top.values))


def describe(patch: UInt8[np.ndarray, "row column 3"]) -> tuple[Float[np.ndarray, " hog"], Float[np.ndarray, "3"]]:
    """What patches are compared by, after scaling to 32 px: histogram of oriented gradients (unit length), mean colour."""
    small = cv2.resize(np.ascontiguousarray(patch), (HOG_SIDE, HOG_SIDE), interpolation=cv2.INTER_AREA)
    hog = skimage.feature.hog(small, 9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), channel_axis=-1)
    return hog / max(float(np.linalg.norm(hog)), 1e-12), small.reshape(-1, 3).mean(axis=0) / 255


def compare(
    shapes: Float[np.ndarray, "patch hog"],
    colours: Float[np.ndarray, "patch 3"],
    maps: Int[np.ndarray, " patch"],
    images: Int[np.ndarray, " patch"],
    count: int,
) -> tuple[Float[np.ndarray, " map"], Float[np.ndarray, " map"]]:
    """For each of `count` maps, the mean similarity of its patches to each other and to patches of other maps.

    Similarity is the mean of two numbers in [0, 1]: the cosine of the gradient histograms, and one minus the distance
    between the mean colours, divided by that from black to white. Pairs from one image are left out; NaN without pairs.
    """
    within, between = np.full(count, np.nan), np.full(count, np.nan)
    for number in range(count):
        own = maps == number
        if not own.any():
            continue
        shape = shapes[own] @ shapes.T
        colour = 1 - np.linalg.norm(colours[own][:, None] - colours[None], axis=2) / np.sqrt(3)
        similarity = (shape + colour) / 2
        apart = images[own][:, None] != images[None]
        for target, others in ((within, own), (between, ~own)):
            chosen = apart & others[None]
            if chosen.any():
                target[number] = similarity[chosen].mean()
    return within, between


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claims `hierarchy` and `grouping`."""
    return [_hierarchy(result, rng), _grouping(result, rng)]


def _hierarchy(result: Result, rng: np.random.Generator) -> Verdict:
    if result.unlabelled == result.images:
        return not_tested("hierarchy", "the images have no labels")
    if not result.untrained:
        return not_tested("hierarchy", "the net was loaded: there is no untrained net to compare it with")
    if result.images_of_smallest_class < STRONGEST:
        why = f"a class has only {result.images_of_smallest_class} validation images, so nine of one class cannot agree"
        return not_tested("hierarchy", why)
    layers = list(result.layers.values())
    first, last = layers[0], layers[-1]
    if len(result.layers) < 2:
        return not_tested("hierarchy", "the net has only one convolution layer")
    deep, shallow, blank = (without_nan(part) for part in (last.agreement, first.agreement, last.untrained_agreement))
    if not (len(deep) and len(shallow) and len(blank)):
        return not_tested("hierarchy", "no map of a layer responds to two images")
    return Verdict(
        "hierarchy",
        (
            difference_part(f"layer {last.number} minus layer {first.number}", deep, shallow, rng),
            difference_part(f"layer {last.number}, trained minus untrained", deep, blank, rng),
        ),
    )


def _grouping(result: Result, rng: np.random.Generator) -> Verdict:
    parts = []
    for layer in result.layers.values():
        gap = without_nan(layer.within - layer.between)
        if layer.number in GROUPED and len(gap):
            parts.append(mean_part(f"layer {layer.number}", gap, rng))
    if not parts:
        return not_tested("grouping", "no map of layers 2-5 responds to two images")
    return Verdict("grouping", tuple(parts))


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics."""
    return {
        "images": result.images,
        "chance": 1 / result.classes,
        "filters": 0 if result.filters is None else len(result.filters),
        "unlabelled": result.unlabelled,
        "untrained": result.untrained,
        "layers": [
            {
                "number": layer.number,
                "maps": len(layer.top.values),
                "shown": layer.pictures.maps.tolist(),
                "receptive_field": layer.field,
                "whole_image": layer.field is None or layer.field >= layer.size,
                "dead_share": dead_share(layer.top),
                "refusal": layer.refusal,
                "agreement": mean_or_none(layer.agreement),
                "untrained_agreement": mean_or_none(layer.untrained_agreement),
                "within": mean_or_none(layer.within),
                "between": mean_or_none(layer.between),
            }
            for layer in result.layers.values()
        ],
    }


def figures(result: Result) -> dict[str, Figure]:
    """The lowest layer's filters, figure 2 for every layer, and the measures of both claims as curves over depth."""
    found: dict[str, Figure] = {}
    if result.filters is not None:
        lowest = next(iter(result.layers.values())).number  # LAYERS= need not name a layer 1
        found["layer1_filters"] = ImageGrid(
            title=f"The filters of layer {lowest}",
            caption=f"The {len(result.filters)} filters of layer {lowest}, which read the image directly; grey is zero, and "
            "each filter has its own contrast. In a trained net expect oriented edges and blobs of opposing colours; noise "
            "means that this layer was hardly trained.",
            alt=f"A grid of {len(result.filters)} small colour pictures, the filters of layer {lowest}.",
            images=result.filters,
            columns=16 if len(result.filters) > 32 else 12,
            smooth=False,
        )
    for layer in result.layers.values():
        found[f"layer{layer.number}"] = feature_maps(
            layer.number, layer.pictures, layer.field, layer.size, result.images
        )
    if any(len(without_nan(layer.agreement)) for layer in result.layers.values()):
        found["agreement"] = _agreement(result)
    found["similarity"] = _depth_chart(
        result,
        title="Likeness of a map's patches, by depth",
        caption="How similar the nine patches of a map are to each other, and to the patches of the layer's other maps "
        "(dashed), by gradient histograms and mean colour at 32 px: 1 for equal patches; pairs from one image are "
        "left out. Mean over the maps; the band holds the middle half of them.",
        label="similarity (0-1)",
        scale=1.0,
        curves=(("within a map", "within"), ("to other maps", "between")),
    )
    return found


def _agreement(result: Result) -> LineChart:
    return _depth_chart(
        result,
        title="Agreement on a class, by depth",
        caption="For each layer, how often two of the nine images that excite a map most are of one class: mean over "
        "its maps; the band holds the middle half of them."
        + (" The dashed curve is the same net before training." if result.untrained else ""),
        label="pairs of one class (%)",
        scale=100.0,
        curves=(("trained", "agreement"), ("untrained", "untrained_agreement"))[: 1 + result.untrained],
    )


def _depth_chart(
    result: Result, title: str, caption: str, label: str, scale: float, curves: tuple[tuple[str, str], ...]
) -> LineChart:
    depth = np.array([layer.number for layer in result.layers.values()], dtype=np.float64)
    series, spoken = [], []
    for index, (name, attribute) in enumerate(curves):
        samples = [without_nan(getattr(layer, attribute)) for layer in result.layers.values()]
        samples = [sample if len(sample) else np.array([np.nan]) for sample in samples]
        mean = np.array([sample.mean() for sample in samples]) * scale
        low, high = (np.array([np.percentile(sample, part) for sample in samples]) * scale for part in (25, 75))
        series.append(Series(name, depth, mean, low, high, dashed=index > 0))
        spoken.append(f"{name} from {mean[0]:.3g} at layer {depth[0]:.0f} to {mean[-1]:.3g} at layer {depth[-1]:.0f}")
    return LineChart(
        title=title,
        caption=caption,
        alt=f"Curves over the layers: {'; '.join(spoken)}.",
        panels=(Panel("", "layer", label, tuple(series)),),
    )
