"""How the features evolve during training (Zeiler & Fergus 2013, section 4, figure 4).

For some maps of every convolution layer, the strongest activation over all training images, projected to pixels, after
each of the epochs whose net was kept. Beside it stand two curves per layer: how alike its features are to those of the
final net, and how often a map's strongest image is already its final one. The first curve decides the claim
`lower-layers-converge-first`.
"""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis

ENOUGH = 500  # images: below, the claim is not tested


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How many maps are shown, and how many images the rest uses."""

    maps: Annotated[int, Field(ge=1)] = 5  # of each layer, drawn at random
    images: Annotated[int, Field(ge=0)] = 0  # training images that are searched, drawn at random; 0: all
    compared: Annotated[int, Field(ge=4)] = ENOUGH  # validation images on which features are compared, at random


ANALYSIS = Analysis(
    "evolution",
    "How the features evolve during training",
    Settings,
    figures=("layer*", "already_final", "cka"),
    claims=("lower-layers-converge-first",),
)
