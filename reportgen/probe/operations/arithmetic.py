"""``x + y``, ``x + 1``, ``x * c``, ``(x - mean) / deviation``: the operation that arithmetic with two operands amounts to."""

import operator
from typing import Any

import torch
from torch import Tensor

from reportgen.probe.operations.activation import Pointwise
from reportgen.probe.operations.base import Operation
from reportgen.probe.operations.calls import Call, Signature
from reportgen.probe.operations.identity import Identity, Sum
from reportgen.probe.operations.scale import Scale

_FUNCTIONS: dict[Any, str] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add), "add"),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub), "sub"),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul), "mul"),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div), "div"),
}
_METHODS = {f"{name}{in_place}": name for name in ("add", "sub", "mul", "div") for in_place in ("", "_")}


def _of(call: Call) -> Operation:
    name, what = (_METHODS if isinstance(call.target, str) else _FUNCTIONS)[call.target], call.what
    given = dict(zip(("input", "other"), call.args, strict=False)) | dict(call.kwargs)
    first, second = given.get("input"), given.get("other")
    if call.kwargs.get("alpha", 1) != 1 or call.kwargs.get("rounding_mode") or call.by_number:
        return Operation(what)
    if any(shape != call.output for shape in call.shapes):
        return Operation(f"{what} of unequal shapes")
    signal_first = call.is_signal(first)
    if signal_first and call.is_signal(second):
        return Sum(what, varies=call.varies) if name == "add" else Pointwise(what, varies=call.varies)
    if name == "add" or (name == "sub" and signal_first):
        return Identity(what, varies=call.varies)
    if name == "mul" or (name == "div" and signal_first):
        return _scale(call, second if signal_first else first, name)
    return Pointwise(what, varies=call.varies)  # 1 - x, 1 / x


def _scale(call: Call, operand: Any, name: str) -> Operation:
    """A product with a constant, or a quotient by one."""

    def factor() -> Tensor:
        value = torch.as_tensor(call.now(operand))
        return value.reciprocal() if name == "div" else value

    sizes, rank = tuple(factor().shape), len(call.output)
    per_channel = rank - len(sizes) <= 1 and sizes[-rank + 1 :][1:] == (1,) * (rank - 2)
    if factor().numel() != 1 and not per_channel:
        return Operation(f"{call.what} by a tensor of shape {sizes}")
    return Scale(call.what, varies=call.varies, factor=lambda: factor().flatten())


CALLS = [Signature(_of, functions=tuple(_FUNCTIONS), methods=tuple(_METHODS))]
