"""Training noise: how much a claim's numbers differ between trainings that differ in the training seed alone.

``make noise`` measures it into a file; the package brings that of the profile `smoke`. Beside each analysis' numbers stand the
settings that they depend on, all but the training seed: where these differ, the noise is unknown.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from reportgen.base.errors import UserError
from reportgen.claims.verdicts import Noise, Part, Verdict

SCHEMA = 1  # of the file: raised when a name is renamed or removed
FEWEST = 3  # trainings in which a number must have been measured
PRIOR = 4  # degrees of freedom that noise from a file counts as, beside what this run's own trainings say
SHIPPED = Path(__file__).parent / "noise_of"  # measured by the project, by profile
ACCURACY = ("net", "accuracy", "validation images right")  # analysis, claim and part under which the accuracy is kept

Estimates = Mapping[str, Mapping[str, float]]  # claim -> part -> estimate, of one training
Conditions = Mapping[str, Mapping[str, Any]]  # section -> setting -> value
Estimated = Mapping[str, Mapping[str, Noise]]  # claim -> part -> its noise
_FROZEN = ConfigDict(extra="forbid")
_UNKNOWN = object()  # what equals no setting's value


@dataclass(frozen=True, config=_FROZEN)
class Spread:
    """The spread of one number over trainings."""

    tau: Annotated[float, Field(ge=0, allow_inf_nan=False)]  # standard deviation
    mean: Annotated[float, Field(allow_inf_nan=False)]
    trainings: Annotated[int, Field(ge=2)]


@dataclass(frozen=True, config=_FROZEN)
class OfAnalysis:
    """The spread of the numbers of one analysis."""

    conditions: dict[str, dict[str, Any]]  # under which it was measured: section -> setting -> value
    claims: dict[str, dict[str, Spread]]  # claim -> part


@dataclass(frozen=True, config=_FROZEN)
class Measured:
    """A file of training noise."""

    schema: int
    about: dict[str, str | int | float | None]  # how it was measured: for people
    analyses: dict[str, OfAnalysis]

    def under(self, conditions: Mapping[str, Conditions], usual: Conditions) -> dict[str, Estimated]:
        """What it says of the analyses, by name, that it was measured for under these conditions of each."""
        return {
            name: {
                claim: {part: Noise(spread.tau, spread.trainings - 1) for part, spread in parts.items()}
                for claim, parts in found.claims.items()
            }
            for name, found in self.analyses.items()
            if name in conditions and same(found.conditions, conditions[name], usual)
        }


def same(one: Conditions, other: Conditions, usual: Conditions) -> bool:
    """Whether two sets of conditions are the same; a setting that one of them does not name is at its usual value there.

    So noise stays known when reportgen learns a new setting, and becomes unknown when an old one gets another usual value.
    """
    for section in {*one, *other}:
        first, second = one.get(section, {}), other.get(section, {})
        for name in {*first, *second}:
            beyond = usual.get(section, {}).get(name, _UNKNOWN)
            if first.get(name, beyond) != second.get(name, beyond):
                return False
    return True


def read(path: Path, said_by: str) -> Measured:
    """A file of training noise; raises UserError, beginning with `said_by`, for anything else."""
    way = "give the file that make noise wrote"
    try:
        found = TypeAdapter(Measured).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{said_by}: {os.strerror(error.errno or 0)}: {way}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise UserError(f"{said_by}: not a file of training noise ({place}: {first['msg']}): {way}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{said_by}: not a file of training noise ({error}): {way}") from None
    if found.schema != SCHEMA:
        raise UserError(f"{said_by}: it has schema {found.schema}, but this reportgen reads {SCHEMA}: measure it again")
    return found


def shipped() -> list[Path]:
    """The files that the package brings."""
    return sorted(SHIPPED.glob("*.json"))


def spread(trainings: Sequence[Estimates]) -> dict[str, dict[str, Spread]]:
    """The spread of every number that at least `FEWEST` trainings measured, by claim and part."""
    found: dict[str, dict[str, Spread]] = {}
    for claim in dict.fromkeys(name for one in trainings for name in one):
        for part in dict.fromkeys(name for one in trainings for name in one.get(claim, {})):
            values = [one[claim][part] for one in trainings if part in one.get(claim, {})]
            if len(values) >= FEWEST:
                deviation = float(np.std(values, ddof=1))
                found.setdefault(claim, {})[part] = Spread(deviation, float(np.mean(values)), len(values))
    return found


def pooled(own: Noise | None, prior: Noise | None) -> Noise | None:
    """What this run's own trainings say of a number's noise, together with what a file says of it."""
    if own is None or prior is None:
        return own or prior
    weight = min(prior.freedom, PRIOR)
    freedom = own.freedom + weight
    return Noise(float(np.sqrt((own.freedom * own.tau**2 + weight * prior.tau**2) / freedom)), freedom)


def of_training(
    verdict: Verdict, noises: Mapping[str, Noise | None], again: Iterable[Mapping[str, float]] = ()
) -> Verdict | None:
    """The verdict on training this way; None if the noise of a judged part is unknown, or no part is judged.

    `again`: the estimates, by part, of the trainings beside the net's own; the estimate is then the mean of all.
    """
    parts: list[Part] = []
    for part in verdict.parts:
        noise = noises.get(part.name)
        if noise is None:
            if not part.untested:
                return None
            parts.append(part)
            continue
        values = [part.estimate, *(one[part.name] for one in again if part.name in one)]
        shift = float(np.mean(values)) - part.estimate
        moved = replace(part, estimate=part.estimate + shift, low=part.low + shift, high=part.high + shift)
        parts.append(moved.trained_again(noise, len(values)))
    return replace(verdict, parts=tuple(parts)) if any(not part.untested for part in parts) else None


def judged(
    document: Mapping[str, Any], noises: Mapping[str, Noise | None], again: Sequence[Mapping[str, float]] = ()
) -> dict[str, Any]:
    """The final verdict on one claim, from the document that an analysis wrote (`Verdict.document`).

    ``of``: ``training`` where the noise of every judged part is known, else ``net``. Verdict, estimate, interval and parts
    are those of that question; ``net`` has the verdict on this trained net and, by part, its interval.
    """
    verdict = Verdict.read(document)
    training = of_training(verdict, noises, again) if verdict.parts else None
    final = training or verdict
    found = final.document()
    for part, own in zip(found["parts"], verdict.document()["parts"], strict=True):
        noise = noises.get(part["name"])
        part["tau"] = noise.tau if noise else None
        part["net"] = {name: own[name] for name in ("estimate", "low", "high", "outcome")}
    return found | {
        "of": "training" if training else "net",
        "net": verdict.verdict,
        "trainings": 1 + len(again) if training else 1,
    }
