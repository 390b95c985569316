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
from reportgen.probe.graph import Graph, together
from reportgen.probe.moves import Places
from reportgen.probe.nodes import Node, storage
from reportgen.probe.operations import Call, Image, Operation
from reportgen.probe.operations.block import Block
from reportgen.probe.places import Layout, Placed, layout_of
from reportgen.probe.record.recording import leaf, recording

HALF = (torch.float16, torch.bfloat16)


class Watched(Graph):
    """A net whose forward pass cannot be followed, for example because it branches on values: its modules are watched.

    Nodes are the calls of leaf modules (``path#1`` for a second call of one), inputs of such modules that no module gave
    (``path.input``), and what a module with others inside gives in the shape of its input, if none of them gave it: a
    block's output. Anything may happen between them, and another image may take another way. So
    projections go through torch's record, and no window of a map can be computed alone. Each image runs by itself, because the net may
    branch on the whole batch.
    """

    def __init__(self, module: nn.Module, example: Tensor, reason: str) -> None:
        self.module = module  # type: ignore[assignment]  # what torch.fx could not make a GraphModule of
        self.unfollowed = reason
        self.input_shape, self.input_type = tuple(example.shape[1:]), example.dtype
        self.nodes, self.ways, self._layouts = {}, {}, {}
        self._calls, self.names = {}, {}
        image, holder, alive = example[:1].to(self.device).clone(), dict[int, str](), list[Tensor]()

        def add(name: str, operation: Operation, value: Tensor, parents: tuple[str, ...] = ()) -> None:
            unknown = fx.Graph().placeholder("unknown")
            self.nodes[name] = Node(name, operation, parents, tuple(value.shape[1:]), unknown, rows=len(value))
            holder[storage(value)] = name
            alive.append(value)  # another tensor would get a freed tensor's storage

        def held(name: str, value: Tensor) -> str:
            """The node that gave a value; where no module gave it, a node of its own."""
            node = self.nodes.get(holder.get(storage(value), ""))
            if node is None or node.shape != tuple(value.shape[1:]):
                add(f"{name}.input", Operation("what stands between two modules"), value)
            return holder[storage(value)]

        def reads(name: str, module: nn.Module, value: Tensor) -> None:
            below[name] = "" if _is_block(module) else held(name, value), tuple(value.shape)

        def gives(name: str, module: nn.Module, value: Tensor) -> None:
            parent, shape = below[name]
            if not _is_block(module):
                add(name, operations.recognise(Call(module, [shape], tuple(value.shape))), value, (parent,))
            elif shape == tuple(value.shape) and storage(value) not in holder:
                add(name, Block(type(module).__name__), value)

        below: dict[str, tuple[str, tuple[int, ...]]] = {}
        add("(image)", Image(), image)
        result = self._run_one(image, reads, gives)
        self._output = held("(output)", result) if isinstance(result, Tensor) else ""

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

    def parameters(self, node: Node) -> list[nn.Parameter]:
        """The parameters of the module that a node is, and those that the modules around it hold themselves."""
        path = node.name.partition("#")[0].removesuffix(".input")
        parts = path.split(".") if path and not path.startswith("(") else []
        around = [".".join(parts[:depth]) for depth in range(len(parts) + 1)]
        held = [self.module.get_submodule(one).parameters(recurse=False) for one in around]
        return [parameter for some in held for parameter in some]

    def returned(self) -> set[str]:
        """The outputs of blocks."""
        return {node.name for node in self.nodes.values() if isinstance(node.operation, Block)}

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
            if node in found:  # under autocast values are of half precision, which NumPy may not know
                found[node].append(value.float() if value.dtype in HALF else value.clone())

        for image in images:
            one = layouts.copied(image[None].to(self.device))
            keep("(image)", one)
            result = self._run_one(
                one, lambda name, _, value: keep(f"{name}.input", value), lambda name, _, value: keep(name, value)
            )
            keep("(output).input", result)
        for name, watcher in watch.items():
            if len(found[names[name]]) != len(images):
                raise Unsupported(f"layer {name!r} does not run for every image: {self.unfollowed}")
            watcher(together(name, found[names[name]]))

    def _find_layouts(self) -> dict[str, Layout | None]:
        found: dict[str, Placed | None] = {}
        noise = self.noise()

        def note(name: str, module: nn.Module, value: Tensor) -> None:
            if name in self.nodes and len(self.nodes[name].shape) > 1:  # one axis alone has units, no maps of one place
                found[name] = places.of(value)

        with Places(noise) as places:
            self._run_one(noise.clone(), lambda name, *rest: note(f"{name}.input", *rest), note)
        return {name: layout_of(placed) for name, placed in found.items()}

    def record(self, images: Tensor, layer: str, exactly: bool = False) -> tuple[Tensor, Tensor]:
        """Run the net on one image (a batch of one), recorded by torch: the image as a leaf, what the module read or gave."""
        wanted, found = self.find(layer).name, dict[str, Tensor]()

        def keep(name: str, module: nn.Module, value: Tensor) -> None:
            if name == wanted:
                found[name] = value.clone()  # a later call may overwrite it

        with recording(self.module, exactly):
            pixels = leaf(images, self.device)
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
        running: dict[str, list[str]] = {}  # the calls of a module that have not ended: it may call itself

        def before(path: str, module: nn.Module, args: tuple, named: dict[str, Any]) -> None:
            name = f"{path}#{turns[path]}" if turns[path] else path
            turns[path] += 1
            running.setdefault(path, []).append(name)
            if (value := _first(args, named)) is not None:
                reads(name, module, value)

        def after(path: str, module: nn.Module, args: tuple, named: dict[str, Any], output: Any) -> None:
            output = output[0] if isinstance(output, tuple) and output else output
            name = running[path].pop()
            if _first(args, named) is not None and isinstance(output, Tensor):
                gives(name, module, output)

        named = self.module.named_modules()
        modules = [(path, module) for path, module in named if path and not isinstance(module, torch.jit.ScriptModule)]
        with ExitStack() as hooks, layouts.AnyLayout(), torch.inference_mode(False), torch.set_grad_enabled(recorded):
            hooks.enter_context(layouts.attention_by_its_parts())
            for path, module in modules:
                hooks.callback(module.register_forward_pre_hook(partial(before, path), with_kwargs=True).remove)
                hooks.callback(module.register_forward_hook(partial(after, path), with_kwargs=True).remove)
            return self.module(image)


def _is_block(module: nn.Module) -> bool:
    """Whether a module has others inside, beside what its weights are computed by or, of one layer, what quantises them."""
    return not isinstance(module, nn.Conv2d | nn.Linear) and any(
        name != "parametrizations" for name, _ in module.named_children()
    )


def _first(args: tuple, named: Mapping[str, Any]) -> Tensor | None:
    """A module's first argument, by place or by name, if it is a tensor in memory: within ``torch.vmap`` there are none."""
    given = next(iter((*args, *named.values())), None)
    try:
        return given if isinstance(given, Tensor) and storage(given) is not None else None
    except NotImplementedError:
        return None


_See = Callable[[str, nn.Module, Tensor], None]
