"""How the features evolve during training (Zeiler & Fergus 2013, section 4, figure 4)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from reportgen import probe
from reportgen.analyses.evolution import ENOUGH, Settings, cka, settling
from reportgen.analyses.evolution.figure import Evolution
from reportgen.analyses.evolution.settling import Likeness
from reportgen.base.progress import track
from reportgen.claims import RESAMPLES, UNBOUNDED, Part, Unit, Verdict, not_tested, resampled_part
from reportgen.figures.kinds import Figure, LineChart, Panel, Series
from reportgen.look import strongest
from reportgen.look.inputs import Inputs
from reportgen.look.pictures import grey_at_zero
from reportgen.look.sight import Sight, sight
from reportgen.nets.layers import convolutions, feature_vectors, map_counts

COLUMNS = 10  # epochs that figure 4 shows at most; the paper has eight
COMPARED = ((5, 1), (4, 2))  # layers: the claim says that the first settles later than the second
EPOCHS = Unit("epochs")
SECONDARY = (
    *(f"until progress stays at {mark:g} or above" for mark in settling.MARKS),
    f"until CKA stays at {settling.PLAIN:g} or above",
)  # the measures after T: printed beside the verdict
TOP = 7  # the fully connected layer whose features are followed, too


@dataclass(frozen=True)
class Top(strongest.Top):
    """The strongest activation of each map of a layer over the training images; columns are epochs instead of ranks."""

    @property
    def jumped(self) -> Bool[np.ndarray, "map epoch"]:
        """Where the maximum moved to another image since the column before; never in the first column."""
        found = np.zeros(self.images.shape, dtype=bool)
        both = self.active[:, 1:] & self.active[:, :-1]
        found[:, 1:] = both & (self.images[:, 1:] != self.images[:, :-1])
        return found


@dataclass(frozen=True)
class Pictures:
    """Some maps of one layer, as pictures."""

    maps: Int[np.ndarray, " shown"]
    projections: UInt8[np.ndarray, "shown epoch row column 3"]  # mid-grey is zero
    patches: UInt8[np.ndarray, "shown epoch row column 4"]  # the fourth channel is 0 outside the image
    details: tuple[tuple[str, ...], ...]
    kinds: tuple[tuple[str, ...], ...]  # class of each image; empty where there is no activation


@dataclass(frozen=True)
class Layer:
    """How one convolution layer's maps evolve."""

    number: int
    sight: Sight
    top: Top
    pictures: Pictures
    already_final: Float[np.ndarray, " epoch"]  # share of maps whose strongest image is that of the last epoch
    refusal: str = ""  # why its activations cannot be projected; empty where they can


@dataclass(frozen=True)
class Result:
    """Every convolution layer's strongest activations, and how every layer's features approach their final state."""

    layers: dict[str, Layer]  # "layer1" ..
    likeness: dict[str, Likeness]  # "features1" ..
    epochs: Float[np.ndarray, " epoch"] | None  # figure 4's columns; None for a net without snapshots
    snapshots: Float[np.ndarray, " snapshot"] | None  # epochs; 0 is the untrained net
    resampled: dict[str, Float[np.ndarray, "measure resample"]]  # "resampled1" ..: of layers that the claim compares
    schedule: str  # of the learning rate: "cosine", "plateau", or empty where it is not known
    data: str  # name of the data set
    images: int  # training images that were searched
    training_images: int
    compared: int  # validation images


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Search the training images with each column's net, project, and compare every snapshot's features with the last."""
    train, val = inputs.data.train, inputs.data.val
    searched = some(len(train), settings.images or len(train), rng)
    compared = some(len(val), settings.compared, rng)
    if len(inputs.epochs) < 2:
        return Result({}, {}, None, None, {}, "", inputs.data.name, len(searched), len(train), len(compared))
    epochs, snapshots = columns(inputs.epochs), np.array(inputs.epochs)
    followed = courses(inputs, compared)
    layers = evolve(inputs, settings.maps, epochs, searched, rng)
    likeness = {number: settling.likeness(number, course, snapshots, rng) for number, course in followed.items()}
    return Result(
        layers=layers,
        likeness={f"features{number}": found for number, found in likeness.items()},
        epochs=epochs,
        snapshots=snapshots,
        resampled=resample(followed, likeness, snapshots, rng) if len(compared) >= ENOUGH and snapshots[0] == 0 else {},
        schedule=schedule([epoch["learning_rate"] for epoch in inputs.learned.history]),
        data=inputs.data.name,
        images=len(searched),
        training_images=len(train),
        compared=len(compared),
    )


def some(there: int, count: int, rng: np.random.Generator) -> Int[np.ndarray, " chosen"]:
    """`count` of the items at random, in ascending order; all of them where there are fewer."""
    return np.sort(rng.choice(there, min(count, there), replace=False))


def columns(epochs: Sequence[float]) -> Float[np.ndarray, " epoch"]:
    """The columns of figure 4: at most ten whole epochs, always with the first and the last."""
    whole = np.array([epoch for epoch in epochs if epoch >= 1 and epoch == int(epoch)] or epochs[-1:], dtype=np.float64)
    return whole[np.unique(np.linspace(0, len(whole) - 1, min(COLUMNS, len(whole))).round().astype(int))]


# --- the strongest activation of every map ---------------------------------------------------------------------------


def evolve(
    inputs: Inputs,
    shown: int,
    epochs: Float[np.ndarray, " epoch"],
    searched: Int[np.ndarray, " searched"],
    rng: np.random.Generator,
) -> dict[str, Layer]:
    """Search and project with the net of each epoch in turn."""
    counts = map_counts(inputs.graph, inputs.layers)
    chosen = {number: some(count, shown, rng) for number, count in counts.items()}
    tops: dict[int, list[strongest.Top]] = {number: [] for number in counts}
    seen: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {number: [] for number in counts}
    for epoch in epochs:
        then = inputs.at_epoch(float(epoch))
        for number, found in strongest.search(then, split=then.data.train, images=searched, count=1).items():
            tops[number].append(found)
            seen[number].append(strongest.views_of_maps(then, number, then.data.train, found, chosen[number]))
    layers = {}
    for number, maps in chosen.items():
        top = Top(*(np.concatenate([getattr(one, part.name) for one in tops[number]], axis=1) for part in fields(Top)))
        projections, patches = (np.concatenate(part, axis=1) for part in zip(*seen[number], strict=True))
        layers[f"layer{number}"] = Layer(
            number=number,
            sight=sight(inputs, number),
            top=top,
            pictures=describe(inputs, top, maps, epochs, _contrast(projections), patches),
            already_final=already_final(top),
            refusal=inputs.no_projection(number),
        )
    return layers


def describe(
    inputs: Inputs,
    top: Top,
    maps: Int[np.ndarray, " shown"],
    epochs: Float[np.ndarray, " epoch"],
    projections: UInt8[np.ndarray, "shown epoch row column 3"],
    patches: UInt8[np.ndarray, "shown epoch row column 4"],
) -> Pictures:
    """The pictures of some maps, with a line of text for each."""
    train, active = inputs.data.train, top.active
    cells = [[(int(map_), column) for column in range(len(epochs))] for map_ in maps]

    def detail(cell: tuple[int, int]) -> str:
        what = f"activation {top.values[cell]:.3g}, {train.names[top.images[cell]]}"
        return f"epoch {epochs[cell[1]]:g}: {what if active[cell] else 'no activation above zero'}"

    def kind(cell: tuple[int, int]) -> str:
        return train.said(top.images[cell], inputs.data.classes) if active[cell] else ""

    details = tuple(tuple(map(detail, row)) for row in cells)
    return Pictures(maps, projections, patches, details, tuple(tuple(map(kind, row)) for row in cells))


def already_final(top: Top) -> Float[np.ndarray, " epoch"]:
    """Share of maps whose strongest image is already that of the last epoch; maps silent at the last epoch do not count.

    NaN where every map is silent at the last epoch.
    """
    last = top.active[:, -1]
    if not last.any():
        return np.full(top.images.shape[1], np.nan)
    same = top.active & (top.images == top.images[:, -1:])
    return same[last].mean(axis=0)


def _contrast(
    signed: Float[np.ndarray, "shown epoch row column 3"],
) -> UInt8[np.ndarray, "shown epoch row column 3"]:
    """Signed pictures with zero as mid-grey, each at its own contrast ("contrast enhanced", figure 4)."""
    cells = signed.reshape(-1, 1, *signed.shape[2:])
    return grey_at_zero(cells).reshape(signed.shape)


# --- how far the features are from their final state -----------------------------------------------------------------


def courses(inputs: Inputs, images: Int[np.ndarray, " compared"]) -> dict[int, cka.Course]:
    """The features of every convolution layer and of layer 7 over the snapshots, on the same validation images."""
    followed = [*convolutions(inputs.layers), *(layer for layer in inputs.layers if layer.number == TOP)]
    names = list({layer.features for layer in followed})
    grams: dict[int, list[np.ndarray]] = {layer.number: [] for layer in followed}
    for epoch in track(inputs.epochs, "compare features with the final ones", len(inputs.epochs), unit="snapshot"):
        then = inputs.at_epoch(epoch)

        def features(batch: Any, graph: probe.Graph = then.graph) -> list[np.ndarray]:
            outputs = probe.activations(graph, batch, names)
            vectors = (feature_vectors(layer, outputs[layer.features]) for layer in followed)
            return [vector.float().cpu().numpy() for vector in vectors]

        found = zip(*then.each(features, inputs.data.val, images), strict=True)
        for layer, parts in zip(followed, found, strict=True):
            grams[layer.number].append(cka.gram(np.concatenate(parts)))
    return {number: cka.Course.of(np.stack(of_epochs)) for number, of_epochs in grams.items()}


def resample(
    followed: dict[int, cka.Course],
    likeness: dict[int, Likeness],
    snapshots: Float[np.ndarray, " snapshot"],
    rng: np.random.Generator,
) -> dict[str, Float[np.ndarray, "measure resample"]]:
    """What is measured of the layers that the claim compares in every resample of the images.

    Leaves out pairs in which a layer is missing or was not changed by training.
    """
    known = {number for number, found in likeness.items() if np.isfinite(found.area)}
    numbers = sorted({number for pair in COMPARED if known.issuperset(pair) for number in pair})
    if not numbers:
        return {}
    courses = [followed[number] for number in numbers]
    drawn = settling.resamples(courses[0].images, RESAMPLES, rng)
    drawn = track(drawn, "resample the images", RESAMPLES, unit="resample", step=settling.BATCH)
    found = settling.resampled(courses, snapshots, drawn)
    return {f"resampled{number}": measures for number, measures in zip(numbers, found, strict=True)}


def schedule(rates: Sequence[float]) -> str:
    """By which of the two schedules the learning rates of the epochs went; empty where they are not known.

    A cosine falls at every epoch after its largest rate, a plateau only now and then.
    """
    after = np.array(rates[int(np.argmax(rates)) :]) if len(rates) else np.zeros(0)
    if len(after) < 2:
        return ""
    return "cosine" if (np.diff(after) < 0).all() else "plateau"


# --- the claim, and the numbers ----------------------------------------------------------------------------------------------


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claim `lower-layers-converge-first`."""
    return [_converge(result)]


def _converge(result: Result) -> Verdict:
    claim = "lower-layers-converge-first"
    if result.snapshots is None:
        return not_tested(claim, "the net was loaded: there are no snapshots of its training")
    if result.snapshots[0] != 0:
        return not_tested(claim, "there is no snapshot of the untrained net")
    if result.compared < ENOUGH:
        return not_tested(claim, f"only {result.compared} validation images: CKA wants {ENOUGH}")
    parts = tuple(_part(result, late, early) for late, early in COMPARED)
    beside = tuple(
        _difference(result, place, f"epochs {what}, layer {late} minus layer {early}", late, early)
        for late, early in COMPARED
        if not (_undefined(result, late) or _undefined(result, early))
        for place, what in enumerate(SECONDARY, start=1)
    )
    return Verdict(claim, parts, beside=beside)


def _part(result: Result, late: int, early: int) -> Part:
    """T of one layer minus T of another."""
    name = f"T, layer {late} minus layer {early}"
    lacking = [why for number in (late, early) if (why := _undefined(result, number))]
    if lacking:
        return Part(name, 0.0, *UNBOUNDED, result.compared, unit=EPOCHS, untested=" and ".join(lacking))
    return _difference(result, 0, name, late, early, most=float(np.asarray(result.snapshots)[-1]))


def _difference(result: Result, place: int, name: str, late: int, early: int, **about: Any) -> Part:
    """What is measured of one layer minus the same of another, for one of the measures."""
    measures = [result.likeness[f"features{number}"].measures[place] for number in (late, early)]
    resamples = [result.resampled[f"resampled{number}"][place] for number in (late, early)]
    difference = resamples[0] - resamples[1]
    return resampled_part(name, float(measures[0] - measures[1]), difference, result.compared, unit=EPOCHS, **about)


def _undefined(result: Result, number: int) -> str:
    """Why T is not defined for a layer; empty where it is."""
    likeness = result.likeness.get(f"features{number}")
    if likeness is None:
        return f"the net has no layer {number}"
    if np.isfinite(likeness.area):
        return ""
    if np.isnan(likeness.cka[0]):
        return f"layer {number} gives every image the same features"
    return (
        f"training hardly changed layer {number}: before it, its features have CKA {likeness.cka[0]:.3f} with the final"
    )


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics."""
    return {
        "images": result.images,
        "training_images": result.training_images,
        "compared": result.compared,
        "epochs": [] if result.epochs is None else result.epochs.tolist(),
        "snapshots": [] if result.snapshots is None else result.snapshots.tolist(),
        "data": result.data,
        "schedule": result.schedule,
        "marks": list(settling.MARKS),
        "plain_mark": settling.PLAIN,
        "nearest": 1 - settling.CHANGED,
        "layers": [
            {
                "number": layer.number,
                "maps": len(layer.top.images),
                "shown": layer.pictures.maps.tolist(),
                "receptive_field": layer.sight.field and layer.sight.field.said,
                "cut": layer.sight.cut,
                "most_seen": layer.sight.most,
                "least_seen": layer.sight.least,
                "jumps": float(layer.top.jumped.sum(axis=1).mean()),
                "already_final": _known(layer.already_final),
                "refusal": layer.refusal,
            }
            for layer in result.layers.values()
        ],
        "likeness": [_spoken(result, likeness) for likeness in result.likeness.values()],
    }


def _spoken(result: Result, likeness: Likeness) -> dict[str, Any]:
    """How one layer's features approach their final state, in numbers."""
    snapshots, curve = np.asarray(result.snapshots), likeness.cka
    known = bool(np.isfinite(curve).all())
    lowest = int(curve.argmin()) if known else 0
    return {
        "number": likeness.number,
        "cka": _known(curve),
        "dip": float(curve[0] - curve[lowest]) if known else None,
        "lowest_epoch": float(snapshots[lowest]) if known else None,
        "area": _known(likeness.measures[:1])[0],
        "area_low": _known(likeness.ends[0, :1])[0],
        "area_high": _known(likeness.ends[1, :1])[0],
        "settled": _known(likeness.measures[1:-1]),  # secondary, as the next: no verdict rests on them
        "plain": _known(likeness.measures[-1:])[0],
    }


def _known(values: np.ndarray) -> list[float | None]:
    """Values for JSON, which has no NaN: None stands for it."""
    return [float(value) if np.isfinite(value) else None for value in values]


def figures(result: Result) -> dict[str, Figure]:
    """Figure 4 for every layer, and the two curves."""
    found: dict[str, Figure] = {}
    if result.epochs is None or result.snapshots is None:
        return found
    number = (
        f"all {result.images:,}" if result.images == result.training_images else f"{result.images:,} randomly drawn"
    )
    searched = f"{number} training images ({result.data})"
    for layer in result.layers.values():
        found[f"layer{layer.number}"] = _evolution(layer, result.epochs, searched)
    found["cka"] = _cka_chart(result, result.snapshots)
    if len(result.epochs) > 1:
        found["already_final"] = _already_final(result, result.epochs, searched)
    return found


def _already_final(result: Result, epochs: Float[np.ndarray, " epoch"], searched: str) -> LineChart:
    return LineChart(
        title="Maps whose strongest image is already the final one",
        caption=f"For each layer, the share of its maps whose strongest activation over {searched} is "
        f"held by the same image as after the last epoch, epoch {epochs[-1]:g}, where the share is 100 % because "
        "that is what is compared with; maps that respond to nothing then do not count. A layer whose curve rises early "
        "has found what it looks for. The curve asks more than likeness does: two images that excite a map almost "
        "alike can change places for ever.",
        alt="Curves over the epochs, from the first to the last but one: "
        + "; ".join(f"layer {layer.number} {_course(layer.already_final[:-1])}" for layer in result.layers.values())
        + ".",
        panels=(
            Panel(
                "",
                "epoch",
                "maps with their final image (%)",
                tuple(
                    Series(f"layer {layer.number}", epochs, layer.already_final * 100)
                    for layer in result.layers.values()
                ),
                (0.0, 105.0),
            ),
        ),
    )


def _evolution(layer: Layer, epochs: Float[np.ndarray, " epoch"], searched: str) -> Evolution:
    """Figure 4 for one layer."""
    maps = layer.pictures.maps
    jumps = layer.top.jumped[maps].sum(axis=1)
    field = layer.sight.field
    cutting = f"the whole image: {layer.sight.words}" + (f"; {layer.sight.hatched}" if layer.sight.hatched else "")
    if field and layer.sight.cut:
        cutting = f"the {field.by} px that the activation depends on; {layer.sight.hatched}"
    rows = (
        f"Nothing is projected to pixels: {layer.refusal}. Shown is {cutting}."
        if layer.refusal
        else "Upper row of each map: projected to pixels by the deconvnet of that epoch's net; grey is zero, each picture's "
        f"contrast is enhanced. Lower row: {cutting}."
    )
    return Evolution(
        title=f"Layer {layer.number} during training",
        caption=f"The strongest activation over {searched}, the centre of each, of {len(maps)} feature maps "
        f"of layer {layer.number}, drawn at random, after {'epoch' if len(epochs) == 1 else 'epochs'} "
        f"{', '.join(f'{epoch:g}' for epoch in epochs)}. {rows} An orange bar before a column says that the strongest "
        "activation jumped to another image since the column before. Look for the column from which a row no longer changes.",
        alt=f"For {len(maps)} feature maps of layer {layer.number}, {len(epochs)} image patches from left to right"
        f"{'' if layer.refusal else ', and above them their projections'}. "
        + " ".join(
            f"Map {map_}: the image changes {jump} times, at the end {kinds[-1] or 'nothing excites it'}."
            for map_, jump, kinds in zip(maps, jumps, layer.pictures.kinds, strict=True)
        ),
        layer=layer.number,
        maps=maps,
        epochs=epochs,
        projections=None if layer.refusal else layer.pictures.projections,
        patches=layer.pictures.patches,
        shown=layer.top.active[maps],
        jumped=layer.top.jumped[maps],
        details=layer.pictures.details,
        notes=tuple(kinds[-1] for kinds in layer.pictures.kinds),
    )


def _cka_chart(result: Result, snapshots: Float[np.ndarray, " snapshot"]) -> LineChart:
    likeness = list(result.likeness.values())
    spoken = (f"layer {layer.number} {_course(layer.cka)}" for layer in likeness)
    told = ", ".join(f"{layer.area:.2g} for layer {layer.number}" for layer in likeness if np.isfinite(layer.area))
    areas = f": {told}" if told else ""
    return LineChart(
        title="How far the features are from their final state",
        caption="(a) Debiased linear CKA between a layer's features after each snapshot and those of the final net, on "
        f"the same {result.compared:,} validation images ({result.data}). It is 1 for features that differ only by a rotation "
        "and a scale, about 0 for unrelated ones. Epoch 0 is the untrained net. Bands hold 95 % of the values under "
        "resampled images. "
        "(b) The same as a share of the way from the untrained net (0) to the final one (1, dashed); what lies below 0, "
        "farther off than before training, is cut off. The area between a curve and the dashed line is the layer's T, in "
        f"epochs{areas}. Look at whether the area grows with the layer.",
        alt=f"Curves of CKA from epoch {snapshots[0]:g} to the last snapshot but one: {'; '.join(spoken)}.",
        panels=(
            Panel(
                "likeness to the final features",
                "epoch",
                "CKA with the final net",
                tuple(
                    Series(f"layer {layer.number}", snapshots, layer.cka, layer.low, layer.high) for layer in likeness
                ),
            ),
            Panel(
                "share of the way",
                "epoch",
                "way to the final features (0-1)",
                tuple(Series(f"layer {layer.number}", snapshots, settling.progress(layer.cka)) for layer in likeness),
                y_range=(0.0, 1.05),
                level=1.0,
            ),
        ),
    )


def _course(values: np.ndarray) -> str:
    """First and last of some values, in words."""
    known = values[np.isfinite(values)]
    return f"from {known[0]:.2f} to {known[-1]:.2f}" if len(known) else "not defined"
