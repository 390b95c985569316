"""How the pictures are made: a deconvnet layer beside a convnet layer, and the net itself (figures 1 and 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

from reportgen import probe
from reportgen.analyses.schematics import Settings
from reportgen.analyses.schematics.figure import Architecture, DeconvnetLayer, LayerBox
from reportgen.claims import Verdict
from reportgen.data.several import right
from reportgen.figures.kinds import Figure
from reportgen.look.inputs import Inputs
from reportgen.look.pictures import WholeImage, grey_at_zero
from reportgen.look.strongest import field_of, on_pixels
from reportgen.nets.layers import PaperLayer

_FUNCTIONS = {name.lower(): name for name in ("GELU", "SiLU", "Mish", "Hardswish", "ELU", "SELU", "LeakyReLU", "PReLU")}


@dataclass(frozen=True)
class Named:
    """One of the paper's layers, and which nodes of this net it consists of."""

    number: int
    map: str  # the node of its maps, or units
    features: str  # the node of its feature vector
    weights: str  # the node of its filters; empty where these are an earlier layer's, as in blocks of attention
    shape: tuple[int, ...]  # of the maps
    gives: Literal["activation", "block", "convolution", ""] = ""  # of what its maps are the output; "": it has none


@dataclass(frozen=True)
class Step:
    """One layer's maps on the way up and down."""

    image: UInt8[np.ndarray, "row column 3"]
    image_name: str
    layer: int
    map: int
    rectified: Float[np.ndarray, "height width"]
    pooled: Float[np.ndarray, "pooled_height pooled_width"]
    switches: Int[np.ndarray, "pooled_height pooled_width"]
    unpooled: Float[np.ndarray, "height width"]
    projection: UInt8[np.ndarray, "row column 3"]
    pool_text: str
    filter_text: str


@dataclass(frozen=True)
class Result:
    """Every layer's description, and one layer's maps for an image."""

    boxes: tuple[LayerBox, ...]
    named: tuple[Named, ...]
    overridden: bool  # whether LAYERS= names the layers
    input_size: tuple[int, int, int]  # channels, height, width
    step: Step | None  # figure 1; None where no layer is followed by a max pool that can be undone
    no_step: str  # why there is no step; empty where there is one


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Describe the layers, and pass one image up and down the first layer that is pooled."""
    graph = inputs.graph
    layers = () if graph.unfollowed else inputs.layers
    pooled = [(item, pool) for item in layers if (pool := _pool_after(graph, item.map))]
    no_pool = graph.unfollowed or "none of its layers is followed by a max pool"
    refusal = inputs.no_projection(pooled[0][0].number) if pooled else no_pool
    filters = _filters(inputs.layers)
    return Result(
        boxes=tuple(_box(inputs, *one) for one in zip(inputs.layers, filters, strict=True)),
        named=tuple(
            Named(
                item.number,
                graph.path(item.map),
                graph.path(item.features),
                weights and graph.path(weights),
                graph.shape(item.map),
                _gives(graph, item),
            )
            for item, weights in zip(inputs.layers, filters, strict=True)
        ),
        overridden=bool(inputs.nodes),
        input_size=(graph.input_shape[0], graph.input_shape[1], graph.input_shape[2]),
        step=None if refusal else _step(inputs, *pooled[0], rng),
        no_step=refusal,
    )


def _step(inputs: Inputs, layer: Any, pool: str, rng: np.random.Generator) -> Step:
    """Pass a correctly classified validation image up through the first pooled layer, and its strongest map down again."""
    val = inputs.data.val
    found = right(inputs.learned.logits.argmax(axis=1), val.targets)
    correct = np.flatnonzero(found & val.known)
    index = int(rng.choice(correct if len(correct) else np.arange(len(inputs.data.val))))
    image = next(inputs.batches(inputs.data.val, np.array([index])))
    graph = inputs.graph
    rectified = probe.activations(graph, image, [layer.map])[layer.map][0].cpu()
    flat = int(rectified.argmax())
    height, width = rectified.shape[1:]
    map_, row, column = flat // (height * width), flat // width % height, flat % width
    steps = probe.unpool(graph, image[0], pool)
    [projection] = on_pixels(inputs, image[0], [probe.Activation(layer.map, map_, row, column)])
    return Step(
        image=inputs.pixels(inputs.data.val, index),
        image_name=inputs.data.val.names[index],
        layer=layer.number,
        map=map_,
        rectified=rectified[map_].numpy(),
        pooled=steps.pooled[map_].cpu().numpy(),
        switches=steps.switches[map_].cpu().numpy(),
        unpooled=steps.unpooled[map_].cpu().numpy(),
        projection=grey_at_zero(projection[None, None])[0, 0],
        pool_text=_say(graph, graph.find(pool)),
        filter_text=_say(graph, graph.find(layer.weights)),
    )


def _gives(graph: Any, layer: Any) -> Literal["activation", "block", "convolution", ""]:
    """Of what a layer's maps are the output, as the rule of `reportgen.nets.layers` has chosen them."""
    if layer.kind != "convolution":
        return ""
    kind = graph.find(layer.map).kind
    return "convolution" if kind == "conv2d" else "block" if kind in ("add", "block") else "activation"


def _pool_after(graph: Any, name: str) -> str | None:
    """The max pool that reads a node, if there is one."""
    return next((node.name for node in graph.nodes.values() if name in node.parents and node.kind == "max_pool"), None)


def _box(inputs: Inputs, layer: PaperLayer, weights: str) -> LayerBox:
    graph = inputs.graph
    operations = _operations(inputs, layer, weights)
    shape = graph.shape(layer.features)
    channels, height, width = shape if len(shape) == 3 else (shape[0], 1, 1)
    field, known = None, not graph.unfollowed
    if layer.kind == "convolution":
        found = field_of(inputs, layer.number)
        known = not isinstance(found, WholeImage) or found.known
        field = None if isinstance(found, WholeImage) else found.size[0]
    name = "softmax" if layer.kind == "softmax" else f"layer {layer.number}"
    return LayerBox(name, operations, channels, height, width, field, known)


def _filters(layers: Sequence[PaperLayer]) -> list[str]:
    """The node of each layer's own filters; empty for a layer whose nearest filters are those of an earlier one."""
    every = [layer.weights for layer in layers]
    return [
        "" if layer.kind == "convolution" and one in every[:place] else one
        for place, (layer, one) in enumerate(zip(layers, every, strict=True))
    ]


def _operations(inputs: Inputs, layer: PaperLayer, weights: str) -> tuple[str, ...]:
    """The operations from a layer's filters to its feature vector, in words; of one without filters of its own, their kinds."""
    graph = inputs.graph
    if not weights:
        return _kinds(inputs, layer, inputs.layers[inputs.layers.index(layer) - 1].map)
    if not any(node.name == weights for node in graph.below(layer.features)):  # it is the input of the classifier
        return ("features",)
    if layer.kind == "convolution" and graph.find(layer.map).kind in ("add", "block"):
        return (_say(graph, graph.find(weights)), *_kinds(inputs, layer, weights))
    names = [node.name for node in graph.nodes.values()]
    first, last = names.index(weights), names.index(layer.features)
    texts = [_say(graph, node) for node in list(graph.nodes.values())[first : last + 1]]
    left_out = ("", "dropout") if layer.kind == "convolution" else ("",)  # the paper has dropout in layers 6 and 7
    return tuple(text for text in texts if text not in left_out) + (("softmax",) if layer.kind == "softmax" else ())


def _kinds(inputs: Inputs, layer: PaperLayer, before: str) -> tuple[str, ...]:
    """What lies between a node before and a layer that is a block's output, each kind once."""
    graph = inputs.graph
    between = {node.name for node in graph.below(layer.map)} - {node.name for node in graph.below(before)}
    kinds = dict.fromkeys(["attention"] if "attention" in inputs.way(layer.number).through else [])
    for node in graph.nodes.values():
        if node.name in between:
            kinds |= dict.fromkeys(["units by place"] if node.kind == "linear by place" else [_function(node)])
    return tuple(kind for kind in kinds if kind)


def _function(node: Any) -> str:
    """An activation function by its usual name; empty for any other operation."""
    return "ReLU" if node.kind == "relu" else _FUNCTIONS.get(node.operation.what.lower(), "")


def _say(graph: Any, node: Any) -> str:
    """An operation in the words of figure 3; empty for the operations that the figure leaves out."""
    window = node.operation.window
    if node.kind == "linear":
        return f"{node.shape[0]} units"
    if _function(node):
        return _function(node)
    if window is not None:
        kernel = f"{window.kernel[0]}x{window.kernel[1]}"
        stride = f", stride {window.stride[0]}" if window.stride[0] != 1 else ""
        if node.kind == "conv2d":
            return f"{node.shape[0]} filters {kernel}{stride}"
        if node.kind in ("max_pool", "avg_pool"):
            return f"{node.kind.replace('_', ' ')} {kernel}{stride}"
    return {"LocalResponseNorm": "contrast normalisation", "Dropout": "dropout"}.get(node.operation.what, "")


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """No claim of the paper rests on the schematics."""
    return []


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text."""
    return {
        **(_step_numbers(result.step) if result.step else {}),
        "no_step": result.no_step,
        "overridden": result.overridden,
        "nodes": [
            {
                "number": item.number,
                "map": item.map,
                "features": item.features,
                "weights": item.weights,
                "shape": list(item.shape),
                "gives": item.gives,
            }
            for item in result.named
        ],
        "layers": [
            {
                "name": box.name,
                "operations": list(box.operations),
                "output": [box.channels, box.height, box.width],
                "receptive_field": box.receptive_field,
            }
            for box in result.boxes
        ],
    }


def _step_numbers(step: Step) -> dict[str, Any]:
    return {
        "layer": step.layer,
        "map": step.map,
        "image": step.image_name,
        "values": int(step.rectified.size),
        "positive": int(np.count_nonzero(step.rectified > 0)),
        "pooled": int(step.pooled.size),
        "put_back": int(np.count_nonzero(step.unpooled)),
    }


def figures(result: Result) -> dict[str, Figure]:
    """Figures 1 and 3."""
    first = {"deconvnet": _deconvnet(result.step)} if result.step else {}
    return first | {
        "architecture": Architecture(
            title="The net",
            caption="The net of this report, drawn from the module itself: what each layer does, the size of its output, "
            "and the side of its receptive field, which is the part of the image that one value before pooling depends on"
            + (", where that is known." if any(not box.known for box in result.boxes) else "."),
            alt="The layers in order: "
            + "; ".join(f"{box.name}: {', '.join(box.operations)}" for box in result.boxes)
            + ".",
            input_size=result.input_size,
            layers=result.boxes,
        ),
    }


def _deconvnet(result: Step) -> DeconvnetLayer:
    size = f"{result.rectified.shape[0]}x{result.rectified.shape[1]}"
    small = f"{result.pooled.shape[0]}x{result.pooled.shape[1]}"
    return DeconvnetLayer(
        title="A deconvnet layer beside a convnet layer",
        caption=f"Layer {result.layer} of this net at work on {result.image_name}. Upwards (right): the image is "
        f"filtered, rectified and pooled; of map {result.map}, {size} values become {small}, and the switches "
        "record where each maximum was. Downwards (left): the pooled values return to the places that the switches "
        "record, are rectified, and are filtered with the same filters transposed, which gives a picture in pixel space. "
        "The values are this map's own; the picture is the projection of its strongest activation (grey is zero).",
        alt=f"A diagram of two columns: the convnet's layer {result.layer} leads from the image up to pooled maps, "
        "the deconvnet's from pooled maps down to pixels; arrows carry the switches from one to the other.",
        image=result.image,
        layer=result.layer,
        map=result.map,
        rectified=result.rectified,
        pooled=result.pooled,
        switches=result.switches,
        unpooled=result.unpooled,
        projection=result.projection,
        pool_text=result.pool_text,
        filter_text=result.filter_text,
    )
