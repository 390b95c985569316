"""Making a graph from a net, and the activations of its layers.

The net itself stays unchanged: a structural copy in ``eval()`` that shares its weights is traced.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from reportgen.probe import copying, following, layouts
from reportgen.probe.errors import ProbeError, Unsupported
from reportgen.probe.graph import Graph
from reportgen.probe.ignoring import ignoring
from reportgen.probe.nodes import Tangled
from reportgen.probe.watching import Watched

ROUNDING = 1e-3  # largest difference between a net and its graph, as a share of the largest output


def trace(net: "nn.Module | Graph", example: Float[Tensor, "image channel row column"]) -> Graph:
    """Turn a net into an explicit graph, with the shapes that ``example`` gives (its first image is run, and noise).

    The graph shares the net's weights, so later training changes it, too. Hooks of leaf modules (``nn.Conv2d``) run with
    it. If the forward pass cannot be followed symbolically, because it branches on values or a container's hook changes something,
    its modules are watched as they run (`Watched`). Raises Unsupported for a net with several inputs, and for one in training
    whose forward pass is a function that was put into it.
    """
    if isinstance(net, Graph):
        return net.at(example)
    if path := copying.put_in(net):
        raise Unsupported(
            f"{path} is a function that was put into the net, and runs it as it is: call eval() on the net first"
        )
    tracer, copied = following.Tracer(), copying.eval_copy(net)
    try:
        with following.refusing_functions():
            followed = tracer.trace(copied)
    except Exception as error:
        return _watched(net, example, error)
    inputs = following.inputs(list(followed.nodes))
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs)
        raise Unsupported(f"{type(net).__name__} takes {len(inputs)} inputs ({names}): use a net with one, the image")
    module = fx.GraphModule(copied, followed)
    try:
        graph = Graph(module, tracer.calls, example)
        copying.share_buffers(net, module)
        _check(graph, net)
        _examine(graph)
    except Tangled as error:
        return _watched(net, example, error)
    return graph


def _check(graph: Graph, net: nn.Module) -> None:
    """Raise Tangled if the graph computes something other than the net does.

    That happens if the net asks for the type of its input: for ``isinstance`` a proxy is not a tensor. Or if it lays maps
    into a tensor that it makes, which is no call that returns them. The images are noise, because on zeros the two might agree;
    weak and strong, because it may branch on their range.
    """
    if graph.loses_image:
        raise Tangled("torch.fx does not see how the image reaches what it returns")
    generator = torch.Generator().manual_seed(0)
    weak = torch.rand((1, *graph.input_shape), generator=generator)
    for image in (weak, (weak - 0.5) * 6, weak * 255):
        image = image.to(graph.device, graph.input_type)
        copied = copying.eval_copy(net)
        try:
            # A net that asks for half precision computes in single precision, as its graph does: then the two must agree.
            with ignoring(torch.autocast), layouts.AnyLayout(), torch.inference_mode(False), torch.no_grad():
                expected = _given(copied, image.clone(), graph)
            found = activations(graph, image, list(expected))
        except Exception:  # a net that refuses noise: the example has run
            continue
        for name, given in expected.items():
            if found[name].shape != given.shape or not alike(found[name], given):
                raise Tangled("torch.fx makes another net of it")


def _given(net: nn.Module, image: Tensor, graph: Graph) -> dict[str, Tensor]:
    """What the net itself gives for an image, by the graph's names: its output, or where it returns several things its modules'."""
    found: dict[str, Tensor] = {}

    def note(name: str, module: nn.Module, args: tuple, output: Any) -> None:
        if isinstance(output, Tensor):
            found[name] = output.clone()

    with ExitStack() as hooks:
        for name, module in net.named_modules():
            if name in graph.nodes and graph.nodes[name].fx.op == "call_module":
                hooks.callback(module.register_forward_hook(partial(note, name)).remove)
        output = net(image)
    return {graph.output: output} if isinstance(output, Tensor) else found


def _examine(graph: Graph) -> None:
    """Find out whether the images of a batch influence each other, and whether it matters how memory holds them.

    Every layer is asked, because a later one may hide it.
    """
    generator = torch.Generator().manual_seed(1)
    images = torch.rand((2, *graph.input_shape), generator=generator)
    images[1] = images[1] * 0.3 + 0.6  # unlike the first: batch statistics of like images are alike
    held = images.contiguous(memory_format=torch.channels_last)
    try:
        by_itself = _sizes(graph, images.split(1))
    except Exception:  # a net that refuses noise: the example has run
        return
    try:
        if not _unlike(by_itself, _sizes(graph, [held])):
            return
        unlike = _unlike(by_itself, _sizes(graph, [images]))
    except Exception:
        graph.alone = "the net takes no two images at once"
        return
    if unlike:
        norms = [name for name, module in graph.module.named_modules() if isinstance(module, _BatchNorm)]
        own = [name for name in norms if graph.module.get_submodule(name).running_mean is None]
        what = f"batch norm on batch statistics ({own[0]!r})" if own else "the net"
        graph.alone = f"{what} mixes the images of a batch"
    graph.held = _unlike(by_itself, _sizes(graph, held.split(1)))


def _sizes(graph: Graph, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """How large the output of every layer is for each image, as a norm."""
    found: dict[str, list[Tensor]] = {name: [] for name in graph.nodes}

    def note(name: str, output: Tensor) -> None:
        if output.dtype in (torch.float32, torch.float64) and output.dim() > 1:  # rounding to half says nothing
            axes = tuple(range(1, output.dim()))
            found[name].append(torch.linalg.vector_norm(output, dim=axes, dtype=torch.float64).cpu())

    for batch in batches:
        graph.run(batch, {name: partial(note, name) for name in graph.nodes})
    return {name: torch.cat(sizes) for name, sizes in found.items() if sizes}


def _unlike(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> str:
    """The first layer of which two runs differ by more than rounding; empty if there is none. Where rows differ, nobody can say."""
    return next(
        (
            name
            for name, size in one.items()
            if name in other and size.shape == other[name].shape and not alike(other[name], size)
        ),
        "",
    )


def alike(found: Tensor, expected: Tensor) -> bool:
    """Whether two outputs are the same but for rounding, whatever their types."""
    found, expected = found.double(), expected.double()
    largest = float(expected.nan_to_num(0.0, 0.0, 0.0).abs().max())
    return torch.allclose(found, expected, rtol=0, atol=ROUNDING * largest, equal_nan=True)


def _watched(net: nn.Module, example: Tensor, error: Exception) -> Watched:
    copied = copying.eval_copy(net)  # anew: torch.fx may have left something of its own in the other
    reason = str(error).strip().split("\n")[0] or type(error).__name__
    graph = Watched(copied, example, f"the forward pass of {type(net).__name__} cannot be followed ({reason})")
    copying.share_buffers(net, copied)
    return graph


def activations(
    net: nn.Module | Graph, images: Float[Tensor, "image channel row column"], names: Sequence[str]
) -> dict[str, Tensor]:
    """The outputs of the named layers: (image map row column) or (image unit), on the net's device.

    Each is a copy made when it was computed, so a later in-place ReLU does not change a convolution's output. Of a layer
    whose axes are not known it is what the net gives.
    """
    found: dict[str, Tensor] = {}
    graph = trace(net, images)
    graph.run(images, {name: partial(_keep, found, name) for name in names})
    return {name: graph.maps(name, output) for name, output in found.items()}


def _keep(found: dict[str, Tensor], name: str, output: Tensor) -> None:
    found[name] = output.clone()
    if not isinstance(output, Tensor):
        raise ProbeError(f"layer {name!r} gives no tensor")
