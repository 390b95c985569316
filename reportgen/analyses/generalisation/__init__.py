"""Are the features useful for other images? (Zeiler & Fergus 2013, sections 5.2 and 5.3, tables 4, 5 and 7, figure 9).

On images of classes that the net never saw: a softmax retrained on its frozen features against the same net trained
from scratch, at several numbers of images per class; and linear classifiers on the features of each layer. From these
come the claims `generalises` and `deeper-is-better`.
"""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How many images are learned from, how often, and how many are kept for testing."""

    counts: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (2, 5, 15)  # of each class
    folds: Annotated[int, Field(ge=2)] = 5  # trainings for each count, on images drawn anew
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.5  # of the smallest class: so many of each, for no training
    epochs: Annotated[int, Field(ge=1)] = 60  # the most that a net is trained for from scratch
    gallery: Annotated[int, Field(ge=1)] = 8  # images of each class that are shown
    gallery_classes: Annotated[int, Field(ge=2)] = 24  # of more classes, so many at random are shown


ANALYSIS = Analysis(
    "generalisation",
    "Are the features useful for other images?",
    Settings,
    figures=("gallery", "from_scratch", "by_count_table", "by_count", "by_layer_table", "by_layer"),
    claims=("generalises", "deeper-is-better"),
    reads=("data", "net", "transfer"),
    long=True,
)
