"""Nets whose forward pass cannot be followed: the probe watches their modules as they run."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from reportgen.probe import layouts, operations
from reportgen.probe.errors import Unsupported
from reportgen.probe.graph import Graph
from reportgen.probe.nodes import Node, storage
from reportgen.probe.operations import Call, Image, Operation
from reportgen.probe.record.recording import leaf, recording


class Watched(Graph):
    """A net whose forward pass cannot be followed, for example because it branches on values: its modules are watched.

    Nodes are the calls of leaf modules (``path#1`` for a second call of one), and inputs of such modules that no module
    gave (``path.input``). Anything may happen between them, and another image may take another way. So nothing can be
    projected through the net, and no window of a map can be computed alone. Each image runs by itself, because the net may
    branch on the whole batch.
    """

    def __init__(self, module: nn.Module, example: Tensor, reason: str) -> None:
        self.module = module  # type: ignore[assignment]  # what torch.fx could not make a GraphModule of
        self.unfollowed = reason
        self.input_shape, self.input_type = tuple(example.shape[1:]), example.dtype
        self.nodes, self.ways = {}, {}
        self._calls, self.names = {}, {}
        image, holder, alive = example[:1].to(self.device).clone(), dict[int, str](), list[Tensor]()

        def add(name: str, operation: Operation, value: Tensor, parents: tuple[str, ...] = ()) -> None:
            self.nodes[name] = Node(name, operation, parents, tuple(value.shape[1:]), fx.Graph().placeholder("unknown"))
            holder[storage(value)] = name
            alive.append(value)  # another tensor would get a freed tensor's storage

        def reads(name: str, module: nn.Module, value: Tensor) -> None:
            held = self.nodes.get(holder.get(storage(value), ""))
            if held is None or held.shape != tuple(value.shape[1:]):
                add(f"{name}.input", Operation("what stands between two modules"), value)
            below[name] = holder[storage(value)], tuple(value.shape)

        def gives(name: str, module: nn.Module, value: Tensor) -> None:
            parent, shape = below[name]
            add(name, operations.recognise(Call(module, [shape], tuple(value.shape))), value, (parent,))

        below: dict[str, tuple[str, tuple[int, ...]]] = {}
        add("(image)", Image(), image)
        result = self._run_one(image, reads, gives)
        self._output = ""
        if isinstance(result, Tensor):
            reads("(output)", module, result)
            self._output = below["(output)"][0]

    @property
    def output(self) -> str:
        """Name of the node that the net returns; raises Unsupported if it returns several things."""
        if not self._output:
            raise Unsupported("the net returns several things: name the layer to look into")
        return self._output

    def below(self, name: str) -> list[Node]:
        """The node and all nodes called before it, latest first; the nodes it depends on are among them."""
        order = list(self.nodes.values())
        return order[order.index(self.find(name)) :: -1]

    def at(self, images: Tensor) -> Graph:
        """The same net watched on images of this size."""
        same = tuple(images.shape[1:]) == self.input_shape
        return self if same else Watched(self.module, images, self.unfollowed)

    def run(
        self,
        images: Tensor,
        watch: Mapping[str, Callable[[Tensor], object]],
        instead: Mapping[str, Callable[..., Tensor]] | None = None,
    ) -> None:
        """Run every image by itself, then show the inputs or outputs of the named modules, for all images together."""
        if instead:
            raise Unsupported(self.unfollowed)
        names = {name: self.find(name).name for name in watch}
        found: dict[str, list[Tensor]] = {node: [] for node in names.values()}

        def keep(node: str, value: Tensor) -> None:
            if node in found:
                found[node].append(value.clone())

        for image in images:
            one = image[None].to(self.device).clone()
            keep("(image)", one)
            result = self._run_one(
                one, lambda name, _, value: keep(f"{name}.input", value), lambda name, _, value: keep(name, value)
            )
            keep("(output).input", result)
        for name, watcher in watch.items():
            if len(found[names[name]]) != len(images):
                raise Unsupported(f"layer {name!r} does not run for every image: {self.unfollowed}")
            watcher(torch.cat(found[names[name]]))

    def record(self, image: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """Run the net on one image, recorded by torch: the image as a leaf, what the named module read or gave."""
        wanted, found = self.find(layer).name, dict[str, Tensor]()

        def keep(name: str, module: nn.Module, value: Tensor) -> None:
            if name == wanted:
                found[name] = value.clone()  # a later call may overwrite it

        with recording(self.module):
            pixels = leaf(image, self.device)
            result = self._run_one(
                pixels.clone(), lambda name, *rest: keep(f"{name}.input", *rest), keep, recorded=True
            )
            keep("(output).input", self.module, result)
        if wanted not in found:
            raise Unsupported(f"layer {layer!r} does not run for this image: {self.unfollowed}")
        return pixels, found[wanted]

    def _run_one(self, image: Tensor, reads: "_See", gives: "_See", recorded: bool = False) -> Any:
        """The net's output for one image; shows each leaf module's first argument and output, with the call's name."""
        turns: Counter[str] = Counter()

        def name(path: str) -> str:
            return f"{path}#{turns[path]}" if turns[path] else path

        def before(path: str, module: nn.Module, args: tuple) -> None:
            if args and isinstance(args[0], Tensor):
                reads(name(path), module, args[0])

        def after(path: str, module: nn.Module, args: tuple, output: Any) -> None:
            if args and isinstance(args[0], Tensor) and isinstance(output, Tensor):
                gives(name(path), module, output)
            turns[path] += 1

        leaves = [(path, module) for path, module in self.module.named_modules() if path and not [*module.children()]]
        with ExitStack() as hooks, layouts.AnyLayout(), torch.inference_mode(False), torch.set_grad_enabled(recorded):
            for path, module in leaves:
                hooks.callback(module.register_forward_pre_hook(partial(before, path)).remove)
                hooks.callback(module.register_forward_hook(partial(after, path)).remove)
            return self.module(image)


_See = Callable[[str, nn.Module, Tensor], None]
