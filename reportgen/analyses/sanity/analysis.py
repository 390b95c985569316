"""Is the deconvnet to be believed? (Adebayo et al. 2018, Nie et al. 2018; no claim of Zeiler & Fergus 2013.)"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from reportgen import probe
from reportgen.analyses.sanity import Settings
from reportgen.analyses.sanity.likeness import Compared, Likeness, likeness
from reportgen.analyses.sanity.randomised import copy_of, gradients, restored, shuffle, stages_below
from reportgen.base.progress import track
from reportgen.claims import Verdict
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series, Table
from reportgen.look.inputs import Inputs
from reportgen.look.pictures import cut, grey_at_zero
from reportgen.look.sight import field_of
from reportgen.look.strongest import box_of_view, search
from reportgen.nets.layers import PaperLayer, convolutions
from reportgen.probe import Graph
from reportgen.probe.memory import halved

LOWEST_START = 2  # the lowest layer to start from: below layer 1's filters there is nothing to randomise
METHODS = ("deconvnet", "gradient")
CLEARLY = 0.1  # rank correlations that differ by less count as equal
REMAINS = 0.15  # from this rank correlation on, part of the picture counts as remaining
DIGITS = 3  # of the means: the last bit depends on the number of threads, and reorders nearly tied pixels


@dataclass(frozen=True)
class Units:
    """Some maps of one layer, each with its strongest activation over the validation images."""

    maps: Int[np.ndarray, " unit"]
    images: Int[np.ndarray, " unit"]
    rows: Int[np.ndarray, " unit"]
    columns: Int[np.ndarray, " unit"]

    def __len__(self) -> int:
        return len(self.maps)

    @property
    def places(self) -> Int[np.ndarray, "unit 3"]:
        """Map, row and column."""
        return np.column_stack([self.maps, self.rows, self.columns])


@dataclass(frozen=True)
class Curves:
    """How similar each unit's picture is to that of the trained net (1: equal); step i: i layers are randomised."""

    rank: Float[np.ndarray, "step unit"]
    magnitude_rank: Float[np.ndarray, "step unit"]
    structure: Float[np.ndarray, "step unit"]


@dataclass(frozen=True)
class Start:
    """One layer from which the net is randomised, downwards to the image."""

    number: int
    units: Units
    deconvnet: Curves  # step 0: nothing randomised
    gradient: Curves
    deconvnet_other: Curves  # one step: the trained net's picture of another unit, at the same place of the same image
    gradient_other: Curves


@dataclass(frozen=True)
class Result:
    """Every layer from which the net is randomised, and pictures of units of the highest."""

    starts: dict[str, Start]  # "layer2" ..
    patches: UInt8[np.ndarray, "example row column 3"]
    deconvnet: UInt8[np.ndarray, "example step row column 3"]  # mid-grey is zero, each picture at its own contrast
    gradient: UInt8[np.ndarray, "example step row column 3"]
    titles: tuple[str, ...]  # of the examples
    images: int  # validation images that were searched
    refusal: str = ""  # why no layer can be projected; empty where one can
    alike: bool = False  # whether a unit of the highest layer has one picture for all images


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Find the units, then randomise layer by layer from theirs downwards."""
    every = convolutions(inputs.layers)
    projected = [layer for layer in every if not inputs.no_projection(layer.number)]
    chosen = _units(inputs, projected[LOWEST_START - 1 :] or projected, settings.units, rng)
    starts: dict[str, Start] = {}
    pictures: dict[str, np.ndarray] = {}
    first = np.arange(1)
    copied = copy_of(inputs.net, next(inputs.batches(inputs.data.val, first))) if chosen else inputs.graph
    for layer, units in chosen:
        below = [other for other in projected if other.number <= layer.number]
        pictures = cascade(inputs, copied, below, units, rng)
        starts[f"layer{layer.number}"] = _compared(inputs, layer, units, pictures)
    refusal = inputs.no_projection(every[0].number) if every and not projected else ""
    examples = _examples(inputs, chosen, pictures, settings.examples)
    alike = bool(chosen) and inputs.way(chosen[-1][0].number).alike
    return Result(starts=starts, images=len(inputs.data.val), refusal=refusal, alike=alike, **examples)


def _units(
    inputs: Inputs, layers: Sequence[PaperLayer], count: int, rng: np.random.Generator
) -> list[tuple[PaperLayer, Units]]:
    """Random maps of each layer, each at its strongest activation; layers in which no map responds are skipped."""
    if not layers:  # none of them can be projected
        return []
    tops = search(inputs, [layer.number for layer in layers], count=1)
    found = []
    for layer in layers:
        top = tops[layer.number]
        values, *places = (part[:, 0] for part in (top.values, top.images, top.rows, top.columns))
        active = np.flatnonzero(values > 0)
        if len(active):
            maps = np.sort(rng.choice(active, min(count, len(active)), replace=False))
            found.append((layer, Units(maps, *(part[maps] for part in places))))
    return found


def cascade(
    inputs: Inputs, copied: Graph, layers: Sequence[PaperLayer], units: Units, rng: np.random.Generator
) -> dict[str, Float[np.ndarray, "step unit row column 3"]]:
    """Pictures of the units of the last of `layers` while these layers are randomised, from the last down to the first.

    They are randomised in `copied`, which has the trained net's weights, and has them again afterwards. Step 0 is the trained
    net. ``deconvnet_other`` and ``gradient_other`` show random other units at the same places in the trained net. Every
    projection starts from 1 instead of the unit's value, which may be 0 once layers are random: the measures ignore a
    picture's scale.
    """

    name, maps = layers[-1].map, inputs.graph.shape(layers[-1].map)[0]
    images = torch.cat(list(inputs.batches(inputs.data.val, units.images)))
    others = units.places
    others[:, 0] = (units.maps + rng.integers(1, max(maps, 2), len(units))) % maps
    beside = project_both(inputs, inputs.graph, name, images, others)
    steps = [project_both(inputs, inputs.graph, name, images, units.places)]
    with restored(copied):
        for parameters in track(
            stages_below(copied, layers), f"randomise from layer {layers[-1].number}", unit="layer"
        ):
            shuffle(parameters, rng)
            steps.append(project_both(inputs, copied, name, images, units.places))
    found = {method: np.stack([step[method] for step in steps]) for method in METHODS}
    return found | {f"{method}_other": beside[method][None] for method in METHODS}


def project_both(
    inputs: Inputs, graph: Graph, layer: str, images: Any, places: Int[np.ndarray, "unit 3"]
) -> dict[str, Float[np.ndarray, "unit row column 3"]]:
    """The deconvnet's projection and the gradient of one unit in each image, as signed RGB pictures."""

    shown: dict[str, list[np.ndarray]] = {method: [] for method in METHODS}
    for image, place in zip(images, places, strict=True):
        unit = probe.Activation(layer, *(int(part) for part in place))
        [projection] = probe.project(graph, image, [unit], seeds=[1.0], smooth=inputs.smooth)
        assert projection is not None  # the seed is not zero
        shown["deconvnet"].append(projection.full().cpu().numpy())

    def down(most: int) -> list[np.ndarray]:
        parts = [slice(start, start + most) for start in range(0, len(images), most)]
        return [one for some in parts for one in gradients(graph, layer, images[some], places[some]).cpu().numpy()]

    shown["gradient"], _ = halved(down, inputs.batch)
    pictures = {method: np.stack(found).transpose(0, 2, 3, 1) for method, found in shown.items()}
    return {method: inputs.preprocessing.red_first(found) for method, found in pictures.items()}


def _compared(inputs: Inputs, layer: PaperLayer, units: Units, pictures: dict[str, np.ndarray]) -> Start:
    """How similar the pictures are to those of the trained net, within each unit's receptive field."""
    receptive = field_of(inputs, layer.number)
    boxes = [receptive.inside(int(row), int(column)) for row, column in zip(units.rows, units.columns, strict=True)]
    windows = [(slice(top, bottom), slice(left, right)) for top, left, bottom, right in boxes]
    originals = {
        method: [Compared(picture[window]) for picture, window in zip(pictures[method][0], windows, strict=True)]
        for method in METHODS
    }
    compared = {
        name: Curves(*_likenesses(found, originals[name.removesuffix("_other")], windows))
        for name, found in pictures.items()
    }
    return Start(number=layer.number, units=units, **compared)


def _likenesses(
    pictures: Float[np.ndarray, "step unit row column 3"],
    originals: Sequence[Compared],
    windows: Sequence[tuple[slice, slice]],
) -> Float[np.ndarray, "measure step unit"]:
    found = np.zeros((len(Likeness._fields), *pictures.shape[:2]))
    for step, unit in np.ndindex(*pictures.shape[:2]):
        found[:, step, unit] = likeness(originals[unit], Compared(pictures[step, unit][windows[unit]]))
    return found


def _examples(
    inputs: Inputs, chosen: list[tuple[PaperLayer, Units]], pictures: dict[str, np.ndarray], count: int
) -> dict[str, Any]:
    """Pictures of some units of the highest layer, cut to their receptive fields, or whole where the image is smaller."""
    crop = inputs.preprocessing.crop
    if not chosen:
        none, no_steps = np.zeros((0, *crop, 3), np.uint8), np.zeros((0, 1, *crop, 3), np.uint8)
        return {"patches": none, "deconvnet": no_steps, "gradient": no_steps, "titles": ()}
    layer, units = chosen[-1]
    receptive = field_of(inputs, layer.number)
    shown = range(min(count, len(units)))
    places = zip(units.rows[: len(shown)], units.columns[: len(shown)], strict=True)
    boxes = [box_of_view(receptive, crop, int(row), int(column)) for row, column in places]
    val, classes = inputs.data.val, inputs.data.classes
    found: dict[str, Any] = {
        "patches": np.stack([cut(inputs.pixels(val, int(units.images[unit])), boxes[unit]) for unit in shown]),
        "titles": tuple(f"map {units.maps[unit]}: {val.said(units.images[unit], classes)}" for unit in shown),
    }
    for method in METHODS:
        signed = np.stack([[cut(step[unit], boxes[unit]) for step in pictures[method]] for unit in shown])
        found[method] = grey_at_zero(signed.reshape(-1, 1, *signed.shape[2:])).reshape(signed.shape)
    return found


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """No claim of the paper rests on this section."""
    return []


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text: means over the units, step by step."""
    layers = _means(result)
    belief = _belief(layers[-1]) | {"alike": result.alike} if layers else None
    return {"images": result.images, "refusal": result.refusal, "layers": layers, "belief": belief}


def _belief(deepest: dict[str, Any]) -> dict[str, Any]:
    """How far projections of the deepest layer can be trusted, by their rank correlations."""
    own, everything = deepest["deconvnet"]["rank"][1], deepest["deconvnet"]["rank"][-1]
    other = deepest["deconvnet_other"]["rank"][0]
    return {
        "layer": deepest["number"],
        "own": own,  # with the trained net's projection, after the unit's own layer is randomised
        "all": everything,  # the same, after all layers are randomised
        "other": other,  # between two units of the trained net
        "of_the_unit": own < other - CLEARLY and other < 1 - CLEARLY,
        "of_all_units": other >= 1 - CLEARLY,  # any two units have nearly the same picture
        "of_its_place": abs(own - other) <= CLEARLY,  # much the same whatever unit stands there
        "of_the_net": everything < REMAINS,
    }


def _means(result: Result) -> list[dict[str, Any]]:
    return [
        {
            "number": start.number,
            "units": len(start.units),
            **{
                method: {
                    measure: getattr(getattr(start, method), measure).mean(axis=1).round(DIGITS).tolist()
                    for measure in Likeness._fields
                }
                for method in (*METHODS, *(f"{method}_other" for method in METHODS))
            },
        }
        for start in result.starts.values()
    ]


def figures(result: Result) -> dict[str, Figure]:
    """The pictures, two measures as curves over the steps, and the table."""
    if not result.starts:
        return {}
    return {
        "deconvnet": _grid(result, "deconvnet", "The deconvnet, as the net forgets"),
        "gradient": _grid(result, "gradient", "The plain gradient, as the net forgets"),
        "rank": _chart(
            result,
            "rank",
            "Do the pictures say the same?",
            "rank correlation (1: equal)",
            "Spearman’s rank correlation between a picture’s values before and after",
            "Values of all colours with their signs, within",
        ),
        "structure": _chart(
            result,
            "structure",
            "Do the pictures look the same?",
            "structural similarity (1: equal)",
            "Structural similarity (SSIM) between the pictures as drawn before and after",
            "Each picture at its own contrast, within",
        ),
        "table": _table(result),
    }


def _grid(result: Result, method: str, title: str) -> ImageGrid:
    start = list(result.starts.values())[-1]
    pictures = getattr(result, method)
    steps = pictures.shape[1] - 1
    tiles = np.concatenate([result.patches[:, None], pictures], axis=1)
    lowest = start.number - steps + 1
    below = f"then after layer {start.number} was randomised" + (
        f", after {start.number} and {start.number - 1}, and so on down to layer {lowest}" if steps > 1 else ""
    )
    random = [f"{start.number}" + (f"–{start.number - step}" if step else "") for step in range(steps)]
    headings = ("image", "trained", *(f"random {layers}" for layers in random))
    what = "projection" if method == "deconvnet" else "gradient with respect to the image"
    return ImageGrid(
        title=title,
        caption=f"{len(tiles)} units of layer {start.number}, one in each row, at their strongest activation over "
        f"{result.images:,} validation images. From the left: what the unit sees, its {what} in the trained net, {below}. "
        "Grey is zero, and each picture has its own contrast. Look how far to the right the trained net’s picture can still "
        "be recognised.",
        alt=f"A grid of {len(tiles)} rows: an image, its {what}, and {steps} more as layers are randomised: "
        + "; ".join(result.titles)
        + ".",
        images=tiles.reshape(-1, *tiles.shape[2:]),
        columns=len(headings),
        titles=headings * len(tiles),
        row_titles=result.titles,
    )


def _chart(result: Result, measure: str, title: str, label: str, what: str, how: str) -> LineChart:
    panels, spoken = [], []
    for start in result.starts.values():
        series = []
        for method in METHODS:
            values = getattr(getattr(start, method), measure)
            x = np.arange(len(values), dtype=np.float64)
            low, high = np.percentile(values, (25, 75), axis=1)
            series.append(Series(method, x, values.mean(axis=1), low, high))
            other = getattr(getattr(start, f"{method}_other"), measure).mean()
            series.append(Series(f"{method}, another unit", x[[0, -1]], np.full(2, other), dashed=True))
        panels.append(
            Panel(f"from layer {start.number} down", "layers randomised", label, tuple(series), y_range=(-0.15, 1.05))
        )
        ends = [getattr(getattr(start, method), measure)[-1].mean() for method in METHODS]
        spoken.append(f"layer {start.number}: deconvnet {ends[0]:.2f}, gradient {ends[1]:.2f}")
    return LineChart(
        title=title,
        caption=f"{what} as many layers as the horizontal axis says were randomised, from the unit’s own downwards. {how} "
        f"the unit’s receptive field; {_count(result)} of each layer, mean and middle half. Dashed: similarity to the trained "
        "net’s picture of another unit of the layer, at the same place of the same image. If a picture shows what the net "
        "learned, its curve falls towards zero; where a curve stays above the dashed line, randomising the net changes the "
        "picture less than choosing another unit does.",
        alt=f"Curves that begin at 1. With every layer randomised: {'; '.join(spoken)}.",
        panels=tuple(panels),
    )


def _count(result: Result) -> str:
    counts = sorted({len(start.units) for start in result.starts.values()})
    return f"{counts[0]} units" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} units"


def _table(result: Result) -> Table:
    measures = {
        "rank": "rank correlation",
        "structure": "structural similarity",
        "magnitude_rank": "rank of magnitudes",
    }
    printed = []
    for start in result.starts.values():
        for method in METHODS:
            cells = []
            for measure in measures:
                values = getattr(getattr(start, method), measure)
                other = getattr(getattr(start, f"{method}_other"), measure)
                means = (values[1].mean(), values[-1].mean(), other.mean())
                own, all_, another = (_hundredths(round(mean, DIGITS)) for mean in means)
                cells.append(f"{own}, {all_} ({another})")
            printed.append((f"{start.number}", method, *cells))
    return Table(
        title="The same in numbers",
        caption="Similarity of the pictures to those of the trained net (1: equal) after the unit’s own layer was randomised, "
        "after all layers down to the image were, and (in brackets) of another unit’s picture; means over the units. The ranks "
        "of magnitudes (absolute values, summed over the colours) say only where a picture is strong. Every picture is "
        "strongest in the middle of the receptive field, so they are far from 0 for any two pictures: compare them with those "
        "of another unit.",
        alt=f"A table of {len(printed)} rows, one for each layer and method: three similarities by each of three measures.",
        columns=("layer", "method", *measures.values()),
        rows=tuple(printed),
    )


def _hundredths(value: float) -> str:
    """Two decimals with a true minus sign, and without one before zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
