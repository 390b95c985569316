"""What the paper's "layer l" is in a net (the definitions stand in docs/claims.md).

A *map* of layer l is its convolution's ReLU output, before pooling and normalisation; the *feature vector* of layer l
is the block's output, after them. In a net that is not the paper's, layers 1-5 are five ReLU layers spread evenly over
the depth of the convolutions, first and last included, and layer 7 is what the last linear layer (or 1x1 classifier)
reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from reportgen.errors import UserError
from reportgen.probe import Graph

CONVOLUTIONS = 5  # the paper's number of convolution layers


@dataclass(frozen=True)
class PaperLayer:
    """One of the paper's layers, by the names of the probe's nodes."""

    number: int  # 1-8
    kind: Literal["convolution", "fully connected", "softmax"]
    weights: str  # the convolution or linear node
    map: str  # the node whose output is its maps (or units)
    features: str  # the node whose output is its feature vector


def paper_layers(graph: Graph) -> tuple[PaperLayer, ...]:
    """The paper's layers of a net, ascending; raises UserError where the net has no rectified convolutions."""
    return tuple(_own_layers(graph)) or tuple(_spread_layers(graph))


def convolutions(layers: tuple[PaperLayer, ...]) -> tuple[PaperLayer, ...]:
    """Those of the layers that have feature maps."""
    return tuple(layer for layer in layers if layer.kind == "convolution")


def feature_vectors(layer: PaperLayer, output: Any) -> Any:
    """The feature vectors "image feature" of a layer, from what its `features` node gives; both are torch tensors.

    What a 1x1 classifier reads still has rows and columns: layer 7 is their mean, as the net will pool them.
    """
    if layer.kind == "fully connected" and output.dim() == 4:
        output = output.mean(dim=(2, 3))
    return output.flatten(1)


def _own_layers(graph: Graph) -> Iterator[PaperLayer]:
    """The blocks ``layer1`` .. ``layer8`` of `reportgen.nets.zfnet.ZFNet`."""
    if not {"layer1.conv", "layer8.linear"} <= set(graph.nodes):
        return
    for number in range(1, 9):
        block = f"layer{number}"
        if f"{block}.conv" in graph.nodes:
            yield PaperLayer(number, "convolution", f"{block}.conv", f"{block}.relu", graph.find(block).name)
        elif number == 8:
            yield PaperLayer(number, "softmax", f"{block}.linear", f"{block}.linear", f"{block}.linear")
        elif f"{block}.linear" in graph.nodes:
            yield PaperLayer(number, "fully connected", f"{block}.linear", f"{block}.relu", graph.find(block).name)


def _spread_layers(graph: Graph) -> Iterator[PaperLayer]:
    classifier = (graph.linears or graph.convs)[-1]
    before = {node.name for node in graph.below(classifier)}
    rectified = [name for name in graph.relus if name in before and graph.find(name).spatial]
    if not rectified:
        raise UserError("the net has no rectified convolution: there is no feature map to look at")
    count = min(CONVOLUTIONS, len(rectified))
    chosen = [rectified[round(place)] for place in np.linspace(0, len(rectified) - 1, count)]
    for number, name in enumerate(chosen, start=1):
        yield PaperLayer(number, "convolution", _weights(graph, name), name, _block_end(graph, name))
    yield PaperLayer(7, "fully connected", classifier, graph.parents(classifier)[0], graph.parents(classifier)[0])
    yield PaperLayer(8, "softmax", classifier, classifier, classifier)


def _weights(graph: Graph, name: str) -> str:
    """The nearest convolution above a ReLU (towards the image)."""
    return next((node.name for node in graph.below(name) if node.kind == "conv2d"), name)


def _block_end(graph: Graph, name: str) -> str:
    """The last of the poolings and normalisations that follow a ReLU in a straight line."""
    readers = [node for node in graph.nodes.values() if name in node.parents]
    if len(readers) == 1 and readers[0].kind in ("max_pool", "avg_pool", "identity") and readers[0].spatial:
        return _block_end(graph, readers[0].name)
    return name
