"""What each node of a traced net does, in a small vocabulary that the deconvnet's rules know.

Modules (``nn.ReLU``), functions (``F.relu``), methods (``x.relu_()``) and operators (``x + y``) are normalised to one
`Operation`. An operation outside the vocabulary becomes ``pointwise`` (each value depends on the one at its place) or
``other``; both still run forward, and are refused by name on a road that has no rule for them.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[int, int]  # row, column


@dataclass(frozen=True)
class Window:
    """The geometry of a convolution or pooling: output i reads inputs stride*i - padding + dilation*(0 .. kernel-1)."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)  # before the first row and column
    dilation: Pair = (1, 1)


@dataclass(frozen=True)
class Operation:
    """One operation: its kind, what the net calls it (for messages), and what the kind needs to know.

    Kinds: input conv2d relu max_pool adaptive_max_pool avg_pool adaptive_avg_pool scale identity add concat reshape
    mean linear pad pointwise other.
    """

    kind: str
    what: str
    window: Window | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def _pair(value: Any) -> Pair:
    rows, columns = (value, value) if isinstance(value, int) else value * 2 if len(value) == 1 else value
    return int(rows), int(columns)


# Parameter names in the order of the functions' positional arguments; modules carry attributes of the same names.
_CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_MAX_POOL = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_AVG_POOL = ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
_BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")

Read = Callable[[str, Any], Any]  # the value of a setting by name, or a default


def _conv(what: str, read: Read, rank: int) -> Operation:
    stride, dilation = _pair(read("stride", 1)), _pair(read("dilation", 1))
    padding, mode = read("padding", 0), read("padding_mode", "zeros")
    if rank != 4 or (mode != "zeros" and padding not in (0, (0, 0), "valid")):
        return Operation("other", f"{what} with padding_mode={mode!r}" if rank == 4 else what)
    weight = read("weight", None)
    rows, columns = weight.shape[2:]
    if padding == "same":  # an odd total puts the larger half behind, as torch does
        before = (dilation[0] * (rows - 1) // 2, dilation[1] * (columns - 1) // 2)
    else:
        before = (0, 0) if padding == "valid" else _pair(padding)
    window = Window((int(rows), int(columns)), stride, before, dilation)
    settings = {
        "weight": lambda: read("weight", None),
        "bias": lambda: read("bias", None),
        "groups": int(read("groups", 1)),
    }
    return Operation("conv2d", what, window, settings)


def _max_pool(what: str, read: Read, rank: int) -> Operation:
    kernel = read("kernel_size", None)
    stride = read("stride", None) or kernel
    if read("return_indices", False) or rank != 4:
        return Operation("other", f"{what} with return_indices" if rank == 4 else what)
    window = Window(_pair(kernel), _pair(stride), _pair(read("padding", 0)), _pair(read("dilation", 1)))
    return Operation("max_pool", what, window, {"ceil_mode": bool(read("ceil_mode", False))})


def _avg_pool(what: str, read: Read, rank: int) -> Operation:
    kernel = read("kernel_size", None)
    stride = read("stride", None) or kernel
    if rank != 4:
        return Operation("other", what)
    window = Window(_pair(kernel), _pair(stride), _pair(read("padding", 0)))
    settings = {
        "ceil_mode": bool(read("ceil_mode", False)),
        "count_include_pad": bool(read("count_include_pad", True)),
        "divisor_override": read("divisor_override", None),
    }
    return Operation("avg_pool", what, window, settings)


def _batch_norm(what: str, read: Read, rank: int) -> Operation:
    if read("running_var", None) is None or (read("functional", False) and read("training", False)):
        return Operation("other", f"{what} on batch statistics")

    def factor() -> Tensor:
        weight, deviation = read("weight", None), (read("running_var", None) + read("eps", 1e-5)).sqrt()
        return deviation.reciprocal() if weight is None else weight / deviation

    def shift() -> Tensor:
        bias, mean = read("bias", None), read("running_mean", None)
        return (0 if bias is None else bias) - factor() * mean

    return Operation("scale", what, settings={"factor": factor, "shift": shift})


def _relu(what: str, read: Read, rank: int) -> Operation:
    return Operation("relu", what)


def _clamp(what: str, read: Read, rank: int) -> Operation:
    """``hardtanh``, ``clamp``: a ReLU (or ReLU6) where the lower bound is zero; the upper bound acts as ReLU6's."""
    low, high = read("min", read("min_val", -1.0)), read("max", read("max_val", None))
    rectifies = isinstance(low, int | float) and low == 0 and (high is None or isinstance(high, int | float))
    return Operation("relu" if rectifies else "pointwise", f"{what} from {low} to {high}" if not rectifies else what)


def _identity(what: str, read: Read, rank: int) -> Operation:
    return Operation("identity", what)


def _pointwise(what: str, read: Read, rank: int) -> Operation:
    return Operation("pointwise", what)


def _linear(what: str, read: Read, rank: int) -> Operation:
    if rank != 2:
        return Operation("other", f"{what} on {rank}-dimensional input")
    return Operation("linear", what, settings={"weight": lambda: read("weight", None)})


def _adaptive_avg_pool(what: str, read: Read, rank: int) -> Operation:
    return Operation("adaptive_avg_pool" if rank == 4 else "other", what)


def _adaptive_max_pool(what: str, read: Read, rank: int) -> Operation:
    if rank != 4 or read("return_indices", False):
        return Operation("other", what)
    return Operation("adaptive_max_pool", what)


def _mean(what: str, read: Read, rank: int) -> Operation:
    axes = read("dim", None)
    axes = (axes,) if isinstance(axes, int) else tuple(axes or ())
    everywhere = rank == 4 and sorted(axis % 4 for axis in axes) == [2, 3]
    return Operation("mean" if everywhere else "other", what)


def _pad(what: str, read: Read, rank: int) -> Operation:
    pad, mode, value = read("pad", read("padding", None)), read("mode", "constant"), read("value", 0)
    if rank != 4 or mode != "constant" or value or len(pad) != 4:
        return Operation("other", f"{what} with mode={mode!r}, value={value}")
    return Operation("pad", what, Window((1, 1), (1, 1), (int(pad[2]), int(pad[0]))))


def _concat(what: str, read: Read, rank: int) -> Operation:
    axis = read("dim", 0)
    return Operation("concat" if axis in (1, 1 - rank) else "other", f"{what} along axis {axis}")


Rule = Callable[[str, Read, int], Operation]
_MODULES: list[tuple[type[nn.Module], Rule]] = [
    (nn.Conv2d, _conv),
    (nn.ReLU, _relu),
    (nn.Hardtanh, _clamp),  # nn.ReLU6 is one
    (nn.MaxPool2d, _max_pool),
    (nn.AvgPool2d, _avg_pool),
    (nn.AdaptiveAvgPool2d, _adaptive_avg_pool),
    (nn.AdaptiveMaxPool2d, _adaptive_max_pool),
    (nn.BatchNorm2d, _batch_norm),
    (nn.BatchNorm1d, _batch_norm),
    (nn.SyncBatchNorm, _batch_norm),
    (nn.LocalResponseNorm, _identity),
    (nn.CrossMapLRN2d, _identity),
    (nn.Dropout, _identity),
    (nn.Dropout1d, _identity),
    (nn.Dropout2d, _identity),
    (nn.AlphaDropout, _identity),
    (nn.FeatureAlphaDropout, _identity),
    (nn.Identity, _identity),
    (nn.Linear, _linear),
    (nn.ConstantPad2d, _pad),  # nn.ZeroPad2d is one
]
_MODULES += [
    (kind, _pointwise)
    for kind in (nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU)
    + (nn.Hardswish, nn.Hardsigmoid, nn.Mish, nn.Softplus, nn.Softsign, nn.Tanhshrink, nn.LogSigmoid, nn.Threshold)
]

_FUNCTIONS: list[tuple[tuple[Any, ...], Rule, tuple[str, ...]]] = [
    ((torch.conv2d, F.conv2d), _conv, _CONV),
    ((F.relu, F.relu_, torch.relu, torch.relu_, F.relu6), _relu, ("input",)),
    ((F.hardtanh, F.hardtanh_), _clamp, ("input", "min_val", "max_val")),
    ((torch.clamp, torch.clip, torch.clamp_), _clamp, ("input", "min", "max")),
    ((torch.clamp_min, torch.clamp_min_), _clamp, ("input", "min")),
    ((F.max_pool2d, torch.max_pool2d), _max_pool, _MAX_POOL),
    ((F.avg_pool2d,), _avg_pool, _AVG_POOL),
    ((F.adaptive_avg_pool2d,), _adaptive_avg_pool, ("input", "output_size")),
    ((F.adaptive_max_pool2d,), _adaptive_max_pool, ("input", "output_size", "return_indices")),
    ((F.batch_norm,), _batch_norm, _BATCH_NORM),
    ((F.linear,), _linear, ("input", "weight", "bias")),
    ((F.dropout, F.dropout1d, F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout), _identity, ("input",)),
    ((F.local_response_norm, torch.clone, torch.detach), _identity, ("input",)),
    ((F.pad,), _pad, ("input", "pad", "mode", "value")),
    ((torch.cat, torch.concat, torch.concatenate), _concat, ("tensors", "dim")),
    ((torch.mean,), _mean, ("input", "dim")),
    ((F.gelu, F.silu, F.sigmoid, F.tanh, F.leaky_relu, F.prelu, F.elu, F.selu, F.celu), _pointwise, ("input",)),
    ((F.hardswish, F.hardsigmoid, F.mish, F.softplus, F.softsign, F.logsigmoid), _pointwise, ("input",)),
    ((torch.sigmoid, torch.tanh, torch.exp, torch.sqrt, torch.abs, torch.neg), _pointwise, ("input",)),
]
_METHODS: dict[str, tuple[Rule, tuple[str, ...]]] = {
    **dict.fromkeys(("relu", "relu_"), (_relu, ("input",))),
    **dict.fromkeys(("clamp", "clamp_", "clip"), (_clamp, ("input", "min", "max"))),
    **dict.fromkeys(("clamp_min", "clamp_min_"), (_clamp, ("input", "min"))),
    **dict.fromkeys(("contiguous", "clone", "detach", "float", "to"), (_identity, ("input",))),
    **dict.fromkeys(("sigmoid", "sigmoid_", "tanh", "tanh_", "exp", "sqrt", "abs", "neg"), (_pointwise, ("input",))),
    "mean": (_mean, ("input", "dim")),
}

# Arithmetic of two operands, by function or method name: what happens to a tensor and a constant, to two tensors.
_ARITHMETIC = {
    "add": ("identity", "add"),
    "sub": ("identity", "pointwise"),
    "mul": ("scale", "pointwise"),
    "truediv": ("scale", "pointwise"),
    "div": ("scale", "pointwise"),
}
_ARITHMETIC_FUNCTIONS = {
    function: name
    for name in _ARITHMETIC
    for home in (operator, torch)
    for function in (getattr(home, name, None), getattr(home, f"i{name}", None))
    if function is not None
}


def of_module(module: nn.Module, rank: int) -> Operation:
    """The operation of a leaf module on an input of ``rank`` axes."""
    what = type(module).__name__

    def read(name: str, default: Any) -> Any:
        return getattr(module, name, default)

    for kind, rule in _MODULES:
        if isinstance(module, kind):
            return rule(what, read, rank)
    return Operation("other", what)


def of_call(target: Any, resolve: Callable[[str | int], Any], rank: int) -> Operation | None:
    """The operation of a function or method of one tensor (None: not in the vocabulary).

    ``resolve`` gives the argument of a name or position, and raises LookupError where the call leaves it out.
    """
    if isinstance(target, str):
        rule, names = _METHODS.get(target, (None, ()))
    else:
        found = [(rule, names) for functions, rule, names in _FUNCTIONS if any(target is f for f in functions)]
        rule, names = found[0] if found else (None, ())
    if rule is None:
        return None

    def read(name: str, default: Any) -> Any:
        if name == "functional":
            return True
        for key in (name, names.index(name)) if name in names else (name,):
            try:
                return resolve(key)
            except LookupError:
                continue
        return default

    return rule(call_name(target), read, rank)


def arithmetic(target: Any) -> str | None:
    """The name of a two-operand operation (add, sub, mul, div, truediv), or None."""
    if isinstance(target, str):
        name = target.removesuffix("_")
        return name if name in _ARITHMETIC else None
    return next((name for function, name in _ARITHMETIC_FUNCTIONS.items() if function is target), None)


def arithmetic_kind(name: str, of_two: bool) -> str:
    """What the arithmetic amounts to: between two tensors of the net, or between one and a constant."""
    return _ARITHMETIC[name][of_two]


def call_name(target: Any) -> str:
    """What a reader calls the target of a call: "gelu", "sigmoid"."""
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", str(target))
    return "max_pool2d" if name == "fn" else name  # torch's boolean_dispatch hides the name
