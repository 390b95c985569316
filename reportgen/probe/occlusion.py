"""Occlusion: what the net computes when a square of the image is covered (Zeiler & Fergus 2013, section 4.2, figure 7).

Exact incremental inference: covering a square changes only a window of each layer's maps, so only that window is
computed again, cut from the clean image's padded activations with the changed part laid in; all positions of a batch
together. The idea is Krypton's (Nakandala et al., SIGMOD 2019). Equal to a full forward pass of every covered image up
to rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, fx, nn

from reportgen.probe import rules
from reportgen.probe.errors import ProbeError
from reportgen.probe.fields import Span, whole
from reportgen.probe.graph import Graph, Node, trace

_POSITIONS = 32  # covered images computed together

# Each value depends on the values at its own place in the parents (contrast normalisation: across their maps).
_BY_PLACE = ("relu", "scale", "identity", "add", "concat", "pointwise")
_BY_WINDOW = ("conv2d", "max_pool", "avg_pool", "pad")


@dataclass(frozen=True)
class Occlusion:
    """What the named layers give for the clean image and for every position of the covering square.

    A layer with rows and columns is summed over them, one number a map, as figure 7(b) shows it.
    """

    tops: Int[Tensor, " row"]  # first covered row of pixels, of each row of positions
    lefts: Int[Tensor, " column"]
    clean: dict[str, Tensor]  # layer -> (unit) or (map)
    covered: dict[str, Tensor]  # layer -> (row, column, unit) or (row, column, map)


def positions(length: int, size: int, stride: int) -> list[int]:
    """Where the square begins along one axis: every ``stride`` pixels, and once flush with the far edge."""
    starts = list(range(0, length - size + 1, stride))
    if starts[-1] != length - size:
        starts.append(length - size)  # else the margin would never be covered
    return starts


def occlude(
    net: nn.Module | Graph,
    image: Float[Tensor, "channel row column"],
    size: int,
    stride: int,
    fill: float | Float[Tensor, " channel"],
    outputs: Sequence[str],
) -> Occlusion:
    """Slide a square over the image and compute the named layers anew for every position.

    ``size`` and ``stride`` are in pixels; ``fill`` is the square's value in the space of the net's input (mid-grey
    after normalisation), one number or one a channel. Works for any net that can be traced; what is no convolution,
    pooling or value-by-value operation is computed on whole maps. Raises ProbeError for a square that does not fit.
    """
    rows, columns = image.shape[1:]
    if not 1 <= size <= min(rows, columns):
        raise ProbeError(f"size={size}: use 1 to {min(rows, columns)} pixels, the image is {rows} x {columns}")
    if stride < 1:
        raise ProbeError(f"stride={stride}: use 1 pixel or more")
    graph = trace(net, image[None])
    wanted = {name: graph.find(name).name for name in outputs}
    tops, lefts = positions(rows, size, stride), positions(columns, size, stride)
    places = torch.cartesian_prod(torch.tensor(tops), torch.tensor(lefts)).view(-1, 2)
    with torch.inference_mode(False), torch.no_grad():
        run = _Incremental(graph, image, list(wanted.values()))
        square = torch.as_tensor(fill, dtype=image.dtype, device=graph.device).view(-1, 1, 1)
        square = square.expand(len(image), size, size)
        parts = [run.outputs(some, square) for some in places.split(_POSITIONS)]
    grid = (len(tops), len(lefts))
    return Occlusion(
        torch.tensor(tops),
        torch.tensor(lefts),
        {name: run.total(node) for name, node in wanted.items()},
        {name: torch.cat([part[node] for part in parts]).unflatten(0, grid) for name, node in wanted.items()},
    )


@dataclass(frozen=True)
class _Patch:
    """What changed of a node for a batch of positions: values in windows of one size, at places inside the map."""

    values: Tensor  # (position, map, row, column) or (position, unit)
    frame: Span | None  # None without rows and columns


class _Incremental:
    """The clean image's activations, and how windows of them change."""

    def __init__(self, graph: Graph, image: Tensor, wanted: Sequence[str]) -> None:
        self.graph = graph
        self.wanted = list(dict.fromkeys(wanted))
        needed = {node.name for name in self.wanted for node in graph.below(name)}
        self.order = [node for node in graph.nodes.values() if node.name in needed]
        self.clean: dict[str, Tensor] = {}
        graph.run(image[None], {node.name: partial(self._keep, node.name) for node in self.order})

    def _keep(self, name: str, output: Tensor) -> None:
        self.clean[name] = output.clone()

    def total(self, name: str) -> Tensor:
        """The clean image's output, summed over rows and columns."""
        clean = self.clean[name][0]
        return clean.sum((1, 2)) if clean.dim() == 3 else clean

    def outputs(self, places: Tensor, square: Tensor) -> dict[str, Tensor]:
        """The wanted layers for squares at these (row, column): (position, unit) or, summed, (position, map)."""
        patches: dict[str, _Patch] = {}
        last = {parent: node.name for node in self.order for parent in node.parents}
        for node in self.order:
            if node.kind == "input":
                frame = Span(places, places + square.shape[1] - 1)
                patches[node.name] = _Patch(square.expand(len(places), *square.shape), frame)
            elif not node.parents:
                patches[node.name] = _Patch(self.clean[node.name].expand(len(places), *node.shape), None)
            else:
                patches[node.name] = self._changed(node, patches, len(places))
            for parent in set(node.parents):
                if last[parent] == node.name and parent not in self.wanted:
                    del patches[parent]
        return {name: self._total_changed(name, patches[name]) for name in self.wanted}

    def _total_changed(self, name: str, patch: _Patch) -> Tensor:
        if patch.frame is None:
            return patch.values.flatten(2).sum(2) if patch.values.dim() > 2 else patch.values
        was = self._windows(name, patch.frame)
        return self.total(name) + (patch.values - was).sum((2, 3))

    def _changed(self, node: Node, patches: Mapping[str, _Patch], count: int) -> _Patch:
        """The windows of a node that change with those of its parents."""
        frames = [patches[parent].frame for parent in node.parents]
        if node.spatial and all(frame is not None for frame in frames):
            if node.kind in _BY_WINDOW:
                assert frames[0] is not None
                return self._through_window(node, patches[node.parents[0]], frames[0])
            if node.kind in _BY_PLACE:
                frame = _settled(_union([frame for frame in frames if frame is not None]), node.shape)
                values = {parent: self._windows(parent, frame, patches[parent]) for parent in set(node.parents)}
                return _Patch(self._execute(node, values), frame)
        values = {parent: self._entire(parent, patches[parent], count) for parent in set(node.parents)}
        output = self._execute(node, values)
        return _Patch(output, whole(node.shape, count) if node.spatial else None)

    def _execute(self, node: Node, values: Mapping[str, Tensor]) -> Tensor:
        """The node's own call on other values of its parents."""
        known: dict[fx.Node, Any] = {}
        for read, parent in self.graph.reads(node).items():
            # A call that works in place must not reach into a value that others read.
            known[read] = values[parent].clone() if node.in_place else values[parent]

        def value(read: fx.Node) -> Any:
            if read not in known:
                known[read] = self.graph.constant(read) if self.graph.is_constant(read) else self._number(read, values)
            return known[read]

        for read in node.fx.all_input_nodes:
            value(read)
        return self.graph.execute(node.fx, known)

    def _number(self, read: fx.Node, values: Mapping[str, Tensor]) -> Any:
        """A number computed from shapes on the way, as ``x.size(0)``."""
        count = len(next(iter(values.values())))
        below: dict[fx.Node, Any] = {}
        for one in read.all_input_nodes:
            name = self.graph.public_name(one)
            if name in self.graph.nodes:
                below[one] = self.clean[name].expand(count, *self.graph.nodes[name].shape)
            else:
                below[one] = self.graph.constant(one) if self.graph.is_constant(one) else self._number(one, values)
        return self.graph.execute(read, below)

    def _through_window(self, node: Node, patch: _Patch, changed: Span) -> _Patch:
        """A convolution or pooling computed anew where its windows meet what changed."""
        window = node.operation.window
        assert window is not None
        stride, before = torch.tensor(window.stride), torch.tensor(window.padding)
        reach = torch.tensor(window.dilation) * (torch.tensor(window.kernel) - 1)
        first = -(-(changed.first + before - reach) // stride)  # the first window whose last tap meets the change
        frame = _settled(Span(first, (changed.last + before) // stride), node.shape)
        below = Span(frame.first * stride - before, frame.last * stride - before + reach)
        kind, settings = node.kind, node.operation.settings
        values = self._windows(node.parents[0], below, patch, -torch.inf if kind == "max_pool" else 0.0)
        if kind == "conv2d":
            weight, bias = settings["weight"](), settings["bias"]()
            values = F.conv2d(values, weight, bias, window.stride, 0, window.dilation, settings["groups"])
        elif kind == "max_pool":
            values = F.max_pool2d(values, window.kernel, window.stride, 0, window.dilation)
        elif kind == "avg_pool":
            values = F.avg_pool2d(values, window.kernel, window.stride, divisor_override=1)
            values = values / rules.divisors(node, frame, self.graph.nodes[node.parents[0]].shape).to(values)
        return _Patch(values, frame)

    def _entire(self, name: str, patch: _Patch, count: int) -> Tensor:
        """The whole of a node's output for every position."""
        if patch.frame is None:
            return patch.values
        return self._windows(name, whole(self.graph.nodes[name].shape, count), patch)

    def _windows(self, name: str, frame: Span, patch: _Patch | None = None, outside: float = 0.0) -> Tensor:
        """Windows of a node's clean output, ``outside`` beyond its edges, with the changed part laid in."""
        rows, columns = (frame.last[0] - frame.first[0] + 1).tolist()
        changed = None if patch is None else patch.frame
        same_size = patch is not None and patch.values.shape[2:] == (rows, columns)
        if patch is not None and changed is not None and same_size and torch.equal(changed.first, frame.first):
            return patch.values
        clean = self.clean[name]
        _, maps, height, width = clean.shape
        over = (
            torch.cat([-frame.first, frame.last + 1 - torch.tensor([height, width])], 1).clamp(min=0).amax(0).tolist()
        )
        if any(over):
            clean = F.pad(clean, (over[1], over[3], over[0], over[2]), value=outside)
        count = len(frame.first)
        layout = torch.channels_last if count >= 8 else torch.contiguous_format
        windows = torch.empty(
            (count, maps, rows, columns), dtype=clean.dtype, device=clean.device, memory_format=layout
        )
        starts = (frame.first + torch.tensor(over[:2])).tolist()
        for into, (top, left) in zip(windows, starts, strict=True):
            into.copy_(clean[0, :, top : top + rows, left : left + columns])
        if patch is not None and patch.frame is not None:
            shifts = (patch.frame.first - frame.first).tolist()
            high, wide = patch.values.shape[2:]
            for into, one, (top, left) in zip(windows, patch.values, shifts, strict=True):
                above, beside = max(top, 0), max(left, 0)
                below, beyond = max(min(top + high, rows), above), max(min(left + wide, columns), beside)
                into[:, above:below, beside:beyond] = one[:, above - top : below - top, beside - left : beyond - left]
        return windows


def _union(frames: Sequence[Span]) -> Span:
    first, *rest = frames
    for frame in rest:
        first = first.union(frame)
    return first


def _settled(span: Span, shape: tuple[int, ...]) -> Span:
    """Windows of one size around the spans, moved into the map: to compute an unchanged value again does no harm."""
    limits = torch.tensor(shape[1:])
    first = torch.minimum(span.first.clamp(min=0), limits - 1)
    last = torch.minimum(span.last, limits - 1).maximum(first)
    size = (last - first + 1).amax(0)
    first = torch.minimum(first, limits - size)
    return Span(first, first + size - 1)
