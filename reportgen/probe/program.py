"""The net as torch.fx follows it: its calls in order, with the name and the result of each."""

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, fx

from reportgen.probe import following, layouts


class Program:
    """The calls of a net whose forward pass was followed; it can run any of them."""

    # The first layer that depends on how memory holds the images, because the net changes in place what ``contiguous()`` or
    # ``view()`` gave; they then run as nets are written for, map after map.
    held = ""

    def __init__(self, module: fx.GraphModule, calls: Mapping[str, list[fx.Node]]) -> None:
        self.module = module
        self._calls = calls
        self._order = list(module.graph.nodes)
        self._modules = dict(module.named_modules(remove_duplicate=False))
        self.names = following.public_names(self._order, calls)
        self._constant = following.constants(self._order)
        self.bundles: set[fx.Node] = set()  # calls that give several signals, such as ``x.chunk(2)``
        # For one image, tensors that do not depend on its values, such as ``x.new_tensor([1, 2])``.
        self.made: dict[fx.Node, Tensor] = {}

    @property
    def device(self) -> torch.device:
        """The device of the net's parameters; the images are moved there."""
        return next((parameter.device for parameter in self.module.parameters()), torch.device("cpu"))

    def execute(self, node: fx.Node, values: Mapping[fx.Node, Any], inputs: Iterable[Tensor] = ()) -> Any:
        """The value of one node of the torch.fx graph, from the values of the nodes that it reads."""
        args = fx.node.map_arg(node.args, values.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, values.__getitem__)
        if node.op == "placeholder":
            for images in inputs:
                # A net that works in place on its input must not change the caller's images.
                return layouts.copied(images.contiguous() if self.held else images)
            return node.args[0] if node.args else None
        if node.op == "get_attr":
            return operator.attrgetter(str(node.target))(self.module)
        if node.op == "call_module":
            return self._modules[str(node.target)](*args, **kwargs)
        if node.op == "call_method":
            method, named = layouts.method(str(node.target), args, kwargs)
            return getattr(args[0], method)(*args[1:], **named)
        return args[0] if node.op == "output" else node.target(*args, **kwargs)  # type: ignore[operator]

    def is_constant(self, node: fx.Node) -> bool:
        """Whether a torch.fx node's value does not depend on the image."""
        return node in self._constant

    def constant(self, node: fx.Node) -> Any:
        """The value of a node that does not depend on the image: a parameter, or something computed from parameters."""
        with torch.no_grad():
            return self.execute(node, {read: self.constant(read) for read in node.all_input_nodes})
