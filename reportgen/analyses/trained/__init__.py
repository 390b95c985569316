"""The net and its data: which net learned from which images, and how good it is."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How much is shown."""

    gallery: Annotated[int, Field(ge=1)] = 8  # training images of each class
    gallery_classes: Annotated[int, Field(ge=2)] = 24  # of more classes, so many at random are shown
    mistakes: Annotated[int, Field(ge=1)] = 12  # wrong answers, the most confident first


ANALYSIS = Analysis(
    "trained",
    "The net and its data",
    Settings,
    figures=(
        "gallery",
        "curves",
        "class_accuracy",
        "confusion",
        "mistakes",
        "precision",
        "classes",
        "together",
        "said",
    ),
)
