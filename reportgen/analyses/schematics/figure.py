"""Figures 1 and 3 as data."""

from dataclasses import dataclass

from jaxtyping import Float, Int, UInt8

from reportgen.figures.kinds import Array, Figure


@dataclass(frozen=True)
class LayerBox:
    """One layer of the architecture as figure 3 draws it."""

    name: str  # "layer 1", "softmax"
    operations: tuple[str, ...]  # "96 filters 7x7, stride 2", "ReLU", "max pool 3x3, stride 2"
    channels: int
    height: int  # of its output; 1 for a fully connected layer
    width: int
    receptive_field: int | None  # side in pixels; None where it is the whole image
    known: bool = True  # whether that is known


@dataclass(frozen=True, kw_only=True)
class Architecture(Figure):
    """Figure 3: the net from the image to its classes."""

    input_size: tuple[int, int, int]  # channels, height, width
    layers: tuple[LayerBox, ...]


@dataclass(frozen=True, kw_only=True)
class DeconvnetLayer(Figure):
    """Figure 1: a convnet layer (upwards) beside a deconvnet layer (downwards), with the numbers of one real image."""

    image: UInt8[Array, "row column 3"]
    layer: int
    map: int
    rectified: Float[Array, "height width"]  # the map, after its ReLU
    pooled: Float[Array, "pooled_height pooled_width"]
    switches: Int[Array, "pooled_height pooled_width"]  # place of each maximum in the map, counted row by row
    unpooled: Float[Array, "height width"]  # the pooled values put back at their switches
    projection: UInt8[Array, "row column 3"]  # the map's strongest activation, filtered down to pixels
    pool_text: str  # "max pool 3x3, stride 2"
    filter_text: str  # "48 filters 7x7, stride 2"
