"""Max pooling, and its inverse by switches: the paper's "unpooling"."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from reportgen.probe.operations.base import Adaptive, Operation, Sent, Step, Windowed
from reportgen.probe.operations.calls import Call, Signature, pair
from reportgen.probe.spans import Shape, Span, Window


class Switched(Operation):
    """A max pool. It records its switches, (map row column): flat locations in the map beneath."""

    def pool(self, shape: Shape, beneath: Tensor) -> tuple[Tensor, Tensor]:
        """The output and the switches, both (image map row column)."""
        raise NotImplementedError

    def record(self, shape: Shape, *read: Tensor) -> tuple[Tensor, Tensor]:
        pooled, switches = self.pool(shape, read[0])
        return pooled, switches[0]

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        [there], [below] = step.frames, step.below
        assert step.frame is not None
        assert there is not None
        return [Sent(unpool_windows(signal, step.recorded, below[2], step.frame, there), there)]


@dataclass(frozen=True)
class MaxPool(Windowed, Switched):
    """The largest value of each window."""

    ceil_mode: bool = False

    kind = "max_pool"
    outside = -torch.inf

    def run(self, values: Tensor, frame: Span, below: Shape) -> Tensor:
        return F.max_pool2d(values, self.window.kernel, self.window.stride, 0, self.window.dilation)

    def pool(self, shape: Shape, beneath: Tensor) -> tuple[Tensor, Tensor]:
        window = self.window
        geometry = (window.kernel, window.stride, window.padding, window.dilation)
        return F.max_pool2d(beneath, *geometry, ceil_mode=self.ceil_mode, return_indices=True)


class AdaptiveMaxPool(Adaptive, Switched):
    """The largest value of each share of the map."""

    kind = "adaptive_max_pool"

    def pool(self, shape: Shape, beneath: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = shape[1:]
        return F.adaptive_max_pool2d(beneath, (rows, columns), return_indices=True)


def unpool_windows(
    signal: Float[Tensor, "unit map row column"],
    switches: Int[Tensor, "map pooled_row pooled_column"],
    columns: int,
    here: Span,
    there: Span,
) -> Float[Tensor, "unit map row_beneath column_beneath"]:
    """Put each value back at the location that its switch recorded; values that share a location add up.

    ``signal`` is at ``here`` in the pooled map, the result at ``there`` in the map beneath, which has ``columns`` columns;
    ``switches`` are the whole map's.
    """
    (rows, width), size = there.size, here.size
    # Once for all units: turn flat locations in the map into flat locations in a window as wide as the result.
    local = switches - switches // columns * (columns - width)
    origins = (there.first[:, 0] * width + there.first[:, 1]).tolist()
    at = local.new_zeros(*signal.shape)  # outside the map the signal is zero, so its location does not matter
    limits = switches.shape[1:]
    for into, (top, left), origin in zip(at, here.first.tolist(), origins, strict=True):  # slices beat an index
        above, beside = max(top, 0), max(left, 0)
        below, beyond = max(min(top + size[0], limits[0]), above), max(min(left + size[1], limits[1]), beside)
        inside = into[:, above - top : below - top, beside - left : beyond - left]
        torch.sub(local[:, above:below, beside:beyond], origin, out=inside)
    result = signal.new_zeros(*signal.shape[:2], rows * width)
    return result.scatter_add_(2, at.flatten(2), signal.flatten(2)).unflatten(2, (rows, width))


def _of(call: Call) -> Operation:
    if call.rank != 4:
        return Operation(call.what)
    if call.read("return_indices", False):
        return Operation(f"{call.what} with return_indices")
    kernel = call.read("kernel_size", None)
    stride = call.read("stride", None) or kernel
    window = Window(pair(kernel), pair(stride), pair(call.read("padding", 0)), pair(call.read("dilation", 1)))
    return MaxPool(call.what, window=window, ceil_mode=bool(call.read("ceil_mode", False)))


def _of_adaptive(call: Call) -> Operation:
    plain = call.rank == 4 and not call.read("return_indices", False)
    return AdaptiveMaxPool(call.what) if plain else Operation(call.what)


_NAMES = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_ADAPTIVE = ("input", "output_size", "return_indices")
CALLS = [
    Signature(_of, (nn.MaxPool2d,), (F.max_pool2d, torch.max_pool2d), names=_NAMES),
    Signature(_of_adaptive, (nn.AdaptiveMaxPool2d,), (F.adaptive_max_pool2d,), names=_ADAPTIVE),
]
