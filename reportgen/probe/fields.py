"""Receptive fields: exactly which rows and columns below it a unit depends on, through any graph of the net."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from reportgen.probe.errors import Unsupported
from reportgen.probe.graph import Graph
from reportgen.probe.nodes import Node
from reportgen.probe.spans import Shape, Span, whole
from reportgen.probe.tracing import trace

Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two are exclusive


def parent_span(node: Node, span: Span | None, below: Shape) -> Span | None:
    """The span of one parent, of shape ``below``, that a node's span reads; None for a parent without rows and columns."""
    if len(below) != 3:
        return None
    if span is None:
        return whole(below, 1)
    found = node.operation.reads(span, node.shape, below)
    if found is None:
        raise Unsupported(f"layer {node.name!r} is a {node.operation.what}: its receptive field is not known")
    return found


def reach(
    graph: Graph, layer: str, positions: Int[Tensor, "unit 2"], settle: Callable[[Node, Span], Span]
) -> dict[str, Span]:
    """The spans of the layer and of every node with rows and columns below it, for units at (row, column).

    ``settle`` adjusts a node's span (for example clips it) before the nodes below are considered.
    """
    spans: dict[str, Span] = {}
    top = graph.find(layer)
    if top.spatial:
        spans[top.name] = Span(positions, positions)
    for node in graph.below(layer):
        span = spans.get(node.name)
        if span is not None:
            span = spans[node.name] = settle(node, span)
        for parent in node.parents:
            asked = parent_span(node, span, graph.nodes[parent].shape)
            if asked is not None:
                if len(asked.first) != len(positions):  # asked by a layer without rows and columns
                    asked = whole(graph.nodes[parent].shape, len(positions))
                spans[parent] = asked.union(spans.get(parent))
    return spans


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that a layer's units depend on; pairs are (row, column), in pixels.

    Unit (i, j) reads ``size`` pixels from ``offset + stride * (i, j)``. Negative offsets, and parts of boxes outside the
    image, are padding. After a linear layer or a flattening the stride is 0: every unit sees the whole image. If adaptive
    pooling divides unevenly, size and stride are those of the first two units, and only `box` is exact.
    """

    graph: Graph
    layer: str
    size: tuple[int, int]
    stride: tuple[int, int]
    offset: tuple[int, int]

    def box(self, row: int, column: int) -> Box:
        """(top, left, bottom, right) of the unit's receptive field with its padding: it may reach beyond the image."""
        return _box(self.graph, self.layer, row, column)

    def inside(self, row: int, column: int) -> Box:
        """(top, left, bottom, right) of the pixels of the image that the unit depends on; zeros if there are none.

        It is the bounding box of the places that the layers read inside their maps. It is exact, except that near an edge
        it also counts pixels that dilated filters, and strides larger than the kernel, skip.
        """
        box = _box(self.graph, self.layer, row, column, clipped=True)
        return box if box[0] < box[2] else (0, 0, 0, 0)


def _box(graph: Graph, layer: str, row: int, column: int, clipped: bool = False) -> Box:
    """The box of one unit, of all it reads or of what lies inside the maps; worked out once for a graph."""
    if graph.unfollowed:
        raise Unsupported(f"the receptive field of layer {layer!r} is not known: {graph.unfollowed}")
    asked = layer, row, column, clipped
    if asked not in graph.boxes:
        graph.boxes[asked] = _find_box(graph, layer, row, column, clipped)
    return graph.boxes[asked]


def _find_box(graph: Graph, layer: str, row: int, column: int, clipped: bool) -> Box:
    spans = reach(
        graph, layer, torch.tensor([[row, column]]), lambda node, span: span.clip(node.shape) if clipped else span
    )
    if graph.image not in spans:
        raise Unsupported(f"layer {layer!r} does not depend on the image")
    (top, left), (bottom, right) = spans[graph.image].first[0].tolist(), spans[graph.image].last[0].tolist()
    return top, left, bottom + 1, right + 1


def receptive_field(
    net: nn.Module | Graph, layer: str, example: Float[Tensor, "image channel row column"] | None = None
) -> ReceptiveField:
    """The receptive field of a layer's units: size, stride, offset, and the box of any unit.

    ``example`` gives the image size and is needed for a net that is not traced yet. Through residual sums and
    concatenations the field is the bounding box of all paths. Raises Unsupported if a layer on the way has no known
    geometry (attention, normalisation over the whole image), and UnknownLayer.
    """
    if isinstance(net, Graph):
        graph = net if example is None else net.at(example)
    elif example is None:
        raise Unsupported("a receptive field depends on the image size: pass trace(net, example), or an example")
    else:
        graph = trace(net, example)
    top, left, bottom, right = _box(graph, layer, 0, 0)
    below, beside, _, _ = _box(graph, layer, 1, 1)
    return ReceptiveField(
        graph, graph.find(layer).name, (bottom - top, right - left), (below - top, beside - left), (top, left)
    )
