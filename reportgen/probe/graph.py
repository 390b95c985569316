"""The net as an explicit graph: every call its own node, its operation named, its layers addressed by name.

Made by `reportgen.probe.tracing.trace`, which follows the net symbolically (torch.fx). One example is run through it, which
settles shapes and shows which calls work in place.
"""

import difflib
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from reportgen.probe import following, layouts, operations
from reportgen.probe.errors import UnknownLayer, Unsupported
from reportgen.probe.operations import Call, Image, Operation
from reportgen.probe.operations.convolution import Convolution
from reportgen.probe.operations.linear import Linear
from reportgen.probe.operations.rectifier import Rectifier
from reportgen.probe.spans import Shape


@dataclass(frozen=True)
class Node:
    """One call of the net: a module, function, method or operator, on the way from the image to the output."""

    name: str  # the module path where the module is called once ("layer1.0.conv1"), else torch.fx's name ("relu_1")
    operation: Operation
    parents: tuple[str, ...]  # in the order of the arguments; x + x reads x twice
    shape: tuple[int, ...]  # of the output for one image: (map, row, column) or (unit,)
    fx: fx.Node
    in_place: bool = False  # whether it overwrites a tensor that it reads

    @property
    def kind(self) -> str:
        """What the operation is called: "conv2d", "relu", "max_pool", "other", ..."""
        return self.operation.kind

    @property
    def is_image(self) -> bool:
        """Whether it is the image itself."""
        return isinstance(self.operation, Image)

    @property
    def spatial(self) -> bool:
        """Whether the output has rows and columns."""
        return len(self.shape) == 3


class Graph:
    """A traced net. Made by `trace`; accepted wherever a net is."""

    unfollowed = ""  # why the forward pass is not known beyond its modules (see `Watched`)

    def __init__(self, module: fx.GraphModule, calls: Mapping[str, list[fx.Node]], example: Tensor) -> None:
        self.module = module
        self.input_shape = tuple(example.shape[1:])  # channel, row, column
        self._calls = calls
        self._order = list(module.graph.nodes)
        self._modules = dict(module.named_modules(remove_duplicate=False))
        self._dead_after = following.last_uses(self._order)
        self._names = following.public_names(self._order, calls)
        self._constant = following.constants(self._order)
        self._bundles: set[fx.Node] = set()  # calls that give several signals, as ``x.chunk(2)``
        self._made: dict[
            fx.Node, Tensor
        ] = {}  # tensors made on the way, of which only shape and device hang on the image
        with torch.inference_mode(False), torch.no_grad():
            self.nodes: dict[str, Node] = _Normaliser(self).nodes(example[:1])

    @property
    def device(self) -> torch.device:
        """Where the net's parameters live; the images are taken there."""
        return next((parameter.device for parameter in self.module.parameters()), torch.device("cpu"))

    def _named(self, operation: type[Operation]) -> list[str]:
        return [node.name for node in self.nodes.values() if isinstance(node.operation, operation)]

    @property
    def image(self) -> str:
        """Name of the node that is the image itself."""
        return next(node.name for node in self.nodes.values() if node.is_image)

    @property
    def relus(self) -> list[str]:
        """Names of the ReLU nodes (modules, functions and methods), in the order of execution."""
        return self._named(Rectifier)

    @property
    def convs(self) -> list[str]:
        """Names of the two-dimensional convolutions, in the order of execution."""
        return self._named(Convolution)

    @property
    def linears(self) -> list[str]:
        """Names of the linear layers, in the order of execution."""
        return self._named(Linear)

    @property
    def output(self) -> str:
        """Name of the node that the net returns; raises Unsupported where it returns several."""
        returned = self._order[-1].args[0]
        if isinstance(returned, fx.Node) and self._names[returned] in self.nodes:
            return self._names[returned]
        raise Unsupported("the net returns several things: name the layer that is meant")

    def find(self, name: str) -> Node:
        """The node of that name: a node's own name, a module's path (its last call) or torch.fx's name.

        Raises UnknownLayer with the nearest names, or with the calls of a module that is called several times.
        """
        if name in self.nodes:
            return self.nodes[name]
        calls = [self._names[node] for node in self._calls.get(name, []) if self._names[node] in self.nodes]
        if len(calls) == 1:
            return self.nodes[calls[0]]
        if calls:
            raise UnknownLayer(f"layer {name!r} is called {len(calls)} times: name one of {', '.join(calls)}")
        for node, public in self._names.items():
            if node.name == name and public in self.nodes:
                return self.nodes[public]
        known = [*self.nodes, *(path for path in self._calls if path not in self.nodes)]
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.0)
        raise UnknownLayer(f"no layer {name!r} in this net: the nearest are {', '.join(nearest)}")

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a node's output for one image of the example's size: (map, row, column) or (unit,)."""
        return self.find(name).shape

    def parents(self, name: str) -> tuple[str, ...]:
        """The nodes whose outputs the node reads."""
        return self.find(name).parents

    def below(self, name: str) -> list[Node]:
        """The node and all it depends on, nearest the output first."""
        wanted = {self.find(name).name}
        found = []
        for node in reversed(self.nodes.values()):
            if node.name in wanted:
                found.append(node)
                wanted.update(node.parents)
        return found

    def at(self, images: Tensor) -> "Graph":
        """This graph with the shapes that images of this size give."""
        if tuple(images.shape[1:]) == self.input_shape:
            return self
        return Graph(self.module, self._calls, images)

    def run(
        self,
        images: Tensor,
        watch: Mapping[str, Callable[[Tensor], object]],
        instead: Mapping[str, Callable[..., Tensor]] | None = None,
    ) -> None:
        """Run the net forward, as far as needed, and show the named nodes' outputs at the moment they are computed.

        At that moment, since a later call may overwrite them in place. ``watch`` maps names to functions of the output
        (image map row column); ``instead`` maps names to functions of what the node reads that are called in its place.
        """
        watchers: dict[fx.Node, list[Callable[[Tensor], object]]] = {}
        for name, watcher in watch.items():
            watchers.setdefault(self.find(name).fx, []).append(watcher)
        stand_ins = {self.find(name).fx: function for name, function in (instead or {}).items()}
        remaining = watchers.keys() | stand_ins.keys()
        with torch.inference_mode(False), torch.no_grad():
            values: dict[fx.Node, Any] = {}
            inputs = iter((images.to(self.device),))
            for node in self._order:
                if not remaining:
                    return
                if node in stand_ins:
                    values[node] = stand_ins[node](*(values[read] for read in node.all_input_nodes))
                else:
                    values[node] = self.execute(node, values, inputs)
                for watcher in watchers.get(node, ()):
                    watcher(values[node])
                remaining -= {node}
                for dead in self._dead_after[node]:
                    del values[dead]

    def execute(self, node: fx.Node, values: Mapping[fx.Node, Any], inputs: Iterable[Tensor] = ()) -> Any:
        """What one node of the torch.fx graph gives, from the values of the nodes that it reads."""
        args = fx.node.map_arg(node.args, values.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, values.__getitem__)
        if node.op == "placeholder":
            for images in inputs:
                return images.clone()  # a net that works in place on its input must not change the caller's images
            return node.args[0] if node.args else None
        if node.op == "get_attr":
            return operator.attrgetter(str(node.target))(self.module)
        if node.op == "call_module":
            return self._modules[str(node.target)](*args, **kwargs)
        if node.op == "call_method":
            method = layouts.method(str(node.target), *args) if isinstance(args[0], Tensor) else str(node.target)
            return getattr(args[0], method)(*args[1:], **kwargs)
        return args[0] if node.op == "output" else node.target(*args, **kwargs)  # type: ignore[operator]

    def reads(self, node: Node) -> dict[fx.Node, str]:
        """Which of its ``parents`` each of the torch.fx nodes stands for that a node's call reads."""
        return dict(zip(following.signals(node.fx, self._is_signal, self._bundles), node.parents, strict=True))

    def _is_signal(self, node: fx.Node) -> bool:
        return self._names[node] in self.nodes

    def public_name(self, node: fx.Node) -> str:
        """The name under which a torch.fx node is known, if it is among ``nodes``."""
        return self._names[node]

    def is_bundle(self, node: fx.Node) -> bool:
        """Whether a torch.fx node gives several tensors that depend on the image."""
        return node in self._bundles

    def made(self, node: fx.Node) -> Tensor | None:
        """For one image, a tensor that a call makes without a look at the image's values, as ``x.new_tensor([1, 2])``."""
        return self._made.get(node)

    def is_constant(self, node: fx.Node) -> bool:
        """Whether a torch.fx node's value does not depend on the image."""
        return node in self._constant

    def hooked(self, node: Node) -> bool:
        """Whether a module's call may read or give something else than the module, by a hook of the user's."""
        if node.fx.op != "call_module":
            return False
        module = self._modules[str(node.fx.target)]
        hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
        return any(not type(hook).__module__.startswith("torch.nn.utils") for hook in hooks)  # weight normalisation

    def constant(self, node: fx.Node) -> Any:
        """The value of a node that does not depend on the image (a parameter, or something computed from some)."""
        with torch.no_grad():
            return self.execute(node, {read: self.constant(read) for read in node.all_input_nodes})


class Tangled(Exception):
    """What a call reads is no other call's result, for another view of it was worked on."""


class _Normaliser:
    """Runs one image through the net and says of every node what it does, what it reads, and of what shape it is."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values: dict[fx.Node, Any] = {}
        self.blind = following.blind(graph._order)
        self.writers: dict[int, list[tuple[fx.Node, Tensor]]] = {}  # storage -> who worked in place on which part of it
        self.alive: list[Any] = []  # a freed tensor's storage would be given to another node

    def nodes(self, image: Tensor) -> dict[str, Node]:
        found: dict[str, Node] = {}
        inputs = iter((image.to(self.graph.device),))
        for node in self.graph._order[:-1]:
            read = [(reads, self.values[reads]) for reads in following.reads(node)]
            versions = [value._version if isinstance(value, Tensor) else 0 for _, value in read]
            signals = following.signals(node, self._is_signal, self.graph._bundles)
            parents = [self._writer(reads, self.values[reads]) for reads in signals]
            value = self.values[node] = self.graph.execute(node, self.values, inputs)
            if isinstance(value, Tensor) and node in self.blind and node not in self.graph._constant:
                self.graph._made[node] = value
            if signals and isinstance(value, tuple | list) and any(isinstance(part, Tensor) for part in value):
                self.graph._bundles.add(node)
            changed = [
                was for (_, was), version in zip(read, versions, strict=True)
                if isinstance(was, Tensor) and was._version != version
            ]  # fmt: skip
            for was in changed:
                self.writers.setdefault(storage(was), []).append((node, was))
            if self._is_signal(node):
                self.alive.append(value)
                name = self.graph._names[node]
                names = tuple(self.graph._names[parent] for parent in parents)
                operation = self._operation(node, parents)
                found[name] = Node(name, operation, names, tuple(value.shape[1:]), node, bool(changed))
        return found

    def _is_signal(self, node: fx.Node) -> bool:
        """Whether the node's value is a tensor that depends on the image."""
        value = self.values[node]
        known = node in self.graph._constant or node in self.graph._made
        return isinstance(value, Tensor) and not known and value.dim() > 0

    def _writer(self, node: fx.Node, value: Tensor) -> fx.Node:
        """The node whose result is read there: another than ``node`` if one worked in place on its output meanwhile.

        Raises Tangled where that happened through another view of its memory: which values changed is then unknown.
        """
        order = self.graph._order
        for writer, written in reversed(self.writers.get(storage(value), ())):
            if order.index(writer) <= order.index(node):
                break
            if _place(self.values[writer]) == _place(value):
                return writer
            if _overlap(written, value):
                raise Tangled(f"{self.graph._names[writer]!r} changes in place a part of what {node.name!r} gave")
        return node

    def _operation(self, node: fx.Node, parents: list[fx.Node]) -> Operation:
        if node.op == "placeholder":
            return Image()
        shapes = [tuple(self.values[parent].shape) for parent in parents]
        if not shapes:
            return Operation(operations.call_name(node.target))
        output = tuple(self.values[node].shape)
        if node.op == "call_module":  # its settings are its attributes
            return operations.recognise(Call(self.graph._modules[str(node.target)], shapes, output))
        return operations.recognise(self._call(node, shapes, output))

    def _call(self, node: fx.Node, shapes: Sequence[Shape], output: Shape) -> Call:
        """The call of a function or method."""
        others = [read for read in node.all_input_nodes if not self._is_signal(read)]
        known = [read in self.graph._constant or read in self.graph._made for read in others]
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
        return self.graph.constant(node) if node in self.graph._constant else self.values[node]


def storage(value: Tensor) -> int:
    """Which memory a tensor lies in."""
    return value.untyped_storage().data_ptr()


def _place(value: Any) -> Any:
    """Where in its memory a tensor lies."""
    return (value.storage_offset(), value.shape, value.stride()) if isinstance(value, Tensor) else None


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors in one memory share any of it."""
    taken = torch.zeros(one.untyped_storage().nbytes() // one.element_size(), dtype=torch.bool)
    taken.as_strided(one.shape, one.stride(), one.storage_offset()).fill_(True)
    return bool(taken.as_strided(other.shape, other.stride(), other.storage_offset()).any())
