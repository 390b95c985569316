"""Following a net with torch.fx: its calls, the inputs and the name of each, and which depend on the image."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import fx, nn
from torch.autograd import Function
from torch.nn.utils import parametrize

from reportgen.probe import operations


class _Proxy(fx.Proxy):
    """A proxy that keeps ``x += y`` in place; torch.fx's own makes it ``x = x + y``, a different net if x is shared."""

    def _in_place(self, function: Callable, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.iadd, other)

    def __isub__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.isub, other)

    def __imul__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.imul, other)

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.itruediv, other)


class Tracer(fx.Tracer):
    """Follows the forward pass and notes which node each module's call returned, including calls of containers."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, list[fx.Node]] = {}

    def create_args_for_root(self, root_fn: Callable, is_module: bool, concrete_args: Any = None) -> tuple[Any, list]:
        # Optional arguments behind the first are left out: the net would take a proxy for a given value.
        function, given = super().create_args_for_root(root_fn, is_module, concrete_args)
        image = next((one for one in given if isinstance(one, fx.Proxy)), None)
        return function, [
            _left_out(one) if isinstance(one, fx.Proxy) and (one is not image or _starred(one.node)) else one
            for one in given
        ]

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if operations.is_leaf(m):
            return True
        if parametrize.is_parametrized(m):  # torch derived its class from the net's own
            return type(m).__mro__[1].__module__.startswith("torch.nn")
        return super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def call_module(self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        path = self.path_of_module(m)
        # Hooks of containers would get proxies instead of tensors; hooks of leaf modules run with the net.
        result = super().call_module(m, forward if self.is_leaf_module(m, path) else m.forward, args, kwargs)
        if isinstance(result, fx.Proxy):
            self.calls.setdefault(path, []).append(result.node)
        return result


@contextmanager
def refusing_functions() -> Iterator[None]:
    """Meanwhile a function with a way down of its own (``torch.autograd.Function``) raises TypeError where it would be followed."""
    given = vars(Function)["apply"]

    def apply(kind: type[Function], *args: Any, **named: Any) -> Any:
        if any(isinstance(one, fx.Proxy) for one in (*args, *named.values())):
            raise TypeError(f"{kind.__name__} has a way down of its own")
        return given.__get__(None, kind)(*args, **named)

    Function.apply = classmethod(apply)
    try:
        yield
    finally:
        Function.apply = given


def _left_out(proxy: fx.Proxy) -> Any:
    """The default of an argument of the forward pass; the argument itself if it has none."""
    if required(proxy.node):
        return proxy
    if proxy.node.args:
        return proxy.node.args[0]
    return {} if str(proxy.node.target).startswith("**") else ()


def required(node: fx.Node) -> bool:
    """Whether an argument of the forward pass is required: it has no default, and is not ``*args`` or ``**kwargs``."""
    return not node.args and not _starred(node)


def _starred(node: fx.Node) -> bool:
    return str(node.target).startswith("*")


def inputs(order: Sequence[fx.Node]) -> list[fx.Node]:
    """The arguments that the forward pass is given: the first, also where it has a default, and all that are required."""
    given = [node for node in order if node.op == "placeholder"]
    return [node for node in given if required(node) or (node is given[0] and not _starred(node))]


def reads(node: fx.Node) -> list[fx.Node]:
    """The nodes that a call reads, in the order of its arguments; a node that it reads twice (``x + x``) twice."""
    found: list[fx.Node] = []
    fx.node.map_arg((node.args, node.kwargs), found.append)
    return found


def signals(node: fx.Node, is_signal: Callable[[fx.Node], bool], bundles: set[fx.Node]) -> list[fx.Node]:
    """The signals that a call reads, in the order of its arguments, including those from a call that gave several."""
    found: list[fx.Node] = []
    for read in reads(node):
        if is_signal(read):
            found.append(read)
        elif read in bundles:
            found += signals(read, is_signal, bundles)
    return found


_OF_SHAPE = (
    *("size", "dim", "numel", "new_tensor", "new_zeros", "new_ones", "new_full", "new_empty"),
    *("zeros_like", "ones_like", "full_like", "empty_like"),
)
_LIKE = ("to", "type_as", "expand_as", "view_as", "reshape_as")  # of the others a call of these reads no value
_ATTRIBUTES = ("shape", "device", "dtype", "ndim")


def blind(order: Sequence[fx.Node]) -> set[fx.Node]:
    """The nodes that depend on no pixel of the image, only on its shape, type or device or on nothing of it."""
    found = constants(order)
    for node in order:
        reads = node.all_input_nodes
        name = operations.call_name(node.target)
        if name in _OF_SHAPE or (name == "getattr" and node.args[1] in _ATTRIBUTES):
            reads = [read for read in reads if read is not node.args[0]]
        if name in _LIKE and node.op == "call_method":
            reads = [read for read in reads if read is node.args[0]]
        if node.op.startswith("call") and all(read in found for read in reads):
            found.add(node)
    return found


def last_uses(order: Sequence[fx.Node]) -> dict[fx.Node, list[fx.Node]]:
    """For each node, the nodes whose values no later node reads."""
    last: dict[fx.Node, fx.Node] = {}
    for node in order:
        last[node] = node
        for read in node.all_input_nodes:
            last[read] = node
    dead: dict[fx.Node, list[fx.Node]] = {node: [] for node in order}
    for node, final in last.items():
        dead[final].append(node)
    return dead


def constants(order: Sequence[fx.Node]) -> set[fx.Node]:
    """The nodes that do not depend on the image."""
    found: set[fx.Node] = set()
    for node in order:
        read = node.all_input_nodes
        # A module without inputs gives a weight, as a parametrisation does; a function may draw random numbers.
        own = node.op == "get_attr" or (node.op == "call_module" and not read)
        if own or (node.op.startswith("call") and read and all(one in found for one in read)):
            found.add(node)
    return found


def public_names(order: Sequence[fx.Node], calls: Mapping[str, list[fx.Node]]) -> dict[fx.Node, str]:
    """A unique name for each node: the path of its leaf module if that is called once, else torch.fx's name.

    The path of a module is no other node's: "relu" would stand for another call of it, or for a function of that name.
    """
    names = {
        node: str(node.target)
        for node in order
        if node.op == "call_module" and len(calls.get(str(node.target), ())) == 1
    }
    taken = set(names.values())
    for node in order:
        if node not in names:
            name = node.name if calls.get(node.name, [node]) == [node] else f"{node.name}_0"
            while name in taken:
                name += "_"
            taken.add(name)
            names[node] = name
    return {node: names[node] for node in order}
