"""The net as an explicit graph: every call its own node, its operation named, its layers addressed by name.

`reportgen.probe.tracing.trace` makes it by following the net symbolically (torch.fx). Running one example through the net
gives the shapes and shows which calls work in place.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from reportgen.probe import following, layouts
from reportgen.probe.errors import UnknownLayer, Unsupported
from reportgen.probe.moves import Places
from reportgen.probe.nodes import Node, Normaliser
from reportgen.probe.places import Layout, Placed, layout_of
from reportgen.probe.program import Program
from reportgen.probe.record.recording import leaf, recording
from reportgen.probe.spans import Shape


def together(name: str, outputs: Sequence[Tensor]) -> Tensor:
    """What a layer gave for images one by one; raises Unsupported if the shapes differ."""
    shapes = sorted({tuple(one.shape[1:]) for one in outputs})
    if len(shapes) > 1:
        raise _of_another_shape(name, *shapes[:2])
    return torch.cat(list(outputs))


def _of_another_shape(name: str, one: Shape, other: Shape) -> Unsupported:
    return Unsupported(f"layer {name!r} has another shape for other images: {one}, {other}")


class Graph(Program):
    """A traced net. `trace` makes it; every function that takes a net takes it, too."""

    unfollowed = ""  # why only the modules of the forward pass are known (see `Watched`)
    alone = ""  # why every image must run by itself: what the net gives for it depends on the others of a batch

    def __init__(self, module: fx.GraphModule, calls: Mapping[str, list[fx.Node]], example: Tensor) -> None:
        super().__init__(module, calls)
        self.input_shape = tuple(example.shape[1:])  # channel, row, column
        self.input_type = example.dtype
        self.ways: dict = {}  # which way down each layer has, once it is known (see `reportgen.probe.ways`)
        self.plans: dict = {}  # how squares of the image are computed (see `reportgen.probe.windows`)
        self.boxes: dict = {}  # what units read of the image, as far as it was asked (see `reportgen.probe.fields`)
        self._layouts: dict[str, Layout | None] = {}
        self._rewritten: dict[str, bool] = {}
        self._dead_after = following.last_uses(self._order)
        with torch.inference_mode(False), torch.no_grad():
            self.nodes: dict[str, Node] = Normaliser(self).nodes(example[:1])

    @property
    def image(self) -> str:
        """Name of the node that is the image itself."""
        return next(node.name for node in self.nodes.values() if node.is_image)

    @property
    def output(self) -> str:
        """Name of the node that the net returns; raises Unsupported if it returns several."""
        returned = self._order[-1].args[0]
        if isinstance(returned, fx.Node) and self.names[returned] in self.nodes:
            return self.names[returned]
        raise Unsupported("the net returns several things: name the layer to look into")

    @property
    def loses_image(self) -> bool:
        """Whether the net returns one thing that does not depend on the image, as far as its calls tell."""
        returned = self._order[-1].args[0]
        one = isinstance(returned, fx.Node) and returned not in self.bundles
        return one and self.names[returned] not in self.nodes

    def find(self, name: str) -> Node:
        """The node of that name: a node's own name, a module's path (the node that its call returns) or torch.fx's name.

        Raises UnknownLayer with the nearest names, or with the calls of a module that is called several times.
        """
        if name in self.nodes:
            return self.nodes[name]
        calls = [self.names[node] for node in self._calls.get(name, []) if self.names[node] in self.nodes]
        if len(calls) == 1:
            return self.nodes[calls[0]]
        if calls:
            raise UnknownLayer(f"layer {name!r} is called {len(calls)} times: name one of {', '.join(calls)}")
        for node, public in self.names.items():
            if node.name == name and public in self.nodes:
                return self.nodes[public]
        known = [*self.nodes, *(path for path in self._calls if path not in self.nodes)]
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.0)
        raise UnknownLayer(f"no layer {name!r} in this net: the nearest are {', '.join(nearest)}")

    def path(self, name: str) -> str:
        """What to call a node: the path of the smallest module that returns it ("layer4.2"), or its own name if none does."""
        node = self.find(name)
        modules = [path for path, calls in self._calls.items() if path and calls == [node.fx]]
        return max(modules, key=lambda path: path.count("."), default=node.name)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a node's maps for one image of the example's size: (map, row, column) or (unit,).

        Where nobody knows which axes these are, the shape of the output as it is.
        """
        node, layout = self.find(name), self.layout(name)
        return node.shape if layout is None else layout.shape

    def layout(self, name: str) -> Layout | None:
        """Where a node's maps lie in its output; None for units, and where it is not known (see `reportgen.probe.places`)."""
        node = self.find(name)
        if len(node.shape) == 1 or node.rows != 1:
            return None
        if not self._layouts:
            self._layouts = dict.fromkeys(self.nodes) | self._find_layouts()
        return self._layouts[node.name]

    def maps(self, name: str, output: Tensor) -> Tensor:
        """A node's output for some images as (image, map, row, column); unchanged if it has units, or unknown axes.

        Raises Unsupported if it has another shape than for the example.
        """
        node, layout = self.find(name), self.layout(name)
        if layout is None:
            return output
        if tuple(output.shape[1:]) != node.shape:
            raise _of_another_shape(name, tuple(output.shape[1:]), node.shape)
        return layout.maps(output)

    def unknown(self, name: str) -> str:
        """Why a node's output cannot be looked at map by map or unit by unit; empty if it can."""
        node = self.find(name)
        if node.rows != 1:
            return f"layer {name!r} gives {node.rows} rows for an image, such as windows or places: which is which is not known"
        if len(node.shape) == 1 or self.layout(name) is not None:
            return ""
        return f"layer {name!r} gives {node.shape} for an image: which axes are maps, rows and columns is not known"

    def _find_layouts(self) -> dict[str, Layout | None]:
        """The layouts of the nodes with several axes, from a run of noise."""
        found: dict[str, Placed | None] = {}
        noise = self.noise()

        def note(name: str, output: Any) -> None:
            found[name] = places.of(output) if isinstance(output, Tensor) else None

        with layouts.attention_by_its_parts(), Places(noise) as places:
            self.run(
                noise, {node.name: partial(note, node.name) for node in self.nodes.values() if len(node.shape) > 1}
            )
        return {name: layout_of(placed) for name, placed in found.items()}

    def noise(self) -> Tensor:
        """An image of noise, as a batch of one: on zeros a net might branch another way, or give the same everywhere."""
        image = torch.rand((1, *self.input_shape), generator=torch.Generator().manual_seed(0))
        return image.to(self.device, self.input_type)

    def parents(self, name: str) -> tuple[str, ...]:
        """The nodes whose outputs the node reads."""
        return self.find(name).parents

    def returned(self) -> set[str]:
        """The nodes that a module with others inside returns: the outputs of blocks and stages."""
        given = (node for path, calls in self._calls.items() for node in calls if path not in self.nodes)
        return {self.names[node] for node in given} & set(self.nodes)

    def below(self, name: str) -> list[Node]:
        """The node and all nodes it depends on, the nearest to the output first."""
        wanted = {self.find(name).name}
        found = []
        for node in reversed(self.nodes.values()):
            if node.name in wanted:
                found.append(node)
                wanted.update(node.parents)
        return found

    def at(self, images: Tensor) -> "Graph":
        """This graph with the shapes for images of this size."""
        if tuple(images.shape[1:]) == self.input_shape:
            return self
        other = Graph(self.module, self._calls, images)
        other.alone, other.held = self.alone, self.held
        return other

    def run(
        self,
        images: Tensor,
        watch: Mapping[str, Callable[[Tensor], object]],
        instead: Mapping[str, Callable[..., Tensor]] | None = None,
    ) -> None:
        """Run the net forward, as far as needed, and show the named nodes' outputs as soon as they are computed.

        A later call may overwrite them in place. ``watch`` maps names to functions that get the output
        (image map row column); ``instead`` maps names to functions that get the node's inputs and replace its call.
        """
        if self.alone and len(images) > 1:
            if instead:
                raise Unsupported(self.alone)
            for name, outputs in self._one_by_one(images, watch).items():
                watch[name](together(name, outputs))
            return
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

    def _one_by_one(self, images: Tensor, names: Iterable[str]) -> dict[str, list[Tensor]]:
        found: dict[str, list[Tensor]] = {name: [] for name in names}

        def keep(name: str, output: Tensor) -> None:
            found[name].append(output.clone())

        for image in images:
            self.run(image[None], {name: partial(keep, name) for name in found})
        return found

    def record(self, images: Tensor, layer: str, exactly: bool = False) -> tuple[Tensor, Tensor]:
        """Run images up to a layer, recorded by torch: the images as a leaf, and the layer's output as the net gives it.

        Contrast normalisation is recorded as the pass that it is on the way down, or ``exactly``.
        """
        top = self.find(layer).fx
        with recording(self.module, exactly):
            pixels = leaf(images.contiguous() if self.held else images, self.device)
            values: dict[fx.Node, Any] = {}
            inputs = iter((pixels,))
            for node in self._order:
                values[node] = self.execute(node, values, inputs)
                if node is top:
                    break
                for dead in self._dead_after[node]:
                    del values[dead]
        return pixels, values[top]

    def parameters(self, node: Node) -> list[nn.Parameter]:
        """The parameters that a node's call uses."""
        return self._parameters(node.fx)

    def _parameters(self, node: fx.Node) -> list[nn.Parameter]:
        if node.op == "call_module":
            return list(self._modules[str(node.target)].parameters())
        found: list[nn.Parameter] = []
        for read in node.all_input_nodes:
            if read.op == "get_attr":
                value = self.constant(read)
                found += [value] if isinstance(value, nn.Parameter) else []
            elif self.is_constant(read):
                found += self._parameters(read)
        return found

    def hooked(self, node: Node) -> bool:
        """Whether a user's hook may change the input or output of the node's module."""
        if node.fx.op != "call_module":
            return False
        module = self._modules[str(node.fx.target)]
        hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
        return any(not type(hook).__module__.startswith("torch.nn.utils") for hook in hooks)  # weight normalisation

    def rewritten(self, node: Node) -> bool:
        """Whether such a hook does change it, as far as an image of noise tells; many only look."""
        if self.hooked(node) and node.name not in self._rewritten:
            module = self._modules[str(node.fx.target)]

            def both(*read: Tensor) -> Tensor:
                given, plain = (run(*(one.clone() for one in read)) for run in (module, module.forward))
                self._rewritten[node.name] = not given.equal(plain)
                return given

            try:
                self.run(self.noise(), {}, {node.name: both})
            except Exception:  # whatever the hook, or the module, raises on noise
                self._rewritten[node.name] = True
        return self._rewritten.get(node.name, False)

    def reads(self, node: Node) -> dict[fx.Node, str]:
        """For each torch.fx node that the node's call reads, the one of its ``parents`` that it stands for."""
        return dict(zip(following.signals(node.fx, self._is_signal, self.bundles), node.parents, strict=True))

    def _is_signal(self, node: fx.Node) -> bool:
        return self.names[node] in self.nodes
