"""The numbers of the section's text, figure 5 and its table."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool

from reportgen.analyses.invariance.curves import mean_band, mean_of_pairs, relative
from reportgen.analyses.invariance.one_pixel import DIRECTIONS
from reportgen.analyses.invariance.result import CONTROLS, Result, share_left, small_transformations
from reportgen.analyses.invariance.transformations import small_shift
from reportgen.analyses.invariance.verdict import LINES, lines
from reportgen.base.statistics import mean_or_none
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Moved, Panel, Series, Table

LETTERS = tuple(f"{row}{column}" for row in "abc" for column in (2, 3, 4))  # figure 5's


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
