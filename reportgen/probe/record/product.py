"""Products, quotients and products of matrices: gates, attention, and the signal that shares itself between two factors.

A factor that only says how much of the other passes is held fast: a gate (signal-take-all, Arras et al. 2019, arXiv 1909.12114),
attention (Ali et al. 2022, arXiv 2202.07304), a deviation. Two signals of one kind get half each (AttnLRP's uniform rule).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from reportgen.probe.record.activation import ACTIVATIONS, Rectified
from reportgen.probe.record.base import Family, Recorded, Rule
from reportgen.probe.record.linear import SHAPES

_SOFTMAX = ("Softmax", "SafeSoftmax")
_GATES = ("Sigmoid", "Hardsigmoid", *_SOFTMAX, "Tanh")  # the firmest first: tanh(a) * sigmoid(b) is gated by b
# Of one signal and a number or weight: what comes out is still the same gate.
_AFFINE = ("Mul", "Div", "Add", "Sub", "Rsub", "Neg", "Addcmul")
_LARGER = ("UpsampleNearest2D", "UpsampleBilinear2D", "UpsampleBicubic2D", "ConstantPadNd")
_MIXED = ("Mm", "Bmm", "Addmm", "Baddbmm", "Convolution", "MkldnnConvolution", "CudnnConvolution", "NativeBatchNorm")
_POINTWISE = {
    *ACTIVATIONS, *_AFFINE, "Pow", "Exp", "Log", "Log1P", "Expm1", "Sqrt", "Rsqrt", "Reciprocal", "Square",
}  # fmt: skip


@dataclass(frozen=True)
class Shared(Rule):
    """Half of the gradient to each of two factors."""

    def down(self, signal: Tensor, gradients: Any) -> list[Tensor | None]:
        return [None if one is None else one / 2 for one in gradients]


@dataclass(frozen=True)
class Glu(Rule):
    """The first half of the maps times the sigmoid of the second, which is held fast."""

    gate: Tensor = field(kw_only=True)
    axis: int = field(kw_only=True)

    def down(self, signal: Tensor, gradients: Any) -> list[Tensor | None]:
        return [torch.cat([signal * self.gate, torch.zeros_like(signal)], self.axis)]


def _follow(recorded: Recorded, *kinds: str) -> Recorded:
    """Up the branch that gave a value, through operations of these kinds that read one signal."""
    while recorded.kind in kinds and len(recorded.reads) == 1:
        recorded = recorded.parent(recorded.reads[0])
    return recorded


def _passed(recorded: Recorded, through: tuple[str, ...] = ()) -> str:
    """The gate's function that a branch has passed last, with nothing but scaling and reshaping since; empty: none."""
    end = _follow(recorded, *SHAPES, *_AFFINE, *_LARGER, *through)
    return end.kind if end.kind in _GATES else ""


def _written_out(recorded: Recorded, x: int, gate: int) -> bool:
    """Whether a product or quotient is a function of ``x`` alone, as ``x * sigmoid(x)`` is, and not of a straight line."""
    source = _follow(recorded.parent(x), "Mul", "Div", "Neg")
    found = list(
        recorded.parent(gate).ancestors(lambda one: one.kind in _POINTWISE and not one.same(source) and bool(one.reads))
    )
    bends = [one for one in found if one.kind in _POINTWISE and one.kind not in _AFFINE and not one.same(source)]
    return bool(bends) and all(one.same(source) or one.kind in _POINTWISE for one in found)


def _gate(recorded: Recorded) -> int | None:
    """Which of a product's two signals is a gate of the other; None if neither is."""
    sides = [recorded.parent(0), recorded.parent(1)]
    passed = [_passed(side) for side in sides]
    firmness = [len(_GATES) - _GATES.index(kind) if kind else 0 for kind in passed]
    if firmness[0] != firmness[1]:
        return firmness.index(max(firmness))
    sizes = [_values(side) for side in sides]
    return sizes.index(min(sizes)) if sizes[0] != sizes[1] else None


def _values(side: Recorded) -> int:
    """How many values a factor had before it was laid over the other; the patches of an unfolding are values of their own."""
    laid = (kind for kind in SHAPES if kind != "Im2Col")
    return min(torch.Size(one.shape).numel() for one in (side, _follow(side, *laid)))


def _product(recorded: Recorded) -> Rule:
    if len(recorded.reads) < 2:
        return Rule()
    first, second = recorded.parent(0), recorded.parent(1)
    for index, side in enumerate((first, second)):
        if side.kind == "Sign":
            return Rule(held=frozenset({index}))
    if recorded.node.next_functions[0] == recorded.node.next_functions[1]:
        return Shared("products")
    for x, gate in ((0, 1), (1, 0)):
        if not first.same(second) and _written_out(recorded, x, gate):
            factor = recorded.saved("other" if gate == 1 else "self") if recorded.smooth == "factor" else None
            return Rectified(_name(recorded.parent(gate)), frozenset({gate}), factor=factor, into=x)
    gate_ = _gate(recorded)
    return Shared("products") if gate_ is None else Rule("gates", frozenset({gate_}))


def _name(gate: Recorded) -> str:
    """What ``x * gate(x)`` is called."""
    kinds = {one.kind for one in gate.ancestors(lambda one: one.kind in _POINTWISE)}
    named = {"Erf": "GELU", "Softplus": "Mish", "Hardsigmoid": "Hardswish", "Hardtanh": "Hardswish", "Sigmoid": "SiLU"}
    return next((name for kind, name in named.items() if kind in kinds), "GELU" if "Pow" in kinds else "x * f(x)")


def _quotient(recorded: Recorded) -> Rule | None:
    """The denominator is held fast: a deviation, a length, a sum."""
    if 1 not in recorded.reads:
        return Rule()
    if 0 not in recorded.reads:
        return None
    if _written_out(recorded, 0, 1) and "Exp" in {one.kind for one in recorded.parent(1).ancestors(_is_pointwise)}:
        factor = recorded.saved("other").reciprocal() if recorded.smooth == "factor" else None
        return Rectified("SiLU", frozenset({1}), factor=factor)
    return Rule("division by a measure of the image", frozenset({1}))


def _is_pointwise(recorded: Recorded) -> bool:
    return recorded.kind in _POINTWISE


def _matrices(first: int, second: int) -> Callable[[Recorded], Rule]:
    """A product of two matrices among an operation's inputs: attention times values, or two signals."""

    def rule(recorded: Recorded) -> Rule:
        if not {first, second} <= set(recorded.reads):
            return Rule()
        through = (*_MIXED, "MaskedFill", "Where", "NativeDropout")
        soft = [_passed(recorded.parent(index), through) in _SOFTMAX for index in (first, second)]
        if soft[0] != soft[1]:
            return Rule("attention", frozenset({(first, second)[soft.index(True)]}))
        return Shared("products")

    return rule


def _convolution(recorded: Recorded) -> Rule:
    """Filters that the image has chosen are held fast."""
    chosen = frozenset({1, 2} & set(recorded.reads))
    return Rule("filters of the image's own", chosen) if chosen else Rule()


def _addcmul(recorded: Recorded) -> Rule | None:
    """``a + b * c`` of which the image gives one factor at most."""
    return Rule() if not {1, 2} <= set(recorded.reads) else None


def _lerp(recorded: Recorded) -> Rule:
    return Rule("gates", frozenset({2})) if 2 in recorded.reads else Rule()


def _glu(recorded: Recorded) -> Rule:
    axis = int(recorded.saved("dim")) - (2**64 if int(recorded.saved("dim")) >= 2**63 else 0)
    return Glu("gates", gate=recorded.saved("self").chunk(2, axis)[1].sigmoid(), axis=axis)


def _attention(recorded: Recorded) -> Rule:
    """All of attention as one operation: the signal goes to the values alone."""
    return Rule("attention", frozenset({0, 1}))


PRODUCTS: Family = {
    "Mul": _product,
    "Div": _quotient,
    "Mm": _matrices(0, 1),
    "Bmm": _matrices(0, 1),
    "Mv": _matrices(0, 1),
    "Dot": _matrices(0, 1),
    "Addmm": _matrices(1, 2),
    "Addmv": _matrices(1, 2),
    "Baddbmm": _matrices(1, 2),
    "Addbmm": _matrices(1, 2),
    "Addcmul": _addcmul,
    "Addcdiv": lambda recorded: Rule("gates", frozenset({2})) if 2 in recorded.reads else Rule(),
    "Lerp": _lerp,
    "Glu": _glu,
    **dict.fromkeys(("Convolution", "MkldnnConvolution", "CudnnConvolution", "ConvolutionOverrideable"), _convolution),
    **dict.fromkeys(
        (
            *("ScaledDotProductFlashAttention", "ScaledDotProductFlashAttentionForCpu"),
            *("ScaledDotProductEfficientAttention", "ScaledDotProductCudnnAttention"),
        ),
        _attention,
    ),
}
