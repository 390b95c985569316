"""Figure 4 as data."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int, UInt8

from reportgen.figures.kinds import Array, Figure


@dataclass(frozen=True, kw_only=True)
class Evolution(Figure):
    """Figure 4: for each map its strongest activation after each of some epochs, projected, and the patch behind it."""

    layer: int
    maps: Int[Array, " map"]  # the maps' numbers within their layer
    epochs: Float[Array, " epoch"]
    projections: UInt8[Array, "map epoch row column 3"] | None  # None: the layer cannot be projected
    patches: UInt8[Array, "map epoch row column 4"]
    shown: Bool[Array, "map epoch"]  # False: the map has no activation above zero
    jumped: Bool[Array, "map epoch"]  # another image than one column before
    details: tuple[tuple[str, ...], ...]  # one line for each cell: epoch, activation, image
    notes: tuple[str, ...]  # a word on each map
