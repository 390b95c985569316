"""Occlusion sensitivity (Zeiler & Fergus 2013, section 4.2, figure 7)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from reportgen.analyses.occlusion import PAPER_SIDE, Settings, square
from reportgen.analyses.occlusion import choose as choice
from reportgen.analyses.occlusion import sweep as occlusions
from reportgen.analyses.occlusion.figure import Occlusion
from reportgen.analyses.occlusion.sweep import Example, Genuineness, Localisation, Sweep
from reportgen.base.size import Size
from reportgen.claims import OF_DIFFERENCE, PROBABILITY, SHARE, Part, Unit, Verdict, mean_part, not_tested
from reportgen.data.transforms import window
from reportgen.figures.kinds import Figure, ImageGrid, Points, Scatter
from reportgen.look.inputs import Inputs
from reportgen.look.strongest import searched

EXAMPLES = 3  # images, as in figure 7
MINIMUM = 50  # images that a verdict needs
ACTIVITY = Unit("points of the map’s activity", 100)
LOG_ODDS = Unit("in log-odds")
AS_SHARE = "as a share of the clean image's"
NO_SHARE = "as it is: no value of the clean image's map is above zero, so there are no shares of them"


@dataclass(frozen=True)
class Result:
    """Examples, the sample, and what the sample says about the two claims; None where it cannot say anything."""

    classes: tuple[str, ...]
    side: Size  # of the net's input, pixels
    size: int  # side of the square, in the same pixels
    stride: int  # in the same pixels
    layer: int  # the layer whose maps are observed
    rule: str  # how the examples were chosen
    examples: dict[str, Example]  # "example1" ..
    chosen: int  # how many examples the rule chose; the user chose the rest
    known: bool  # whether it is known where objects lie
    sweep: Sweep | None
    localisation: Localisation | None
    genuineness: Genuineness | None
    gallery: UInt8[np.ndarray, "tile row column 3"] | None  # an image, the same image lit by what it costs, and so on
    refusal: str = ""  # why the layer's maps cannot be projected
    alike: bool = False  # whether a unit has one picture for all images
    several: bool = False  # whether an image may show several classes: it then stands once for each of them
    searched: str = "all validation images"  # where a map's strongest activations were looked for


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Slide the square over the examples in small steps, over the sample in large ones."""
    pictures, inputs = inputs, inputs.each_label
    data, side = inputs.data, inputs.preprocessing.crop
    names = {"test": data.test.names, "val": data.val.names}
    found = [choice.find_image(name, names) for name in settings.images]
    named = [(split, index) for split, first in found for index in choice.of_one_name(names[split], first, EXAMPLES)]
    size, stride = scaled(settings.size, min(side)), scaled(settings.stride, min(side))
    correct = np.flatnonzero(square.answers(inputs, data.test) == data.test.labels)
    objects = _objects(inputs)
    sample = choice.sample(correct, objects, settings.sample, rng, data.test.images_of)
    sweep = occlusions.sweep(inputs, sample, size, max(stride, size // 2)) if len(sample) else None
    usual = None
    if sweep is not None:
        kinds = min(EXAMPLES, len(np.unique(data.test.labels[correct])))
        usual = choice.typical(data.test.labels, sweep.images, sweep.drops.max((1, 2)), kinds, rng)
    chosen, rule = usual or choice.choose(data.test.labels, correct, objects, EXAMPLES, rng)
    shown = list(dict.fromkeys([*(("test", int(index)) for index in chosen), *named]))
    examples = occlusions.examples(inputs, pictures, shown, objects, size, stride)
    return Result(
        classes=data.classes,
        side=side,
        size=size,
        stride=stride,
        layer=square.watched(inputs).number,
        rule=rule,
        examples={f"example{number}": example for number, example in enumerate(examples, start=1)},
        chosen=len(chosen),
        known=objects is not None,
        several=data.several,
        sweep=sweep,
        localisation=None if sweep is None or objects is None else occlusions.localise(sweep, objects, size),
        genuineness=None if sweep is None else occlusions.genuineness(inputs, sweep, size, rng),
        gallery=None if sweep is None else occlusions.gallery(inputs, sweep, size),
        refusal=inputs.no_projection(square.watched(inputs).number),
        alike=inputs.way(square.watched(inputs).number).alike,
        searched=searched(len(pictures.data.val), data.name),
    )


def scaled(pixels: int, side: int) -> int:
    """A length in pixels of the paper's input, converted to an input of this (shorter) side; at least one pixel."""
    return max(1, round(pixels * side / PAPER_SIDE))


def _objects(inputs: Inputs) -> Bool[np.ndarray, "image row column"] | None:
    """Where the objects lie in the test images as the net sees them; None where that is not known."""
    stored = inputs.annotations.objects
    if stored is None:
        return None
    shown = np.asarray(stored[:, *window(stored.shape[1:3], inputs.preprocessing.crop)])
    return shown if inputs.data.test.images_of is None else shown[inputs.data.test.images_of]


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claims `localises` and `visualisation-is-genuine`."""
    return [_localises(result, rng), _genuine(result, rng)]


def _localises(result: Result, rng: np.random.Generator) -> Verdict:
    found = result.localisation
    if not result.known:
        return not_tested("localises", "it is not known where the objects lie in the test images")
    if found is None or len(found.images) < MINIMUM:
        what = "test images that the net gets right and whose object is known and leaves room for a square beside it"
        return not_tested("localises", _too_few(0 if found is None else len(found.images), what))
    return Verdict(
        "localises",
        (
            mean_part(
                "drop, object minus background",
                found.on_object - found.on_background,
                rng,
                unit=PROBABILITY,
                bounds=OF_DIFFERENCE,
                most=1 - float(found.on_background.mean()),
            ),
            mean_part(
                "costliest place on the object, minus chance",
                found.hit - found.share,
                rng,
                unit=SHARE,
                bounds=OF_DIFFERENCE,
                most=1 - float(found.share.mean()),
            ),
        ),
        beside=(
            mean_part(
                "drop in log-odds, object minus background",
                found.odds_on_object - found.odds_on_background,
                rng,
                unit=LOG_ODDS,
            ),
        ),
    )


def _genuine(result: Result, rng: np.random.Generator) -> Verdict:
    found = result.genuineness
    if result.refusal:
        return not_tested("visualisation-is-genuine", result.refusal)
    if result.alike:
        why = f"a unit of layer {result.layer} has one picture for all images: nothing below it depends on the image, as max pools do"
        return not_tested("visualisation-is-genuine", why)
    if found is None or len(found.images) < MINIMUM:
        what = (
            "test images that the net gets right, to which the layer responds, and whose projection fills only part "
            "of its receptive field"
        )
        return not_tested("visualisation-is-genuine", _too_few(0 if found is None else len(found.images), what))
    shown, empty, other, anywhere = found.peak_drop, found.empty_drop, found.other_drop, found.any_drop
    known, drawn = np.isfinite(other), np.isfinite(anywhere)
    why = ""
    if known.sum() < MINIMUM:
        what = "whose receptive field also holds the peak of another map's projection, clear of the map's own peak"
        why = _too_few(int(known.sum()), f"test images {what}")
    whole = bool((shown <= 1).all())  # the sum of a map after its ReLU is never below zero

    def part(name: str, one: np.ndarray, two: np.ndarray, untested: str = "") -> Part:
        most = 1 - float(two.mean()) if whole and len(two) else float("inf")
        return mean_part(name, one - two, rng, unit=ACTIVITY, most=most, untested=untested)

    return Verdict(
        "visualisation-is-genuine",
        (
            part("drop, shown minus left empty", shown, empty),
            part("drop, shown minus shown by another map", shown[known], other[known], why),
        ),
        beside=(part("drop, shown minus shown by any other map, wherever that is", shown[drawn], anywhere[drawn]),),
    )


def _too_few(count: int, what: str) -> str:
    return f"{MINIMUM} images are needed, and there are {count}: {what}"


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics."""
    sweep, located, genuine = result.sweep, result.localisation, result.genuineness
    return {
        "size": result.size,
        "side": result.side.said,
        "stride": result.stride,
        "layer": result.layer,
        "rule": result.rule,
        "objects_known": result.known,
        "several": result.several,
        "whole": next((example.whole for example in result.examples.values()), ""),
        "sample": 0 if sweep is None else len(sweep.images),
        "sample_stride": None if sweep is None or len(sweep.tops) < 2 else int(sweep.tops[1] - sweep.tops[0]),
        "sample_places": 0 if sweep is None else len(sweep.tops) * len(sweep.lefts),
        "examples": [_example_numbers(result, number) for number in range(len(result.examples))],
        "localisation": None
        if located is None
        else {
            "images": len(located.images),
            "on_object": float(located.on_object.mean()),
            "on_background": float(located.on_background.mean()),
            "on_object_median": float(np.median(located.on_object)),
            "more_on_object": float((located.on_object > located.on_background).mean()),
            "hits": float(located.hit.mean()),
            "chance": float(located.share.mean()),
            "overlap": float(located.overlap.mean()),
            "overlap_of_middle": float(located.middle.mean()),
            "odds_on_object": float(located.odds_on_object.mean()),
            "odds_on_background": float(located.odds_on_background.mean()),
            "certain": None if sweep is None else float((sweep.clean > 0.99).mean()),
        },
        "genuineness": None
        if genuine is None
        else {
            "images": len(genuine.images),
            "maps": len(np.unique(genuine.maps)),
            "peak_drop": float(genuine.peak_drop.mean()),
            "empty_drop": float(genuine.empty_drop.mean()),
            "more_at_peak": float((genuine.peak_drop > genuine.empty_drop).mean()),
            "other": _other(genuine),
            "rank_correlation": float(genuine.correlation.mean()),
            "middle_drop": float(genuine.middle_drop.mean()),
            "corner_drop": float(genuine.corner_drop.mean()),
            "middle_share": _middle_share(genuine),
            "middle_correlation": float(genuine.middle_correlation.mean()),
        },
    }


def _other(genuine: Genuineness) -> dict[str, Any]:
    """What covering the peak of another map's projection costs, beside the own, in the images that have such a map."""
    known = np.isfinite(genuine.other_drop)
    own, other = genuine.peak_drop[known], genuine.other_drop[known]
    some = bool(known.any())
    return {
        "images": int(known.sum()),
        "own_drop": float(own.mean()) if some else None,
        "drop": float(other.mean()) if some else None,
        "more_at_own": float((own > other).mean()) if some else None,
        "drawn": int(genuine.drawn.sum()),
        "same_place": float(genuine.same_place.sum() / genuine.drawn.sum()) if genuine.drawn.any() else None,
    }


def _middle_share(genuine: Genuineness) -> float | None:
    """How much of the claim's difference comes from covering the middle instead of a corner, whatever the projection."""
    gap = float(genuine.peak_drop.mean() - genuine.empty_drop.mean())
    return float(genuine.middle_drop.mean() - genuine.corner_drop.mean()) / gap if gap > 0 else None


def _example_numbers(result: Result, number: int) -> dict[str, Any]:
    name, example = list(result.examples.items())[number]
    return {
        "figure": name,
        "name": example.name,
        "split": example.split,
        "chosen": number < result.chosen,
        "class": result.classes[example.true],
        "guess": result.classes[example.guess],
        "probability": example.clean_probability,
        "lowest": float(example.probability.min()),
        "lost_places": float((example.guesses != example.true).mean()),
        "map": example.map,
        "activation": example.clean_activation,
        "quietest": float(example.activation.min()),
    }


def figures(result: Result) -> dict[str, Figure]:
    """Figure 7 for each example, the gallery, and the measures of both claims image by image."""
    found: dict[str, Figure] = {}
    for number, (name, example) in enumerate(result.examples.items()):
        found[name] = _figure7(result, example, _caption(result, example, number))
    if result.gallery is not None and result.sweep is not None:
        found["gallery"] = _gallery(result, result.gallery, result.sweep)
    panels = []
    if result.localisation is not None:
        x, y = result.localisation.on_background * 100, result.localisation.on_object * 100
        labels = ("drop, background covered (points)", "drop, object covered (points)")
        panels.append(Points("probability of the true class", *labels, x, y))
    if result.genuineness is not None:
        x, y = result.genuineness.empty_drop * 100, result.genuineness.peak_drop * 100
        labels = ("drop, empty place covered (%)", "drop, projection covered (%)")
        panels.append(Points(f"activity of a map of layer {result.layer}", *labels, x, y))
        known = np.isfinite(result.genuineness.other_drop)
        if known.any():
            labels = ("drop, other map covered (%)", "drop, own projection covered (%)")
            x, y = result.genuineness.other_drop[known] * 100, result.genuineness.peak_drop[known] * 100
            panels.append(Points("own map against another", *labels, x, y))
    if panels:
        found["claims"] = _claims(result, tuple(panels))
    return found


def _caption(result: Result, example: Example, number: int) -> str:
    """What the five panels are; the full text stands only below the first of these figures."""
    others = f"{len(example.sources) - 1} others that excite it most of {result.searched}"
    edge = " The line is the object's edge." if example.outline.any() else ""
    projected = (
        f"That map's strongest activation, projected to pixels: in this image (boxed), and in the {others}; grey is zero, "
        f"each at full contrast{' (a unit has one picture for all images)' if result.alike else ''}"
        if not result.refusal
        else f"Left empty: {result.refusal}"
    )
    if number:
        why = "by the same rule" if number < result.chosen else "as IMAGES= asks"
        return (
            f"{example.split.capitalize()} image {example.name}, chosen {why}; the panels are as in the first figure of "
            f"this section.{edge} (b) and (c) are of map {example.map} of layer {result.layer}"
            f"{'' if example.clean_activation > 0 else f', (b) {NO_SHARE}'}."
        )
    return (
        f"{example.split.capitalize()} image {example.name}, chosen among {result.rule}. A grey square of {result.size} px "
        f"slides over it in steps of {result.stride} px; the maps show at each pixel the result with the square "
        f"centred there, and the pale image where no square is centred.{edge} (a) The square where it costs the true class "
        f"most. (b) Activity of map {example.map} of layer {result.layer}, which holds this image's largest activation: "
        f"the sum of its values above zero, {AS_SHARE if example.clean_activation > 0 else NO_SHARE}. "
        f"(c) {projected}. (d) Probability of the true class. {_last_panel(result, example)} "
        "In (b) and (d) the colours span the range of the values, but at least a tenth of the largest, so "
        "read the numbers beside the bar; its arrow marks the clean image. Look whether (d) is dark on the object and "
        f"nowhere else{', and whether (b) is dark where the boxed projection shows structure' if not result.alike else ''}."
    )


def _last_panel(result: Result, example: Example) -> str:
    """What panel (e) shows, which is drawn only where the most probable class is not the same everywhere."""
    if result.several:
        if (example.guesses == example.true).all():
            return "That class is among the net's answers at all places, so there is no (e)."
        return (
            "(e) That class, where it is among as many most probable classes as the image shows; elsewhere the most probable one "
            "that it does not show."
        )
    if (example.guesses == example.guesses.flat[0]).all():
        return "The most probable class is the same at all places, so there is no (e)."
    return "(e) The most probable class."


def _figure7(result: Result, example: Example, caption: str) -> Occlusion:
    true, guess = (result.classes[kind] for kind in (example.true, example.guess))
    others, counts = np.unique(example.guesses[example.guesses != example.true], return_counts=True)
    order = [example.true, *others[np.argsort(-counts, kind="stable")].tolist()]
    place = np.zeros(len(result.classes), np.int64)
    place[order] = np.arange(len(order))
    row, column = (int(part) for part in np.unravel_index(example.probability.argmin(), example.probability.shape))
    at = f"row {example.tops[row] + result.size // 2}, column {example.lefts[column] + result.size // 2}"
    lost = float((example.guesses != example.true).mean())
    return Occlusion(
        title=f"{true}, under a grey square",
        caption=caption,
        alt=f"Panels in a row. The net takes the clean image for {guess} and gives {true} "
        f"{example.clean_probability:.0%}; with the square at {at} it is {example.probability.min():.0%}. {true} is not "
        f"{'among the answers' if result.several else 'the most probable class'} at {lost:.0%} of the places. {_activity(example)}",
        image=example.image,
        outline=example.outline,
        size=result.size,
        tops=example.tops,
        lefts=example.lefts,
        layer=result.layer,
        map=example.map,
        activation=example.activation,
        clean_activation=example.clean_activation,
        projections=example.projections,
        sources=example.sources,
        probability=example.probability,
        clean_probability=example.clean_probability,
        classes=tuple(result.classes[kind] for kind in order),
        guesses=place[example.guesses],
    )


def _activity(example: Example) -> str:
    """How the map's activity changes under the square, in words."""
    least, most, clean = float(example.activation.min()), float(example.activation.max()), example.clean_activation
    if clean > 0:
        return f"The map keeps between {least / clean:.0%} and {most / clean:.0%} of its activity."
    return (
        f"The map sums to {clean:.3g} in the clean image, and to between {least:.3g} and {most:.3g} under the square."
    )


def _gallery(result: Result, tiles: UInt8[np.ndarray, "tile row column 3"], sweep: Sweep) -> ImageGrid:
    shown = occlusions.in_gallery(sweep)
    drops = [f"{100 * drop:.2g} points" for drop in sweep.drops[shown].max((1, 2))]
    kinds = [result.classes[kind] for kind in sweep.labels[shown]]
    titles = [title for kind, drop in zip(kinds, drops, strict=True) for title in (kind, drop)]
    return ImageGrid(
        title="Lit by what it costs",
        caption=f"{len(shown)} of the {len(sweep.images)} images of the sample, each beside a copy lit by what covering it "
        "costs: a pixel is as bright as the mean drop of the true class's probability over all squares that cover it, from "
        "nearly dark where covering costs nothing to full brightness at the largest such mean in any of these images: one "
        "scale serves all. The number is the largest drop that a single square causes. Look whether the object is lit, and "
        "which part of it.",
        alt="Pairs of an image and the same image lit where covering it lowers the true class's probability: "
        + ", ".join(f"{kind} {drop}" for kind, drop in zip(kinds, drops, strict=True))
        + ".",
        images=tiles,
        columns=6,
        titles=tuple(titles),
    )


def _claims(result: Result, panels: tuple[Points, ...]) -> Scatter:
    located, genuine = result.localisation, result.genuineness
    captions, spoken = [], []
    if located is not None:
        captions.append(
            f"the mean drop of the true class's probability over squares that lie at least half on the object, against "
            f"that over squares that cover no pixel of it ({len(located.images)} images)"
        )
        more = int((located.on_object > located.on_background).sum())
        spoken.append(f"covering the object costs more in {more} of {len(located.images)} images")
    if genuine is not None:
        captions.append(
            f"the drop in activity of the map of layer {result.layer} that responds most, with the square over most of its "
            f"projection's energy, against the drop with the square where the projection is emptiest "
            f"({len(genuine.images)} images)"
        )
        more = int((genuine.peak_drop > genuine.empty_drop).sum())
        spoken.append(f"covering what the projection shows quietens the map more in {more} of {len(genuine.images)}")
        known = np.isfinite(genuine.other_drop)
        if known.any():
            captions.append(
                "the same drop, against the drop with the square over most of the energy of another map's projection, in the "
                f"same receptive field and clear of the first square ({known.sum()} images)"
            )
            more = int((genuine.peak_drop > genuine.other_drop)[known].sum())
            spoken.append(f"more than covering what another map's projection shows in {more} of {known.sum()}")
    letters = ("(a) ", "(b) ", "(c) ") if len(panels) > 1 else ("",)
    drawn = "; ".join(letter + text for letter, text in zip(letters, captions, strict=False))
    return Scatter(
        title="The two claims, image by image",
        caption=f"Each point is a test image that the net gets right. Vertical against horizontal axis: {drawn}. Points "
        "above the dashed line are images for which the claim is true.",
        alt=f"Points on both sides of a diagonal: {'; '.join(spoken)}.",
        panels=panels,
    )
