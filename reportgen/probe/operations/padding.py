"""Zero padding that stands by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.base import Operation, Sent, Step, Windowed
from reportgen.probe.operations.calls import Call, Signature
from reportgen.probe.spans import Shape, Span, Window


@dataclass(frozen=True)
class Padding(Windowed):
    """Undone on the way down: what was padded lies outside of the map below."""

    kind = "pad"
    refusal = ""

    def run(self, values: Tensor, frame: Span, below: Shape) -> Tensor:
        return values  # the zeros lie outside of the map

    def down(self, signal: Tensor, step: Step) -> Sequence[Sent]:
        return [Sent(signal, self.under(step))]


def _of(call: Call) -> Operation:
    pad, mode = call.read("pad", call.read("padding", None)), call.read("mode", "constant")
    value = call.read("value", 0)
    if call.rank != 4 or mode != "constant" or value or len(pad) != 4:
        return Operation(f"{call.what} with mode={mode!r}, value={value}")
    return Padding(call.what, window=Window((1, 1), (1, 1), (int(pad[2]), int(pad[0]))))


CALLS = [
    Signature(
        _of,
        modules=[nn.ConstantPad2d],  # nn.ZeroPad2d is one
        functions=[F.pad],
        names=["input", "pad", "mode", "value"],
    )
]
