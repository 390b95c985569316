"""How the pictures are made: a deconvnet layer beside a convnet layer, and the net itself.

Zeiler & Fergus 2013, section 2.1 and figures 1 and 3; both are drawn from the module, figure 1 with the numbers of a real
image.
"""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Nothing to set: the image of figure 1 is drawn by the seed."""


ANALYSIS = Analysis(
    "schematics",
    "How the pictures are made",
    Settings,
    figures=("deconvnet", "architecture"),
)
