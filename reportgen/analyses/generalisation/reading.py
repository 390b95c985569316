"""What the classifiers read: the feature vectors of the paper's layers, for the images of a data set."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch.nn import functional

from reportgen import probe
from reportgen.base.size import Size
from reportgen.data.dataset import Split
from reportgen.look.inputs import Inputs
from reportgen.nets.layers import PaperLayer, feature_vectors
from reportgen.settings.recipes import UNIT

COMPARED = (1, 2, 3, 4, 5, 7)  # table 7's layers
TOP = 7  # the layer that the retrained softmax reads
MOST_FEATURES = 10_000  # numbers of a layer that a classifier reads; larger maps are averaged down to that


@dataclass(frozen=True)
class Read:
    """A layer, and what the classifiers read of it."""

    number: int
    maps: int  # or units
    size: Size  # of the maps, after pooling and normalisation; 1 x 1 for units
    pooled: Size  # that the maps were averaged down to

    @property
    def features(self) -> int:
        """How many numbers that makes."""
        return self.maps * self.pooled.area


@dataclass(frozen=True)
class Wanted:
    """The layers that classifiers read, and the one of them that the retrained softmax reads."""

    layers: tuple[PaperLayer, ...]
    top: PaperLayer

    @classmethod
    def of(cls, inputs: Inputs) -> "Wanted":
        """Those of `COMPARED` that the net has; on top layer 7, or the last one before the softmax."""
        known = [layer for layer in inputs.layers if layer.kind != "softmax"]
        top = next((layer for layer in known if layer.number == TOP), known[-1])
        return cls(tuple(layer for layer in known if layer.number in COMPARED or layer is top), top)


def read(
    inputs: Inputs, wanted: Wanted, images: Split, used: Int[np.ndarray, " used"], told: str
) -> tuple[dict[int, Float[np.ndarray, "used feature"]], tuple[Read, ...]]:
    """Feature vectors of the middle of some images, by layer, and what they are.

    Maps of more than `MOST_FEATURES` numbers are averaged down to the largest grid of their shape that has no more.
    """
    parts: dict[int, list[np.ndarray]] = {layer.number: [] for layer in wanted.layers}
    layers: dict[int, Read] = {}

    def features(batch: torch.Tensor) -> list[np.ndarray]:
        outputs, values = probe.activations(inputs.graph, batch, [layer.features for layer in wanted.layers]), []
        for layer in wanted.layers:
            vectors, layers[layer.number] = pooled(layer, outputs[layer.features])
            values.append(vectors.float().cpu().numpy())
        return values

    for part in inputs.each(features, images, used, told):
        for layer, values in zip(wanted.layers, part, strict=True):
            parts[layer.number].append(values)
    return {number: np.concatenate(found) for number, found in parts.items()}, tuple(layers.values())


def pooled(layer: PaperLayer, output: torch.Tensor) -> tuple[torch.Tensor, Read]:
    """What the classifiers read of a layer's output: "image feature"."""

    maps, size = output.shape[1], Size(*output.shape[2:]) if output.dim() == 4 else UNIT
    most = MOST_FEATURES / maps
    tall, wide = (int((most * share) ** 0.5) for share in (size.rows / size.columns, size.columns / size.rows))
    grid = Size(min(size.rows, max(1, tall)), min(size.columns, max(1, wide)))
    if layer.kind == "fully connected":
        grid = UNIT
    elif grid != size:
        output = functional.adaptive_avg_pool2d(output, (grid.rows, grid.columns))
    return feature_vectors(layer, output), Read(layer.number, maps, size, grid)
