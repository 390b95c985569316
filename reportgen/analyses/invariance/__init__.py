"""Feature invariance (Zeiler & Fergus 2013, section 4, figure 5).

Test images are shifted up and down, scaled and turned, over the paper's ranges in proportion to the image. How far does
the feature vector of layer 1 move, how far that of layer 7, and what becomes of the true class's probability? The
pixels move before the net's preprocessing. Where the scenes around the images are known, scene slides in at the border;
elsewhere the picture's mirror image does, and a control shows what the mirror image alone changes.
"""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How many images the numbers use, and which classes look the same at every rotation."""

    images: Annotated[int, Field(ge=2)] = 144  # test images, as many of each class as can be
    pixel_images: Annotated[int, Field(ge=2)] = 500  # test images that are moved by one pixel, chosen likewise
    symmetric: tuple[str, ...] = ()  # classes beside those that the data set itself names


ANALYSIS = Analysis(
    "invariance",
    "What moving, scaling and turning the image changes",
    Settings,
    figures=("views", "examples", "means", "small"),
    claims=("small-transformations-first-layer", "quasi-linear-top", "output-stable"),
    long=True,
)
