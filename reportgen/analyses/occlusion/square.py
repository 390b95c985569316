"""A net's response to an image with a grey square on it: its answer, and the maps of one layer.

The square's grey is mid-grey in pixel space, before normalisation. "The layer" is the paper's layer 5, or the last
convolution layer of a net that has fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from reportgen import probe
from reportgen.data.dataset import Split
from reportgen.data.several import taken_for
from reportgen.look.inputs import Inputs
from reportgen.look.pictures import grey_at_zero
from reportgen.look.strongest import on_pixels
from reportgen.nets.layers import PaperLayer, convolutions
from reportgen.nets.probabilities import of_classes


def watched(inputs: Inputs) -> PaperLayer:
    """The layer whose maps are watched."""
    return convolutions(inputs.layers)[-1]


def image_of(inputs: Inputs, split: Split, index: int) -> Tensor:
    """One image as the net reads it."""
    return next(inputs.batches(split, np.array([index])))[0]


def answers(inputs: Inputs, split: Split) -> Int[np.ndarray, " image"]:
    """The class that the net takes each image for: see `reportgen.data.several.taken_for`."""
    if split.guesses is not None:
        return split.guesses
    name = inputs.graph.output

    def scores(batch: Tensor) -> np.ndarray:
        outputs = probe.activations(inputs.graph, batch, [name])[name].flatten(1).cpu().numpy()
        return of_classes(outputs, inputs.reading)

    return taken_for(np.concatenate(list(inputs.each(scores, split))), split.labels, split.shows)


@dataclass(frozen=True)
class Unit:
    """One unit of the layer."""

    map: int
    row: int
    column: int


def strongest_units(inputs: Inputs, split: Split, images: Int[np.ndarray, " image"]) -> list[Unit]:
    """For each image the unit of the layer that responds most; the first of equal ones."""
    name = watched(inputs).map

    def strongest(batch: Tensor) -> list[Unit]:
        outputs = probe.activations(inputs.graph, batch, [name])[name]
        places = (np.unravel_index(place, outputs.shape[1:]) for place in outputs.flatten(1).argmax(1).tolist())
        return [Unit(*(int(number) for number in place)) for place in places]

    return [unit for units in inputs.each(strongest, split, images) for unit in units]


def strongest_of_each_map(inputs: Inputs, image: Tensor) -> list[tuple[Unit, float]]:
    """Each map's unit that responds most to an image, the first of equal ones, and its activation."""
    name = watched(inputs).map
    maps = probe.activations(inputs.graph, image[None], [name])[name][0]
    values, places = maps.flatten(1).max(dim=1)
    rows, columns = np.unravel_index(places.cpu().numpy(), maps.shape[1:])
    units = (Unit(map_, int(row), int(column)) for map_, (row, column) in enumerate(zip(rows, columns, strict=True)))
    return list(zip(units, values.tolist(), strict=True))


@dataclass(frozen=True)
class Grid:
    """One image with the square at every place of a grid."""

    tops: Int[np.ndarray, " top"]  # first covered row of pixels
    lefts: Int[np.ndarray, " left"]
    clean: Float[np.ndarray, " class"]  # probabilities
    covered: Float[np.ndarray, "top left class"]
    clean_totals: Float[np.ndarray, " map"]  # activity: the sum of the values above zero
    totals: Float[np.ndarray, "top left map"]
    whole: str  # why more was computed than what the square changes; see `reportgen.probe.Occlusion`


def slide(inputs: Inputs, image: Tensor, size: int, stride: int) -> Grid:
    """Slide the square over an image (Zeiler & Fergus 2013, section 4.2); sides in pixels."""
    layer, output = watched(inputs).map, inputs.graph.output
    found = probe.occlude(inputs.graph, image, size, stride, inputs.preprocessing.grey(), [layer, output])
    return Grid(
        found.tops.numpy(),
        found.lefts.numpy(),
        inputs.as_probabilities(found.clean[output].cpu().numpy()),
        inputs.as_probabilities(found.covered[output].cpu().numpy()),
        found.clean[layer].cpu().numpy().astype(np.float64),
        found.covered[layer].cpu().numpy().astype(np.float64),
        found.whole,
    )


def cover(
    inputs: Inputs, image: Tensor, places: Sequence[tuple[int, int]], size: int
) -> tuple[Float[np.ndarray, " map"], Float[np.ndarray, "place map"]]:
    """The activity of each of the layer's maps: of the clean image, and with the square at these places."""
    name = watched(inputs).map
    found = probe.occlude_at(inputs.graph, image, places, size, inputs.preprocessing.grey(), [name])
    clean, covered = found.clean[name].cpu().numpy(), found.covered[name].cpu().numpy()
    return clean.astype(np.float64), covered.astype(np.float64)


def projection(inputs: Inputs, image: Tensor, unit: Unit) -> Float[np.ndarray, "row column 3"]:
    """The unit's activation projected to the pixels of the image, RGB; zeros where it has none, or cannot be projected."""
    return projections(inputs, image, [unit])[0]


def projections(inputs: Inputs, image: Tensor, units: Sequence[Unit]) -> list[Float[np.ndarray, "row column 3"]]:
    """`projection` of several units that one image excites: one forward serves all."""
    if inputs.no_projection(watched(inputs).number):
        return [np.zeros((*image.shape[1:], 3), np.float32)] * len(units)
    name = watched(inputs).map
    return on_pixels(inputs, image, [probe.Activation(name, unit.map, unit.row, unit.column) for unit in units])


def drawn(projections: Sequence[Float[np.ndarray, "row column 3"]]) -> UInt8[np.ndarray, "picture row column 3"]:
    """Projections as pictures: zero is mid-grey, each at its own full contrast."""
    return grey_at_zero(np.stack(projections)[:, None])[:, 0]
