"""ReLUs and what works as one: the paper's "rectification"."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.activation import Pointwise
from reportgen.probe.operations.base import ByPlace, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature


@dataclass(frozen=True)
class Rectifier(ByPlace):
    """The reconstructed signal passes through a ReLU (section 2.1).

    So it does for a ReLU6 (MobileNet): the ceiling is one of activations, on the scale that they have in that layer. A
    signal has the scale of the activation it began with; cut at 6 its picture would change with that, not with what the
    unit sees.
    """

    kind = "relu"
    refusal = ""

    def down(self, signal: Tensor, step: Step) -> Sequence[Sent]:
        return [Sent(signal.clamp(min=0), step.frame)]


def _of(call: Call) -> Operation:
    return Rectifier(call.what)


def _of_clamp(call: Call) -> Operation:
    """``hardtanh``, ``clamp``: a ReLU (or ReLU6) where the lower bound is zero; the upper bound acts as ReLU6's."""
    low, high = call.read("min", call.read("min_val", -1.0)), call.read("max", call.read("max_val", None))
    if isinstance(low, int | float) and low == 0 and (high is None or isinstance(high, int | float)):
        return Rectifier(call.what)
    return Pointwise(f"{call.what} from {low} to {high}", varies=call.varies)


CALLS = [
    Signature(
        _of,
        modules=[nn.ReLU],
        functions=[F.relu, F.relu_, torch.relu, torch.relu_, F.relu6],
        methods=["relu", "relu_"],
    ),
    Signature(
        _of_clamp,
        modules=[nn.Hardtanh],  # nn.ReLU6 is one
        functions=[F.hardtanh, F.hardtanh_],
        names=["input", "min_val", "max_val"],
    ),
    Signature(
        _of_clamp,
        functions=[torch.clamp, torch.clip, torch.clamp_],
        methods=["clamp", "clamp_", "clip"],
        names=["input", "min", "max"],
    ),
    Signature(
        _of_clamp,
        functions=[torch.clamp_min, torch.clamp_min_],
        methods=["clamp_min", "clamp_min_"],
        names=["input", "min"],
    ),
]
