"""What a net costs."""

import math
from typing import Any

import torch

from reportgen import probe
from reportgen.base.size import Size
from reportgen.nets.layers import FILTERS
from reportgen.probe import Graph


def cost(net: torch.nn.Module, crop: Size, channels: int) -> dict[str, Any]:
    """A net's weights, and the multiplications that one image of that size, of so many channels, costs."""
    device = next(net.parameters()).device
    graph = probe.trace(net, torch.zeros(1, channels, *crop, device=device))
    return {"parameters": sum(value.numel() for value in net.parameters()), "multiply_adds": multiply_adds(graph)}


def multiply_adds(graph: Graph) -> int:
    """Multiplications with an addition that one image costs, in convolutions and fully connected layers."""
    total = 0
    for node in graph.nodes.values():
        if node.kind in FILTERS:
            # A convolution's maps, or a linear layer's units, come once for each place.
            places = math.prod(node.shape[1:] if node.kind == "conv2d" else node.shape[:-1])
            total += places * node.operation.settings["weight"]().numel()
    return total
