"""Factors that are the same at all places: batch norm in ``eval()``, and products with constants."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.base import ByPlace, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature


@dataclass(frozen=True)
class Scale(ByPlace):
    """A factor for each map, or one for all; a shift is dropped on the way down, like a bias."""

    factor: Callable[[], Tensor] = field(kw_only=True)  # one value, or one for each map

    kind = "scale"

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        factor = self.factor().to(signal)
        return [Sent(signal * factor.view(-1, *[1] * (signal.dim() - 2)), step.frame)]


def _of_batch_norm(call: Call) -> Operation:
    """Batch norm's gamma / sqrt(var + eps)."""
    if call.read("running_var", None) is None or call.read("training", False):  # of a module: left so by the net itself
        return Operation(f"{call.what} on batch statistics")

    def factor() -> Tensor:
        weight, deviation = call.read("weight", None), (call.read("running_var", None) + call.read("eps", 1e-5)).sqrt()
        return deviation.reciprocal() if weight is None else weight / deviation

    return Scale(call.what, factor=factor)


_NAMES = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
CALLS = [Signature(_of_batch_norm, (nn.BatchNorm2d, nn.BatchNorm1d, nn.SyncBatchNorm), (F.batch_norm,), names=_NAMES)]
