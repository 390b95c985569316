"""Feature visualisation (Zeiler & Fergus 2013, section 4, figure 2).

For every map of every convolution layer, the nine validation images that excite it most; for a random subset of maps
those activations projected to pixels, beside the image patches that caused them. From the same nine come two claims:
`hierarchy` (do they agree on a class, and more so in deeper layers?) and `grouping` (are they alike?).
"""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How many maps are shown; the numbers rest on all of them."""

    maps: Annotated[int, Field(ge=1)] = 12  # of each layer, drawn at random


ANALYSIS = Analysis(
    "features",
    "What each feature map responds to",
    Settings,
    figures=("layer1_filters", "layer*", "agreement", "similarity"),
    claims=("hierarchy", "grouping"),
    shared=True,
)
