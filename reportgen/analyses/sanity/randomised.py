"""A net whose layers lose what they learned, one after another (Adebayo et al. 2018), and the plain gradient.

A layer is randomised by shuffling the entries of each of its parameters: all that training arranged is gone, while
their mean, their spread and every other moment stay as they were.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from reportgen.nets.layers import PaperLayer
from reportgen.probe import Graph, trace


def copy_of(net: nn.Module, example: Float[Tensor, "image channel row column"]) -> Graph:
    """The net again, with weights of its own."""
    own: dict[int, Any] = {}
    for module in net.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:  # of old-style weight normalisation: not to be copied
                own[id(value)] = value.detach().clone()
    return trace(copy.deepcopy(net, own), example)


def stages_below(graph: Graph, layers: Sequence[PaperLayer]) -> list[list[nn.Parameter]]:
    """The parameters that lie between each of the paper's layers and the next below it, the last of `layers` first.

    Those of the first layer are all that lie between it and the image. No parameter comes twice.
    """
    found: list[list[nn.Parameter]] = []
    taken: set[int] = set()
    for place in reversed(range(len(layers))):
        lower = {node.name for node in graph.below(layers[place - 1].map)} if place else set()
        own = [node for node in graph.below(layers[place].map) if node.name not in lower]
        beneath = {id(part) for name in lower for part in graph.parameters(graph.find(name))}
        stage = []
        for part in (part for node in own for part in graph.parameters(node)):
            if id(part) not in taken | beneath:  # weights that a lower layer shares are randomised with that
                taken.add(id(part))
                stage.append(part)
        found.append(stage)
    return found


@contextmanager
def restored(graph: Graph) -> Iterator[None]:
    """Afterwards the net's parameters are what they were before."""
    parameters = list(graph.module.parameters())
    before = [parameter.detach().clone() for parameter in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, before, strict=True):
                parameter.copy_(value)


@torch.no_grad()
def shuffle(parameters: Sequence[nn.Parameter], rng: np.random.Generator) -> None:
    """Shuffle the entries of each parameter, in place."""
    for parameter in parameters:
        order = torch.from_numpy(rng.permutation(parameter.numel())).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))


def gradients(
    graph: Graph,
    layer: str,
    images: Float[Tensor, "image channel row column"],
    units: Int[np.ndarray, "image 3"],
) -> Float[Tensor, "image channel row column"]:
    """The gradient of one unit (map, row, column) of a layer with respect to each image.

    Of a ReLU's output it is the gradient of what the ReLU reads: the same where the unit is active, and defined where it
    is not.
    """
    node = graph.find(layer)
    top = node.parents[0] if node.kind == "relu" else layer
    places = torch.from_numpy(units.copy()).split(1 if graph.unfollowed else len(units))
    found: list[Tensor] = []
    for some, where in zip(images.split(len(places[0])), places, strict=True):
        pixels, output = graph.record(some, top, exactly=True)
        chosen = (torch.arange(len(some)), *where.T)
        found += torch.autograd.grad(graph.maps(top, output)[chosen].sum(), pixels)
    return torch.cat(found)
