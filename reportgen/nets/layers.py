"""What the paper's "layer l" is in a net (the definitions stand in docs/claims.md).

A *map* of layer l is its convolution's ReLU output, before pooling and normalisation; the *feature vector* of layer l
is the block's output, after them. In a net that is not the paper's, layers 1-5 are the last activation of each resolution,
and layer 7 is what the last linear layer (or 1x1 classifier) reads. With more resolutions than five, these are spread evenly
over them, first and last included; with fewer, the fullest give further layers, spread evenly. Any activation function
behind a convolution or linear layer counts as a ReLU does; in a net of attention the output of each block does (the sum
with what went past it), and in a net without either the convolutions themselves. Only maps count: an output of which it is known
what its maps, rows and columns are (`reportgen.probe.places`). Where a net has larger maps, maps of one row and column,
such as channel gates, do not. ``LAYERS=`` overrides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from reportgen.base.errors import UserError
from reportgen.probe import Graph, ProbeError, way_down
from reportgen.probe.graph import Node

CONVOLUTIONS = 5  # the paper's number of convolution layers
FILTERS = ("conv2d", "linear", "linear by place")  # kinds of operations


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


def map_counts(graph: Graph, layers: tuple[PaperLayer, ...]) -> dict[int, int]:
    """How many feature maps each of the layers has that has some, by its number."""
    return {layer.number: graph.shape(layer.map)[0] for layer in convolutions(layers)}


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
    found = _candidates(graph, classifier, before)
    if not found:
        unknown = next((node for node in before[-2::-1] if len(node.shape) > 1 and node.kind != "input"), None)
        raise UserError(
            "the net has no maps below its classifier, by convolutions or of tokens: there is nothing to look at"
            if unknown is None
            else f"there is nothing to look at: {graph.unknown(unknown.name)}, nor of any other layer"
        )
    chosen = chosen_by_resolution([graph.shape(name)[1:] for name in found], CONVOLUTIONS)
    for number, name in enumerate((found[place] for place in chosen), start=1):
        yield PaperLayer(number, "convolution", _weights(graph, name), name, _block_end(graph, name))
    features = next(iter(graph.parents(classifier)), "")  # of an output that no module gave, nobody knows
    if features and graph.find(features).rows == 1:  # else it is asked about every place by itself
        yield PaperLayer(7, "fully connected", classifier, features, features)
    softmax = classifier if graph.find(classifier).rows == 1 else graph.output
    yield PaperLayer(8, "softmax", softmax, softmax, softmax)


def _classifier(graph: Graph) -> str:
    """The last linear layer or 1x1 convolution with a unit for each class, else the last linear layer that all passes.

    Where there is neither, as under a product with weights that the net scales itself, the output.
    """
    output = graph.output
    classes = next(iter(graph.shape(output)), 1)  # of one number for an image, that
    below = [node for node in graph.below(output) if node.kind in ("linear", "conv2d")]
    if not below:
        hidden = graph.unfollowed and "none of the net's layers can be seen as it runs, as within torch.vmap"
        raise UserError(
            f"{hidden or 'the net has neither a linear layer nor a convolution'}: there is nothing to look at"
        )
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


def chosen_by_resolution(resolutions: Sequence[tuple[int, ...]], count: int) -> list[int]:
    """Which of the candidates, given by their resolutions in the order of execution, are the layers; ascending.

    The last of each resolution. Of more resolutions than ``count`` some, spread evenly; of fewer, those with the most
    candidates for each layer so far give one more, until there are ``count`` layers or no candidates left.
    """
    stages: dict[tuple[int, ...], list[int]] = {}
    for place, resolution in enumerate(resolutions):
        stages.setdefault(resolution, []).append(place)
    groups = list(stages.values())
    if len(groups) > count:
        groups = [groups[round(place)] for place in np.linspace(0, len(groups) - 1, count)]
    taken = [1] * len(groups)
    while sum(taken) < min(count, sum(map(len, groups))):
        spare = [len(group) / have if have < len(group) else 0.0 for group, have in zip(groups, taken, strict=True)]
        taken[len(spare) - 1 - int(np.argmax(spare[::-1]))] += 1  # of equal ones the deepest
    found = []
    for number, (group, have) in enumerate(zip(groups, taken, strict=True)):
        last = np.arange(1, have + 1) * len(group) / have - 1
        places = (
            np.linspace(0, len(group) - 1, have) if number == 0 and have > 1 else last
        )  # the first of all is a layer
        found += [group[round(place)] for place in places]
    return sorted(found)


def _candidates(graph: Graph, classifier: str, before: Sequence[Node]) -> list[str]:
    """The nodes that can be layers, in the order of execution."""
    known = [node for node in before[:-1] if node.kind != "input" and graph.layout(node.name) is not None]
    maps = [node for node in known if graph.shape(node.name)[1:] != (1, 1)] or known
    activated = [node for node in maps if node.kind == "relu" or _follows_filters(graph, node)]
    if _attends(graph, classifier):
        returned = graph.returned()
        sums = [node for node in maps if node.kind in ("add", "block") and len(set(node.parents)) != 1]
        blocks = [node for node in sums if node.name in returned] or sums
        resolutions = {graph.shape(node.name)[1:] for node in blocks}
        others = {node.name for node in activated if graph.shape(node.name)[1:] not in resolutions}
        activated = [node for node in maps if node in blocks or node.name in others]
    return [_activation(graph, node).name for node in activated or [node for node in maps if node.kind == "conv2d"]]


def _attends(graph: Graph, classifier: str) -> bool:
    """Whether the signal of the classifier comes through attention."""
    return "attention" in way_down(graph, classifier).through


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


def _follows_filters(graph: Graph, node: Node) -> bool:
    """Whether a function of one signal stands behind a convolution or linear layer, with nothing but scaling between them."""
    if node.kind != "pointwise" or len(node.parents) != 1:
        return False
    if graph.unfollowed:  # what stands between two modules is not known: any activation function but those of gates
        return node.operation.what not in ("Sigmoid", "Hardsigmoid", "Tanh")
    parent = graph.nodes[node.parents[0]]
    while parent.kind not in FILTERS and _only_scales(parent):
        parent = graph.nodes[parent.parents[0]]
    return parent.kind in FILTERS


def _only_scales(node: Node) -> bool:
    """Whether a node of one signal leaves the maps what they are: norms, dropout, another order of the axes, some of the maps."""
    what = node.operation.what.lower()
    named = "norm" in what or what in ("permute", "transpose", "movedim", "getitem", "chunk", "split", "narrow")
    return len(node.parents) == 1 and (node.kind in ("scale", "identity") or named)


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
        if number == "7" and node.rows != 1:
            raise UserError(f"{said_by}: {graph.unknown(node.name)}")
        if number == "7":
            found[7] = PaperLayer(7, "fully connected", _classifier(graph), node.name, node.name)
        elif graph.layout(node.name) is None:
            known = f"gives {node.shape} for an image, no maps that are known to have rows and columns"
            raise UserError(
                f"{said_by}: {name} {known}: name a convolution, its activation function, or a block's output"
            )
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
    if len(readers) == 1 and readers[0].kind in ("max_pool", "avg_pool", "identity") and graph.layout(readers[0].name):
        return _block_end(graph, readers[0].name)
    return name
