"""Spans: boxes of rows and columns of a map, one for each of several units; and the windows of values in them."""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from reportgen.probe.fetching import send

Pair = tuple[int, int]  # row, column
Shape = tuple[int, ...]  # for one image: (map, row, column) or (unit,)

_NOWHERE = 2**40  # for empty spans: first > last even after strides multiply it, and neutral in a union


@dataclass(frozen=True)
class Span:
    """For each of several units, the first and last row and column of a node that it depends on (bounding box)."""

    first: Int[Tensor, "unit 2"]  # row, column
    last: Int[Tensor, "unit 2"]  # inclusive

    @property
    def size(self) -> Pair:
        """Rows and columns of the spans, which must all have one size."""
        rows, columns = (self.last[0] - self.first[0] + 1).tolist()
        return rows, columns

    def along(self, axis: int) -> Int[Tensor, "unit place"]:
        """The rows (axis 0) or columns (axis 1) of each span; all spans must have one size."""
        return self.first[:, axis, None] + torch.arange(self.size[axis])

    def union(self, other: "Span | None") -> "Span":
        """The smallest box around both."""
        if other is None:
            return self
        return Span(torch.minimum(self.first, other.first), torch.maximum(self.last, other.last))

    def clip(self, shape: Shape) -> "Span":
        """The part inside a map of this (map, row, column) shape; empty if the unit reads only padding."""
        first, last = self.first.clamp(min=0), torch.minimum(self.last, torch.tensor(shape[1:]) - 1)
        nothing = (first > last).any(1, keepdim=True)
        return Span(torch.where(nothing, _NOWHERE, first), torch.where(nothing, -_NOWHERE, last))


def whole(shape: Shape, units: int) -> Span:
    """The span of a whole map."""
    return Span(torch.zeros(units, 2, dtype=torch.int64), (torch.tensor(shape[1:]) - 1).expand(units, 2))


@dataclass(frozen=True)
class Window:
    """The geometry of a convolution or pooling: output i reads inputs stride*i - padding + dilation*(0 .. kernel-1)."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)  # before the first row and column
    dilation: Pair = (1, 1)

    def reads(self, above: Span) -> Span:
        """The span of inputs that a span of outputs reads."""
        stride, before, beyond = self._tensors
        return Span(above.first * stride - before, above.last * stride - before + beyond)

    def meets(self, below: Span) -> Span:
        """The span of outputs whose windows meet a span of inputs."""
        stride, before, beyond = self._tensors
        first = -(-(below.first + before - beyond) // stride)  # the first window whose last tap meets the span
        return Span(first, (below.last + before) // stride)

    @cached_property
    def _tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """The stride, the padding, and how far a window's last tap lies from its first; each (row, column)."""
        reach = torch.tensor(self.dilation) * (torch.tensor(self.kernel) - 1)
        return torch.tensor(self.stride), torch.tensor(self.padding), reach


def place(
    signal: Float[Tensor, "unit map row column"], here: Span, there: Span
) -> Float[Tensor, "unit map wanted_row wanted_column"]:
    """Lay windows at ``here`` into windows at ``there``: zeros around them, and parts outside ``there`` cut off."""
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


def mask(signal: Float[Tensor, "unit map row column"], frame: Span, shape: Shape) -> Tensor:
    """Set values outside a (map, row, column) map to zero: there are no units that could carry a signal."""
    if (frame.first >= 0).all() and (frame.last < torch.tensor(shape[1:])).all():
        return signal
    rows, columns = frame.along(0), frame.along(1)
    inside_rows, inside_columns = (rows >= 0) & (rows < shape[1]), (columns >= 0) & (columns < shape[2])
    inside = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
    return signal * send(inside.to(signal.dtype), signal.device)
