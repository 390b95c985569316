"""Linear layers of units."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.base import Everywhere, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature


@dataclass(frozen=True)
class Linear(Everywhere):
    """Sends a signal down through the transposed weights, without the bias."""

    weight: Callable[[], Tensor] = field(kw_only=True)

    kind = "linear"

    @property
    def work(self) -> int:
        return self.weight().numel()

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        return [Sent(signal @ self.weight(), None)]


@dataclass(frozen=True)
class LinearByPlace(Operation):
    """A linear layer on the last of several axes, as of tokens: only the record has its rule."""

    weight: Callable[[], Tensor] = field(kw_only=True)

    kind = "linear by place"


def _of(call: Call) -> Operation:
    if call.rank != 2:
        return LinearByPlace(f"{call.what} on {call.rank}-dimensional input", weight=lambda: call.read("weight", None))
    return Linear(call.what, weight=lambda: call.read("weight", None))


CALLS = [Signature(_of, (nn.Linear,), (F.linear,), names=("input", "weight", "bias"))]
