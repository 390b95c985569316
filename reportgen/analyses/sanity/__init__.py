"""Can the deconvnet be believed? (Adebayo et al. 2018, Nie et al. 2018; no claim of Zeiler & Fergus 2013.)

A picture of what a unit responds to should change when the net forgets what it learned. Adebayo et al. ("Sanity Checks
for Saliency Maps") randomise a net's layers one after another, from the top downwards, and ask how alike a picture is
before and after; several kinds hardly changed. Nie et al. ("A Theoretical Explanation for Perplexing Behaviors of
Backpropagation-based Visualizations") show why for the deconvnet: its rectified signal and its switches partly restore
the image, whatever the weights. This analysis tests the net's own units in that way, with the plain gradient beside.
"""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How many units are put to the test."""

    units: Annotated[int, Field(ge=2)] = 12  # of each layer, drawn at random among the maps that respond to anything
    examples: Annotated[int, Field(ge=1)] = 4  # of the highest layer, shown as pictures


ANALYSIS = Analysis(
    "sanity",
    "Is the deconvnet to be believed?",
    Settings,
    figures=("deconvnet", "gradient", "rank", "structure", "table"),
)
