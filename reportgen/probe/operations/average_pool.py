"""Average pooling, in windows, adaptive, and over the whole map."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reportgen.probe.operations.base import Adaptive, Everywhere, Operation, Sent, Step, Windowed
from reportgen.probe.operations.calls import Call, Signature, pair
from reportgen.probe.spans import Shape, Span, Window, place, whole


@dataclass(frozen=True)
class AveragePool(Windowed):
    """Transposed on the way down: each value is divided among the values of which it is the mean."""

    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None

    kind = "avg_pool"

    def run(self, values: Tensor, frame: Span, below: Shape) -> Tensor:
        sums = F.avg_pool2d(values, self.window.kernel, self.window.stride, divisor_override=1)
        return sums / self._divisors(frame, below).to(sums)

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        assert step.frame is not None
        signal = signal / self._divisors(step.frame, step.below[0]).to(signal)
        maps = signal.flatten(0, 1)[:, None]
        sent = F.conv_transpose2d(maps, signal.new_ones(1, 1, *self.window.kernel), stride=self.window.stride)
        return [Sent(sent.view(*signal.shape[:2], *sent.shape[2:]), self.under(step))]

    def _divisors(self, frame: Span, below: Shape) -> Tensor:
        """The divisor of the sums at each place of the windows: (unit, 1, row, column), or one number."""
        if self.divisor_override is not None:
            return torch.tensor(self.divisor_override)
        rows, columns = (self._averaged(frame, axis, below[1 + axis]) for axis in (0, 1))
        return rows[:, None, :, None] * columns[:, None, None, :]

    def _averaged(self, frame: Span, axis: int, limit: int) -> Tensor:
        """The number of rows (or columns) that the divisor counts at each place of the windows."""
        padding = self.window.padding[axis]
        start = frame.along(axis) * self.window.stride[axis] - padding
        end = (start + self.window.kernel[axis]).clamp(max=limit + padding)
        if not self.count_include_pad:
            start, end = start.clamp(min=0), end.clamp(max=limit)
        return (end - start).clamp(min=1)  # windows outside the map are masked, but must not divide by zero


class SharedOut(Operation):
    """Means of shares of the map, transposed on the whole map."""

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        [below], everywhere = step.below, whole((*step.shape, 1, 1)[:3], len(signal))
        signal = signal[:, :, None, None] if step.frame is None else place(signal, step.frame, everywhere)
        rows, columns = (_means(below[axis], signal.shape[1 + axis]).to(signal) for axis in (1, 2))
        return [Sent(rows.T @ signal @ columns, whole(below, len(signal)))]


def _means(below: int, above: int) -> Float[Tensor, "above below"]:
    """The matrix by which adaptive average pooling multiplies an axis."""
    matrix = torch.zeros(above, below, dtype=torch.float64)
    for index in range(above):
        start, end = index * below // above, -(-(index + 1) * below // above)
        matrix[index, start:end] = 1 / (end - start)
    return matrix


class AdaptiveAveragePool(Adaptive, SharedOut):
    """The mean of each share of the map."""

    kind = "adaptive_avg_pool"


class Mean(Everywhere, SharedOut):
    """The mean over all rows and columns."""

    kind = "mean"


def _of(call: Call) -> Operation:
    if call.rank != 4:
        return Operation(call.what)
    kernel = call.read("kernel_size", None)
    stride = call.read("stride", None) or kernel
    return AveragePool(
        call.what,
        window=Window(pair(kernel), pair(stride), pair(call.read("padding", 0))),
        ceil_mode=bool(call.read("ceil_mode", False)),
        count_include_pad=bool(call.read("count_include_pad", True)),
        divisor_override=call.read("divisor_override", None),
    )


def _of_adaptive(call: Call) -> Operation:
    return AdaptiveAveragePool(call.what) if call.rank == 4 else Operation(call.what)


def _of_mean(call: Call) -> Operation:
    axes = call.read("dim", None)
    axes = (axes,) if isinstance(axes, int) else tuple(axes or ())
    everywhere = call.rank == 4 and sorted(axis % 4 for axis in axes) == [2, 3]
    return Mean(call.what) if everywhere else Operation(call.what)


_NAMES = ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
CALLS = [
    Signature(_of, (nn.AvgPool2d,), (F.avg_pool2d,), names=_NAMES),
    Signature(_of_adaptive, (nn.AdaptiveAvgPool2d,), (F.adaptive_avg_pool2d,)),
    Signature(_of_mean, (), (torch.mean,), ("mean",), ("input", "dim")),
]
