"""The windows of a net's maps that change with a square of the image, and which of them to compute alone.

Rows and columns change independently, so spans are kept once for each distinct row and column at which squares begin, no
matter how many squares there are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import torch
from jaxtyping import Float, Int
from torch import Tensor

from reportgen.probe.fields import parent_span
from reportgen.probe.graph import Graph
from reportgen.probe.nodes import Node
from reportgen.probe.spans import Span

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # largest share of a map that windows computed alone may cover; 0: no windows
_WORTH = 0.9  # windows must take less than this share of the time for whole maps: the estimate is no more exact
_MOVE = 100  # multiply-adds that take as long as to read and write one value (measured on two CPU cores)
_MOST_CLASSES = 6  # of window sizes, along an axis
_FEW = 32  # squares in a group: with fewer, starting each layer takes longer than the arithmetic that the group saves


@dataclass(frozen=True)
class Plan:
    """How to compute the changes: the nodes of which only windows are computed, and those that are computed whole."""

    windowed: Sequence[Node]  # in the order of execution, the image first
    entire: Sequence[Node]
    spans: dict[str, Span]  # of the windowed nodes: unit i holds the i-th distinct row and the i-th distinct column
    units: Int[Tensor, "square 2"]  # indices of each square's row and column among them

    @cached_property
    def frontier(self) -> set[str]:
        """Windowed nodes that are read by nodes computed whole."""
        return {parent for node in self.entire for parent in node.parents} & self.spans.keys()

    @cached_property
    def cut(self) -> set[str]:
        """Nodes whose clean maps are needed, to cut windows from or to lay windows into."""
        return self.frontier | {parent for node in self.windowed if _cuts(node) for parent in node.parents}

    @cached_property
    def classes(self) -> Int[Tensor, "unit 2"]:
        """Classes of rows (and of columns) whose windows have similar sizes.

        Windows clipped at the border are smaller, and so are windows that begin on the stride of a deeper layer. If all
        windows had the largest size, they would cost the paper's net a third more.
        """
        most = min(max(round(math.sqrt(len(self.units) / _FEW)), 1), _MOST_CLASSES)
        sizes = torch.stack([_sizes(self.spans[node.name]) for node in self.windowed], 2).double()
        work = torch.tensor([_work(node) for node in self.windowed], dtype=torch.float64)
        counts = [self.units[:, axis].bincount(minlength=len(sizes)) for axis in (0, 1)]
        # One more row costs as much work as the window is wide.
        shares = [sizes[:, 1 - axis].mean(0) * work for axis in (0, 1)]
        return torch.stack([_classes(sizes[:, axis], shares[axis], counts[axis], most) for axis in (0, 1)], 1)

    @cached_property
    def sizes(self) -> dict[str, Int[Tensor, "unit 2"]]:
        """Rows and columns of each windowed node's windows: the largest that a unit of the class needs."""
        found = {}
        for name, span in self.spans.items():
            none = torch.zeros_like(self.classes)
            most = none.scatter_reduce(0, self.classes, _sizes(span), "amax")
            found[name] = most.gather(0, self.classes)
        return found

    def groups(self) -> Int[Tensor, " square"]:
        """A group number for each square; the squares of a group have windows of the same sizes and are computed together."""
        rows, columns = self.classes.gather(0, self.units).unbind(1)
        return rows * len(self.classes) + columns

    def frames(self, squares: Int[Tensor, " square"]) -> dict[str, Span]:
        """Windows of each windowed node that contain the changes by the squares of one group."""
        units = self.units[squares]
        found = {}
        for node in self.windowed:
            size = self.sizes[node.name].gather(0, units[:1])
            # Grown windows are moved into the map: computing an unchanged value again does no harm.
            first = self.spans[node.name].first.gather(0, units).minimum(torch.tensor(node.shape[1:]) - size)
            found[node.name] = Span(first, first + size - 1)
        return found

    def largest(self) -> int:
        """Values that one square's largest map takes, windows or whole."""
        windows = [node.shape[0] * int(self.sizes[node.name].amax(0).prod()) for node in self.windowed]
        return max([0, *windows, *(math.prod(node.shape) for node in self.entire if node.spatial)])

    def cost(self) -> float:
        """Average cost of one square, in multiply-adds."""
        maps = {node.name: node.shape for node in (*self.windowed, *self.entire)}
        cost = sum(_work(node) * math.prod(node.shape[1:]) for node in self.entire)
        cost += sum(_MOVE * math.prod(maps[name]) for name in self.frontier)
        for node in self.windowed:
            size = self.sizes[node.name]
            cost += _work(node) * self._mean_area(size)
            for parent in node.parents if _cuts(node) else ():
                below = parent_span(node, Span(torch.zeros_like(size), size - 1), maps[parent])
                assert below is not None
                cost += _MOVE * maps[parent][0] * self._mean_area(_sizes(below))
        return cost

    def _mean_area(self, sizes: Int[Tensor, "unit 2"]) -> float:
        return float(sizes.gather(0, self.units).prod(1).double().mean())


def planned(graph: Graph, order: Sequence[Node], corners: Int[Tensor, "square 2"], size: int) -> Plan:
    """The `plan` for these squares. The last of each size is kept with the graph: one grid of squares serves many images."""
    key = size, *(node.name for node in order)
    before, known = graph.plans.get(key, (None, None))
    if before is None or not torch.equal(before, corners):
        known = plan(graph, order, corners, size)
        graph.plans[key] = corners, known
    return known


def plan(graph: Graph, order: Sequence[Node], corners: Int[Tensor, "square 2"], size: int) -> Plan:
    """Choose the nodes to compute in windows, for squares at these (row, column): the plan with the least estimated cost.

    With a large square, windows soon cover most of a map, and cutting them out costs more than it saves: from that node
    on, possibly from the image on, maps are computed whole.
    """
    distinct = [corners[:, axis].unique(return_inverse=True) for axis in (0, 1)]
    most = torch.arange(max(len(starts) for starts, _ in distinct))
    first = torch.stack([starts[most.clamp(max=len(starts) - 1)] for starts, _ in distinct], 1)
    units = torch.stack([unit for _, unit in distinct], 1)
    spans = changed(graph, order, Span(first, first + size - 1))
    whole, *others = (_limited(order, spans, units, share) for share in _SHARES)
    best = min(others, key=Plan.cost, default=whole)
    return best if best.cost() <= _WORTH * whole.cost() else whole


def _limited(order: Sequence[Node], spans: dict[str, Span], units: Tensor, share: float) -> Plan:
    """The plan that computes windows as long as they cover at most this share of their map."""
    chosen: dict[str, Span] = {}
    for node in order:
        if node.name in spans and all(parent in chosen for parent in node.parents):
            area = _sizes(spans[node.name]).gather(0, units).prod(1).double().mean()
            if node.is_image or area <= share * math.prod(node.shape[1:]):
                chosen[node.name] = spans[node.name]
    windowed = [node for node in order if node.name in chosen]
    return Plan(windowed, [node for node in order if node.name not in chosen], chosen, units)


def _sizes(span: Span) -> Int[Tensor, "unit 2"]:
    return span.last - span.first + 1


def _cuts(node: Node) -> bool:
    """Whether windows of its parents must be cut that differ from the changed windows."""
    return node.operation.cuts or len(node.parents) > 1


def _work(node: Node) -> float:
    """Cost of one place of the node's map, in multiply-adds."""
    return node.operation.work + _MOVE * math.prod(node.shape[:1])


def changed(graph: Graph, order: Sequence[Node], square: Span) -> dict[str, Span]:
    """The changed part of every node with rows and columns, as long as it is less than the whole map.

    It is at least one place: if a stride skips the square, the place next to it.
    """
    found: dict[str, Span] = {}
    for node in order:
        known = node.parents and node.spatial and all(parent in found for parent in node.parents)
        if node.is_image:
            found[node.name] = square
        elif known and not _windowless(graph, node):
            spans = [node.operation.changed(found[parent]) for parent in node.parents]
            found[node.name] = _settled(reduce(Span.union, spans), node.shape)
    return found


def barrier(graph: Graph, order: Sequence[Node]) -> str:
    """The name of the first call without a rule for windows: after it, maps are computed whole. Empty if there is none.

    The end of maps does not count: each value of a flattened or pooled map depends on everything that the square changes.
    """
    for node in order:
        maps = len(node.shape) > 1 and any(graph.nodes[parent].spatial for parent in node.parents)
        why = _windowless(graph, node)
        if maps and why and not node.operation.ends_maps:
            return f"{why} ({node.name!r})"
    return ""


def _windowless(graph: Graph, node: Node) -> str:
    """The part of a node for which no window can be computed, by name; empty if windows can be computed."""
    operation = node.operation
    if not operation.windowed:
        return operation.what
    # A hook may read the whole map; where the operation computes its windows itself, none runs.
    hooks = graph.hooked(node) if operation.cuts else graph.rewritten(node)
    return f"the hooks of {operation.what}" if hooks else ""


def _settled(span: Span, shape: tuple[int, ...]) -> Span:
    limits = torch.tensor(shape[1:]) - 1
    first = torch.minimum(span.first.clamp(min=0), limits)
    return Span(first, torch.minimum(span.last, limits).maximum(first))


def _classes(
    sizes: Float[Tensor, "unit node"], work: Float[Tensor, " node"], counts: Int[Tensor, " unit"], most: int
) -> Int[Tensor, " unit"]:
    """Sort units into at most ``most`` classes of similar size, with the least work if all grow to their class's largest.

    Neighbours in the order of their work are joined, first those that add the least work.
    """
    order = (sizes @ work).argsort(stable=True)
    largest, counts, begins = sizes[order], counts[order].double(), torch.arange(len(order))
    while len(begins) > 1:
        joined = torch.maximum(largest[:-1], largest[1:])
        alone = counts * (largest @ work)
        added = (counts[:-1] + counts[1:]) * (joined @ work) - alone[:-1] - alone[1:]
        pair = int(added.argmin())
        if len(begins) <= most and added[pair] > 0:
            break
        largest[pair], counts[pair] = joined[pair], counts[pair] + counts[pair + 1]
        kept = torch.arange(len(begins)) != pair + 1
        largest, counts, begins = largest[kept], counts[kept], begins[kept]
    labels = torch.empty_like(order)
    labels[order] = torch.searchsorted(begins, torch.arange(len(order)), right=True) - 1
    return labels


def locations(frame: Span, shape: tuple[int, ...], patch: Span | None = None) -> Int[Tensor, "window row column"]:
    """For each place of the windows, the index of its value in three things laid end to end.

    These are one value for places outside the (map, row, column) map, then the map row by row, then the patches, one for
    each window and all of one size, which replace the map's values.
    """
    rows, columns = frame.along(0)[:, :, None], frame.along(1)[:, None, :]
    height, width = shape[1:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = torch.where(inside, 1 + rows * width + columns, 0)
    if patch is None:
        return found
    high, wide = patch.size
    rows, columns = rows - patch.first[:, 0, None, None], columns - patch.first[:, 1, None, None]
    within = (rows >= 0) & (rows < high) & (columns >= 0) & (columns < wide)
    before = 1 + height * width + torch.arange(len(rows))[:, None, None] * (high * wide)
    return torch.where(within, before + rows * wide + columns, found)
