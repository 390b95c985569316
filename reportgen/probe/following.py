"""The calls of a net that torch.fx followed: what each reads, what depends on the image, what each is called."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, fx, nn

from reportgen.probe import operations


def reads(node: fx.Node) -> list[fx.Node]:
    """The nodes that a call reads, in the order of its arguments; twice where it reads one twice (``x + x``)."""
    found: list[fx.Node] = []
    fx.node.map_arg((node.args, node.kwargs), found.append)
    return found


def signals(node: fx.Node, is_signal: Callable[[fx.Node], bool], bundles: set[fx.Node]) -> list[fx.Node]:
    """The signals that a call reads, in the order of its arguments, also out of several that another call gave."""
    found: list[fx.Node] = []
    for read in reads(node):
        if is_signal(read):
            found.append(read)
        elif read in bundles:
            found += signals(read, is_signal, bundles)
    return found


def last_uses(order: Sequence[fx.Node]) -> dict[fx.Node, list[fx.Node]]:
    """For each node, the nodes whose values nobody reads after it."""
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
        if node.op == "get_attr" or (
            node.op.startswith("call") and node.all_input_nodes and all(read in found for read in node.all_input_nodes)
        ):
            found.add(node)
    return found


def public_names(order: Sequence[fx.Node], calls: Mapping[str, list[fx.Node]]) -> dict[fx.Node, str]:
    """A unique name for each node: the path of a leaf module that is called once, else torch.fx's name."""
    names = {
        node: str(node.target)
        for node in order
        if node.op == "call_module" and len(calls.get(str(node.target), ())) == 1
    }
    taken = set(names.values())
    for node in order:
        if node not in names:
            name = node.name
            while name in taken:
                name += "_"
            taken.add(name)
            names[node] = name
    return {node: names[node] for node in order}


def reshapes(node: fx.Node, shapes: list[tuple[int, ...]], value: Tensor, modules: Mapping[str, nn.Module]) -> bool:
    """Whether the node only reads the values of each image in another shape, in row-major order."""
    names = ("flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten", "squeeze_", "unsqueeze_")
    if node.op == "call_module":
        named = isinstance(modules[str(node.target)], nn.Flatten | nn.Unflatten)
    else:
        named = operations.call_name(node.target) in names
    return named and len(shapes) == 1 and shapes[0][0] == value.shape[0] and value.dim() in (2, 4)
