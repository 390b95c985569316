"""A report that somebody gives, as ``make compare`` reads it: ``metrics.json`` and the arrays beside it, typed.

Only what the comparison uses is asked for; whatever else is there is left as it is.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field
from typing_extensions import TypedDict  # pydantic asks for it, on Python 3.11

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.foreign import Count, Finite, Json, Named, Share
from reportgen.base.foreign_arrays import arrays
from reportgen.page import metrics

MOST_CLAIMS, MOST_PARTS = 1_000, 1_000
WAY_OUT = "make that report again"

Date = Annotated[int, Field(ge=0, le=253_402_300_799)]  # seconds since 1970, to the end of the year 9999
Word = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=20_000)]
Result = Literal["holds", "contradicted", "undecided", "not tested"]
_MORE = ConfigDict(extra="allow")


class Unit(TypedDict):
    """The printed number is the estimate times the scale, followed by the words."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    words: NotRequired[Text]
    scale: Finite
    digits: NotRequired[Annotated[int, Field(ge=0, le=20)]]


class OfNet(TypedDict):
    """A part's interval on this trained net."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    low: Finite | None
    high: Finite | None


class Part(TypedDict):
    """One number of a claim."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    name: Word
    estimate: Finite | None
    low: Finite | None
    high: Finite | None
    outcome: Result
    unit: NotRequired[Unit]
    se: NotRequired[Finite | None]
    tau: NotRequired[Finite | None]
    net: NotRequired[OfNet]


def _measured(part: Part) -> Part:
    if part["estimate"] is None and (part["outcome"] != "not tested" or part["low"] is not None):
        raise ValueError(f"the part {foreign.short(part['name'])!r} has an interval or a verdict, but no estimate")
    return part


class Claim(TypedDict):
    """What the report says of one claim."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    id: Annotated[str, Field(pattern="^[a-z0-9-]+$", max_length=100)]
    statement: Text
    verdict: Result
    why: Text
    parts: Annotated[list[Annotated[Part, AfterValidator(_measured)]], Field(max_length=MOST_PARTS)]
    trainings: NotRequired[Annotated[int, Field(ge=1, le=1_000_000)]]
    weights: NotRequired[Text | None]


class Run(TypedDict):
    """How the report was made."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    commit: Text | None
    date: NotRequired[Date | None]
    profile: Word
    seed: Count
    settings: dict[Word, dict[Word, Json]]
    versions: dict[Word, Text]


class Data(TypedDict):
    """What images the report is about."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    name: Text
    fingerprint: Word
    images: dict[Word, Count]
    classes: list[Text]


class OfClass(TypedDict):
    """How many images of a class the net has right."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    name: Text
    right: Count
    images: Annotated[Count, Field(ge=1)]
    tau: Finite | None


def _at_most_all(one: OfClass) -> OfClass:
    if one["right"] > one["images"]:
        raise ValueError(f"more images of the class {foreign.short(one['name'])!r} are right than there are")
    return one


class Model(TypedDict):
    """What net it is about."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    name: Text
    weights: Text | None
    parameters: Count
    top1: Share | None
    labelled_images: Count
    map: NotRequired[Share | None]
    map_low: NotRequired[Share | None]
    map_high: NotRequired[Share | None]
    top1_tau: NotRequired[Finite | None]
    by_class: NotRequired[list[Annotated[OfClass, AfterValidator(_at_most_all)]]]
    weights_digest: NotRequired[Text | None]


def _counted(model: Model) -> Model:
    if model["top1"] is not None and not model["labelled_images"]:
        raise ValueError("an accuracy of no images")
    return model


class Figure(TypedDict):
    """A figure and its files, below the report's folder."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    analysis: Word
    files: list[Annotated[Named, Field(pattern="^figures/")]]


class Metrics(TypedDict):
    """``metrics.json``."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    schema: int
    run: Run
    data: Data
    model: Annotated[Model, AfterValidator(_counted)]
    claims: Annotated[list[Claim], Field(max_length=MOST_CLAIMS)]
    analyses: dict[Word, Json]
    figures: list[Figure]


def read_report(folder: Path, said_by: str) -> dict[str, Any]:
    """A report's ``metrics.json``; raises UserError, beginning with `said_by`, if it is missing or cannot be read."""
    path = folder / "metrics.json"
    if not path.exists():
        raise UserError(f"{said_by}: no report in it (metrics.json): give the folder of a report")
    with foreign.reading(f"{said_by}: its metrics.json is damaged", "one of a report", WAY_OUT):
        written = foreign.content(path, foreign.MOST_DOCUMENT)
        whole: dict[str, Any] = foreign.parsed(written, dict[str, Any])
        schema = whole.get("schema")
        if schema != metrics.VERSION:
            raise UserError(
                f"{said_by}: its metrics.json has schema {foreign.short(str(schema))}, but this reportgen reads "
                f"{metrics.VERSION}: make that report again with this version"
            )
        found: dict[str, Any] = foreign.parsed(written, Metrics)
    return found


def influences(folder: Path, said_by: str, names: list[str]) -> dict[str, np.ndarray]:
    """What each unit adds to the error of each number of a report (`reportgen.claims.Part.influence`).

    Raises UserError for a file that is damaged.
    """
    found: dict[str, np.ndarray] = {}
    for name in names:
        path = folder / "data" / f"{name}.npz"
        if path.is_file():
            with damaged(said_by, path):
                found |= influences_in(path)
    return found


def influences_in(path: Path) -> dict[str, np.ndarray]:
    """Those in one file of arrays; raises as `reportgen.base.foreign_arrays.arrays`."""
    return arrays(path, lambda key: key.startswith("claims."))


def damaged(said_by: str, path: Path) -> Any:
    """Turn what is wrong with a file of arrays into UserError."""
    return foreign.reading(
        f"{said_by}: its data/{path.name} is damaged", "arrays of a report", f"{WAY_OUT}, or delete it"
    )
