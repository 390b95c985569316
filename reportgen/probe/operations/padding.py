"""Zero padding as an operation of its own."""

import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.base import Operation, Sent, Step, Windowed
from reportgen.probe.operations.calls import Call, Signature
from reportgen.probe.spans import Shape, Span, Window


class Padding(Windowed):
    """Undone on the way down: the padding lies outside the map below."""

    kind = "pad"

    def run(self, values: Tensor, frame: Span, below: Shape) -> Tensor:
        return values  # the zeros lie outside the map

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        return [Sent(signal, self.under(step))]


def _of(call: Call) -> Operation:
    pad, mode = call.read("pad", call.read("padding", None)), call.read("mode", "constant")
    value = call.read("value", 0)
    if call.rank != 4 or mode != "constant" or value or len(pad) != 4:
        return Operation(f"{call.what} with mode={mode!r}, value={value}")
    return Padding(call.what, window=Window((1, 1), (1, 1), (int(pad[2]), int(pad[0]))))


# nn.ZeroPad2d is an nn.ConstantPad2d.
CALLS = [Signature(_of, (nn.ConstantPad2d,), (F.pad,), names=("input", "pad", "mode", "value"))]
