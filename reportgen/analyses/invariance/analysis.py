"""Feature invariance (Zeiler & Fergus 2013, section 4, figure 5)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from reportgen.analyses.invariance import Settings
from reportgen.analyses.invariance.curves import Curves, Statistic, mean_band, mean_of_pairs, relative
from reportgen.analyses.invariance.distances import FIRST, TOP, compared_layers, distances_between, through_views
from reportgen.analyses.invariance.geometry import flat
from reportgen.analyses.invariance.one_pixel import DIRECTIONS, answers_that_change
from reportgen.analyses.invariance.preflight import check_symmetric
from reportgen.analyses.invariance.transformations import (
    SMALL_SCALE,
    SMALL_TURN,
    picture_views,
    plan_views,
    small_shift,
)
from reportgen.base.size import Size
from reportgen.claims import (
    FEWEST,
    OF_DIFFERENCE,
    OF_SHARE,
    SHARE,
    UNBOUNDED,
    Part,
    Unit,
    Verdict,
    difference_part,
    mean_part,
    median_part,
    not_tested,
    weighted_part,
)
from reportgen.data.dataset import Split
from reportgen.data.sampling import of_different_classes, stratified
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Moved, Panel, Series, Table
from reportgen.look.inputs import Inputs
from reportgen.look.statistics import mean_or_none

EXAMPLES = 5
STRAIGHT = (0.9, 1.0)  # R^2 of a quasi-linear curve
UNCHANGED = 1e-5  # of the mean distance between images: a distance that varies by no more does not change
LINE = 3  # points that tell a line: through two there is always one
AWAY = Unit("of the distance between two images")
LEFT = Unit("points of the probability left", 100)
EXPLAINED = Unit("% explained by a line", 100)
STRAIGHTER = Unit("points of R²", 100)
WIDER = 1.6  # times what the net reads: more of a scene no move brings into view
CONTROLS = {"_resampled": "resampling only", "_filled": "fill only"}  # what a curve's name ends with: what it is called
LINES = (("shift", "translation", 0), ("scale", "scale", 1))  # what, its curve, where nothing has moved
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
    crop: Size  # of the net's input, pixels
    wide: bool  # whether the scenes around the images are known
    turned_answers: Bool[
        np.ndarray, "tried direction"
    ]  # of test images moved by one pixel: another most probable class
    top_layer: int  # 7, or the last that the net has
    several: bool = False  # whether an image may show several classes: the true class is one of them, drawn at random
    first_layer: int = FIRST  # or the lowest that the net has: LAYERS= need not name a layer 1


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Transform every image of the sample in every way, and measure its features and probability."""
    inputs = inputs.each_label
    data, labels = inputs.data, inputs.data.test.labels
    pool = _each_once(data.test, rng)
    symmetric = _symmetric_classes(inputs, settings)
    images = pool[stratified(labels[pool], settings.images, rng)]
    source = data.test.images if data.wide is None else data.wide
    stored, crop = Size(*source.shape[1:3]), inputs.preprocessing.crop
    plan = plan_views(stored, crop)
    found, still = through_views(inputs, source, images, plan)
    lowest, highest = compared_layers(inputs)
    kinds = tuple(data.classes[label] for label in labels[images])
    turned_alike = np.isin(kinds, symmetric)
    correct = still.guess == labels[images]
    examples = _choose_examples(labels[images], correct, turned_alike, rng)
    rows = picture_views(stored, crop)
    shown = inputs.preprocessing.shown(np.asarray(source[images[examples]]))
    pixels = flat(shown)
    tried = pool[stratified(labels[pool], settings.pixel_images, rng)]
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
        scenes=_scenes(shown, crop),
        crop=crop,
        wide=data.wide is not None,
        turned_answers=answers_that_change(inputs, source, tried),
        top_layer=highest.number,
        first_layer=lowest.number,
        several=data.several,
    )


def _each_once(split: Split, rng: np.random.Generator) -> Int[np.ndarray, " place"]:
    """The places of all images; of one that stands for several classes, one of them at random: distances are between images."""
    if split.images_of is None:
        return np.arange(len(split))
    order = rng.permutation(len(split))
    return np.sort(order[np.unique(split.images_of[order], return_index=True)[1]])


def _scenes(
    pictures: UInt8[np.ndarray, "example row column 3"], crop: Size
) -> UInt8[np.ndarray, "example side side 3"]:
    """Squares with the surroundings that transformations bring into view, mirrored where the scene is not known."""
    lengths, wanted = pictures.shape[1:3], round(WIDER * max(crop))
    side = max(length + 2 * max(0, -(-(wanted - length) // 2)) for length in lengths)
    margins = [((side - length) // 2, -((length - side) // 2)) for length in lengths]
    return np.pad(pictures, ((0, 0), *margins, (0, 0)), mode="reflect")


def _symmetric_classes(inputs: Inputs, settings: Settings) -> list[str]:
    check_symmetric(settings.symmetric, inputs.data.classes)
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
            unit=AWAY,
        )

    return Verdict(claim, tuple(part(small) for small in small_transformations(result) if not small.control))


def _quasi_linear(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "quasi-linear-top"
    if why := _no_layers(result):
        return not_tested(claim, why)

    found = [part for line in lines(result) for part in line.parts(rng)]
    return Verdict(claim, tuple(found), beside=tuple(_mean_curves(result, rng)))


@dataclass(frozen=True)
class Line:
    """How straight the images' own curves are along one range."""

    name: str
    first: Float[np.ndarray, " image"]  # R^2 at the lower layer; NaN where its distance does not change
    top: Float[np.ndarray, " image"]
    points: int  # of the direction that has the fewest

    @property
    def left_out(self) -> int:
        """Images whose distance at the upper layer does not change."""
        return int(np.isnan(self.top).sum())

    def parts(self, rng: np.random.Generator) -> list[Part]:
        """Layer 7's median R^2, and that of the difference to layer 1's."""
        top = self.top[np.isfinite(self.top)]
        both = np.isfinite(self.top) & np.isfinite(self.first)
        first = self.first[both]
        return [
            median_part(
                f"{self.name}: R² of layer {TOP}",
                top,
                rng,
                range=STRAIGHT,
                unit=EXPLAINED,
                bounds=OF_SHARE,
                untested=self._untested(len(top), f"at layer {TOP}"),
            ),
            median_part(
                f"{self.name}: R², layer {TOP} minus {FIRST}",
                self.top[both] - first,
                rng,
                unit=STRAIGHTER,
                bounds=OF_DIFFERENCE,
                most=float(np.median(1 - first))
                if len(first)
                else 1.0,  # of no image can it be above 1 minus its layer 1's
                untested=self._untested(len(first), "at one of the layers"),
            ),
        ]

    def _untested(self, known: int, where: str) -> str:
        if self.points < LINE:
            return f"the range has {self.points} points in one direction, and through two there is always a line"
        lacking = len(self.top) - known
        if 2 * lacking > len(self.top):
            return f"in {lacking} of {len(self.top)} images the distance {where} does not change along the range"
        return ""


def lines(result: Result) -> list[Line]:
    """The straightness of every image's own curves, for shifts and for scales."""
    everyone = np.ones((1, len(result.images)))
    first, top = (
        UNCHANGED * float(np.nan_to_num(mean_of_pairs(part, everyone)[0]))
        for part in (result.between_first, result.between_top)
    )
    found = []
    for name, curve, origin in LINES:
        curves = result.curves[curve]
        points = min(int(way.sum()) for way in curves.directions(origin) if way.any())
        found.append(Line(name, *curves.own_straightness(origin, (first, top)), points))
    return found


def _mean_curves(result: Result, rng: np.random.Generator) -> list[Part]:
    """R^2 of the curve of the mean distances, as figure 5 of many images shows it: not judged."""

    def parts(name: str, first: Statistic, top: Statistic) -> list[Part]:
        units = len(result.images)
        return [
            weighted_part(
                f"{name}: R² of the mean curve, layer {TOP}",
                top,
                units,
                rng,
                range=STRAIGHT,
                unit=EXPLAINED,
                bounds=OF_SHARE,
            ),
            weighted_part(
                f"{name}: R² of the mean curve, layer {TOP} minus {FIRST}",
                lambda weights: top(weights) - first(weights),
                units,
                rng,
                unit=STRAIGHTER,
                bounds=OF_DIFFERENCE,
            ),
        ]

    found = [part for name, curve, origin in LINES for part in parts(name, *result.curves[curve].straightness(origin))]
    return [part for part in found if np.isfinite(part.estimate)]


def _answers(result: Result, rng: np.random.Generator) -> Part:
    """How often the most probable class is another one after a shift by one pixel (Azulay & Weiss 2019): not judged."""
    shares = result.turned_answers.mean(axis=1)
    return mean_part("most probable class changed by a shift of one pixel", shares, rng, unit=SHARE, bounds=OF_SHARE)


def _stable(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "output-stable"
    shift, scale, turn = (share_left(result, curve)[result.correct] for curve in ("translation", "scale", "rotation"))
    symmetric, beside = result.symmetric[result.correct], (_answers(result, rng),)
    if len(symmetric) < FEWEST:
        why = f"{FEWEST} images are needed that the net gets right, and there are {len(symmetric)} of {len(result.images)}"
        return replace(not_tested(claim, why), beside=beside)
    most = 1 - float(turn.mean())  # all of the probability is left
    parts = [
        mean_part("shift minus rotation", shift - turn, rng, unit=LEFT, bounds=OF_DIFFERENCE, most=most),
        mean_part("scale minus rotation", scale - turn, rng, unit=LEFT, bounds=OF_DIFFERENCE, most=most),
    ]
    name, alike, others = "rotation: symmetric minus other classes", turn[symmetric], turn[~symmetric]
    if min(len(alike), len(others)) >= FEWEST:
        most = 1 - float(others.mean())
        third = difference_part(name, alike, others, rng, unit=LEFT, bounds=OF_DIFFERENCE, most=most)
    else:
        why = (
            "no class is known to be rotationally symmetric: name some, INVARIANCE_SYMMETRIC="
            if not result.symmetric.any()
            else f"{FEWEST} images of each are needed that the net gets right: {len(alike)} are of symmetric classes, "
            f"{len(others)} of others"
        )
        third = Part(name, 0.0, *UNBOUNDED, min(len(alike), len(others)), unit=LEFT, untested=why)
    return Verdict(claim, (*parts, third), beside=beside)


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
        "several": result.several,
        "filled": "translation_filled" in result.curves,
        "crop": result.crop.said,
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
            line.name: {
                "own": [_median(line.first), _median(line.top)],
                "left_out": line.left_out,
                "mean_curve": [_finite(fit(everyone)[0]) for fit in result.curves[curve].straightness(origin)],
            }
            for line, (_, curve, origin) in zip(lines(result), LINES, strict=True)
        },
        "one_pixel": _one_pixel(result),
        "left": {name: mean_or_none(share_left(result, name)) for name in result.curves}
        | {"symmetric": mean_or_none(turned[result.symmetric]), "others": mean_or_none(turned[~result.symmetric])},
        "left_at_ends": {name: mean_or_none(share_left(result, name, ends=True)) for name in ("translation", "scale")},
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _one_pixel(result: Result) -> dict[str, Any]:
    """How often one pixel changes the answer: of all shifts, of images in any direction, of each direction."""
    turned = result.turned_answers
    return {
        "images": len(turned),
        "share": mean_or_none(turned.astype(float)),
        "any": mean_or_none(turned.any(axis=1).astype(float)),
        "directions": {way: mean_or_none(turned[:, place].astype(float)) for place, way in enumerate(DIRECTIONS)},
    }


def _median(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


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
        caption="One curve for each example image. The images stand on the left beside the colours of their curves, moved "
        "by what is said below them. Rows: shifted up and down, scaled, turned. Columns: Euclidean distance "
        f"of the feature vectors of layer {result.first_layer} and of layer {result.top_layer} from those of the "
        "untransformed image, and the probability of the true class. The letters are those of the paper's figure 5. "
        f"Look whether layer {result.first_layer} changes abruptly at the smallest transformation, and how the probability "
        "changes.",
        alt=f"Nine charts, {len(names)} curves each. Probability of the true class when turned: {'; '.join(ends)}.",
        panels=_panels(result, lines, "distance"),
        letters=LETTERS,
        moved=Moved(
            result.scenes, max(result.crop), ("shift",) * 3 + ("scale",) * 3 + ("turn",) * 3, ("a1", "b1", "c1")
        ),
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
        f"the {result.crop.rows} px here. Resampling only: turned or scaled and back again, so interpolated twice.",
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
