"""Feature invariance (Zeiler & Fergus 2013, section 4, figure 5)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from reportgen.analyses.invariance import Settings
from reportgen.analyses.invariance.curves import Curves, Statistic, mean_band, mean_of_pairs, relative
from reportgen.analyses.invariance.distances import FIRST, TOP, compared_layers, distances_between, through_views
from reportgen.analyses.invariance.geometry import flat
from reportgen.analyses.invariance.transformations import (
    SMALL_SCALE,
    SMALL_TURN,
    picture_views,
    plan_views,
    small_shift,
)
from reportgen.base.errors import UserError
from reportgen.claims import Part, Verdict, difference_part, mean_part, not_tested, weighted_part
from reportgen.data.sampling import of_different_classes, stratified
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Moved, Panel, Series, Table
from reportgen.look.inputs import Inputs
from reportgen.look.statistics import mean_or_none

EXAMPLES = 5
STRAIGHT = (0.9, 1.0)  # R^2 of a quasi-linear curve
WIDER = 1.6  # times the side of the net's input: no transformation brings more of a scene into view
CONTROLS = {"_resampled": "resampling only", "_filled": "fill only"}  # ending of a curve's name: the control's name
LINES = (("shift", "translation", 0), ("scale", "scale", 1))  # name, its curve, the value at which nothing moves
LETTERS = tuple(f"{row}{column}" for row in "abc" for column in (2, 3, 4))  # figure 5's


@dataclass(frozen=True)
class Result:
    """The curves of a sample of test images, one set for each transformation and control.

    `curves` are named ``translation``, ``scale``, ``rotation`` and ``small_rotation`` (5 degrees either way). With the
    ending ``_resampled`` they are a control for interpolation: turned or scaled, then back again. With ``_filled`` they
    are a control for the fill, present only where a moved image shows more than is known of the scene: the image stays
    and only the pixels that the move would expose change.
    """

    curves: dict[str, Curves]
    images: Int[np.ndarray, " image"]  # the sample, as indices into the test set
    kinds: tuple[str, ...]  # the sample's classes
    symmetric: Bool[np.ndarray, " image"]  # of a class that is rotationally symmetric
    probability: Float[np.ndarray, " image"]  # of the true class, untransformed
    correct: Bool[np.ndarray, " image"]  # classified correctly, untransformed
    between_first: Float[np.ndarray, "image image"]  # distances between the untransformed images' feature vectors
    between_top: Float[np.ndarray, "image image"]
    examples: Int[np.ndarray, " example"]  # the images that are shown, as indices into the sample
    pictures: UInt8[np.ndarray, "picture row column 3"]  # of the examples, transformed, row by row
    picture_rows: tuple[str, ...]
    scenes: UInt8[
        np.ndarray, "example side side 3"
    ]  # of the examples, untransformed, with what the moves bring into view
    crop: int  # side of the net's input, pixels
    wide: bool  # whether the scenes around the images are known
    top_layer: int  # 7, or the net's last layer before the classifier
    first_layer: int = FIRST  # or the net's lowest layer: LAYERS= need not name a layer 1


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Transform every image of the sample in every way, and measure its features and probability."""
    data, labels = inputs.data, inputs.data.test.labels
    symmetric = _symmetric_classes(inputs, settings)
    images = stratified(labels, settings.images, rng)
    source = data.test.images if data.wide is None else data.wide
    side, crop = source.shape[1], inputs.preprocessing.crop
    plan = plan_views(side, crop)
    found, still = through_views(inputs, source, images, plan)
    lowest, highest = compared_layers(inputs)
    kinds = tuple(data.classes[label] for label in labels[images])
    turned_alike = np.isin(kinds, symmetric)
    correct = still.guess == labels[images]
    examples = _choose_examples(labels[images], correct, turned_alike, rng)
    rows = picture_views(side, crop)
    pixels = flat(source[images[examples]])
    return Result(
        curves=found,
        images=images,
        kinds=kinds,
        symmetric=turned_alike,
        probability=still.probability,
        correct=correct,
        between_first=distances_between(still.first),
        between_top=distances_between(still.top),
        examples=examples,
        pictures=np.concatenate([view.of(pixels) for view in rows.values()]),
        picture_rows=tuple(rows),
        scenes=_scenes(source[images[examples]], crop),
        crop=crop,
        wide=data.wide is not None,
        top_layer=highest.number,
        first_layer=lowest.number,
    )


def _scenes(pictures: UInt8[np.ndarray, "example row column 3"], crop: int) -> UInt8[np.ndarray, "example side side 3"]:
    """Pictures with the surroundings that transformations bring into view, mirrored where the scene is not known."""
    margin = max(0, -(-(round(WIDER * crop) - pictures.shape[1]) // 2))
    return np.pad(pictures, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")


def _symmetric_classes(inputs: Inputs, settings: Settings) -> list[str]:
    for name in settings.symmetric:
        if name not in inputs.data.classes:
            known = ", ".join(inputs.data.classes[:12]) + (", ..." if len(inputs.data.classes) > 12 else "")
            raise UserError(f"INVARIANCE_SYMMETRIC={name}: no such class: name some of {known}")
    return [*inputs.data_numbers.get("symmetric", []), *settings.symmetric]


def _choose_examples(
    labels: Int[np.ndarray, " image"],
    correct: Bool[np.ndarray, " image"],
    symmetric: Bool[np.ndarray, " image"],
    rng: np.random.Generator,
) -> Int[np.ndarray, " example"]:
    """Five images of different classes, classified correctly if possible, one of a symmetric class if there is one."""
    order = of_different_classes(labels, correct, len(labels), rng)
    chosen, known = order[:EXAMPLES].copy(), order[(symmetric & correct)[order]]
    if len(known) and not symmetric[chosen].any():
        chosen[-1] = known[0]
    return np.sort(chosen)


@dataclass(frozen=True)
class Small:
    """How far a small transformation, or its control, moves the two layers' features of every image (Euclidean)."""

    name: str
    control: str  # "resampling only", "fill only", or "" for the transformation itself
    first: Float[np.ndarray, " image"]
    top: Float[np.ndarray, " image"]


def small_transformations(result: Result) -> list[Small]:
    """Each small transformation followed by its controls; shift and turn are means over both directions."""
    pixels = small_shift(result.crop)
    found = []
    for name, curve, values in (
        (f"shift of {pixels} px", "translation", (-pixels, pixels)),
        (f"scaling by {SMALL_SCALE}", "scale", (SMALL_SCALE,)),
        (f"turn of {SMALL_TURN}°", "small_rotation", (-SMALL_TURN, SMALL_TURN)),
    ):
        for suffix, control in (("", ""), *CONTROLS.items()):
            if curve + suffix in result.curves:
                found.append(Small(name, control, *result.curves[curve + suffix].at(values)))
    return found


def share_left(result: Result, curve: str, ends: bool = False) -> Float[np.ndarray, " image"]:
    """Share of the true class's probability left on average over a curve, or at its ends; NaN where the net is wrong."""
    found = result.curves[curve]
    share = (found.left_at_ends if ends else found.share_left)(
        result.probability, 1 if curve.startswith("scale") else 0
    )
    return np.where(result.correct, share, np.nan)


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claims `small-transformations-first-layer`, `quasi-linear-top` and `output-stable`."""
    return [_small(result, rng), _quasi_linear(result, rng), _stable(result, rng)]


def _no_layers(result: Result) -> str:
    """Why layers 1 and 7 cannot be compared; empty where they can."""
    if result.first_layer != FIRST:
        return f"the net has no layer {FIRST}: the lowest that is named is layer {result.first_layer}"
    if result.top_layer != TOP:
        return f"the net has no layer {TOP}: the last before its classifier is layer {result.top_layer}"
    for layer, between in ((FIRST, result.between_first), (TOP, result.between_top)):
        if not between.any():
            return f"layer {layer} does not tell the images apart: all have one feature vector"
    return ""


def _small(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "small-transformations-first-layer"
    if why := _no_layers(result):
        return not_tested(claim, why)

    def part(small: Small) -> Part:
        # The denominator, the distance between different images, is uncertain too: it is resampled along.
        return weighted_part(
            small.name,
            lambda weights: (
                relative(small.first, result.between_first, weights) - relative(small.top, result.between_top, weights)
            ),
            len(small.first),
            rng,
        )

    return Verdict(claim, tuple(part(small) for small in small_transformations(result) if not small.control))


def _quasi_linear(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "quasi-linear-top"
    if why := _no_layers(result):
        return not_tested(claim, why)

    def parts(name: str, first: Statistic, top: Statistic) -> list[Part]:
        units = len(result.images)
        return [
            weighted_part(f"{name}: R² of layer {TOP}", top, units, rng, range=STRAIGHT),
            weighted_part(
                f"{name}: layer {TOP} minus {FIRST}", lambda weights: top(weights) - first(weights), units, rng
            ),
        ]

    found = [part for name, curve, origin in LINES for part in parts(name, *result.curves[curve].straightness(origin))]
    if not all(np.isfinite(part.estimate) for part in found):
        return not_tested(claim, "the mean distance of a layer does not change along the range: there is no line")
    return Verdict(claim, tuple(found))


def _stable(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "output-stable"
    shift, scale, turn = (share_left(result, curve)[result.correct] for curve in ("translation", "scale", "rotation"))
    symmetric = result.symmetric[result.correct]
    if len(symmetric) < 2:
        return not_tested(claim, f"the net gets {len(symmetric)} of the {len(result.images)} images right")
    parts = [mean_part("shift minus rotation", shift - turn, rng), mean_part("scale minus rotation", scale - turn, rng)]
    alike, others = turn[symmetric], turn[~symmetric]
    if min(len(alike), len(others)) > 1:
        parts.append(difference_part("rotation: symmetric minus other classes", alike, others, rng))
        return Verdict(claim, tuple(parts))
    found = Verdict(claim, tuple(parts))
    if found.verdict == "contradicted":  # the third part could not change that
        return found
    if not result.symmetric.any():
        return not_tested(claim, "no class is known to be rotationally symmetric: name some, INVARIANCE_SYMMETRIC=")
    return not_tested(
        claim,
        f"the net gets {len(alike)} images of symmetric classes right and {len(others)} of others: two are needed",
    )


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics."""
    everyone = np.ones((1, len(result.images)))
    turned = share_left(result, "rotation")
    return {
        "images": len(result.images),
        "correct": int(result.correct.sum()),
        "symmetric_classes": sorted(
            {kind for kind, alike in zip(result.kinds, result.symmetric, strict=True) if alike}
        ),
        "wide": result.wide,
        "filled": "translation_filled" in result.curves,
        "crop": result.crop,
        "first_layer": result.first_layer,
        "top_layer": result.top_layer,
        "largest_shift": int(result.curves["translation"].values.max()),
        "small_shift": small_shift(result.crop),
        "probability": float(result.probability.mean()),
        "between": [_finite(mean_of_pairs(part, everyone)[0]) for part in (result.between_first, result.between_top)],
        "small": [
            {
                "name": small.name,
                "control": small.control,
                "first": _finite(relative(small.first, result.between_first, everyone)[0]),
                "top": _finite(relative(small.top, result.between_top, everyone)[0]),
            }
            for small in small_transformations(result)
        ],
        "straight": {
            name: [_finite(fit(everyone)[0]) for fit in result.curves[curve].straightness(origin)]
            for name, curve, origin in LINES
        },
        "left": {name: mean_or_none(share_left(result, name)) for name in result.curves}
        | {"symmetric": mean_or_none(turned[result.symmetric]), "others": mean_or_none(turned[~result.symmetric])},
        "left_at_ends": {name: mean_or_none(share_left(result, name, ends=True)) for name in ("translation", "scale")},
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def figures(result: Result) -> dict[str, Figure]:
    """The transformed examples, figure 5 for the examples, the means of all images, the table of small transformations."""
    return {
        "views": _views(result),
        "examples": _examples(result),
        "means": _means(result),
        "small": _table(result),
    }


def _views(result: Result) -> ImageGrid:
    names = [result.kinds[place] for place in result.examples]
    border = (
        "beyond the picture's edge its mirror image is shown, and the rows called fill show what that alone changes"
        if "translation_filled" in result.curves
        else "at the border the scene around the image comes into view"
    )
    return ImageGrid(
        title="The example images, moved",
        caption=f"Test images drawn at random ({', '.join(names)}), of different classes and correctly classified where "
        "possible; below each, its transformed versions as the net sees them. Shifts and quarter turns are exact copies, "
        f"all others are interpolated (bilinear); {border}. Turns are anticlockwise.",
        alt=f"A grid of pictures, in columns {', '.join(names)}; in rows {', '.join(result.picture_rows)}.",
        images=result.pictures,
        columns=len(names),
        row_titles=result.picture_rows,
    )


def _examples(result: Result) -> LineChart:
    kinds = [result.kinds[place] for place in result.examples]
    names = [
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[: place + 1].count(kind)}"
        for place, kind in enumerate(kinds)
    ]

    def lines(curve: str, what: str) -> tuple[Series, ...]:
        curves = result.curves[curve]
        values = getattr(curves, what)[result.examples]
        return tuple(Series(name, curves.values, row) for name, row in zip(names, values, strict=True))

    ends = [
        f"{name} {result.probability[place]:.0%} as it is, {result.curves['rotation'].probability[place].min():.0%} at its "
        "worst angle"
        for name, place in zip(names, result.examples, strict=True)
    ]
    return LineChart(
        title="How far the examples move",
        caption="One curve for each example image. Rows: shifted up and down, scaled, turned. Columns: Euclidean distance "
        f"of the feature vectors of layer {result.first_layer} and of layer {result.top_layer} from those of the "
        "untransformed image, and the probability of the true class. The letters are those of the paper's figure 5. "
        f"Look whether layer {result.first_layer} changes abruptly at the smallest transformation, and how the probability "
        "changes.",
        alt=f"Nine charts, {len(names)} curves each. Probability of the true class when turned: {'; '.join(ends)}.",
        panels=_panels(result, lines, "distance"),
        letters=LETTERS,
        moved=Moved(result.scenes, result.crop, ("shift",) * 3 + ("scale",) * 3 + ("turn",) * 3),
    )


def _means(result: Result) -> LineChart:
    everyone = np.ones((1, len(result.images)))
    unit = {
        "first": mean_of_pairs(result.between_first, everyone)[0],
        "top": mean_of_pairs(result.between_top, everyone)[0],
        "probability": 1.0,
    }

    def series(name: str, curve: str, what: str, images: Bool[np.ndarray, " image"], dashed: bool = False) -> Series:
        curves, scale = result.curves[curve], unit[what] if unit[what] > 0 else 1.0
        mean, low, high = (part / scale for part in mean_band(getattr(curves, what)[images]))
        return Series(name, curves.values, mean, np.maximum(low, 0), high, dashed)

    def lines(curve: str, what: str) -> tuple[Series, ...]:
        everything = np.ones(len(result.images), dtype=np.bool_)
        found = [series("all images", curve, what, everything)]
        if (curve, what) == ("rotation", "probability") and 1 < result.symmetric.sum() < len(result.images) - 1:
            found.append(series("symmetric classes", curve, what, result.symmetric))
            found.append(series("other classes", curve, what, ~result.symmetric))
        for suffix, control in CONTROLS.items():
            if curve + suffix in result.curves:
                found.append(series(control, curve + suffix, what, everything, dashed=True))
        return tuple(found)

    left = [
        f"{name} {mean_or_none(share_left(result, name)) or 0:.0%}" for name in ("translation", "scale", "rotation")
    ]
    return LineChart(
        title="How far images move on average",
        caption=f"Means over {len(result.images)} test images, balanced over the classes as far as possible; bands are 95 % "
        "intervals of the mean. Distances are divided by the mean distance between different images: 1 is as far away as "
        "another image, and the layers can be compared. Dashed, the controls: turned or scaled and back again, which leaves "
        "only the blur of interpolating twice"
        + (
            "; and the image in its place, with only the pixels changed that the move would expose"
            if "translation_filled" in result.curves
            else ""
        )
        + ".",
        alt="Nine charts of means with bands. Share of the true class's probability that is left, on average over each "
        f"range: {', '.join(left)}.",
        panels=_panels(result, lines, "distance (1: another image)"),
        letters=LETTERS,
    )


def _panels(result: Result, lines: Callable[[str, str], tuple[Series, ...]], distance: str) -> tuple[Panel, ...]:
    """Rows: shift, scale, rotation; columns: lower layer, upper layer, true class. Panels in a column share their y range."""
    most = float(result.curves["translation"].values.max())
    shifts = (-most, -most / 2, 0.0, most / 2, most) if most % 2 == 0 else (-most, 0.0, most)
    rows = (
        ("translation", "shift down (px)", shifts),
        ("scale", "scale (ratio)", ()),
        ("rotation", "turn (degrees)", (0.0, 90.0, 180.0, 270.0)),
    )
    columns = (
        ("first", f"layer {result.first_layer}", distance),
        ("top", f"layer {result.top_layer}", distance),
        ("probability", "true class", "probability"),
    )
    series = {(curve, what): lines(curve, what) for curve, *_ in rows for what, *_ in columns}

    def top(what: str) -> float:
        if what == "probability":
            return 1.0
        drawn = [
            part
            for (_, name), found in series.items()
            if name == what
            for line in found
            for part in (line.y, line.high)
        ]
        return 1.05 * float(np.nanmax(np.concatenate([part for part in drawn if part is not None]), initial=0)) or 1.0

    return tuple(
        Panel(title, x_label, y_label, series[curve, what], (0.0, top(what)), x_ticks=ticks)
        for curve, x_label, ticks in rows
        for what, title, y_label in columns
    )


def _table(result: Result) -> Table:
    rows = numbers(result)["small"]

    def cell(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    return Table(
        title="Small transformations",
        caption=f"Mean distance over {len(result.images)} test images, as a share of the mean distance between different "
        f"images; shifts and turns are means over both directions. 5 of the paper's 224 px are {small_shift(result.crop)} of "
        f"the {result.crop} px here. Resampling only: turned or scaled and back again, so interpolated twice.",
        alt=f"A table of how far small transformations move layer {result.first_layer} and the top layer: "
        + "; ".join(f"{row['name']} {row['control']}: {cell(row['first'])} and {cell(row['top'])}" for row in rows)
        + ".",
        columns=("transformation", f"layer {result.first_layer}", f"layer {result.top_layer}"),
        rows=tuple(
            (
                f"{row['name']}, {row['control']}" if row["control"] else row["name"],
                cell(row["first"]),
                cell(row["top"]),
            )
            for row in rows
        ),
    )
