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
from reportgen.claims import Verdict, mean_part, not_tested
from reportgen.data.transforms import inner
from reportgen.figures.kinds import Figure, ImageGrid, Points, Scatter
from reportgen.look.inputs import Inputs
from reportgen.look.strongest import searched

EXAMPLES = 3  # images, as in figure 7
MINIMUM = 50  # images that a verdict needs
SHARE = "as a share of the clean image's"
NO_SHARE = "as it is: the clean image's is not above zero, so that nothing is a share of it"  # a map before its ReLU


@dataclass(frozen=True)
class Result:
    """Examples, the sample, and what the sample says of the two claims; None where there is no material."""

    classes: tuple[str, ...]
    side: int  # of the image the net sees, pixels
    size: int  # of the square, in the same pixels
    stride: int
    layer: int  # whose maps are watched
    rule: str  # how the examples were chosen
    examples: dict[str, Example]  # "example1" ..
    chosen: int  # so many of them by the rule, the rest by the user
    known: bool  # whether it is known where objects lie
    sweep: Sweep | None
    localisation: Localisation | None
    genuineness: Genuineness | None
    gallery: UInt8[np.ndarray, "tile row column 3"] | None  # an image, the same image lit by what it costs, and so on
    refusal: str = ""  # why the layer's maps cannot be projected
    searched: str = "all validation images"  # where a map's strongest activations were looked for


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Slide the square finely over the examples, coarsely over the sample."""
    data, side = inputs.data, inputs.preprocessing.crop
    names = {"test": data.test.names, "val": data.val.names}
    named = [choice.find_image(name, names) for name in settings.images]
    size, stride = scaled(settings.size, side), scaled(settings.stride, side)
    correct = np.flatnonzero(square.answers(inputs, data.test) == data.test.labels)
    objects = _objects(inputs)
    chosen, rule = choice.choose(data.test.labels, correct, objects, EXAMPLES, rng)
    shown = list(dict.fromkeys([*(("test", int(index)) for index in chosen), *named]))
    sample = choice.sample(correct, objects, settings.sample, rng)
    sweep = occlusions.sweep(inputs, sample, size, max(stride, size // 2)) if len(sample) else None
    examples = occlusions.examples(inputs, shown, objects, size, stride)
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
        sweep=sweep,
        localisation=None if sweep is None or objects is None else occlusions.localise(sweep, objects, size),
        genuineness=None if sweep is None else occlusions.genuineness(inputs, sweep, size),
        gallery=None if sweep is None else occlusions.gallery(inputs, sweep, size),
        refusal=inputs.no_projection(square.watched(inputs).number),
        searched=searched(len(data.val), data.name),
    )


def scaled(pixels: int, side: int) -> int:
    """A length in pixels of the paper's image, in those of an image of this side; at least one."""
    return max(1, round(pixels * side / PAPER_SIDE))


def _objects(inputs: Inputs) -> Bool[np.ndarray, "image row column"] | None:
    """Where the objects of the test images lie in what the net sees; None where nothing is known."""
    stored = inputs.annotations.objects
    if stored is None:
        return None
    inside = inner(stored.shape[1], inputs.preprocessing.crop)
    return np.asarray(stored[:, inside, inside])


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claims `localises` and `visualisation-is-genuine`."""
    return [_localises(result, rng), _genuine(result, rng)]


def _localises(result: Result, rng: np.random.Generator) -> Verdict:
    found = result.localisation
    if not result.known:
        return not_tested("localises", "it is not known where the objects lie in the test images")
    if found is None or len(found.images) < MINIMUM:
        what = "test images that the net gets right, and whose object is known and leaves room for a square beside it"
        return not_tested("localises", _too_few(0 if found is None else len(found.images), what))
    return Verdict(
        "localises",
        (
            mean_part("drop, object minus background", found.on_object - found.on_background, rng),
            mean_part("costliest place on the object, minus chance", found.hit - found.share, rng),
        ),
    )


def _genuine(result: Result, rng: np.random.Generator) -> Verdict:
    found = result.genuineness
    if result.refusal:
        return not_tested("visualisation-is-genuine", result.refusal)
    if found is None or len(found.images) < MINIMUM:
        what = (
            "test images that the net gets right, whose map sums to more than zero, and of which a projection fills a part "
            "of its receptive field"
        )
        return not_tested("visualisation-is-genuine", _too_few(0 if found is None else len(found.images), what))
    part = mean_part("drop, shown minus left empty", found.peak_drop - found.empty_drop, rng)
    return Verdict("visualisation-is-genuine", (part,))


def _too_few(count: int, what: str) -> str:
    return f"{MINIMUM} images are needed, and there are {count}: {what}"


def numbers(result: Result) -> dict[str, Any]:
    """What the section's prose and the metrics speak of."""
    sweep, located, genuine = result.sweep, result.localisation, result.genuineness
    return {
        "size": result.size,
        "side": result.side,
        "stride": result.stride,
        "layer": result.layer,
        "rule": result.rule,
        "objects_known": result.known,
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
        },
        "genuineness": None
        if genuine is None
        else {
            "images": len(genuine.images),
            "maps": len(np.unique(genuine.maps)),
            "peak_drop": float(genuine.peak_drop.mean()),
            "empty_drop": float(genuine.empty_drop.mean()),
            "more_at_peak": float((genuine.peak_drop > genuine.empty_drop).mean()),
            "rank_correlation": float(genuine.correlation.mean()),
            "middle_drop": float(genuine.middle_drop.mean()),
            "corner_drop": float(genuine.corner_drop.mean()),
            "middle_share": _middle_share(genuine),
            "middle_correlation": float(genuine.middle_correlation.mean()),
        },
    }


def _middle_share(genuine: Genuineness) -> float | None:
    """The share of the difference behind the claim that covering the middle and a corner makes, without a projection."""
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
    """Figure 7 for each example, the gallery, and the two claims image by image."""
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
    if panels:
        found["claims"] = _claims(result, tuple(panels))
    return found


def _caption(result: Result, example: Example, number: int) -> str:
    """What the five panels are; the full text stands only below the first of these figures."""
    others = f"{len(example.sources) - 1} others that excite it most of {result.searched}"
    edge = " The line is the object's edge." if example.outline.any() else ""
    projected = (
        f"That map's strongest activation, projected to pixels: in this image (boxed), and in the {others}; grey is zero, "
        "each at full contrast"
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
        f"slides over it in steps of {result.stride} px; (b), (d) and (e) show at each pixel what the net gives with the "
        f"square centred there, and the pale image where none is.{edge} (a) The square where it costs the true class "
        f"most. (b) Activity of map {example.map} of layer {result.layer}, which holds this image's largest activation, "
        f"summed over rows and columns, {SHARE if example.clean_activation > 0 else NO_SHARE}. "
        f"(c) {projected}. (d) Probability of the true class. (e) The most "
        "probable class. In (b) and (d) the colours span what there is, or else a tenth of the largest value, "
        "so mind the numbers beside the bar; its arrow marks the clean image. Look whether (d) is dark on the object and "
        "nowhere else, and (b) where the boxed projection has its strokes."
    )


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
        alt=f"Five panels. The net takes the clean image for {guess} and gives {true} "
        f"{example.clean_probability:.0%}; with the square at {at} it is {example.probability.min():.0%}. {true} is not "
        f"the most probable class at {lost:.0%} of the places. {_activity(example)}",
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
    """What becomes of the map, in words."""
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
        caption=f"{len(shown)} of the {len(sweep.images)} images of the sample, each beside itself in another light: a "
        "pixel is as bright as the mean drop of the true class's probability over all squares that cover it, the "
        "largest drop in full light, what can be covered at no cost nearly dark. The number is the largest drop that "
        "a single square causes. Look whether the light falls on the object, and on which part of it.",
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
            f"the mean drop of the true class's probability over squares that lie on the object by half or more, above "
            f"that over squares that cover no pixel of it ({len(located.images)} images)"
        )
        more = int((located.on_object > located.on_background).sum())
        spoken.append(f"covering the object costs more in {more} of {len(located.images)} images")
    if genuine is not None:
        captions.append(
            f"what is lost of the activity of the map of layer {result.layer} that responds most, with the square over "
            f"most of its projection's energy, above that with the square where the projection is emptiest "
            f"({len(genuine.images)} images)"
        )
        more = int((genuine.peak_drop > genuine.empty_drop).sum())
        spoken.append(f"covering what the projection shows quietens the map more in {more} of {len(genuine.images)}")
    letters = ("(a) ", "(b) ") if len(panels) > 1 else ("",)
    drawn = "; ".join(letter + text for letter, text in zip(letters, captions, strict=True))
    return Scatter(
        title="The two claims, image by image",
        caption=f"Each point is a test image that the net gets right. Drawn is {drawn}. Points above the dashed line are "
        "images for which the claim is true.",
        alt=f"Points on both sides of a diagonal: {'; '.join(spoken)}.",
        panels=panels,
    )
