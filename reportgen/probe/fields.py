"""Receptive fields: which rows and columns below a unit it depends on, exactly, through any graph of the net."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from reportgen.probe.errors import Unsupported
from reportgen.probe.graph import Graph, Node
from reportgen.probe.tracing import trace

Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two lie just outside

BY_WINDOW = ("conv2d", "max_pool", "avg_pool", "pad")
# Each value depends on the values at its own place in the parents (contrast normalisation: across their maps).
BY_PLACE = ("relu", "scale", "identity", "add", "concat", "pointwise")
_ADAPTIVE = ("adaptive_avg_pool", "adaptive_max_pool")
_EVERYWHERE = ("reshape", "mean", "linear")

_NOWHERE = 2**40  # first > last, whatever strides multiply it by, and neutral in a union


@dataclass(frozen=True)
class Span:
    """For each of several units, the first and last row and column of a node that it depends on (bounding box)."""

    first: Int[Tensor, "unit 2"]  # row, column
    last: Int[Tensor, "unit 2"]  # inclusive

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the spans, where all are of one size."""
        rows, columns = (self.last[0] - self.first[0] + 1).tolist()
        return rows, columns

    def along(self, axis: int) -> Int[Tensor, "unit place"]:
        """The rows (axis 0) or columns (axis 1) of each span, where all are of one size."""
        return self.first[:, axis, None] + torch.arange(self.size[axis])

    def union(self, other: "Span | None") -> "Span":
        """The smallest box around both."""
        if other is None:
            return self
        return Span(torch.minimum(self.first, other.first), torch.maximum(self.last, other.last))

    def clip(self, shape: tuple[int, ...]) -> "Span":
        """The part inside a map of this (map, row, column) shape; nothing where the unit reads only padding."""
        first, last = self.first.clamp(min=0), torch.minimum(self.last, torch.tensor(shape[1:]) - 1)
        nothing = (first > last).any(1, keepdim=True)
        return Span(torch.where(nothing, _NOWHERE, first), torch.where(nothing, -_NOWHERE, last))


def whole(shape: tuple[int, ...], units: int) -> Span:
    """The span of a whole map."""
    return Span(torch.zeros(units, 2, dtype=torch.int64), (torch.tensor(shape[1:]) - 1).expand(units, 2))


def parent_span(node: Node, span: Span | None, parent_shape: tuple[int, ...]) -> Span | None:
    """What a node's span asks of one parent; None for a parent without rows and columns."""
    if len(parent_shape) != 3:
        return None
    if node.kind in _EVERYWHERE or span is None:
        units = 1 if span is None else len(span.first)
        return whole(parent_shape, units)
    if node.operation.window is not None and node.kind in BY_WINDOW:
        window = node.operation.window
        stride, before = torch.tensor(window.stride), torch.tensor(window.padding)
        reach = torch.tensor(window.dilation) * (torch.tensor(window.kernel) - 1)
        return Span(span.first * stride - before, span.last * stride - before + reach)
    if node.kind in _ADAPTIVE:
        above, below = torch.tensor(node.shape[1:]), torch.tensor(parent_shape[1:])
        return Span(span.first * below // above, -(-(span.last + 1) * below // above) - 1)
    if node.kind in BY_PLACE:
        return span
    raise Unsupported(f"layer {node.name!r} is a {node.operation.what}: its receptive field is not known")


def reach(
    graph: Graph, layer: str, positions: Int[Tensor, "unit 2"], settle: Callable[[Node, Span], Span]
) -> dict[str, Span]:
    """The spans of the layer and of every node with rows and columns below it, for units at (row, column).

    ``settle`` adjusts a node's span before it is handed further down (clips it, say).
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

    Unit (i, j) reads ``size`` pixels from ``offset + stride * (i, j)``. Negative offsets and boxes that leave the image
    are padding. Behind a linear layer or a flattening the stride is 0: every unit sees the whole image. Where adaptive
    pooling divides unevenly, size and stride are those of the first two units and `box` alone is exact.
    """

    graph: Graph
    layer: str
    size: tuple[int, int]
    stride: tuple[int, int]
    offset: tuple[int, int]

    def box(self, row: int, column: int) -> Box:
        """(top, left, bottom, right) of the unit's receptive field, padding included: it may leave the image."""
        return _box(self.graph, self.layer, row, column, lambda node, span: span)

    def inside(self, row: int, column: int) -> Box:
        """(top, left, bottom, right) of the pixels of the image that the unit depends on; zeros where there are none.

        Bounding box of what the layers read inside their maps. Exact, save that at an edge dilated filters and strides
        larger than the kernel pass over pixels that it counts.
        """
        box = _box(self.graph, self.layer, row, column, lambda node, span: span.clip(node.shape))
        return box if box[0] < box[2] else (0, 0, 0, 0)


def _box(graph: Graph, layer: str, row: int, column: int, settle: Callable[[Node, Span], Span]) -> Box:
    if graph.unfollowed:
        raise Unsupported(f"the receptive field of layer {layer!r} is not known: {graph.unfollowed}")
    spans = reach(graph, layer, torch.tensor([[row, column]]), settle)
    source = next(node.name for node in graph.nodes.values() if node.kind == "input")
    if source not in spans:
        raise Unsupported(f"layer {layer!r} does not depend on the image")
    (top, left), (bottom, right) = spans[source].first[0].tolist(), spans[source].last[0].tolist()
    return top, left, bottom + 1, right + 1


def receptive_field(
    net: nn.Module | Graph, layer: str, example: Float[Tensor, "image channel row column"] | None = None
) -> ReceptiveField:
    """The receptive field of a layer's units: size, stride, offset, and the box of any unit.

    ``example`` gives the image size and is needed for a net that was not traced yet. Through residual sums and
    concatenations it is the bounding box of all paths. Raises Unsupported where a layer on the way has no known
    geometry (attention, normalisation over the whole image), and UnknownLayer.
    """
    if isinstance(net, Graph):
        graph = net if example is None else net.at(example)
    elif example is None:
        raise Unsupported("a receptive field depends on the image size: pass trace(net, example), or an example")
    else:
        graph = trace(net, example)
    top, left, bottom, right = _box(graph, layer, 0, 0, lambda node, span: span)
    below, beside, _, _ = _box(graph, layer, 1, 1, lambda node, span: span)
    return ReceptiveField(
        graph, graph.find(layer).name, (bottom - top, right - left), (below - top, beside - left), (top, left)
    )
