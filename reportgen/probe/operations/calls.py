"""Calls of the net, and recognising their operations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from reportgen.probe.operations.base import Operation, Own
from reportgen.probe.spans import Pair


def pair(value: Any) -> Pair:
    """A size for rows and columns from torch's forms: a number, or a tuple of one or two numbers."""
    rows, columns = (value, value) if isinstance(value, int) else value * 2 if len(value) == 1 else value
    return int(rows), int(columns)


def call_name(target: Any) -> str:
    """The readable name of a call's target: "gelu", "sigmoid"."""
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", str(target))
    return "max_pool2d" if name == "fn" else name  # torch's boolean_dispatch hides the name


@dataclass(frozen=True)
class Call:
    """One call of a module, function or method of the net, in the run of an example."""

    target: Any  # the module, the function, or the method's name
    shapes: Sequence[tuple[int, ...]]  # of the signals (tensors that depend on the image) that it reads, images first
    output: tuple[int, ...]  # shape of its output, images first
    # Arguments of a function or method: values, or nodes of torch.fx that stand for them. A module has attributes.
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    names: Sequence[str] = ()  # of the arguments by position, as the operation's `Signature` has them
    constants: Sequence[Any] = ()  # the values it reads that do not depend on the image's values
    by_number: bool = False  # whether it reads a tensor without axes that was computed from the image
    is_signal: Callable[[Any], bool] = lambda argument: False  # whether an argument is a signal
    now: Callable[[Any], Any] = lambda argument: argument  # an argument's value; a weight's current value

    @property
    def what(self) -> str:
        """Its name in the net, for messages: the module's class, or the function's name."""
        return type(self.target).__name__ if self.is_module else call_name(self.target)

    @property
    def is_module(self) -> bool:
        """Whether this is the call of a module."""
        return isinstance(self.target, nn.Module)

    @property
    def rank(self) -> int:
        """Number of axes of the first signal, including that of the images."""
        return len(self.shapes[0])

    @property
    def varies(self) -> bool:
        """Whether it reads a constant that differs from place to place (``x + bias`` with a bias of the map's shape)."""
        tensors = [value for value in self.constants if isinstance(value, Tensor) and value.numel() > 1]
        return any(tuple(value.shape[-2:]) != (1, 1) for value in tensors)

    def read(self, name: str, default: Any) -> Any:
        """The value of a setting: a module's attribute, or an argument by name or position; else ``default``."""
        if self.is_module:
            return getattr(self.target, name, default)
        if name in self.kwargs:
            return self.now(self.kwargs[name])
        at = self.names.index(name) if name in self.names else len(self.args)
        return self.now(self.args[at]) if at < len(self.args) else default


@dataclass(frozen=True)
class Signature:
    """The calls that may be an operation, and ``of``, which makes the operation of such a call (None: not this one)."""

    of: Callable[[Call], Operation | None]
    modules: tuple[type[nn.Module], ...] = ()
    functions: Sequence[Any] = ()  # or dotted names of functions that are slow to import
    methods: Sequence[str] = ()
    names: Sequence[str] = ("input",)  # of the functions' and methods' arguments, by position
    leaf: bool = False  # whether such a module is one operation even if a class of the net's own computes it
    # Of a leaf: whether a module of the net's own, which gets so many maps, computes this operation indeed; None: taken for granted.
    computes: Callable[[nn.Module, int], bool] | None = None

    def recognise(self, call: Call) -> Operation | None:
        """The operation of a call; None if it is another one."""
        found = self.of(replace(call, names=self.names)) if self._matches(call.target) else None
        own = found is not None and call.is_module and self._own(call)
        return Own(call.what, kind=found.kind) if own and found else found

    def _own(self, call: Call) -> bool:
        """Whether a module computes something else than the known class, by a forward pass of its class' or put into it."""
        module = call.target
        if self.leaf:
            return self.computes is not None and not self.computes(module, call.shapes[0][1])
        known = next(one for one in type(module).__mro__ if one in self.modules)
        return any(
            name in vars(module) or getattr(type(module), name, None) is not getattr(known, name, None)
            for name in ("forward", "_conv_forward")
        )

    def _matches(self, target: Any) -> bool:
        if isinstance(target, nn.Module):
            return isinstance(target, self.modules)
        if isinstance(target, str):
            return target in self.methods
        dotted = f"{getattr(target, '__module__', '')}.{getattr(target, '__name__', '')}"
        return any(target is function or function == dotted for function in self.functions)
