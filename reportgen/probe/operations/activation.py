"""Functions of one value, or of several at one place: ReLUs, the paper's "rectification", and others without a rule."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.base import ByPlace, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature


class Pointwise(ByPlace):
    """Each value depends only on inputs at its own place: GELU, SiLU, products of two signals."""

    kind = "pointwise"


class Rectifier(ByPlace):
    """The reconstructed signal passes through a ReLU (section 2.1).

    For a ReLU6 (MobileNet), too: its ceiling of 6 is on the scale of that layer's activations, but a signal has the scale
    of the activation it began with. If it were cut at 6, the picture would depend on that scale and not only on what the
    unit sees.
    """

    kind = "relu"

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        return [Sent(signal.clamp(min=0), step.frame)]


def by_trial(call: Call) -> Operation | None:
    """A function of one value, where a module of a class of the net's own, without weights, turns out to be one."""
    module = call.target
    if not isinstance(module, nn.Module) or [*module.parameters(), *module.buffers(), *module.children()]:
        return None
    values = torch.randn(call.shapes[0], generator=torch.Generator().manual_seed(0))
    other = values.clone()
    other.view(-1)[0] += 1
    try:
        with torch.no_grad():
            given, changed = module.forward(values.clone()), module.forward(other)
        alone = given.shape == values.shape and given.flatten()[1:].equal(changed.flatten()[1:])
    except Exception:  # whatever it raises on noise
        return None
    return Pointwise(call.what) if alone and not given.equal(values) else None


def _of_clamp(call: Call) -> Operation:
    """``hardtanh``, ``clamp``: a ReLU (or ReLU6) if the lower bound is zero; the upper bound acts as ReLU6's."""
    low, high = call.read("min", call.read("min_val", -1.0)), call.read("max", call.read("max_val", None))
    if isinstance(low, int | float) and low == 0 and (high is None or isinstance(high, int | float)):
        return Rectifier(call.what)
    return Pointwise(f"{call.what} from {low} to {high}", varies=call.varies)


_RELUS = (F.relu, F.relu_, torch.relu, torch.relu_, F.relu6)
_CLAMPS = (torch.clamp, torch.clip, torch.clamp_), ("clamp", "clamp_", "clip"), ("input", "min", "max")
_FROM_BELOW = (torch.clamp_min, torch.clamp_min_), ("clamp_min", "clamp_min_"), ("input", "min")
_MODULES = (
    *(nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.Hardswish),
    *(nn.Hardsigmoid, nn.Mish, nn.Softplus, nn.Softsign, nn.Tanhshrink, nn.LogSigmoid, nn.Threshold),
)
_FUNCTIONS = (
    *(F.gelu, F.silu, F.sigmoid, F.tanh, F.leaky_relu, F.prelu, F.elu, F.selu, F.celu, F.hardswish, F.hardsigmoid),
    *(F.mish, F.softplus, F.softsign, F.logsigmoid),
    *(torch.sigmoid, torch.tanh, torch.exp, torch.sqrt, torch.abs, torch.neg),
)
_METHODS = ("sigmoid", "sigmoid_", "tanh", "tanh_", "exp", "sqrt", "abs", "neg")
CALLS = [
    Signature(lambda call: Rectifier(call.what), (nn.ReLU,), _RELUS, ("relu", "relu_")),
    # nn.ReLU6 is an nn.Hardtanh.
    Signature(_of_clamp, (nn.Hardtanh,), (F.hardtanh, F.hardtanh_), names=("input", "min_val", "max_val")),
    Signature(_of_clamp, (), *_CLAMPS),
    Signature(_of_clamp, (), *_FROM_BELOW),
    Signature(lambda call: Pointwise(call.what, varies=call.varies), _MODULES, _FUNCTIONS, _METHODS),
]
