"""Feature visualisation (Zeiler & Fergus 2013, section 4, figure 2)."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import skimage  # its parts load when they are first used
from jaxtyping import Bool, Float, Int, UInt8

from reportgen import probe
from reportgen.analyses.features import Settings
from reportgen.base.statistics import mean_or_none, without_nan
from reportgen.claims import OF_DIFFERENCE, SHARE, Part, Unit, Verdict, jackknife_part, not_tested
from reportgen.data.sampling import evenly
from reportgen.data.voc import PRESENT
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series
from reportgen.look.inputs import Inputs
from reportgen.look.left_out import LeftOut, deal, search_left_out
from reportgen.look.sight import Sight, field_of, sight
from reportgen.look.strongest import (
    STRONGEST,
    Pictures,
    Top,
    dead_share,
    feature_maps,
    first_filters,
    picture_maps,
    respond,
    searched,
)

PAIRED = 300  # images, evenly spread, that are paired to see how many pairs share a class
HOG_SIDE = 32  # pixels; patches are compared at this size
LIKENESS = Unit("(likeness, 0-1)")
PAPERS_WAY = probe.Way("windows")  # of the paper's own nets
GROUPED = (2, 3, 4, 5)  # the layers that the claim `grouping` speaks of


@dataclass(frozen=True)
class Layer:
    """What one convolution layer's maps respond to; the maps of the untrained net are found and counted in the same way."""

    number: int
    sight: Sight
    top: Top
    pictures: Pictures
    agreement: Float[np.ndarray, " map"]  # share of same-class pairs among a map's nine images; NaN below two images
    untrained_agreement: Float[np.ndarray, " map"]
    agreement_without: Float[np.ndarray, " group"]  # mean over the maps, each group of images left out in turn
    untrained_agreement_without: Float[np.ndarray, " group"]
    within: Float[np.ndarray, " map"]  # similarity of a map's patches to each other
    between: Float[np.ndarray, " map"]  # and to patches of other maps
    gap_without: Float[np.ndarray, " group"]  # the first minus the second, mean over the maps
    responses: Float[np.ndarray, "map image"]  # largest response of each map to some validation images, evenly spaced
    way: probe.Way = PAPERS_WAY  # how its activations are projected

    @property
    def refusal(self) -> str:
        """Why its activations cannot be projected; empty where they can."""
        return self.way.refusal


@dataclass(frozen=True)
class Result:
    """Every convolution layer, and the filters of the lowest."""

    layers: dict[str, Layer]  # "layer1" ..
    filters: UInt8[np.ndarray, "map row column 3"] | None  # of the lowest layer, where it reads the image
    images_of_smallest_class: int  # validation images
    images: int  # validation images
    chance: float  # share of the pairs of images drawn at random that are of one class
    data: str  # name of the data set
    unlabelled: int = 0  # images whose class is what the net takes them for
    untrained: bool = True  # whether the net as it was before training is known


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Search all maps in one pass, then project and compare."""
    val = inputs.data.val
    labels, known = val.targets, val.known
    alone = len(np.unique(labels[known])) == known.sum() if labels.ndim == 1 else not _chance(labels[known])
    if alone:  # no two images are of one class: nothing could agree
        known = np.zeros_like(known)
    found, untrained = share(inputs, deal(len(val), rng.spawn(1)[0]))
    responses = respond(inputs)
    layers = {}
    for number, nine in found.items():
        top = nine.top
        count = min(settings.maps, len(top.values))
        chosen = np.sort(rng.choice(len(top.values), count, replace=False))
        agreement, agreement_without = agreements(nine, labels, known)
        before, before_without = np.full(len(top.values), np.nan), np.full(len(nine.without), np.nan)
        if untrained is not None:
            before, before_without = agreements(untrained[number], labels, known)
        within, between, gap_without = similarities(inputs, number, nine)
        layers[f"layer{number}"] = Layer(
            number=number,
            sight=sight(inputs, number),
            top=top,
            pictures=picture_maps(inputs, number, top, chosen),
            agreement=agreement,
            untrained_agreement=before,
            agreement_without=agreement_without,
            untrained_agreement_without=before_without,
            within=within,
            between=between,
            gap_without=gap_without,
            responses=responses[number],
            way=inputs.way(number),
        )
    return Result(
        layers=layers,
        filters=first_filters(inputs),
        images_of_smallest_class=_smallest(labels[val.known], len(inputs.data.classes), inputs.loaded),
        images=len(val),
        chance=_chance(labels[val.known]) if inputs.data.several else 1 / len(inputs.data.classes),
        data=inputs.data.name,
        unlabelled=int((~val.known).sum()),
        untrained=untrained is not None,
    )


def share(
    inputs: Inputs, groups: Int[np.ndarray, " image"] | None = None
) -> tuple[dict[int, LeftOut], dict[int, LeftOut] | None]:
    """The strongest activations of the net, and of the untrained one where it is known, without each group of images.

    This is what several processes share: each of them calls it. The first one says which group each image is in.
    """
    groups = inputs.world.gather(groups)[0]
    if groups is None:
        raise ValueError("the first process has not said which group each image is in")
    known = not inputs.loaded or 0 in inputs.epochs
    untrained = search_left_out(inputs.at_epoch(0), groups) if known else None
    return search_left_out(inputs, groups), untrained


def _chance(labels: Int[np.ndarray, "image *class"]) -> float:
    """Share of the pairs of images, or of those of many, that are of one class, or show one that both show."""
    some = labels[evenly(len(labels), PAIRED)]
    first, second = np.triu_indices(len(some), 1)
    return float(alike(some, first, second).mean()) if len(first) else 0.0


def alike(
    labels: Int[np.ndarray, "image *class"], first: Int[np.ndarray, "..."], second: Int[np.ndarray, "..."]
) -> Bool[np.ndarray, "..."]:
    """Whether the images of each pair are of one class; where an image may show several, whether they share one."""
    if labels.ndim == 1:
        return labels[first] == labels[second]
    shown = labels == PRESENT
    return (shown[first] & shown[second]).any(axis=-1)


def _smallest(labels: Int[np.ndarray, "image *class"], classes: int, loaded: bool) -> int:
    """Labelled images of the class with fewest; a loaded net's classes of which there is no image do not count."""
    counts = np.bincount(labels, minlength=classes) if labels.ndim == 1 else (labels == PRESENT).sum(axis=0)
    return int((counts[counts > 0] if loaded else counts).min(initial=len(labels)))


def agreements(
    nine: LeftOut, labels: Int[np.ndarray, "image *class"], known: Bool[np.ndarray, " image"]
) -> tuple[Float[np.ndarray, " map"], Float[np.ndarray, " group"]]:
    """`same_class_share` of each map, and its mean over the maps without each group of images."""
    without = [_mean(same_class_share(top, labels, known)) for top in nine.without]
    return same_class_share(nine.top, labels, known), np.array(without)


def same_class_share(
    top: Top, labels: Int[np.ndarray, "image *class"], known: Bool[np.ndarray, " image"] | None = None
) -> Float[np.ndarray, " map"]:
    """Share of same-class pairs among each map's nine images (those of `known` class); NaN for a map with fewer than two."""
    counted = top.active if known is None else top.active & known[top.images]
    first, second = np.triu_indices(top.images.shape[1], 1)
    pairs = counted[:, first] & counted[:, second]
    same = pairs & alike(labels, top.images[:, first], top.images[:, second])
    return _share(same.sum(axis=1), pairs.sum(axis=1))


def similarities(
    inputs: Inputs, number: int, nine: LeftOut
) -> tuple[Float[np.ndarray, " map"], Float[np.ndarray, " map"], Float[np.ndarray, " group"]]:
    """Mean similarity of each map's patches to each other, and to patches of the layer's other maps; and the mean over the
    maps of the first minus the second without each group of images.

    A patch is described once, whichever maps and however many of the nine it belongs to.
    """
    tops = (nine.top, *nine.without)
    count = len(nine.top.values)
    # An image enters a map's list at one place, the same in every list: (map, image) names a patch.
    listed = [np.argwhere(top.active) for top in tops]
    named = [
        np.column_stack([one[:, 0], *(part[tuple(one.T)] for part in (top.images, top.rows, top.columns))])
        for top, one in zip(tops, listed, strict=True)
    ]
    patches, places = np.unique(np.concatenate(named), axis=0, return_inverse=True)
    chosen = np.zeros((len(tops), len(patches)), bool)
    chosen[np.repeat(np.arange(len(tops)), [len(one) for one in named]), places.ravel()] = True
    shapes, colours = described(inputs, number, patches[:, 1:])
    within, between = compare(shapes, colours, patches[:, 0], patches[:, 1], chosen, count)
    return within[0], between[0], np.array([_mean(gap) for gap in within[1:] - between[1:]])


def described(
    inputs: Inputs, number: int, patches: Int[np.ndarray, "patch 3"]
) -> tuple[Float[np.ndarray, "patch hog"], Float[np.ndarray, "patch 3"]]:
    """`describe` of the part of an image that a unit of a layer sees, for each (image, row, column)."""
    receptive = field_of(inputs, number)
    boxes: dict[tuple[int, int], tuple[int, int, int, int]] = {}
    known: dict[tuple[int, ...], int] = {}  # (image, box): where its description stands
    found: list[tuple[np.ndarray, np.ndarray]] = []
    order = np.zeros(len(patches), np.int64)
    pixels, shown = np.zeros((0, 0, 3), np.uint8), -1
    for place in np.argsort(patches[:, 0], kind="stable"):  # image by image: each is read once
        image, row, column = patches[place].tolist()
        if (row, column) not in boxes:
            boxes[row, column] = receptive.inside(row, column)
        box = boxes[row, column]
        if (image, *box) not in known:
            pixels = pixels if image == shown else inputs.pixels(inputs.data.val, image)
            shown, known[image, *box] = image, len(found)
            found.append(describe(pixels[box[0] : box[2], box[1] : box[3]]))
        order[place] = known[image, *box]
    if not found:
        return np.zeros((0, 1)), np.zeros((0, 3))
    shapes, colours = (np.stack(part) for part in zip(*found, strict=True))
    return shapes[order], colours[order]


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
    chosen: Bool[np.ndarray, "choice patch"],
    count: int,
) -> tuple[Float[np.ndarray, "choice map"], Float[np.ndarray, "choice map"]]:
    """For each of `count` maps, the mean similarity of its patches within the map and to those of other maps.

    Once for each choice of patches that are there at all. Similarity is the mean of two numbers in [0, 1]: the cosine of
    the gradients' histograms, and one minus the distance of the mean colours over that from black to white. Pairs from one
    image are left out; NaN where no pair is left.
    """
    within, between = np.full((len(chosen), count), np.nan), np.full((len(chosen), count), np.nan)
    taken = chosen.astype(np.float64)
    for number in np.unique(maps):
        own = maps == number
        shape = shapes[own] @ shapes.T
        colour = 1 - np.linalg.norm(colours[own][:, None] - colours[None], axis=2) / np.sqrt(3)
        similarity = (shape + colour) / 2
        apart = images[own][:, None] != images[None]
        for target, others in ((within, own), (between, ~own)):
            pairs = (apart & others).astype(np.float64)
            sums, counts = (
                ((values @ taken.T) * taken[:, own].T).sum(axis=0) for values in (pairs * similarity, pairs)
            )
            target[:, number] = _share(sums, counts)
    return within, between


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """One divided by the other; NaN where the other is zero."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claims `hierarchy` and `grouping`."""
    return [_hierarchy(result), _grouping(result)]


def _hierarchy(result: Result) -> Verdict:
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
    deep, labelled = _mean(last.agreement), result.images - result.unlabelled
    return Verdict(
        "hierarchy",
        (
            _part(
                f"pairs of one class, layer {last.number} minus layer {first.number}",
                deep - _mean(first.agreement),
                last.agreement_without - first.agreement_without,
                labelled,
                SHARE,
            ),
            _part(
                f"pairs of one class, layer {last.number}, trained minus untrained",
                deep - _mean(last.untrained_agreement),
                last.agreement_without - last.untrained_agreement_without,
                labelled,
                SHARE,
            ),
        ),
    )


def _grouping(result: Result) -> Verdict:
    parts = tuple(
        _part(f"layer {layer.number}", _mean(layer.within - layer.between), layer.gap_without, result.images, LIKENESS)
        for layer in result.layers.values()
        if layer.number in GROUPED
    )
    if not parts:
        return not_tested("grouping", "the net has none of the convolution layers 2-5")
    return Verdict("grouping", parts)


def _part(name: str, estimate: float, without: Float[np.ndarray, " group"], images: int, unit: Unit) -> Part:
    """A number of maps that share images; both likenesses and shares lie between 0 and 1, so no difference exceeds 1."""
    silent = "" if np.isfinite(without).all() else "without a tenth of the images, no map responds to two images"
    if np.isnan(estimate):
        estimate, silent = 0.0, "no map of a layer responds to two images"
    return jackknife_part(name, estimate, without, n=images, unit=unit, bounds=OF_DIFFERENCE, untested=silent)


def _mean(values: np.ndarray) -> float:
    """The mean over the maps of which the number is known; NaN where there are none."""
    known = without_nan(values)
    return float(known.mean()) if len(known) else float("nan")


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics."""
    return {
        "images": result.images,
        "data": result.data,
        "chance": result.chance,
        "filters": 0 if result.filters is None else len(result.filters),
        "unlabelled": result.unlabelled,
        "untrained": result.untrained,
        "through": list(dict.fromkeys(one for layer in result.layers.values() for one in layer.way.through)),
        "alike": [layer.number for layer in result.layers.values() if layer.way.alike and layer.number > 1],
        "layers": [
            {
                "number": layer.number,
                "maps": len(layer.top.values),
                "shown": layer.pictures.maps.tolist(),
                "receptive_field": layer.sight.field and layer.sight.field.said,
                "cut": layer.sight.cut,
                "sight": layer.sight.words,
                "most_seen": layer.sight.most,
                "least_seen": layer.sight.least,
                "dead_share": dead_share(layer.top),
                "refusal": layer.refusal,
                "road": layer.way.by,
                "through": list(layer.way.through),
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
            caption=f"The {len(result.filters)} filters of layer {lowest}, which read the image directly. Grey is zero, and "
            "each filter has its own contrast. In a trained net expect oriented edges and blobs of opposing colours; noise "
            "means that this layer was hardly trained.",
            alt=f"A grid of {len(result.filters)} small colour pictures, the filters of layer {lowest}.",
            images=result.filters,
            columns=16 if len(result.filters) > 32 else 12,
            smooth=False,
        )
    for layer in result.layers.values():
        maps = feature_maps(layer.number, layer.pictures, layer.sight, searched(result.images, result.data))
        found[f"layer{layer.number}"] = replace(maps, alike=(layer.within - layer.between)[layer.pictures.maps])
    if any(len(without_nan(layer.agreement)) for layer in result.layers.values()):
        found["agreement"] = _agreement(result)
    found["similarity"] = _depth_chart(
        result,
        title="Likeness of a map's patches, by depth",
        caption="How similar the nine patches of a map are to each other, and to the patches of the layer's other maps "
        "(dashed). It is told by gradient histograms and mean colour at 32 px, 1 for equal patches; pairs from one image are "
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
