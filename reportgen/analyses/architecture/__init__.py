"""Architecture selection (Zeiler & Fergus 2013, section 4.1, figure 6; section 5.1, table 2).

The use of the visualisation: Krizhevsky's first layers (11x11 filters, stride 4) against those of the net of
figure 3 (7x7, stride 2), and layer 1 trained with and without clipping of the filters' RMS. All four are comparison
nets; the results hold for these trained nets only.
"""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How many maps are shown, and on how many projections aliasing is measured."""

    maps: Annotated[int, Field(ge=1)] = 12  # of layer 2 of each net, drawn at random
    projections: Annotated[int, Field(ge=2)] = 300  # of each net at most, one for each image


ANALYSIS = Analysis(
    "architecture",
    "Choosing an architecture by looking",
    Settings,
    figures=(
        "paper_unclipped",
        "paper_clipped",
        "energy",
        "krizhevsky_filters",
        "zfnet_filters",
        "krizhevsky_layer2",
        "zfnet_layer2",
        "spectra",
        "nets",
    ),
    claims=("clipping", "fewer-dead-features", "less-aliasing", "better-architecture"),
    reads=("data", "net", "compare/zfnet", "compare/krizhevsky", "compare/paper-clipped", "compare/paper-unclipped"),
)
