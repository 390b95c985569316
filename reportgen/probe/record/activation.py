"""Activation functions: the paper's rectification, and what it becomes for GELU, SiLU and their kind.

Zeiler & Fergus 2013, section 2.1 rectify the signal at a ReLU. A smooth function f that rectifies does two things more to what
it lets through: it scales it. Rule B (`Smooth` "factor") rectifies the signal and multiplies it by the unit's own f(x) / x, held
fast (the identity rule of AttnLRP, Achtibat et al. 2024, equation 9); rule A ("rectified") leaves the factor out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reportgen.probe.record.base import Family, Recorded, Rule, number, without_gradient

_NEAR = 1e-12  # closer to zero than this f(x) / x is its limit


@dataclass(frozen=True)
class Rectified(Rule):
    """The rectified signal, times a factor for each unit."""

    factor: Tensor | None = None
    into: int = 0  # the input that it goes to

    def down(self, signal: Tensor, gradients: Any) -> list[Tensor | None]:
        rectified = signal.clamp(min=0)
        sent = rectified if self.factor is None else rectified.mul_(self.factor)
        return [sent if index == self.into else None for index in range(len(gradients))]


@dataclass(frozen=True)
class Scaled(Rule):
    """The signal times a factor for each unit, of either sign: a function whose maps have both."""

    factor: Tensor = field(kw_only=True)

    def down(self, signal: Tensor, gradients: Any) -> list[Tensor | None]:
        return [signal * self.factor, *[None] * (len(gradients) - 1)]


@dataclass(frozen=True)
class Leaky(Rule):
    """The function itself applied to the signal: scaled with its input, it is the same function."""

    slope: Tensor | float = 0.0

    def down(self, signal: Tensor, gradients: Any) -> list[Tensor | None]:
        return [signal.clamp(min=0) + self.slope * signal.clamp(max=0), *[None] * (len(gradients) - 1)]


def factor_of(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """(f(x) - f(0)) / x for each value, and the slope of f at zero: f(0) is a bias, and biases do not come down."""
    zero = torch.zeros((), dtype=torch.float64, device=x.device, requires_grad=True)
    with torch.enable_grad():
        start = function(zero)
        (slope,) = torch.autograd.grad(start, zero)
    wide = x.double()
    near = wide.abs() < _NEAR
    risen = without_gradient(function, wide) - start.detach()
    return torch.where(near, slope, risen / torch.where(near, 1.0, wide)).to(x.dtype)


def _smooth(name: str, function: Callable[[Recorded], Callable], x: Callable[[Recorded], Tensor]) -> Any:
    """The rule of a function that rectifies smoothly; ``x`` gives what it read."""

    def rule(recorded: Recorded) -> Rule:
        if recorded.smooth == "rectified":
            return Rectified(name)
        return Rectified(name, factor=factor_of(function(recorded), x(recorded)))

    return rule


def _signed(name: str, function: Callable[[Recorded], Callable], x: Callable[[Recorded], Tensor]) -> Any:
    """The rule of an odd function: the signal keeps its sign, as the maps do."""
    return lambda recorded: Scaled(name, factor=factor_of(function(recorded), x(recorded)))


def _input(recorded: Recorded) -> Tensor:
    return recorded.saved("self")


def _before_elu(recorded: Recorded) -> Tensor:
    """What an ELU read; in place it has kept only what it gave."""
    kept, given = recorded.saved("self"), recorded.saved("result")
    if kept is not None:
        return kept
    alpha, scale, within = (number(recorded.saved(name, 1.0)) or 1.0 for name in ("alpha", "scale", "input_scale"))
    if recorded.kind == "Celu":
        return torch.where(given > 0, given, torch.log1p((given / alpha).clamp(min=-1 + 1e-7)) * alpha)
    return torch.where(given > 0, given / scale, torch.log1p((given / alpha / scale).clamp(min=-1 + 1e-7)) / within)


def _elu(recorded: Recorded) -> Callable[[Tensor], Tensor]:
    alpha, scale, within = (number(recorded.saved(name, 1.0)) for name in ("alpha", "scale", "input_scale"))
    return lambda x: torch.ops.aten.elu(x, alpha, scale, within)


def _of_clamp(low: str, high: str) -> Callable[[Recorded], Rule | None]:
    """A ReLU where the lower bound is zero or a bias above it, whatever the upper; an odd function where they are opposite."""

    def rule(recorded: Recorded) -> Rule | None:
        least, most = number(recorded.saved(low)), number(recorded.saved(high))
        if least is not None and least >= 0:
            return Rectified()
        if least is not None and most is not None and least == -most:
            return Scaled("Hardtanh", factor=factor_of(lambda x: x.clamp(least, most), _input(recorded)))
        return None

    return rule


def _threshold(recorded: Recorded) -> Rule | None:
    return Rectified() if number(recorded.saved("threshold")) == 0 else None


def _rrelu(recorded: Recorded) -> Rule:
    return Leaky("RReLU", slope=(float(recorded.saved("lower")) + float(recorded.saved("upper"))) / 2)


def _power(recorded: Recorded) -> Rule | None:
    """x to the power of p, as in generalised-mean pooling: x times its power of p - 1, which is held fast.

    No rule for a power below zero, where x = 0 has none, and for an exponent that the image gives.
    """
    x = recorded.saved("self")
    if not isinstance(x, Tensor) or recorded.reads != (0,):
        return None
    exponent = torch.as_tensor(recorded.saved("exponent"), dtype=x.dtype, device=x.device)
    if (exponent < 0).any():
        return None
    factor = torch.where(x == 0, (exponent == 1).to(x), x ** (exponent - 1))
    return Scaled("powers", factor=torch.where(exponent == 0, 0.0, factor))


def _root(recorded: Recorded) -> Rule:
    root = recorded.saved("result")
    return Scaled("powers", factor=torch.where(root == 0, 0.0, root.reciprocal()))


def _length(recorded: Recorded) -> Rule | None:
    """|x|: x times its sign, which is held fast; of complex numbers there is no rule."""
    x = recorded.saved("self")
    return None if x.is_complex() else Scaled("absolute values", factor=x.sign())


def _plain(function: Callable[[Tensor], Tensor]) -> Callable[[Recorded], Callable]:
    return lambda recorded: function


def _kept_by_its_function(recorded: Recorded) -> Tensor:
    """The first tensor that an ``autograd.Function`` of the net's own has kept."""
    return recorded.node.saved_tensors[0].detach()


_SILU = _smooth("SiLU", _plain(F.silu), _kept_by_its_function)
_MISH = _smooth("Mish", _plain(F.mish), _kept_by_its_function)
_HARDSWISH = _smooth("Hardswish", _plain(F.hardswish), _kept_by_its_function)

ACTIVATIONS: Family = {
    "Relu": lambda recorded: Rectified(),
    "Hardtanh": _of_clamp("min_val", "max_val"),
    "Clamp": _of_clamp("min", "max"),
    "ClampMin": _of_clamp("min", ""),
    "Threshold": _threshold,
    "Gelu": _smooth("GELU", lambda one: partial(F.gelu, approximate=one.saved("approximate")), _input),
    "Silu": _smooth("SiLU", _plain(F.silu), _input),
    "Hardswish": _smooth("Hardswish", _plain(F.hardswish), _input),
    "Mish": _smooth("Mish", _plain(F.mish), _input),
    "Elu": _smooth("ELU", _elu, _before_elu),
    "Celu": _smooth("CELU", lambda one: partial(F.celu, alpha=float(one.saved("alpha"))), _before_elu),
    "Softplus": _smooth(
        "Softplus",
        lambda one: partial(F.softplus, beta=float(one.saved("beta")), threshold=float(one.saved("threshold"))),
        _input,
    ),
    "Sigmoid": _smooth("sigmoid", _plain(torch.sigmoid), lambda one: one.saved("result").logit(1e-7)),
    "Hardsigmoid": _smooth("Hardsigmoid", _plain(F.hardsigmoid), _input),
    "Tanh": _signed("tanh", _plain(torch.tanh), lambda one: one.saved("result").clamp(-1 + 1e-7, 1 - 1e-7).atanh()),
    "Softshrink": _signed("Softshrink", lambda one: partial(F.softshrink, lambd=float(one.saved("lambd"))), _input),
    "Hardshrink": _signed("Hardshrink", lambda one: partial(F.hardshrink, lambd=float(one.saved("lambd"))), _input),
    "Erf": _signed("erf", _plain(torch.erf), _input),
    "Pow": _power,
    "Abs": _length,
    "Sign": lambda recorded: Rule(held=frozenset({0})),  # a factor of 1 or -1
    "Sqrt": _root,
    "LeakyRelu": lambda recorded: Leaky("LeakyReLU", slope=float(recorded.saved("negative_slope"))),
    "PreluKernel": lambda recorded: Leaky("PReLU", slope=recorded.saved("weight")),
    "RreluWithNoise": _rrelu,
    # Functions that save memory, of timm's and of efficientnet_pytorch's: each keeps what it read.
    "<SwishAutoFn>": _SILU,
    "<SwishJitAutoFn>": _SILU,
    "<SwishImplementation>": _SILU,
    "<MishJitAutoFn>": _MISH,
    "<HardSwishJitAutoFn>": _HARDSWISH,
}
