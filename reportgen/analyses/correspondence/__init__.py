"""Correspondence between parts of different images (Zeiler & Fergus 2013, section 4.3, figure 8, table 1).

Nobody told the net that faces have eyes and noses. Does it know that the left eyes of two dogs correspond? Mask the
same part in several images: if the masks change the features alike, the net treats the part as one thing. The paper's
score is the Hamming distance between the signs of the changes, over pairs of images; masks at random places give the
score to compare it with.

The paper's five dogs are of five breeds, which are classes of their own in ImageNet: the pairs are of different classes
here as well. Where one class alone has parts they lie within it, and the section says so.

Where the paper is silent: a mask is a grey square as wide as the part times `mask_scale`; every part is compared with
random masks of its own size, several in each image. They lie wholly on the object and clear of the parts' masks;
a second sort, shown beside, may lie off the object.
"""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How the masks are made."""

    draws: Annotated[int, Field(ge=1)] = 3  # random masks for each part of each image, of either sort
    mask_scale: Annotated[float, Field(gt=0, le=4)] = 1.25  # side of the grey square, in diameters of the part
    shown: Annotated[int, Field(ge=2)] = 5  # images in the figure


ANALYSIS = Analysis(
    "correspondence",
    "Does the net know that a left eye is a left eye?",
    Settings,
    figures=("masks", "table1", "gaps", "behind"),
    claims=("correspondence",),
    reads=("data", "net", "annotations"),
)
