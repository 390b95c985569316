"""Feature invariance (Zeiler & Fergus 2013, section 4, figure 5)."""

import numpy as np
from jaxtyping import Bool, Int, UInt8

from reportgen.analyses.invariance import Settings
from reportgen.analyses.invariance.distances import compared_layers, distances_between, through_views
from reportgen.analyses.invariance.geometry import flat
from reportgen.analyses.invariance.one_pixel import answers_that_change
from reportgen.analyses.invariance.preflight import check_symmetric
from reportgen.analyses.invariance.result import Result
from reportgen.analyses.invariance.shown import figures, numbers
from reportgen.analyses.invariance.transformations import picture_views, plan_views
from reportgen.analyses.invariance.verdict import judge
from reportgen.base.size import Size
from reportgen.data.dataset import Split
from reportgen.data.sampling import of_different_classes, stratified
from reportgen.look.inputs import Inputs

__all__ = ["Result", "compute", "figures", "judge", "numbers"]

EXAMPLES = 5
WIDER = 1.6  # times what the net reads: more of a scene no move brings into view


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
