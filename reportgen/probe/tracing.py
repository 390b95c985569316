"""From a net to its graph, and what its layers give.

The net itself is left alone: a structural copy in ``eval()`` that shares its weights is traced.
"""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn

from reportgen.probe import following, layouts
from reportgen.probe.errors import ProbeError, Unsupported
from reportgen.probe.graph import Graph
from reportgen.probe.nodes import Tangled
from reportgen.probe.watching import Watched

ROUNDING = 1e-3  # of the largest output, between a net and its graph


def trace(net: "nn.Module | Graph", example: Float[Tensor, "image channel row column"]) -> Graph:
    """Turn a net into an explicit graph, with the shapes that ``example`` gives (its first image is run, and noise).

    The graph shares the net's weights: it follows them when they are trained on. Hooks of leaf modules (``nn.Conv2d``)
    run with it, hooks of containers do not. Where the forward pass cannot be followed symbolically, as when it branches on
    values, its modules are watched as they run (`Watched`). Raises Unsupported for a net of several inputs.
    """
    if isinstance(net, Graph):
        return net.at(example)
    tracer, copied = following.Tracer(), following.eval_copy(net)
    try:
        followed = tracer.trace(copied)
    except Exception as error:
        return _watched(net, copied, example, error)
    required = [node for node in followed.nodes if node.op == "placeholder" and following.required(node)]
    if len(required) != 1:
        names = ", ".join(node.name for node in required)
        raise Unsupported(f"{type(net).__name__} takes {len(required)} inputs ({names}): one image is meant")
    module = fx.GraphModule(copied, followed)
    following.share_buffers(net, module)
    try:
        graph = Graph(module, tracer.calls, example)
        _check(graph, net)
    except Tangled as error:
        return _watched(net, copied, example, error)
    return graph


def _check(graph: Graph, net: nn.Module) -> None:
    """Raise Tangled where the graph gives something else than the net, which may ask what kind of thing it reads.

    A proxy is no tensor to ``isinstance``. The image is noise: on zeros the two might agree.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((1, *graph.input_shape), generator=generator).to(graph.device)
    copied = following.eval_copy(net)
    try:
        with layouts.AnyLayout(), torch.inference_mode(False), torch.no_grad():
            expected = copied(image.clone())
        found = activations(graph, image, [graph.output])[graph.output]
    except Exception:  # several outputs, or what the net asks of its images: the example has run
        return
    if not isinstance(expected, Tensor):
        return
    largest = float(expected.nan_to_num(0.0, 0.0, 0.0).abs().max())
    near = partial(torch.allclose, rtol=0, atol=ROUNDING * largest, equal_nan=True)
    if found.shape != expected.shape or not near(found, expected):
        raise Tangled("torch.fx makes another net of it")


def _watched(net: nn.Module, copied: nn.Module, example: Tensor, error: Exception) -> Watched:
    following.share_buffers(net, copied)
    reason = str(error).strip().split("\n")[0] or type(error).__name__
    return Watched(copied, example, f"the forward pass of {type(net).__name__} cannot be followed ({reason})")


def activations(
    net: nn.Module | Graph, images: Float[Tensor, "image channel row column"], names: Sequence[str]
) -> dict[str, Tensor]:
    """The outputs of the named layers: (image map row column) or (image unit), on the net's device.

    Each is a copy made when it was computed, so an in-place ReLU behind a convolution does not reach back into it.
    """
    found: dict[str, Tensor] = {}
    trace(net, images).run(images, {name: partial(_keep, found, name) for name in names})
    return found


def _keep(found: dict[str, Tensor], name: str, output: Tensor) -> None:
    found[name] = output.clone()
    if not isinstance(output, Tensor):
        raise ProbeError(f"layer {name!r} gives no tensor")
