"""Calls of the net, and how an operation is recognised in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from reportgen.probe.operations.base import Operation
from reportgen.probe.spans import Pair


def pair(value: Any) -> Pair:
    """A size for rows and columns, given as torch takes it: one number, or one or two in a tuple."""
    rows, columns = (value, value) if isinstance(value, int) else value * 2 if len(value) == 1 else value
    return int(rows), int(columns)


def call_name(target: Any) -> str:
    """What a reader calls the target of a call: "gelu", "sigmoid"."""
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", str(target))
    return "max_pool2d" if name == "fn" else name  # torch's boolean_dispatch hides the name


@dataclass(frozen=True)
class Call:
    """One call of the net, a module's, a function's or a method's, in the run of an example."""

    target: Any  # the module, the function, or the method's name
    shapes: Sequence[tuple[int, ...]]  # of the signals (tensors that depend on the image) that it reads, images first
    output: tuple[int, ...]  # shape of what it gives, images first
    # What a function or method is given: values, or nodes of torch.fx that stand for them. A module has attributes.
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    names: Sequence[str] = ()  # of the arguments by position, as the operation's `Signature` has them
    constants: Sequence[Any] = ()  # the values that it reads and that hang on no value of the image
    by_number: bool = False  # whether it reads a tensor without axes that was computed from the image
    is_signal: Callable[[Any], bool] = lambda argument: False  # whether an argument is a signal
    now: Callable[[Any], Any] = lambda argument: argument  # an argument's value; of a weight, as it is when asked for

    @property
    def what(self) -> str:
        """What the net calls it, for messages: the module's class, the function's name."""
        return type(self.target).__name__ if self.is_module else call_name(self.target)

    @property
    def is_module(self) -> bool:
        """Whether a module is called."""
        return isinstance(self.target, nn.Module)

    @property
    def rank(self) -> int:
        """Axes of the first signal, that of the images included."""
        return len(self.shapes[0])

    @property
    def varies(self) -> bool:
        """Whether it reads a constant that differs from place to place (``x + bias`` of a bias of the map's shape)."""
        tensors = [value for value in self.constants if isinstance(value, Tensor) and value.numel() > 1]
        return any(tuple(value.shape[-2:]) != (1, 1) for value in tensors)

    def read(self, name: str, default: Any) -> Any:
        """The value of a setting: a module's attribute, an argument by name or position; ``default`` where left out."""
        if self.is_module:
            return getattr(self.target, name, default)
        if name in self.kwargs:
            return self.now(self.kwargs[name])
        at = self.names.index(name) if name in self.names else len(self.args)
        return self.now(self.args[at]) if at < len(self.args) else default


@dataclass(frozen=True)
class Signature:
    """Which calls may be an operation, and ``of``, which says what such a call is (None: not this operation)."""

    of: Callable[[Call], Operation | None]
    modules: tuple[type[nn.Module], ...] = ()
    functions: Sequence[Any] = ()  # or their dotted names, where it would cost to import them
    methods: Sequence[str] = ()
    names: Sequence[str] = ("input",)  # of the functions' and methods' arguments, by position
    leaf: bool = False  # whether such a module is one operation however a class of the net's own computes it

    def recognise(self, call: Call) -> Operation | None:
        """The operation of a call; None where it is not this one."""
        return self.of(replace(call, names=self.names)) if self._matches(call.target) else None

    def _matches(self, target: Any) -> bool:
        if isinstance(target, nn.Module):
            return isinstance(target, self.modules)
        if isinstance(target, str):
            return target in self.methods
        dotted = f"{getattr(target, '__module__', '')}.{getattr(target, '__name__', '')}"
        return any(target is function or function == dotted for function in self.functions)
