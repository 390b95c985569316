"""What an operation of torch's own record is, and the class `Rule`: the way down through one of them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

Node = Any  # of torch's record: a ``grad_fn``
Smooth = Literal["factor", "rectified"]  # rule B or A: what GELU, SiLU and their kind do with a rectified signal


@dataclass(frozen=True)
class Rule:
    """The way down through one operation: its gradient, and nothing into the inputs that are held fast.

    Held fast are factors that this image gave: gates, attention, deviations. What lies below them alone gets no signal.
    """

    through: str = ""  # how the report names it; empty for what the paper's nets have, and for what is linear
    held: frozenset[int] = frozenset()

    def down(self, signal: Tensor, gradients: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        """The signals for the inputs, from the signal at the output and the gradients that torch has found from it."""
        return gradients

    @property
    def is_gradient(self) -> bool:
        """Whether torch's own gradient is the rule."""
        return type(self) is Rule and not self.held

    def hook(
        self, gradients: tuple[Tensor | None, ...], signals: tuple[Tensor | None, ...]
    ) -> tuple[Tensor | None, ...] | None:
        """`down` as torch calls it: a hook on the operation's node, which replaces the gradients of its inputs."""
        if signals[0] is None:
            return None
        sent = self.down(signals[0], gradients)
        return tuple(None if index in self.held else one for index, one in enumerate(sent))


@dataclass(frozen=True)
class Recorded:
    """One operation of the record, as far as it lies between a layer and the image."""

    node: Node
    below: Collection[Node]  # all operations between the layer and the image
    smooth: Smooth = "factor"
    output: int = 0  # which of its outputs is meant: ``chunk`` gives several

    @property
    def kind(self) -> str:
        """What torch calls it, without the number by which it tells overloads apart: "Mul", "NativeLayerNorm".

        An ``autograd.Function`` of the net's own has its class's name in angle brackets, so that no other is taken for it.
        """
        name = self.node.name().rpartition("::")[2]
        if isinstance(self.node, BackwardCFunction):
            return f"<{name.removesuffix('Backward')}>"
        return name.rstrip("0123456789").removesuffix("Backward")

    @property
    def reads(self) -> tuple[int, ...]:
        """The inputs that depend on the image."""
        return tuple(index for index, (parent, _) in enumerate(self.node.next_functions) if parent in self.below)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its output."""
        return tuple(self.node._input_metadata[self.output].shape)

    def parent(self, index: int) -> "Recorded":
        """The operation that gave an input."""
        node, output = self.node.next_functions[index]
        return Recorded(node, self.below, self.smooth, output)

    def same(self, other: "Recorded") -> bool:
        """Whether both are one output of one operation."""
        return self.node is other.node and self.output == other.output

    def saved(self, name: str, default: Any = None) -> Any:
        """A value that torch has kept for the gradient; a tensor without a record of its own."""
        value = getattr(self.node, f"_saved_{name}", default)
        return value.detach() if isinstance(value, Tensor) else value

    def ancestors(self, passes: Callable[["Recorded"], bool]) -> Iterator["Recorded"]:
        """The operation and those below it, going on below an operation as long as it ``passes``."""
        waiting, seen = [self], set()
        while waiting:
            one = waiting.pop()
            if (one.node, one.output) not in seen:
                seen.add((one.node, one.output))
                yield one
                if passes(one):
                    waiting += [one.parent(index) for index in one.reads]


Family = Mapping[str, Callable[[Recorded], Rule | None]]  # kind -> its rule; None: in this form it has none


def number(value: Any) -> float | None:
    """A bound or slope that torch kept as a number or a tensor of one; None for none, and for several."""
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 else None
    return None if value is None else float(value)


def only(*families: str) -> dict[str, Callable[[Recorded], Rule]]:
    """The family of operations for which torch's gradient is the rule."""
    return dict.fromkeys(families, lambda recorded: Rule())


def without_gradient(function: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    """A function's value, not recorded."""
    with torch.no_grad():
        return function(value)
