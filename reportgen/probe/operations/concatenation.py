"""Concatenation of maps."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from reportgen.probe.operations.base import ByPlace, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature


@dataclass(frozen=True)
class Concatenation(ByPlace):
    """Returns each branch's own maps to it; inputs that do not depend on the image, such as coordinates, get none."""

    maps: Sequence[tuple[int, bool]] = field(kw_only=True)  # of each input: number of maps, whether it is a signal

    kind = "concat"

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        parts = signal.split([maps for maps, _ in self.maps], dim=1)
        return [Sent(part, step.frame) for part, (_, sent) in zip(parts, self.maps, strict=True) if sent]


def _of(call: Call) -> Operation:
    axis = call.read("dim", 0)
    what = f"{call.what} along axis {axis}"
    if axis not in (1, 1 - call.rank) or call.rank < 2:
        return Operation(what)
    joined, shapes = call.args[0] if call.args else call.kwargs["tensors"], iter(call.shapes)
    if isinstance(joined, list | tuple):
        signals = [(call.is_signal(one), one) for one in joined]
        maps = [(next(shapes)[1] if signal else call.now(one).shape[1], signal) for signal, one in signals]
    else:  # the outputs of one call, such as ``x.chunk(2)``
        maps = [(shape[1], True) for shape in shapes]
    if sum(count for count, _ in maps) != call.output[1]:
        return Operation(what)
    return Concatenation(what, varies=call.varies, maps=maps)


CALLS = [Signature(_of, functions=(torch.cat, torch.concat, torch.concatenate), names=("tensors", "dim"))]
