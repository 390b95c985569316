"""Correspondence between parts of different images (Zeiler & Fergus 2013, section 4.3, figure 8, table 1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int32, UInt8
from torch import Tensor

from reportgen import probe
from reportgen.analyses.correspondence import Settings
from reportgen.analyses.correspondence.part_masks import Chosen, Masks, choose, in_words
from reportgen.analyses.correspondence.sign_patterns import (
    SMALLEST_GROUP,
    Pairing,
    can_differ,
    compare,
    signs_of_change,
)
from reportgen.base.progress import track
from reportgen.base.size import Size
from reportgen.claims import OF_DIFFERENCE, OF_GAPS, Part, Unit, Verdict, jackknife_part, not_tested
from reportgen.claims.paper import CORRESPONDENCE
from reportgen.data.annotations import Parts
from reportgen.data.reading import stored
from reportgen.data.sampling import of_different_classes
from reportgen.data.transforms import window
from reportgen.figures.kinds import BarChart, Figure, ImageGrid, Table
from reportgen.look.inputs import Inputs
from reportgen.nets.layers import PaperLayer, feature_vectors
from reportgen.probe.memory import by_batches

SCORED = (5, 7)  # the paper's layers
GREY = 128  # of the masks in the pictures: mid-grey
SCORE = Unit("in the paper’s score")  # as table 1 prints it
SORTS = ("part", "on_object", "anywhere")  # of masks, as `Masks` and `Layer` name them


@dataclass(frozen=True)
class Scores:
    """What one sort of mask did to the features of one layer."""

    different: Int32[np.ndarray, "part draw pair"]  # entries whose signs differ between the two images, for all pairs
    both: Float[np.ndarray, "part draw"]  # entries that changed in both images, mean over the pairs of the claim
    opposite: Float[np.ndarray, "part draw"]  # entries that rose in one and fell in the other, likewise
    changed: Int32[np.ndarray, "part draw image"]  # entries that changed


@dataclass(frozen=True)
class Layer:
    """The scores at one layer, for each sort of mask."""

    number: int
    entries: int  # length of the feature vector
    part: Scores
    on_object: Scores
    anywhere: Scores

    def hamming(self, sort: str) -> Float[np.ndarray, "part draw pair"]:
        """The paper's distance of every pair, as a share of the vector's length."""
        return getattr(self, sort).different / self.entries

    @property
    def gaps(self) -> Float[np.ndarray, "part pair"]:
        """How much larger the distance of a pair is under random masks on the object than under masks of the part."""
        return self.random - self.hamming("part").mean(axis=1)

    @property
    def random(self) -> Float[np.ndarray, "part pair"]:
        """The distance of a pair under random masks on the object, as large as each part's."""
        return self.hamming("on_object").mean(axis=1)


@dataclass(frozen=True)
class Result:
    """The images that can be masked, and the scores at layers 5 and 7."""

    part_names: tuple[str, ...]
    names: tuple[str, ...]  # of the images
    group_names: tuple[str, ...]
    groups: Int[np.ndarray, " image"]  # places among the group names
    masks: Masks
    layers: dict[str, Layer]  # "layer5", "layer7"
    shown: Int[np.ndarray, " shown"]  # of the images
    pictures: UInt8[np.ndarray, "row shown height width 3"]  # original, each part masked, on the object, anywhere
    left_out: tuple[tuple[str, str], ...]  # image and reason
    why: str = ""  # why there is nothing to score

    @cached_property
    def across(self) -> bool:
        """Whether the claim's pairs are of different classes; else they lie within the one class that there is."""
        return can_differ(self.groups.tolist())

    @cached_property
    def pairing(self) -> Pairing:
        """The pairs that the claim speaks of."""
        return pairing_of(self.groups)

    @cached_property
    def within(self) -> Pairing | None:
        """Pairs within classes, to stand beside the claim's; None where the claim's are, or where there are none."""
        found = Pairing.within_classes(self.groups) if self.across else None
        return found if found is not None and found.compared.any() else None


def pairing_of(groups: Int[np.ndarray, " image"]) -> Pairing:
    """Pairs of different classes where there are enough of them, else pairs within the one class that there is."""
    return Pairing.between_classes(groups) if can_differ(groups.tolist()) else Pairing.within_classes(groups)


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


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claim `correspondence`: each part's gap at layer 5, and the parts' mean gap at layer 5 minus that at layer 7."""
    if result.why:
        return [not_tested("correspondence", result.why)]
    missing = [str(number) for number in SCORED if f"layer{number}" not in result.layers]
    if missing:
        return [not_tested("correspondence", f"the net has no layer {' and no layer '.join(missing)}")]
    beside = _parts(result, result.within, "within classes: ") if result.within is not None else []
    return [Verdict("correspondence", tuple(_parts(result, result.pairing)), beside=tuple(beside))]


def _parts(result: Result, pairing: Pairing, prefix: str = "") -> list[Part]:
    """The claim's numbers over some pairs."""
    deep, top = (result.layers[f"layer{number}"] for number in SCORED)
    found = []
    for place, (part, gap) in enumerate(zip(result.part_names, deep.gaps, strict=True)):
        # The part's own score is 0 or more, so that the gap is at most the score of the random masks.
        found.append(
            _jackknife(
                f"{prefix}random minus {in_words(part)}, layer {deep.number}",
                gap,
                pairing,
                bounds=OF_DIFFERENCE,
                most=pairing.mean(deep.random[place]),
                untested=_untouched(deep, slice(place, place + 1)),
            )
        )
    most = pairing.mean(deep.random.mean(axis=0)) + 1 - pairing.mean(top.random.mean(axis=0))
    untested = _untouched(deep, slice(None)) or _untouched(top, slice(None))
    values = claim_of_depth(deep.gaps, top.gaps)
    found.append(
        _jackknife(f"{prefix}mean gap, layer 5 minus 7", values, pairing, bounds=OF_GAPS, most=most, untested=untested)
    )
    return found


def _untouched(layer: Layer, part: slice) -> str:
    """Why a gap says nothing: no mask, of the part or at random, changes the layer at all. Empty where one does."""
    touched = any(getattr(layer, sort).changed[part].any() for sort in ("part", "on_object"))
    return "" if touched else f"no mask changes any feature of layer {layer.number}"


def claim_of_depth(
    deep: Float[np.ndarray, "part pair"], top: Float[np.ndarray, "part pair"]
) -> Float[np.ndarray, " pair"]:
    """The gap at layer 5 minus that at layer 7, mean over the parts: positive where the parts stand out more at layer 5."""
    return deep.mean(axis=0) - top.mean(axis=0)


def _jackknife(name: str, values: Float[np.ndarray, " pair"], pairing: Pairing, **about: Any) -> Part:
    left = pairing.without_each(values)
    return jackknife_part(name, pairing.mean(values), left, pairing.freedom, unit=SCORE, **about)


@dataclass(frozen=True)
class Row:
    """A line of table 1: what is masked, and the scores that belong to it."""

    key: str  # the part's name, "random" or "anywhere"
    name: str
    sort: str
    part: slice  # of the parts' axis of the scores

    def distances(self, layer: Layer) -> Float[np.ndarray, "mask pair"]:
        """The Hamming distance of every pair under every such mask."""
        found = layer.hamming(self.sort)[self.part]
        return found.reshape(-1, found.shape[-1])

    def opposite(self, layer: Layer) -> float | None:
        """Of the entries that changed in both images, the share that changed in opposite ways; None where none did."""
        scores = getattr(layer, self.sort)
        both = scores.both[self.part].mean()
        return float(scores.opposite[self.part].mean() / both) if both else None

    def changed(self, layer: Layer) -> float:
        """The share of the layer's entries that such a mask changes."""
        return float(getattr(layer, self.sort).changed[self.part].mean() / layer.entries)


def rows(part_names: Sequence[str]) -> list[Row]:
    """The lines of table 1: every part, random places on the object, and (not in the paper) random places anywhere."""
    found = [Row(part, in_words(part), "part", slice(place, place + 1)) for place, part in enumerate(part_names)]
    found.append(Row("random", "random, on the object", "on_object", slice(None)))
    return [*found, Row("anywhere", "random, anywhere", "anywhere", slice(None))]


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics."""
    pairing, layers = result.pairing, list(result.layers.values())
    lines = rows(result.part_names) if layers else []
    return {
        "why": result.why,
        "images": len(result.names),
        "pairs": int(pairing.compared.sum()) if layers else 0,
        "across": result.across,
        "within_pairs": int(result.within.compared.sum()) if result.within is not None else 0,
        "images_of_class": {name: int((result.groups == group).sum()) for group, name in enumerate(result.group_names)},
        "parts": [in_words(part) for part in result.part_names],
        "draws": int(result.masks.on_object.shape[1]),
        "mask_side": float(result.masks.part[..., 2].mean()) if layers else None,
        "shown": [result.names[place] for place in result.shown],
        "left_out": [{"file": name, "reason": reason} for name, reason in result.left_out],
        "as_in_the_paper": bool(set(result.part_names) & set(CORRESPONDENCE)),
        "layers": [
            {
                "number": layer.number,
                "entries": layer.entries,
                "gap": float(np.mean([pairing.mean(gap) for gap in layer.gaps])),
                "within_gap": _within_gap(result, layer),
                "scores": scores,
                "opposite_gap": _opposite_gap([score["opposite"] for score in scores.values()]),
            }
            for layer in layers
            for scores in [{line.key: _line(line, layer, result) for line in lines}]
        ],
    }


def _within_gap(result: Result, layer: Layer) -> float | None:
    within = result.within
    return None if within is None else float(np.mean([within.mean(gap) for gap in layer.gaps]))


def _opposite_gap(opposite: list[float | None]) -> float | None:
    """Share of opposite changes under random masks minus that under masks of parts, among features that changed in both.

    `opposite`: that share for each line of table 1: the parts, then random masks on the object, then anywhere.
    """
    *parts, random, _ = opposite
    known = [share for share in parts if share is not None]
    return random - sum(known) / len(known) if known and random is not None else None


def _line(line: Row, layer: Layer, result: Result) -> dict[str, float | None]:
    distances, pairing = line.distances(layer), result.pairing
    among_shown = np.isin(pairing.pairs, result.shown).all(axis=1) & pairing.compared
    within = result.within
    return {
        "mean": pairing.mean(distances.mean(axis=0)),
        "deviation": pairing.deviation(distances),
        "shown_mean": float(distances[:, among_shown].mean()),
        "shown_deviation": float(distances[:, among_shown].std()),
        "changed": line.changed(layer),
        "opposite": line.opposite(layer),
        "within_mean": None if within is None else within.mean(distances.mean(axis=0)),
        "within_deviation": None if within is None else within.deviation(distances),
    }


def figures(result: Result) -> dict[str, Figure]:
    """Figure 8, table 1, the gaps that the claim is about, and what the scores are made of."""
    if result.why:
        return {}
    found: dict[str, Figure] = {"masks": _figure8(result)}
    if result.layers:
        found |= {"table1": _table1(result), "gaps": _gap_chart(result), "behind": _behind(result)}
    return found


def _figure8(result: Result) -> ImageGrid:
    kinds = [result.group_names[group] for group in result.groups[result.shown]]
    count = len(result.shown)
    masked = [in_words(part) for part in result.part_names]
    return ImageGrid(
        title="The masks",
        caption=f"{count} of the {len(result.names)} annotated images, drawn at random ({', '.join(kinds)}), "
        f"{'of different classes as far as can be' if result.across else 'of the one class that is annotated'}. From above: "
        f"the image; {', '.join(masked)} under a grey square that fits the part; a square as large as that of the "
        f"{masked[0]}, at a random place on the object that is clear of the other squares; and one anywhere. Each "
        "column is one image. Look whether the squares cover what they should.",
        alt=f"A grid of {count} columns: {', '.join(kinds)}. Rows: the original, then a grey square "
        f"over {', '.join(masked)}, on a random place of the object, and anywhere.",
        images=result.pictures.reshape(-1, *result.pictures.shape[2:]),
        columns=count,
        row_titles=("original", *masked, "random, on object", "random, anywhere"),
    )


def _layers_of(result: Result) -> list[Layer]:
    return list(result.layers.values())


def _table1(result: Result) -> Table:
    """Table 1, with the paper's numbers for the parts that it has."""
    layers = _layers_of(result)
    beside = bool(set(result.part_names) & set(CORRESPONDENCE))
    printed = []
    for line in rows(result.part_names):
        cells = [_line(line, layer, result) for layer in layers]
        row = [line.name]
        row += [_spread(cell["mean"], cell["deviation"]) for cell in cells]
        row += [_spread(cell["shown_mean"], cell["shown_deviation"]) for cell in cells]
        if result.within is not None:
            row += [_spread(cell["within_mean"], cell["within_deviation"]) for cell in cells]
        if beside:
            known = CORRESPONDENCE.get(line.key)
            row += [_spread(*known[SCORED.index(layer.number)]) if known else "–" for layer in layers]
        printed.append(tuple(row))
    names = [f"layer {layer.number}" for layer in layers]
    images, few, draws = len(result.names), len(result.shown), layers[0].on_object.different.shape[1]
    columns = ["masked", *names, *(f"the {few} shown: {name}" for name in names)]
    columns += [f"of one class: {name}" for name in names] if result.within is not None else []
    columns += [f"paper: {name}" for name in names] if beside else []
    [claimed, *others] = _whose_pairs(result)
    lowest = min(rows(result.part_names)[:-1], key=lambda line: _mean(line, layers[0], result))
    return Table(
        title="How alike masks change the features",
        caption="Hamming distance between the signs of two images’ changes, as a share of the feature vector’s length: "
        f"mean over pairs ± standard deviation of a pair. First the pairs that the claim is judged by: all {images} annotated images, "
        f"{claimed}; then the same among the {few} images shown"
        + "".join(f"; then {other}" for other in others)
        + ("; then what the paper printed, from five dogs of different breeds." if beside else ".")
        + f" {draws} random mask{'s' if draws > 1 else ''} for each part of each image, as large as that part’s. "
        "A lower number says that the masks change the features alike: compare the parts with the random masks.",
        alt=f"A table of scores; at layer {layers[0].number} the lowest is that of {lowest.name}, "
        f"{_mean(lowest, layers[0], result):.3f}.",
        columns=tuple(columns),
        rows=tuple(printed),
    )


def _whose_pairs(result: Result) -> list[str]:
    """The pairs in words: the claim's, then those that stand beside it."""
    if not result.across:
        return [f"in pairs within the one class that is annotated, {result.group_names[0]}"]
    return ["in pairs of different classes"] + (
        ["pairs within a class, averaged over the classes" + _but_for_few(result)] if result.within is not None else []
    )


def _but_for_few(result: Result) -> str:
    few = int((np.bincount(result.groups) < SMALLEST_GROUP).sum())
    return f" of at least {SMALLEST_GROUP} images" if few else ""


def _mean(line: Row, layer: Layer, result: Result) -> float:
    return result.pairing.mean(line.distances(layer).mean(axis=0))


def _spread(mean: float | None, deviation: float | None) -> str:
    """Mean and deviation as the paper prints them."""
    return f"{mean:.3f}\u00a0±\u00a0{deviation:.3f}"


def _gap_chart(result: Result) -> BarChart:
    bars = [
        _jackknife(f"{in_words(part)}, layer {layer.number}", gap, result.pairing)
        for layer in _layers_of(result)
        for part, gap in zip(result.part_names, layer.gaps, strict=True)
    ]
    spoken = ", ".join(f"{bar.name} {bar.estimate:.3f}" for bar in bars)
    return BarChart(
        title="How far the parts stand out from random masks",
        caption="Score of random masks on the object less the score of the part’s masks, each of the same size. The bars’ "
        "lines are intervals for this trained net (images left out one after another); where the noise of training is known, the "
        "claim’s own are wider. To the right of zero, "
        "masking the "
        "part changes the features more alike than chance does.",
        alt=f"Bars: {spoken}.",
        names=tuple(bar.name for bar in bars),
        values=np.array([bar.estimate for bar in bars]),
        low=np.array([bar.low for bar in bars]),
        high=np.array([bar.high for bar in bars]),
        x_label="random minus part (share of the entries)",
        reference=0.0,
        reference_name="no difference",
    )


def _behind(result: Result) -> Table:
    """What the paper's score is made of: how many features change at all, and how many of those in opposite directions."""
    layers = _layers_of(result)
    printed = []
    for line in rows(result.part_names):
        cells = [_line(line, layer, result) for layer in layers]
        opposite = ["–" if cell["opposite"] is None else f"{cell['opposite']:.1%}" for cell in cells]
        printed.append((line.name, *(f"{cell['changed']:.1%}" for cell in cells), *opposite))
    names = [f"layer {layer.number}" for layer in layers]
    return Table(
        title="What the scores are made of",
        caption="Secondary numbers, on which no verdict rests. First, the share of the layer’s features that a mask changes "
        "at all: where that is small, most features are unchanged in both images, which counts as agreement, so the score "
        "is low for that reason alone. Then, among features that changed in both images, the share that rose in one and "
        "fell in the other: one half means that the masks have nothing in common.",
        alt="A table: for each sort of mask the share of features that it changes, and the share of opposite changes among "
        "those that changed in both images.",
        columns=(
            "masked",
            *(f"changed, {name}" for name in names),
            *(f"opposite, {name}" for name in names),
        ),
        rows=tuple(printed),
    )
