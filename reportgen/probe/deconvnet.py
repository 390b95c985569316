"""The deconvnet: which pixels of the image caused an activation (Zeiler & Fergus 2013, section 2.1).

From one activation down to the pixels, layer by layer: unpool with the switches recorded on the way up, rectify, filter
with the transposed filters, no bias. Contrast normalisation and dropout are the identity, batch norm scales without
its shift, average pooling is transposed, a residual sum sends the signal down both branches and a concatenation splits
it. This equals back-propagation with the ReLU's rule replaced by "rectify the incoming signal".

Only the window of the receptive field is computed: one forward pass per image records the switches, then the windows of
all activations of a layer go down together. If a window would be larger than the map, the whole map goes down. Below
operations that have no rule for windows the signal goes down through torch's own record (`reportgen.probe.record`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from reportgen.probe.errors import NotFinite, ProbeError, Unsupported
from reportgen.probe.fetching import send
from reportgen.probe.fields import Box, reach, receptive_field
from reportgen.probe.graph import Graph
from reportgen.probe.memory import halved
from reportgen.probe.nodes import Node
from reportgen.probe.operations import Step
from reportgen.probe.operations.max_pool import Switched, unpool_windows
from reportgen.probe.record import Smooth
from reportgen.probe.spans import Span, mask, place, whole
from reportgen.probe.tracing import trace
from reportgen.probe.ways import record_of, way_down

# Bounds how many windows go down together: more share the cost of starting each operation, until the caches are full.
_WINDOW_VALUES = 6_000_000  # values in the largest signal of a batch


@dataclass(frozen=True)
class Activation:
    """One unit of a layer: a feature map and a place in it (row = column = 0 in a layer without rows and columns)."""

    layer: str
    map: int
    row: int = 0
    column: int = 0


@dataclass(frozen=True)
class Projection:
    """An activation projected to the pixels; zero outside ``window``."""

    activation: Activation
    value: float  # the seed of the projection: the activation itself unless the caller gave another value
    pixels: Float[Tensor, "channel row column"]  # signed: the last step into pixel space is not rectified
    window: Box  # the part of the image that ``pixels`` covers: top, left, bottom, right
    box: Box  # the whole receptive field, which may reach beyond the image
    image_size: tuple[int, int]  # rows, columns

    def full(self) -> Float[Tensor, "channel height width"]:
        """The projection on a canvas of the image's size."""
        top, left, bottom, right = self.window
        rows, columns = self.image_size
        return F.pad(self.pixels, (left, columns - right, top, rows - bottom))


@dataclass(frozen=True)
class Unpooled:
    """A max pool as in figure 1: its input, its output, the switches, and the unpooled map."""

    beneath: Float[Tensor, "map row column"]
    pooled: Float[Tensor, "map pooled_row pooled_column"]
    switches: Int[Tensor, "map pooled_row pooled_column"]  # row * columns + column of each maximum in ``beneath``
    unpooled: Float[Tensor, "map row column"]  # maxima of overlapping windows that share a location add up


def project(
    net: nn.Module | Graph,
    image: Float[Tensor, "channel row column"],
    activations: Sequence[Activation],
    seeds: Sequence[float] | None = None,
    smooth: Smooth = "factor",
) -> list[Projection | None]:
    """Project activations that ``image`` causes to its pixels, each seeded with its own value; in the order given.

    An activation of exactly zero has no projection: None. ``seeds``, one for each activation, replace these values: the
    projection then shows the unit as if it had that value. One forward pass serves all activations of a layer. ``smooth``
    says what GELU, SiLU and their kind do with a rectified signal: multiply it by the unit's own f(x) / x ("factor"), or
    leave it ("rectified"). Raises Unsupported if an operation without a rule is below a layer, UnknownLayer, ProbeError
    for a unit that the layer does not have, NotFinite. Source: Zeiler & Fergus 2013, section 2.1.
    """
    if not activations:
        return []
    graph = trace(net, image[None])
    asked: dict[str, list[int]] = {}
    for index, activation in enumerate(activations):
        asked.setdefault(activation.layer, []).append(index)
    ways = {layer: way_down(graph, layer, smooth) for layer in asked}
    for way in ways.values():
        if way.refusal:
            raise Unsupported(way.refusal)
    for activation in activations:
        _check_unit(graph, activation)
    found: list[Projection | None] = [None] * len(activations)
    windowed = [index for index, activation in enumerate(activations) if ways[activation.layer].by == "windows"]
    observed, recorded = _observe(graph, image, [activations[index] for index in windowed])
    values = dict(zip(windowed, observed, strict=True))
    for layer, indices in asked.items():
        units = [activations[index] for index in indices]
        given = None if seeds is None else torch.tensor([float(seeds[index]) for index in indices])
        if ways[layer].by == "record":
            projected = _through_record(graph, image, units, given, smooth)
        else:
            own = torch.stack([values[index] for index in indices]) if given is None else given
            projected = _through_windows(graph, recorded, units, own)
        for index, projection in zip(indices, projected, strict=True):
            found[index] = projection
    return found


def refusal(
    net: nn.Module | Graph, layer: str, example: Float[Tensor, "image channel row column"] | None = None
) -> str:
    """Why a layer's activations cannot be projected, naming the operation without a rule; empty if they can.

    ``example`` gives the image size and is needed for a net that is not traced yet. Raises UnknownLayer.
    """
    if not isinstance(net, Graph):
        if example is None:
            raise ProbeError("a net is followed with an image: pass trace(net, example), or an example")
        net = trace(net, example)
    return way_down(net, layer).refusal


def unpool(net: nn.Module | Graph, image: Float[Tensor, "channel row column"], pool: str) -> Unpooled:
    """A max pool's maps, switches and unpooled maps for one image (Zeiler & Fergus 2013, figure 1).

    Raises ProbeError if the layer is not a max pool.
    """
    graph = trace(net, image[None])
    node = graph.find(pool)
    operation = node.operation
    if not isinstance(operation, Switched):
        raise ProbeError(f"layer {pool!r} is a {node.operation.what}: only a max pool has switches")
    seen: dict[str, tuple[Tensor, Tensor, Tensor]] = {}

    def observed(beneath: Tensor) -> Tensor:
        pooled, switches = operation.pool(node.shape, beneath)
        seen[pool] = beneath[0].clone(), pooled[0], switches[0]
        return pooled

    graph.run(image[None], {}, {pool: observed})
    beneath, pooled, switches = seen[pool]
    whole_maps = whole(node.shape, 1), whole(tuple(beneath.shape), 1)
    unpooled = unpool_windows(pooled[None], switches, beneath.shape[2], *whole_maps)
    return Unpooled(beneath, pooled.clone(), switches, unpooled[0])


def _place(graph: Graph, unit: Activation) -> int:
    """A unit's place in its layer's flattened output for one image."""
    layout, shape = graph.layout(unit.layer), graph.shape(unit.layer)
    if layout is not None and layout.index is not None:
        return int(layout.index[unit.map, unit.row, unit.column])
    return unit.map if len(shape) == 1 else (unit.map * shape[1] + unit.row) * shape[2] + unit.column


def _check_unit(graph: Graph, unit: Activation) -> None:
    shape, why = graph.shape(unit.layer), graph.unknown(unit.layer)
    if why:
        raise Unsupported(why)
    place = (unit.map, unit.row, unit.column)
    limits = (*shape, 1, 1)[:3]
    if not all(0 <= at < limit for at, limit in zip(place, limits, strict=True)):
        raise ProbeError(f"{unit}: the layer's units are (map, row, column) below {limits}")


def _observe(graph: Graph, image: Tensor, units: Sequence[Activation]) -> tuple[list[Tensor], dict[str, Any]]:
    """In one forward pass: the activations' values, on the CPU, and the records of operations below, such as switches."""
    values = [torch.tensor(0.0)] * len(units)
    recorded: dict[str, Any] = {}

    def note(layer: str, output: Tensor) -> None:
        chosen = [(index, unit) for index, unit in enumerate(units) if unit.layer == layer]
        places = torch.tensor([(unit.map, unit.row, unit.column) for _, unit in chosen]).T[: output.dim() - 1]
        found = output[0][tuple(send(place, output.device) for place in places)]
        for (index, _), value in zip(chosen, found.cpu(), strict=True):
            values[index] = value

    def record(node: Node, *read: Tensor) -> Tensor:
        output, recorded[node.name] = node.operation.record(node.shape, *read)
        return output

    layers = {unit.layer for unit in units}
    recording = {node.name: node for layer in layers for node in graph.below(layer) if node.operation.records}
    graph.run(
        image[None],
        {layer: partial(note, layer) for layer in layers},
        {name: partial(record, node) for name, node in recording.items()},
    )
    _check_finite(units, values)
    return values, recorded


def _check_finite(units: Sequence[Activation], values: Sequence[Tensor] | Tensor) -> None:
    for unit, value in zip(units, values, strict=True):
        if value.isnan():
            raise NotFinite(f"layer {unit.layer!r} gives NaN at map {unit.map}, row {unit.row}, column {unit.column}")


def _frames(graph: Graph, layer: str, positions: Tensor) -> dict[str, Span]:
    """The windows in which the signal goes down: at each node of one size for all units, or the whole map.

    Windows may reach beyond the map; their values there are masked.
    """

    def settle(node: Node, span: Span) -> Span:
        size = (span.last - span.first + 1).amax(0)
        shape = torch.tensor(node.shape[1:])
        covers = size >= shape
        first = torch.where(covers, 0, span.first)
        return Span(first, torch.where(covers, shape - 1, first + size - 1))

    return reach(graph, layer, positions, settle)


def _batch_size(graph: Graph, layer: str) -> int:
    """How many windows go down together."""
    frames = _frames(graph, layer, torch.tensor([[0, 0]]))
    largest = max(
        graph.nodes[name].shape[0] * int((span.last - span.first + 1).prod()) for name, span in frames.items()
    )
    return max(1, _WINDOW_VALUES // largest)


def _through_windows(
    graph: Graph, recorded: Mapping[str, Any], units: Sequence[Activation], values: Tensor
) -> list[Projection | None]:
    """Project units of one layer window by window; None for one whose value is zero."""
    active = values.nonzero().flatten()

    def descend(most: int) -> list[Projection]:
        return [
            one
            for some in active.split(most)
            for one in (_descend(graph, recorded, [units[index] for index in some.tolist()], values[some]))
        ]

    found: list[Projection | None] = [None] * len(units)
    if len(active):
        projected, _ = halved(descend, _batch_size(graph, units[0].layer))
        for index, projection in zip(active.tolist(), projected, strict=True):
            found[index] = projection
    return found


def _through_record(
    graph: Graph, image: Tensor, units: Sequence[Activation], given: Tensor | None, smooth: Smooth
) -> list[Projection | None]:
    """Project units of one layer through torch's record of a forward pass; ``given`` values replace the units' own."""
    layer = units[0].layer
    record = record_of(graph, image, layer, smooth)
    places = torch.tensor([_place(graph, unit) for unit in units])
    values = record.output.detach().flatten().cpu()[places]
    _check_finite(units, values)
    values = values if given is None else given.to(values)
    active = values.nonzero().flatten().tolist()
    found: list[Projection | None] = [None] * len(units)
    if not active:
        return found
    seeds = torch.zeros(len(active), record.output.numel(), dtype=values.dtype)
    seeds[torch.arange(len(active)), places[active]] = values[active]
    seeds = send(seeds, graph.device).view(-1, *record.output.shape)
    rows, columns = graph.input_shape[1:]
    for index, pixels in zip(active, record.project(seeds), strict=True):
        box, window = _boxes(graph, units[index])
        inside = pixels[:, window[0] : window[2], window[1] : window[3]].clone()
        found[index] = Projection(units[index], float(values[index]), inside, window, box, (rows, columns))
    return found


def _boxes(graph: Graph, unit: Activation) -> tuple[Box, Box]:
    """A unit's receptive field and the part of it in the image; the whole image where it is not known."""
    rows, columns = graph.input_shape[1:]
    try:
        field = receptive_field(graph, unit.layer)
        return field.box(unit.row, unit.column), field.inside(unit.row, unit.column)
    except Unsupported:
        return (0, 0, rows, columns), (0, 0, rows, columns)


def _descend(
    graph: Graph, recorded: Mapping[str, Any], units: Sequence[Activation], values: Tensor
) -> list[Projection]:
    """Send windows of some units of one layer down to the pixels, together."""
    layer = graph.find(units[0].layer)
    positions = torch.tensor([[unit.row, unit.column] for unit in units])
    with torch.inference_mode(False), torch.no_grad():
        frames = _frames(graph, layer.name, positions)
        seed = torch.zeros(len(units), layer.shape[0], dtype=values.dtype)
        seed[torch.arange(len(units)), torch.tensor([unit.map for unit in units])] = values
        seed = send(seed, graph.device)
        if layer.spatial:  # in a map of one row or column, the window is the whole map
            seed = place(seed[:, :, None, None], Span(positions, positions), frames[layer.name])
        signals = {layer.name: seed}
        for node in graph.below(layer.name):
            if node.name not in signals:
                continue  # no signal reaches it: a constant branch
            signal = signals.pop(node.name)
            if node.spatial:
                signal = mask(signal, frames[node.name], node.shape)
            if node.is_image:
                return _cut(graph, units, values, signal, frames[node.name], positions)
            shapes = [graph.nodes[parent].shape for parent in node.parents]
            below = [frames.get(parent) for parent in node.parents]
            step = Step(node.shape, shapes, frames.get(node.name), below, recorded.get(node.name))
            for parent, sent in zip(node.parents, node.operation.down(signal, step), strict=True):
                if sent is not None:
                    coming = sent.signal if sent.frame is None else place(sent.signal, sent.frame, frames[parent])
                    signals[parent] = signals[parent] + coming if parent in signals else coming
    raise Unsupported(f"layer {layer.name!r} does not depend on the image")


def _cut(
    graph: Graph, units: Sequence[Activation], values: Tensor, signal: Tensor, frame: Span, positions: Tensor
) -> list[Projection]:
    """The parts of the windows that lie in the image."""
    field = reach(graph, units[0].layer, positions, lambda node, span: span)[graph.image]
    rows, columns = graph.input_shape[1:]
    found = []
    for index, (unit, value) in enumerate(zip(units, values.tolist(), strict=True)):
        (top, left), (bottom, right) = field.first[index].tolist(), (field.last[index] + 1).tolist()
        start = min(max(top, 0), rows), min(max(left, 0), columns)  # a unit may read nothing but padding
        window = *start, max(min(bottom, rows), start[0]), max(min(right, columns), start[1])
        lies = Span(frame.first[index : index + 1], frame.last[index : index + 1])
        wanted = Span(torch.tensor([window[:2]]), torch.tensor([window[2:]]) - 1)
        pixels = place(signal[index : index + 1], lies, wanted)[0].clone()
        found.append(Projection(unit, value, pixels, window, (top, left, bottom, right), (rows, columns)))
    return found
