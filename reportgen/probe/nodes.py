"""The nodes of a graph: the operation, the inputs and the output shape of each call of the net."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from reportgen.probe import following, operations
from reportgen.probe.operations import Call, Image, Operation
from reportgen.probe.program import Program
from reportgen.probe.spans import Shape


@dataclass(frozen=True)
class Node:
    """One call of the net: a module, function, method or operator, on the way from the image to the output."""

    name: str  # the module's path if the module is called once ("layer1.0.conv1"), else torch.fx's name ("relu_1")
    operation: Operation
    parents: tuple[str, ...]  # in the order of the arguments; x + x reads x twice
    shape: tuple[int, ...]  # of the output for one image: (map, row, column) or (unit,)
    fx: fx.Node
    in_place: bool = False  # whether it overwrites a tensor that it reads
    rows: int = 1  # along the first axis, of one image: of more, each is a window or a place, and no image

    @property
    def kind(self) -> str:
        """The kind of operation: "conv2d", "relu", "max_pool", "other", ..."""
        return self.operation.kind

    @property
    def is_image(self) -> bool:
        """Whether it is the image itself."""
        return isinstance(self.operation, Image)

    @property
    def spatial(self) -> bool:
        """Whether the output has rows and columns."""
        return len(self.shape) == 3


class Tangled(Exception):
    """A call reads memory that another call changed in place through another view."""


class Normaliser:
    """Runs one image through the net to find the operation, the inputs and the output shape of every node."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.values: dict[fx.Node, Any] = {}
        self.blind = following.blind(program._order)
        self.writers: dict[int, list[tuple[fx.Node, Tensor]]] = {}  # storage -> nodes that wrote in place, and where
        self.alive: list[Any] = []  # kept, because another node would get a freed tensor's storage

    def nodes(self, image: Tensor) -> dict[str, Node]:
        found: dict[str, Node] = {}
        inputs = iter((image.to(self.program.device),))
        for node in self.program._order[:-1]:
            read = [(reads, self.values[reads]) for reads in following.reads(node)]
            versions = [value._version if isinstance(value, Tensor) else 0 for _, value in read]
            signals = following.signals(node, self._is_signal, self.program.bundles)
            parents = [self._writer(reads, self.values[reads]) for reads in signals]
            value = self.values[node] = self.program.execute(node, self.values, inputs)
            if isinstance(value, Tensor) and node in self.blind and node not in self.program._constant:
                self.program.made[node] = value
            if signals and isinstance(value, tuple | list) and any(isinstance(part, Tensor) for part in value):
                self.program.bundles.add(node)
            changed = [
                was for (_, was), version in zip(read, versions, strict=True)
                if isinstance(was, Tensor) and was._version != version
            ]  # fmt: skip
            for was in changed:
                self.writers.setdefault(storage(was), []).append((node, was))
            if self._is_signal(node):
                self.alive.append(value)
                name = self.program.names[node]
                names = tuple(self.program.names[parent] for parent in parents)
                operation = self._operation(node, parents)
                found[name] = Node(name, operation, names, tuple(value.shape[1:]), node, bool(changed), len(value))
        return found

    def _is_signal(self, node: fx.Node) -> bool:
        """Whether the node's value is a tensor that depends on the image."""
        value = self.values[node]
        known = node in self.program._constant or node in self.program.made
        return isinstance(value, Tensor) and not known and value.dim() > 0

    def _writer(self, node: fx.Node, value: Tensor) -> fx.Node:
        """The node whose result a reader of ``node`` gets: a later node if that one changed the output in place.

        Raises Tangled if that happened through another view of the memory: which values changed is then unknown.
        """
        order = self.program._order
        for writer, written in reversed(self.writers.get(storage(value), ())):
            if order.index(writer) <= order.index(node):
                break
            if _place(self.values[writer]) == _place(value):
                return writer
            if _overlap(written, value):
                raise Tangled(f"{self.program.names[writer]!r} changes in place a part of what {node.name!r} gave")
        return node

    def _operation(self, node: fx.Node, parents: list[fx.Node]) -> Operation:
        if node.op == "placeholder":
            return Image()
        shapes = [tuple(self.values[parent].shape) for parent in parents]
        if not shapes:
            return Operation(operations.call_name(node.target))
        output = tuple(self.values[node].shape)
        if node.op == "call_module":  # its settings are its attributes
            return operations.recognise(Call(self.program._modules[str(node.target)], shapes, output))
        return operations.recognise(self._call(node, shapes, output))

    def _call(self, node: fx.Node, shapes: Sequence[Shape], output: Shape) -> Call:
        """The call of a function or method."""
        others = [read for read in node.all_input_nodes if not self._is_signal(read)]
        known = [read in self.program._constant or read in self.program.made for read in others]
        return Call(
            node.target, shapes, output, node.args, node.kwargs,
            constants=[self.values[read] for read, fixed in zip(others, known, strict=True) if fixed],
            by_number=any(
                isinstance(self.values[read], Tensor) and not fixed for read, fixed in zip(others, known, strict=True)
            ),
            is_signal=lambda argument: isinstance(argument, fx.Node) and self._is_signal(argument),
            now=lambda argument: fx.node.map_arg(argument, self._value_now),
        )  # fmt: skip

    def _value_now(self, node: fx.Node) -> Any:
        return self.program.constant(node) if node in self.program._constant else self.values[node]


def storage(value: Tensor) -> int:
    """The address of a tensor's memory."""
    return value.untyped_storage().data_ptr()


def _place(value: Any) -> Any:
    """The place of a tensor within its memory."""
    return (value.storage_offset(), value.shape, value.stride()) if isinstance(value, Tensor) else None


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors in the same memory overlap."""
    taken = torch.zeros(one.untyped_storage().nbytes() // one.element_size(), dtype=torch.bool)
    taken.as_strided(one.shape, one.stride(), one.storage_offset()).fill_(True)
    return bool(taken.as_strided(other.shape, other.stride(), other.storage_offset()).any())
