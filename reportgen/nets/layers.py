"""What the paper's "layer l" is in a net (the definitions stand in docs/claims.md).

A *map* of layer l is its convolution's ReLU output, before pooling and normalisation; the *feature vector* of layer l
is the block's output, after them. In a net that is not the paper's, layers 1-5 are five ReLU layers spread evenly over
the depth of the convolutions, first and last included, and layer 7 is what the last linear layer (or 1x1 classifier)
reads. Another activation function behind a convolution counts as a ReLU does; in a net without any, the convolutions
themselves. Where a net has larger maps, maps of one row and column, such as channel gates, do not count.
``LAYERS=`` overrides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from reportgen.base.errors import UserError
from reportgen.probe import Graph, ProbeError
from reportgen.probe.graph import Node

CONVOLUTIONS = 5  # the paper's number of convolution layers


@dataclass(frozen=True)
class PaperLayer:
    """One of the paper's layers, by the names of the probe's nodes."""

    number: int  # 1-8
    kind: Literal["convolution", "fully connected", "softmax"]
    weights: str  # the convolution or linear node
    map: str  # the node whose output is its maps (or units)
    features: str  # the node whose output is its feature vector


def paper_layers(graph: Graph, nodes: Sequence[str] = ()) -> tuple[PaperLayer, ...]:
    """The paper's layers of a net, ascending; `nodes` names them where the rule is overridden (see `LayerSettings`).

    Raises UserError where the net has no convolutions, and for a name that is no layer of it.
    """
    ruled = tuple(_own_layers(graph)) or tuple(_spread_layers(graph))
    if not nodes:
        return ruled
    named = tuple(_named_layers(graph, nodes))
    given = {layer.number for layer in named}
    return (*named, *(layer for layer in ruled if layer.kind != "convolution" and layer.number not in given))


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
    classifier = _classifier(graph)
    before = list(reversed(graph.below(classifier)))  # in the order of execution
    rectified = _activated(graph, before)
    if not rectified:
        raise UserError("the net has no convolution below its classifier: there is no feature map to look at")
    count = min(CONVOLUTIONS, len(rectified))
    chosen = [rectified[round(place)] for place in np.linspace(0, len(rectified) - 1, count)]
    for number, name in enumerate(chosen, start=1):
        yield PaperLayer(number, "convolution", _weights(graph, name), name, _block_end(graph, name))
    yield PaperLayer(7, "fully connected", classifier, graph.parents(classifier)[0], graph.parents(classifier)[0])
    yield PaperLayer(8, "softmax", classifier, classifier, classifier)


def _classifier(graph: Graph) -> str:
    """The last linear layer or 1x1 convolution with a unit for each class, else the last linear layer that all passes.

    Where there is neither, as under a product with weights that the net scales itself, the output.
    """
    output = graph.output
    classes = graph.shape(output)[0]
    below = [node for node in graph.below(output) if node.kind in ("linear", "conv2d")]
    if not below:
        raise UserError("the net has neither a linear layer nor a convolution: there is nothing to look at")
    found = [node for node in below if node.shape[0] == classes and (node.kind == "linear" or _one_by_one(node))]
    found += [node for node in below if node.kind == "linear" and not _passed_by(graph, output, node.name)]
    return found[0].name if found else output


def _one_by_one(node: Node) -> bool:
    window = node.operation.window
    return (window is not None and window.kernel == (1, 1)) or node.shape[1:] == (1, 1)


def _passed_by(graph: Graph, output: str, name: str) -> bool:
    """Whether part of the image reaches the output by another way, as around a gate."""
    waiting, seen = [output], {name}
    while waiting:
        node = graph.nodes[waiting.pop()]
        if node.kind == "input":
            return True
        if node.name not in seen:
            seen.add(node.name)
            waiting += node.parents
    return False


def _activated(graph: Graph, before: Sequence[Node]) -> list[str]:
    """The nodes that can be layers: ReLUs and other activation functions behind a convolution, else convolutions."""
    spatial = [node for node in before[:-1] if node.spatial and node.kind in ("conv2d", "relu", "pointwise")]
    maps = [node for node in spatial if node.shape[1] * node.shape[2] > 1] or spatial
    activated = [node for node in maps if node.kind == "relu" or _follows_convolution(graph, node)]
    return [_activation(graph, node).name for node in activated or [node for node in maps if node.kind == "conv2d"]]


def _activation(graph: Graph, node: Node) -> Node:
    """The product with what a function read, where the function is a gate of it, as in ``x * sigmoid(x)``."""
    end = node
    while node.kind == "pointwise":
        readers = _readers(graph, end.name)
        if len(readers) != 1 or readers[0].kind != "pointwise":
            break
        if set(readers[0].parents) == {end.name, *node.parents}:
            return readers[0]
        end = readers[0]
    return node


def _readers(graph: Graph, name: str) -> list[Node]:
    return [node for node in graph.nodes.values() if name in node.parents]


def _follows_convolution(graph: Graph, node: Node) -> bool:
    """Whether a function of one signal stands behind a convolution, with nothing but scaling between them."""
    if node.kind == "conv2d" or len(node.parents) != 1:
        return False
    parent = graph.nodes[node.parents[0]]
    return parent.kind == "conv2d" or (parent.kind in ("scale", "identity") and _follows_convolution(graph, parent))


def _named_layers(graph: Graph, nodes: Sequence[str]) -> Iterator[PaperLayer]:
    """The layers that ``LAYERS=`` names: in order, or ``number=name``; convolution layers 1-5, and 7."""
    said_by = f"LAYERS={','.join(nodes)}"
    found: dict[int, PaperLayer] = {}
    for place, text in enumerate(nodes, start=1):
        number, equals, name = text.rpartition("=")
        number = number if equals else str(place)
        if number not in ("1", "2", "3", "4", "5", "7"):
            raise UserError(f"{said_by}: layer {number}: name layers 1 to 5, and 7, as in 1=conv1,5=conv5,7=fc7")
        try:
            node = graph.find(name)
        except ProbeError as error:
            raise UserError(f"{said_by}: {error}") from None
        if int(number) in found:
            raise UserError(f"{said_by}: layer {number} is named twice")
        if number == "7":
            found[7] = PaperLayer(7, "fully connected", _classifier(graph), node.name, node.name)
        elif not node.spatial:
            raise UserError(f"{said_by}: {name} gives no maps with rows and columns: name a convolution or its ReLU")
        else:
            end = _block_end(graph, node.name)
            found[int(number)] = PaperLayer(int(number), "convolution", _weights(graph, node.name), node.name, end)
    if set(found) <= {7}:
        raise UserError(f"{said_by}: name at least one of the convolution layers 1 to 5")
    return iter([found[number] for number in sorted(found)])


def _weights(graph: Graph, name: str) -> str:
    """The nearest convolution above a ReLU (towards the image)."""
    return next((node.name for node in graph.below(name) if node.kind == "conv2d"), name)


def _block_end(graph: Graph, name: str) -> str:
    """The last of the poolings and normalisations that follow a ReLU in a straight line."""
    readers = _readers(graph, name)
    if len(readers) == 1 and readers[0].kind in ("max_pool", "avg_pool", "identity") and readers[0].spatial:
        return _block_end(graph, readers[0].name)
    return name
