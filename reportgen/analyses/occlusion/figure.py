"""Figure 7 as data."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int, UInt8

from reportgen.figures.kinds import Array, Figure


@dataclass(frozen=True, kw_only=True)
class Occlusion(Figure):
    """Figure 7: an image under a sliding grey square, panels (a) to (e)."""

    image: UInt8[Array, "row column 3"]
    outline: Bool[Array, "row column"]  # where the object lies; nowhere if that is not known
    size: int  # side of the square, pixels
    tops: Int[Array, " top"]  # first covered row of pixels, at each place
    lefts: Int[Array, " left"]
    layer: int
    map: int
    activation: Float[Array, "top left"]  # of the map: the sum of its values above zero
    clean_activation: float
    projections: UInt8[Array, "picture row column 3"]  # of the map: in this image, then in others
    sources: tuple[str, ...]  # a word below each of them
    probability: Float[Array, "top left"]  # of the true class
    clean_probability: float
    classes: tuple[str, ...]  # the true class, then the others that are most probable somewhere
    guesses: Int[Array, "top left"]  # the most probable of `classes`
