"""Following a net with torch.fx: its calls, the inputs and the name of each, and which depend on the image."""

import copy
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, fx, nn
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
        # Optional arguments are left out: the net would take a proxy for a given value.
        function, given = super().create_args_for_root(root_fn, is_module, concrete_args)
        return function, [_left_out(one) if isinstance(one, fx.Proxy) else one for one in given]

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


def _left_out(proxy: fx.Proxy) -> Any:
    """The default of an argument of the forward pass; the argument itself if it has none."""
    if required(proxy.node):
        return proxy
    if proxy.node.args:
        return proxy.node.args[0]
    return {} if str(proxy.node.target).startswith("**") else ()


def required(node: fx.Node) -> bool:
    """Whether an argument of the forward pass is required: it has no default, and is not ``*args`` or ``**kwargs``."""
    return not node.args and not str(node.target).startswith("*")


def eval_copy(net: nn.Module) -> nn.Module:
    """A copy of the net's structure in ``eval()``; weights and hooks are shared, buffers copied."""
    shared: dict[int, Any] = {id(parameter): parameter for parameter in net.parameters()}
    for module in net.modules():
        for name, value in vars(module).items():
            # deepcopy refuses to copy the tensors that old-style weight normalisation keeps as attributes.
            if isinstance(value, Tensor) or ("_hooks" in name and isinstance(value, dict)):
                shared[id(value)] = value
    copied = copy.deepcopy(net, shared)
    copied.eval()  # which people's own may forget to give back
    return copied


def share_buffers(net: nn.Module, module: nn.Module) -> None:
    """Replace the copies of buffers with the net's own; the copies protected them while the forward pass was followed."""
    for path, buffer in net.named_buffers(remove_duplicate=False):
        home, _, name = path.rpartition(".")
        try:
            owner = module.get_submodule(home)
        except AttributeError:
            continue  # the graph does not use that module
        if name in owner._buffers and not owner.training:  # left in train(), it changes them as it runs
            owner._buffers[name] = buffer


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
_ATTRIBUTES = ("shape", "device", "dtype", "ndim")


def blind(order: Sequence[fx.Node]) -> set[fx.Node]:
    """The nodes that depend on no pixel of the image, only on its shape, type or device or on nothing of it."""
    found = constants(order)
    for node in order:
        reads = node.all_input_nodes
        name = operations.call_name(node.target)
        if name in _OF_SHAPE or (name == "getattr" and node.args[1] in _ATTRIBUTES):
            reads = [read for read in reads if read is not node.args[0]]
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

    The path of a module that is called several times is no node's: "relu" would stand for the first call.
    """
    several = {path for path, made in calls.items() if len(made) > 1}
    names = {
        node: str(node.target)
        for node in order
        if node.op == "call_module" and len(calls.get(str(node.target), ())) == 1
    }
    taken = set(names.values())
    for node in order:
        if node not in names:
            name = f"{node.name}_0" if node.name in several else node.name
            while name in taken:
                name += "_"
            taken.add(name)
            names[node] = name
    return {node: names[node] for node in order}
