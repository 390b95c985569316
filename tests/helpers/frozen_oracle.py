"""The deconvnet through later operations, slowly: a forward pass in which what an image decides is held fast.

Each function that a net calls is replaced by one whose plain gradient is the rule: factors are ``detach()``ed, rectifiers have
a backward pass of their own. Nothing here imports reportgen, and nothing looks at torch's record.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class _Rectifier(torch.autograd.Function):
    """f on the way up; on the way down the signal is rectified and multiplied by ``factor``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, output: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return output.detach().clone()

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> tuple[Tensor, None, None]:
        (factor,) = ctx.saved_tensors
        return signals[0].clamp(min=0) * factor, None, None


class _Odd(_Rectifier):
    """The same without rectifying."""

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> tuple[Tensor, None, None]:
        return signals[0] * ctx.saved_tensors[0], None, None


class _Leaky(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return torch.where(x > 0, x, x * slope)

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> tuple[Tensor, None]:
        [signal], (slope,) = signals, ctx.saved_tensors
        return torch.where(signal > 0, signal, signal * slope), None


def _quotient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """(f(x) - f(0)) / x, at zero by a small step to either side."""
    step = torch.full_like(x, 1e-6)
    slope = (function(step) - function(-step)) / (2 * step)
    start = function(torch.zeros_like(x))
    return torch.where(x == 0, slope, (function(x) - start) / torch.where(x == 0, step, x)).detach()


def swish_by(function: Callable[[Tensor], Tensor], x: Tensor, rule: str = "factor") -> Tensor:
    """An activation function that rectifies smoothly, by rule B ("factor") or A ("rectified")."""
    factor = _quotient(function, x) if rule == "factor" else torch.ones_like(x)
    return _Rectifier.apply(x, function(x), factor)


class Frozen(TorchFunctionMode):
    """Inside this mode every function that a net calls has the rule as its gradient."""

    def __init__(self, rule: str = "factor") -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if not torch.is_grad_enabled():
            return func(*args, **kwargs)
        if name in _SMOOTH:
            kwargs.pop("inplace", None)
            return swish_by(lambda x: _SMOOTH[name](x, *args[1:], **kwargs), args[0], self.rule)
        if name in ("relu", "relu_", "relu6"):
            return _Rectifier.apply(args[0], args[0].clamp(0, 6 if name == "relu6" else math.inf), torch.ones(()))
        if name in ("clamp", "clamp_", "hardtanh", "hardtanh_", "clamp_min"):
            return _clamped(func, args, kwargs)
        if name in ("softshrink", "hardshrink", "erf"):
            return _Odd.apply(
                args[0], func(*args, **kwargs), _quotient(lambda x: func(x, *args[1:], **kwargs), args[0])
            )
        if name in ("leaky_relu", "leaky_relu_"):
            slope = args[1] if len(args) > 1 else kwargs.get("negative_slope", 0.01)
            return _Leaky.apply(args[0], torch.as_tensor(slope, dtype=args[0].dtype))
        if name == "prelu":
            weight = args[1].detach()
            return _Leaky.apply(args[0], weight.view(-1, *[1] * (args[0].dim() - 2)) if weight.numel() > 1 else weight)
        if name in ("sigmoid", "sigmoid_", "hardsigmoid", "softmax", "tanh"):  # gates and attention
            kwargs.pop("inplace", None)
            return func(*args, **kwargs).detach()
        if name in ("pow", "__pow__", "sqrt") and _both(args[0], args[0]):
            return args[0] * (func(*args, **kwargs) / args[0]).detach()
        if name in ("abs", "sign"):
            return args[0] * args[0].sign().detach() if name == "abs" else args[0].sign().detach()
        if name == "lp_pool2d":
            return _lp_pool(*args, **kwargs)
        if name == "glu":
            first, second = args[0].chunk(2, args[1] if len(args) > 1 else kwargs.get("dim", -1))
            return first * second.sigmoid().detach()
        if name in _BY_NAME:
            return _BY_NAME[name](*args, **kwargs)
        if name in ("mul", "mul_", "__mul__", "__rmul__", "__imul__", "multiply") and _both(*args[:2]):
            return _product(*args[:2])
        if name in ("div", "div_", "true_divide", "__truediv__", "__itruediv__") and _both(*args[:2]):
            return args[0] / args[1].detach()
        if name in ("matmul", "bmm", "__matmul__", "mm") and _both(*args[:2]):
            return (args[0].detach() @ args[1] + args[0] @ args[1].detach()) / 2
        return func(*args, **kwargs)


def _both(*operands: Any) -> bool:
    return len(operands) == 2 and all(isinstance(one, Tensor) and one.requires_grad for one in operands)


def _product(first: Tensor, second: Tensor) -> Tensor:
    """Signals of equal size get half each; the smaller one of two is a gate."""
    if first.numel() < second.numel():
        return first.detach() * second
    if first.numel() > second.numel():
        return first * second.detach()
    return (first.detach() * second + first * second.detach()) / 2


def _clamped(func: Callable, args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
    kwargs.pop("inplace", None)
    output = func(args[0].detach(), *args[1:], **kwargs)
    bounds = [*args[1:], *kwargs.values()]
    if bounds[0] is not None and bounds[0] >= 0:
        return _Rectifier.apply(args[0], output, torch.ones(()))
    return _Odd.apply(args[0], output, _quotient(lambda x: func(x, *args[1:], **kwargs), args[0].detach()))


def _layer_norm(x: Tensor, shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    axes = tuple(range(-len(shape), 0))
    deviation = (x.var(axes, unbiased=False, keepdim=True) + eps).sqrt().detach()
    normed = (x - x.mean(axes, keepdim=True)) / deviation
    return (normed if weight is None else normed * weight) + (0 if bias is None else bias)


def _rms_norm(x: Tensor, shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Tensor:
    axes = tuple(range(-len(shape), 0))
    length = (x.square().mean(axes, keepdim=True) + (torch.finfo(x.dtype).eps if eps is None else eps)).sqrt().detach()
    return x / length if weight is None else x / length * weight


def _group_norm(x: Tensor, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    parts = x.reshape(len(x), groups, -1)
    deviation = (parts.var(2, unbiased=False, keepdim=True) + eps).sqrt().detach()
    normed = ((parts - parts.mean(2, keepdim=True)) / deviation).reshape(x.shape)
    by_map = (1, -1, *[1] * (x.dim() - 2))
    normed = normed if weight is None else normed * weight.view(by_map)
    return normed if bias is None else normed + bias.view(by_map)


def _instance_norm(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    weight, bias, eps = kwargs.get("weight"), kwargs.get("bias"), kwargs.get("eps", 1e-5)
    if args:  # running mean, running variance, weight, bias, use of this image's statistics, momentum, eps
        weight, bias, eps = args[2], args[3], args[6]
    return _group_norm(x, x.shape[1], weight, bias, eps)


def _batch_norm(
    x: Tensor, mean: Any, variance: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    if training:
        return _group_norm(x, x.shape[1], weight, bias, eps)
    by_map = (1, -1, *[1] * (x.dim() - 2))
    normed = (x - mean.view(by_map)) / (variance.view(by_map) + eps).sqrt()
    return normed if weight is None else normed * weight.view(by_map) + bias.view(by_map)


def _lp_pool(x: Tensor, power: float, kernel: int, **_: Any) -> Tensor:
    """The root of each window's sum of powers, rectified where torch rectifies the size of the sum."""
    sums = F.avg_pool2d(x * (x ** (power - 1)).detach(), kernel) * kernel**2
    size = _Rectifier.apply(sums * sums.sign().detach(), sums.abs(), torch.ones(()))
    signed = size * sums.sign().detach()
    return signed * (signed.detach() ** (1 / power) / signed.detach())


def _normalize(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **_: Any) -> Tensor:
    return x / x.norm(p, dim, keepdim=True).clamp_min(eps).detach()


def _attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, *_: Any, scale: Any = None, **__: Any
) -> Tensor:
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    return (scores if attn_mask is None else scores + attn_mask).softmax(-1).detach() @ value


def _multi_head(
    query: Tensor, key: Tensor, value: Tensor, width: int, heads: int, *rest: Any, **_: Any
) -> tuple[Tensor, None]:
    weight, bias, out_weight, out_bias = rest[0], rest[1], rest[6], rest[7]

    def split(tokens: Tensor, part: int) -> Tensor:  # token image width -> image head token width
        mine = slice(part * width, (part + 1) * width)
        return (tokens @ weight[mine].T + bias[mine]).unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)

    output = _attention(split(query, 0), split(key, 1), split(value, 2))
    return output.permute(2, 0, 1, 3).flatten(2) @ out_weight.T + out_bias, None


_BY_NAME: dict[str, Callable[..., Any]] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "batch_norm": _batch_norm,
    "normalize": _normalize,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
    "local_response_norm": lambda x, *rest, **named: _Odd.apply(
        x, F.local_response_norm(x, *rest, **named), torch.ones(())
    ),
}
_SMOOTH: dict[str, Callable[..., Tensor]] = {
    name: getattr(F, name) for name in ("gelu", "silu", "hardswish", "mish", "elu", "selu", "celu", "softplus")
}


def frozen_projections(
    net: nn.Module, module: str, image: Tensor, units: Sequence[tuple[int, ...]], rule: str = "factor"
) -> list[Tensor]:
    """Each unit (its place in what the module gives for one image) projected to all pixels, seeded with its own value."""
    found: list[Tensor] = []
    net.requires_grad_(False)  # what asks for a gradient is a signal
    handle = net.get_submodule(module).register_forward_hook(lambda *args: found.append(args[2]))
    pixels = image[None].detach().clone().requires_grad_()
    try:
        with torch.enable_grad(), Frozen(rule):
            net(pixels.clone())
    finally:
        handle.remove()
    values = [found[0][(0, *unit)] for unit in units]
    return [torch.autograd.grad(value, pixels, value.detach(), retain_graph=True)[0][0] for value in values]
