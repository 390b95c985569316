"""Functions of one value, or of several at one place, that have no rule on the way down (yet): GELU, SiLU, products."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from reportgen.probe.operations.base import ByPlace, Operation
from reportgen.probe.operations.calls import Call, Signature


@dataclass(frozen=True)
class Pointwise(ByPlace):
    """Each value depends on those at its own place."""

    kind = "pointwise"


def _of(call: Call) -> Operation:
    return Pointwise(call.what, varies=call.varies)


CALLS = [
    Signature(
        _of,
        modules=[
            *(nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU),
            *(nn.Hardswish, nn.Hardsigmoid, nn.Mish, nn.Softplus, nn.Softsign, nn.Tanhshrink, nn.LogSigmoid),
            nn.Threshold,
        ],
        functions=[
            *(F.gelu, F.silu, F.sigmoid, F.tanh, F.leaky_relu, F.prelu, F.elu, F.selu, F.celu),
            *(F.hardswish, F.hardsigmoid, F.mish, F.softplus, F.softsign, F.logsigmoid),
            *(torch.sigmoid, torch.tanh, torch.exp, torch.sqrt, torch.abs, torch.neg),
        ],
        methods=["sigmoid", "sigmoid_", "tanh", "tanh_", "exp", "sqrt", "abs", "neg"],
    )
]
