"""Exact incremental inference: a covered square changes a window of each layer's maps; only that window is recomputed.

Windows are cut from the clean image's activations, and the changed part is laid in. The net's own operations compute the
windows of many squares in one batch (Krypton's idea: Nakandala et al., SIGMOD 2019). The result equals a full forward
pass of every covered image up to rounding.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, fx

from reportgen.probe import windows
from reportgen.probe.errors import Unsupported
from reportgen.probe.fetching import send
from reportgen.probe.fields import parent_span
from reportgen.probe.graph import Graph
from reportgen.probe.nodes import Node, storage
from reportgen.probe.spans import Span


class _Room(NamedTuple):
    """How many squares are computed together."""

    bytes: int  # of the largest layer, for all of them: a cache's worth, or enough to keep a GPU busy
    fewest: int
    most: int


_ROOM = {"cpu": _Room(2**25, 8, 256), "cuda": _Room(2**29, 8, 1024)}

_CLEAN = -1  # the group of the clean image


def summed(values: Tensor) -> Float[Tensor, "image map"]:
    """For each image each map's activity, the sum of its values above zero; units stay as they are."""
    return values.clamp(min=0).flatten(2).sum(2) if values.dim() > 2 else values


@dataclass(frozen=True)
class _Patch:
    """The changed part of a node's output: values in windows of one size, inside the map, one for each square."""

    values: Float[Tensor, "square map row column"]
    frame: Span


class _Stage:
    """Nodes that are computed in turn, and how long their values are needed."""

    def __init__(self, nodes: Sequence[Node], kept: set[str]) -> None:
        self.nodes = nodes
        self.names = {node.name for node in nodes}
        self.reads = {parent for node in nodes for parent in node.parents} - self.names  # of the stages before
        last = {name: node.name for node in nodes for name in (node.name, *node.parents) if name not in kept}
        self._done: dict[str, set[str]] = {node.name: set() for node in nodes}
        for name, final in last.items():
            self._done[final].add(name)

    def drop(self, node: Node, values: dict[str, Any]) -> None:
        """Drop the values that no node after this one reads."""
        for name in self._done[node.name]:
            del values[name]

    def spares(self, node: Node, values: Mapping[str, Tensor]) -> bool:
        """Whether the node may overwrite its input: no value that is still needed shares the memory."""
        done = self._done[node.name]
        written = {storage(values[parent]) for parent in node.parents}
        others = (value for name, value in values.items() if name not in done)
        return done.issuperset(node.parents) and written.isdisjoint(map(storage, others))


class Incremental:
    """The outputs of the wanted nodes for the clean image, and for the image with squares covered.

    The clean image runs by itself up to the last node of which windows are cut; after that it runs in a batch.
    """

    def __init__(
        self, graph: Graph, image: Float[Tensor, "channel row column"], wanted: Sequence[str],
        corners: Int[Tensor, "square 2"], size: int,
    ) -> None:  # fmt: skip
        self.graph = graph
        self.wanted = set(wanted)
        needed = {node.name for name in self.wanted for node in graph.below(name)}
        order = [node for node in graph.nodes.values() if node.name in needed]
        self.plan = windows.planned(graph, order, corners, size)
        self.barrier = windows.barrier(graph, order)
        self.windows = _Stage(self.plan.windowed, set())
        first = _first_unit(self.plan.entire)
        self.units = _Stage(self.plan.entire[first:], set())
        self.maps = _Stage(self.plan.entire[:first], self.units.reads)
        self.room = _ROOM.get(graph.device.type, _ROOM["cpu"])
        self.most = min(len(corners) + 1, self.room.most)  # squares that are computed together, if memory allows
        self.stand_in = image.new_empty((), device=graph.device)
        self.held: dict[str, Tensor] = {}  # clean maps from which windows are cut
        graph.run(image[None], {node.name: partial(self._keep, node.name) for node in self.plan.windowed})

    def _keep(self, name: str, output: Tensor) -> None:
        if name in self.plan.cut | self.wanted:
            self.held[name] = output.clone(memory_format=torch.channels_last)

    def outputs(
        self, square: Float[Tensor, "channel row column"], most: int
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The wanted nodes, `summed`: clean, and with the square at each of the corners.

        At most ``most`` squares are computed together.
        """
        groups = self.plan.groups()
        groups = torch.cat([groups, groups.new_tensor([_CLEAN])])
        found: dict[str, Tensor] = {}
        handed = max(
            (math.prod(self.graph.nodes[name].shape) for name in self.units.names | self.units.reads), default=0
        )
        # Linear layers read more weights than values, so many squares should share them. Maps soon fill the cache.
        for many in self._parts(groups.argsort(stable=True), handed * square.element_size(), most):
            parts = [
                self._through_maps(few, groups[few], square, found)
                for few in self._parts(many, self.plan.largest() * square.element_size(), most)
            ]
            values = {name: torch.cat([part[name] for part in parts]) for name in self.units.reads}
            self._entire(self.units, many, values, found)
        clean = {name: values[-1] for name, values in found.items()}
        return clean, {name: values[:-1] for name, values in found.items()}

    def _parts(self, squares: Int[Tensor, " square"], bytes_each: int, most: int) -> Iterator[Int[Tensor, " square"]]:
        """The squares in parts of about equal length, as long as the room and ``most`` allow."""
        length = min(max(self.room.bytes // max(bytes_each, 1), self.room.fewest), most)
        return iter(squares.tensor_split(max(round(len(squares) / length), 1)))

    def _through_maps(
        self, squares: Int[Tensor, " square"], groups: Int[Tensor, " square"], square: Tensor, found: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Compute all layers with rows and columns; returns those values that the other layers read."""
        values = {name: self._repeated(name, len(squares)) for name in self.plan.frontier}
        begin = 0
        for count in groups.unique_consecutive(return_counts=True)[1].tolist():
            part = slice(begin, begin + count)
            if groups[begin] == _CLEAN:
                for name in self.wanted & self.plan.spans.keys():
                    self._note(name, squares[part], summed(self.held[name]), found)
            else:
                frontier = {name: whole[part] for name, whole in values.items()}
                self._in_windows(squares[part], square, frontier, found)
            begin += count
        self._entire(self.maps, squares, values, found)
        return values

    def _note(self, name: str, squares: Int[Tensor, " square"], totals: Tensor, found: dict[str, Tensor]) -> None:
        if name not in found:
            found[name] = totals.new_empty(len(self.plan.units) + 1, *totals.shape[1:])
        found[name][send(squares, totals.device)] = totals

    def _repeated(self, name: str, count: int) -> Tensor:
        clean = self.held[name]
        return clean.expand(count, *clean.shape[1:]).clone(memory_format=torch.channels_last)

    def _in_windows(
        self, squares: Int[Tensor, " square"], square: Tensor, frontier: Mapping[str, Tensor], found: dict[str, Tensor]
    ) -> None:
        """Compute the windows of one group, and lay the changed parts into the whole maps of the frontier."""
        frames = self.plan.frames(squares)
        patches: dict[str, _Patch] = {}
        for node in self.plan.windowed:
            frame = frames[node.name]
            if node.is_image:
                values = square.expand(len(squares), *square.shape).clone(memory_format=torch.channels_last)
            elif node.operation.cuts:
                values = self._through_window(node, frame, patches[node.parents[0]])
            else:
                read = {parent: self._cut(parent, frame, patches[parent]) for parent in set(node.parents)}
                spare = self.windows.spares(node, {name: patch.values for name, patch in patches.items()})
                values = self._execute(node, read, len(squares), spare)
            patches[node.name] = _Patch(values, frame)
            if node.name in self.wanted:
                change = values.clamp(min=0) - self._cut(node.name, frame).clamp(min=0)
                totals = summed(self.held[node.name]) + change.flatten(2).sum(2)
                self._note(node.name, squares, totals, found)
            if node.name in frontier:
                _lay(frontier[node.name], patches[node.name])
            self.windows.drop(node, patches)

    def _entire(
        self, stage: "_Stage", squares: Int[Tensor, " square"], values: dict[str, Tensor], found: dict[str, Tensor]
    ) -> None:
        """Compute whole maps, or units, from ``values``; leave in it what later stages read."""
        for node in stage.nodes:
            output = self._execute(node, values, len(squares), stage.spares(node, values))
            values[node.name] = output
            if node.name in self.wanted:
                if len(output) != len(squares):
                    raise Unsupported(f"layer {node.name!r} does not give one output for each image of a batch")
                self._note(node.name, squares, summed(self.graph.maps(node.name, output)), found)
            stage.drop(node, values)

    def _through_window(self, node: Node, frame: Span, patch: _Patch) -> Tensor:
        """Compute a convolution or pooling again where its windows meet the changed part."""
        [parent] = node.parents
        shape = self.graph.nodes[parent].shape
        below = parent_span(node, frame, shape)
        assert below is not None
        return node.operation.run(self._cut(parent, below, patch, node.operation.outside), frame, shape)

    def _cut(self, name: str, frame: Span, patch: _Patch | None = None, outside: float = 0.0) -> Tensor:
        """Windows of a node's clean output, with the value ``outside`` beyond its edges and the changed part laid in."""
        if patch is not None and patch.frame.size == frame.size and torch.equal(patch.frame.first, frame.first):
            return patch.values
        clean = self.held[name]
        places = windows.locations(frame, clean.shape[1:], None if patch is None else patch.frame)
        maps = clean.shape[1]
        parts = [clean.new_full((1, maps), outside), _by_rows(clean)]
        if patch is not None:
            parts.append(_by_rows(patch.values))
        # One gather is faster than slices and masks: it copies rows of memory in parallel, directly into channels_last.
        cut = torch.cat(parts).index_select(0, send(places.flatten(), clean.device))
        return cut.view(*places.shape, maps).permute(0, 3, 1, 2)

    def _execute(self, node: Node, values: Mapping[str, Tensor], count: int, spare: bool) -> Tensor:
        """The node's own call on other values of its parents, for ``count`` images."""
        known: dict[fx.Node, Any] = {}
        for read, parent in self.graph.reads(node).items():
            # A call that works in place must not change a value that others read.
            known[read] = values[parent].clone() if node.in_place and not spare else values[parent]
        for read in node.fx.all_input_nodes:
            if read not in known:
                known[read] = self._other(read, known, node, count)
        return self.graph.execute(node.fx, known)

    def _other(self, read: fx.Node, known: Mapping[fx.Node, Any], node: Node, count: int) -> Any:
        """Inputs of a call other than signals: constants, numbers computed from shapes (``x.size(0)``), ``x.chunk(2)``."""
        if self.graph.is_constant(read):
            return self.graph.constant(read)
        bundle = read in self.graph.bundles
        below: dict[fx.Node, Any] = {}
        for one in read.all_input_nodes:
            signal = self.graph.nodes.get(self.graph.names[one])
            if signal is None:
                below[one] = self._other(one, known, node, count)
            else:  # a number depends only on the shape of the whole map
                below[one] = known[one] if bundle else self.stand_in.expand(count, *signal.shape)
        result = self.graph.execute(read, below)
        if isinstance(result, Tensor) and read not in self.graph.made:
            raise Unsupported(f"layer {node.name!r} reads a value computed from all images of a batch together")
        return result


def _by_rows(maps: Float[Tensor, "image map row column"]) -> Float[Tensor, "place map"]:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _lay(into: Float[Tensor, "square map row column"], patch: _Patch) -> None:
    """Lay windows into whole maps."""
    squares, rows, columns = (
        send(places, into.device) for places in (torch.arange(len(into)), patch.frame.along(0), patch.frame.along(1))
    )
    where = squares[:, None, None], rows[:, :, None], columns[:, None, :]
    into.permute(0, 2, 3, 1)[where] = patch.values.permute(0, 2, 3, 1)


def _first_unit(nodes: Sequence[Node]) -> int:
    """The index after which no node has rows and columns; the number of nodes if some do not depend on the image."""
    if not all(node.parents for node in nodes):
        return len(nodes)
    return max((index + 1 for index, node in enumerate(nodes) if node.spatial), default=0)
