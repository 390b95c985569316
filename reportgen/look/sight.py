"""How much of the image the units of a layer see, and how that is said."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reportgen import probe
from reportgen.base.size import Size
from reportgen.look.inputs import Inputs
from reportgen.look.pictures import WholeImage

MIXING = (
    "GroupNorm",
    "group_norm",
    "MultiheadAttention",
    "scaled_dot_product_attention",
)  # every place with every other


@dataclass(frozen=True)
class Sight:
    """How much of the image the units of a layer see.

    `most` and `least`: the share of the image's area that the unit sees which sees most, and the one which sees least,
    by the geometry of their receptive fields; not counted where the field is smaller than the image.
    """

    field: Size | None  # of a unit's receptive field with its padding, pixels; None where it is not known
    size: Size  # of the image the net sees, pixels
    most: float | None = None
    least: float | None = None

    @property
    def cut(self) -> bool:
        """Whether pictures are cut at the receptive field; if not, they show the whole image."""
        return self.field is not None and not self.size.fits_in(self.field)

    @property
    def hatched(self) -> str:
        """What hatching means in pictures of such fields; empty where there is none: what is oblong lies in a square."""
        shown = Size(*(min(sides) for sides in zip(self.field or self.size, self.size, strict=True)))
        beside = "" if shown.square else ", or beside what is shown"
        return f"hatching lies outside the image{beside}" if self.cut or beside else ""

    @property
    def words(self) -> str:
        """What the units see of the image: said of some units, never of a layer whose units differ."""
        if self.field is None:
            return "the receptive field is not known"
        if self.cut:
            return f"a unit sees at most {self.field.by} px of it"
        if self.least is None or self.most is None:
            return f"the receptive field ({self.field} px) is no smaller than the image"
        if self.least == 1:
            return f"every unit sees all of it (receptive field {self.field} px)"
        middle = (
            "a unit in the middle sees all of it" if self.most == 1 else f"no unit sees more than {self.most:.0%} of it"
        )
        return f"{middle}, a unit in a corner {self.least:.0%} of it (receptive field {self.field} px)"


def field_of(inputs: Inputs, number: int) -> Any:
    """The receptive field of a layer's maps; the whole image where its geometry is not known (`WholeImage`)."""
    name, crop = inputs.layer(number).map, inputs.preprocessing.crop
    try:
        return probe.receptive_field(inputs.graph, name)
    except probe.Unsupported:
        mixed = any(node.operation.what in MIXING for node in inputs.graph.below(name))
        return WholeImage(crop, known=mixed and not inputs.graph.unfollowed)


def sight(inputs: Inputs, number: int) -> Sight:
    """How much of the image the units of a convolution layer's maps see."""
    receptive, size = field_of(inputs, number), inputs.preprocessing.crop
    field = Size(*receptive.size)
    if isinstance(receptive, WholeImage):
        return Sight(field, size, 1.0, 1.0) if receptive.known else Sight(None, size)
    if Sight(field, size).cut:
        return Sight(field, size)
    _, rows, columns = inputs.graph.shape(inputs.layer(number).map)
    # Boxes are rectangles: what a unit sees is the rows of its row of units times the columns of its column of units.
    high = np.array([box[2] - box[0] for box in (receptive.inside(row, columns // 2) for row in range(rows))])
    wide = np.array([box[3] - box[1] for box in (receptive.inside(rows // 2, column) for column in range(columns))])
    shares = np.outer(high, wide) / size.area
    return Sight(field, size, float(shares.max()), float(shares.min()))
