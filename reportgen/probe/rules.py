"""The deconvnet's rules: how a signal goes down through one operation, in windows (Zeiler & Fergus 2013, section 2.1).

A signal is (unit, map, row, column): for each projected unit a window of the node's maps, at the places that its
`Span` gives; behind a flattening it is (unit, value). Windows of one node have one size. They may leave the map; what
they hold there is masked before the next rule reads it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from reportgen.probe.fetching import send
from reportgen.probe.fields import Span, parent_span, whole
from reportgen.probe.graph import Graph, Node
from reportgen.probe.operations import Pair

POOLS = ("max_pool", "adaptive_max_pool")


@dataclass(frozen=True)
class Descent:
    """What the rules read on the way down."""

    graph: Graph
    frames: Mapping[str, Span]  # each node's windows
    switches: Mapping[str, Tensor]  # each max pool's, (map row column): flat locations in the map beneath


@dataclass(frozen=True)
class Sent:
    """A signal for one parent, and the windows where it lies (None behind a flattening)."""

    parent: str
    signal: Tensor
    frame: Span | None


Rule = Callable[[Descent, Node, Tensor], Iterator[Sent]]


def place(signal: Tensor, here: Span, there: Span) -> Tensor:
    """Lay windows at ``here`` into windows at ``there``: zeros around, what sticks out is cut off."""
    (height, width), (rows, columns) = signal.shape[2:], there.size
    shifts = (here.first - there.first).tolist()
    top, left = shifts[0]
    overlap = -height < top < rows and -width < left < columns  # padding cannot cut more than there is
    if overlap and all(shift == shifts[0] for shift in shifts):
        if (top, left, height, width) == (0, 0, rows, columns):
            return signal
        return F.pad(signal, (left, columns - width - left, top, rows - height - top))  # negative padding cuts
    placed = signal.new_zeros(*signal.shape[:2], rows, columns)
    for into, one, (top, left) in zip(placed, signal, shifts, strict=True):
        above, beside = max(top, 0), max(left, 0)
        below, beyond = max(min(top + height, rows), above), max(min(left + width, columns), beside)
        into[:, above:below, beside:beyond] = one[:, above - top : below - top, beside - left : beyond - left]
    return placed


def mask(signal: Tensor, frame: Span, shape: tuple[int, ...]) -> Tensor:
    """Zero what lies outside of a (map, row, column) map: no unit is there that could carry a signal."""
    if (frame.first >= 0).all() and (frame.last < torch.tensor(shape[1:])).all():
        return signal
    rows, columns = frame.along(0), frame.along(1)
    inside_rows, inside_columns = (rows >= 0) & (rows < shape[1]), (columns >= 0) & (columns < shape[2])
    inside = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
    return signal * send(inside.to(signal.dtype), signal.device)


def _pass_on(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """Identity, contrast normalisation, dropout; a sum sends its signal down every branch."""
    for parent in node.parents:
        yield Sent(parent, signal, descent.frames.get(node.name))


def _rectify(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """The paper's "rectification": the reconstructed signal passes through a ReLU (section 2.1).

    So it does for a ReLU6 (MobileNet): the ceiling is one of activations, on the scale that they have in that layer. A
    signal has the scale of the activation it began with; cut at 6 its picture would change with that, not with what the
    unit sees.
    """
    yield Sent(node.parents[0], signal.clamp(min=0), descent.frames.get(node.name))


def _scale(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """Batch norm's gamma / sqrt(var + eps), or a constant factor; a shift, like a bias, has no way down."""
    factor = node.operation.settings["factor"]().to(signal)
    yield Sent(node.parents[0], signal * factor.view(-1, *[1] * (signal.dim() - 2)), descent.frames.get(node.name))


def _split(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """A concatenation gives each branch its own maps back; what hangs on no image, such as coordinates, gets none."""
    graph, parents = descent.graph, iter(node.parents)
    joined = node.fx.args[0] if node.fx.args else node.fx.kwargs["tensors"]
    begin = 0
    for one in joined if isinstance(joined, list | tuple) else node.parents:
        known = graph.known(one) if isinstance(one, fx.Node) else None
        parent = next(parents) if known is None else ""
        end = begin + (known.shape[1] if known is not None else graph.nodes[parent].shape[0])
        if parent:
            yield Sent(parent, signal[:, begin:end], descent.frames.get(node.name))
        begin = end


def _reshape(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """A flattening undone."""
    shape = descent.graph.nodes[node.parents[0]].shape
    frame = whole(shape, len(signal)) if len(shape) == 3 else None
    if frame is not None and node.spatial:  # a change of shape reads the whole map
        signal = place(signal, descent.frames[node.name], whole(node.shape, len(signal)))
    yield Sent(node.parents[0], signal.reshape(len(signal), *shape), frame)


def _linear(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    yield Sent(node.parents[0], signal @ node.operation.settings["weight"](), None)


def _filter(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """The paper's "filtering": transposed versions of the same filters, each flipped vertically and horizontally."""
    window, settings = node.operation.window, node.operation.settings
    assert window is not None
    weight, stride = settings["weight"](), window.stride
    plain = settings["groups"] == 1 and window.dilation == (1, 1)
    if plain and weight.shape[1] <= 4 and max(stride) > 1:  # the step into pixel space
        sent = _transposed_by_phases(signal, weight, stride)
    else:
        sent = F.conv_transpose2d(signal, weight, None, stride, 0, 0, settings["groups"], window.dilation)
    yield Sent(node.parents[0], sent, _beneath(descent, node))


def _transposed_by_phases(signal: Tensor, weight: Tensor, stride: Pair) -> Tensor:
    """A strided transposed convolution as a plain convolution that computes every phase of the stride at once.

    The same sum. Into few maps (three colours) it is three times faster than ``conv_transpose2d``, and more exact.
    """
    above, beneath, *kernel = weight.shape
    taps = [-(-side // step) for side, step in zip(kernel, stride, strict=True)]
    pads = [tap * step - side for tap, step, side in zip(taps, stride, kernel, strict=True)]
    split = F.pad(weight, (0, pads[1], 0, pads[0])).view(above, beneath, taps[0], stride[0], taps[1], stride[1])
    phases = split.flip(2, 4).permute(1, 3, 5, 0, 2, 4).reshape(-1, above, *taps)
    found = F.conv2d(signal, phases, padding=(taps[0] - 1, taps[1] - 1)).unflatten(1, (beneath, *stride))
    sent = found.permute(0, 1, 4, 2, 5, 3).flatten(4, 5).flatten(2, 3)
    size = [step * (side - 1) + tap for step, side, tap in zip(stride, signal.shape[2:], kernel, strict=True)]
    return sent[:, :, : size[0], : size[1]]


def _crop(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """Zero padding undone: what was padded lies outside of the map below."""
    yield Sent(node.parents[0], signal, _beneath(descent, node))


def _beneath(descent: Descent, node: Node) -> Span:
    frame = parent_span(node, descent.frames[node.name], descent.graph.nodes[node.parents[0]].shape)
    assert frame is not None
    return frame


def pool_with_switches(node: Node, beneath: Tensor) -> tuple[Tensor, Tensor]:
    """A max pool's output and its switches, (image map row column): flat locations in the map beneath."""
    window = node.operation.window
    if window is None:
        rows, columns = node.shape[1:]
        return F.adaptive_max_pool2d(beneath, (rows, columns), return_indices=True)
    geometry = (window.kernel, window.stride, window.padding, window.dilation)
    return F.max_pool2d(beneath, *geometry, ceil_mode=node.operation.settings["ceil_mode"], return_indices=True)


def unpool_windows(signal: Tensor, switches: Tensor, columns: int, here: Span, there: Span) -> Tensor:
    """Put each value back at the location that its switch recorded; values that share a location add up.

    ``signal`` lies at ``here`` in the pooled map, the result at ``there`` in the map beneath, of so many ``columns``;
    ``switches`` are the whole map's (map row column).
    """
    (rows, width), size = there.size, here.size
    # Beforehand, once for all units: a flat location in the map, re-read as one in a window as wide as the result.
    local = switches - switches // columns * (columns - width)
    origins = (there.first[:, 0] * width + there.first[:, 1]).tolist()
    at = local.new_zeros(*signal.shape)  # outside of the map the signal is zero, wherever it goes
    limits = switches.shape[1:]
    for into, (top, left), origin in zip(at, here.first.tolist(), origins, strict=True):  # slices beat an index
        above, beside = max(top, 0), max(left, 0)
        below, beyond = max(min(top + size[0], limits[0]), above), max(min(left + size[1], limits[1]), beside)
        inside = into[:, above - top : below - top, beside - left : beyond - left]
        torch.sub(local[:, above:below, beside:beyond], origin, out=inside)
    result = signal.new_zeros(*signal.shape[:2], rows * width)
    return result.scatter_add_(2, at.flatten(2), signal.flatten(2)).unflatten(2, (rows, width))


def _unpool(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    parent = node.parents[0]
    here, there = descent.frames[node.name], descent.frames[parent]
    columns = descent.graph.nodes[parent].shape[2]
    yield Sent(parent, unpool_windows(signal, descent.switches[node.name], columns, here, there), there)


def _spread(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """Average pooling transposed: each value is shared out among the values that it is the mean of."""
    window = node.operation.window
    assert window is not None
    shape = descent.graph.nodes[node.parents[0]].shape
    signal = signal / divisors(node, descent.frames[node.name], shape).to(signal)
    maps = signal.flatten(0, 1)[:, None]
    sent = F.conv_transpose2d(maps, signal.new_ones(1, 1, *window.kernel), stride=window.stride)
    yield Sent(node.parents[0], sent.view(*signal.shape[:2], *sent.shape[2:]), _beneath(descent, node))


def divisors(node: Node, frame: Span, shape_beneath: tuple[int, ...]) -> Tensor:
    """By what an average pool divides its sums at each place of the windows: (unit, 1, row, column)."""
    override = node.operation.settings["divisor_override"]
    if override is not None:
        return torch.tensor(override)
    rows, columns = (_averaged(node, frame, axis, shape_beneath[1 + axis]) for axis in (0, 1))
    return rows[:, None, :, None] * columns[:, None, None, :]


def _averaged(node: Node, frame: Span, axis: int, limit: int) -> Tensor:
    """Over how many rows (or columns) an average pool's divisor counts at each place of the windows."""
    window = node.operation.window
    assert window is not None
    padding = window.padding[axis]
    start = frame.along(axis) * window.stride[axis] - padding
    end = (start + window.kernel[axis]).clamp(max=limit + padding)
    if not node.operation.settings["count_include_pad"]:
        start, end = start.clamp(min=0), end.clamp(max=limit)
    return (end - start).clamp(min=1)  # windows outside of the map: masked, and must not divide by zero


def _spread_adaptive(descent: Descent, node: Node, signal: Tensor) -> Iterator[Sent]:
    """Adaptive average pooling (or the mean over all rows and columns) transposed, on the whole map."""
    shape = descent.graph.nodes[node.parents[0]].shape
    everywhere = whole((*node.shape, 1, 1)[:3], len(signal))
    signal = place(signal, descent.frames[node.name], everywhere) if node.spatial else signal[:, :, None, None]
    rows, columns = (_means(shape[axis], signal.shape[1 + axis]).to(signal) for axis in (1, 2))
    yield Sent(node.parents[0], rows.T @ signal @ columns, whole(shape, len(signal)))


def _means(below: int, above: int) -> Tensor:
    """The matrix (above, below) with which adaptive average pooling multiplies an axis."""
    matrix = torch.zeros(above, below, dtype=torch.float64)
    for index in range(above):
        start, end = index * below // above, -(-(index + 1) * below // above)
        matrix[index, start:end] = 1 / (end - start)
    return matrix


RULES: dict[str, Rule] = {
    "relu": _rectify,
    "conv2d": _filter,
    "max_pool": _unpool,
    "adaptive_max_pool": _unpool,
    "avg_pool": _spread,
    "adaptive_avg_pool": _spread_adaptive,
    "mean": _spread_adaptive,
    "scale": _scale,
    "identity": _pass_on,
    "add": _pass_on,
    "concat": _split,
    "reshape": _reshape,
    "linear": _linear,
    "pad": _crop,
}
