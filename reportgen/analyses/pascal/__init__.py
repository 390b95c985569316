"""Are the features useful for images that show several things at once? (Zeiler & Fergus 2013, section 5.2, table 6).

One linear classifier for each class, on the net's frozen features, judged by the average precision of PASCAL VOC 2012.
"""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How many of the images are shown."""

    gallery: Annotated[int, Field(ge=1)] = 12  # test images


ANALYSIS = Analysis(
    "pascal",
    "Do they serve images that show several things?",
    Settings,
    figures=("gallery", "table", "precision"),
    reads=("data", "net", "multilabel"),
)
