"""Training noise: how much a claim's numbers differ between trainings that differ in the training seed alone.

``make noise`` measures it into a file; the package brings that of `smoke` and `default`. Beside each analysis' numbers stand the
settings that they depend on, all but the training seed: where these differ, the noise is unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.claims.verdicts import Noise, Part, Verdict

SCHEMA = 1  # of the file: raised when a name is renamed or removed
FEWEST = 3  # trainings in which a number must have been measured
PRIOR = 4  # degrees of freedom that noise from a file counts as, beside what this run's own trainings say
SHIPPED = Path(__file__).parent / "noise_of"  # measured by the project, by profile
ACCURACY = ("net", "accuracy", "validation images right")  # analysis, claim and part under which the accuracy is kept
OF_CLASS = "validation images right: {}"  # and the part of a class

Estimates = Mapping[str, Mapping[str, float]]  # claim -> part -> estimate, of one training
Conditions = Mapping[str, Mapping[str, Any]]  # section -> setting -> value
Estimated = Mapping[str, Mapping[str, Noise]]  # claim -> part -> its noise
_UNKNOWN = object()  # what equals no setting's value
# What a file may say. Numbers that are made of it are written into reports and files of noise, which have wider bounds.
FARTHEST = 1e50
MOST_TRAININGS = 1_000_000
MOST_HOURS = 1e9
_Number = Annotated[foreign.Finite, foreign.within(FARTHEST)]
_Trainings = Annotated[int, Field(ge=0, le=MOST_TRAININGS)]


@dataclass(frozen=True)
class Spread:
    """The spread of one number over trainings."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    tau: Annotated[_Number, Field(ge=0)]  # standard deviation
    mean: _Number
    trainings: Annotated[_Trainings, Field(ge=2)]


@dataclass(frozen=True)
class OfAnalysis:
    """The spread of the numbers of one analysis."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    conditions: dict[str, dict[str, foreign.Json]]  # under which it was measured: section -> setting -> value
    claims: dict[str, dict[str, Spread]]  # claim -> part


@dataclass(frozen=True)
class About:
    """How training noise was measured: for people, and so that no training is counted twice."""

    __pydantic_config__ = ConfigDict(extra="ignore")

    trainings: _Trainings = 0
    training_seeds: tuple[foreign.Count, ...] = ()  # none: the nets were trained elsewhere
    profile: str = ""
    machine_hours: Annotated[float, Field(ge=0, le=MOST_HOURS, allow_inf_nan=False)] = 0.0
    device: str = ""
    reportgen: str = ""
    torch: str = ""


@dataclass(frozen=True)
class Measured:
    """A file of training noise."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    schema: foreign.Count
    about: About
    analyses: dict[str, OfAnalysis]

    @property
    def most(self) -> int:
        """In how many trainings a number was measured at the most."""
        claims = (claim for analysis in self.analyses.values() for claim in analysis.claims.values())
        return max((spread.trainings for parts in claims for spread in parts.values()), default=0)

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

    def joined(self, older: "Measured", usual: Conditions) -> "Measured":
        """These trainings and those of an older file, which share none.

        An analysis that the older file does not have, or has under other conditions, keeps what these trainings say.
        """
        analyses = {
            name: replace(found, claims=_all_of(found.claims, older.analyses[name].claims))
            if name in older.analyses and same(found.conditions, older.analyses[name].conditions, usual)
            else found
            for name, found in self.analyses.items()
        }
        seeds = sorted({*self.about.training_seeds, *older.about.training_seeds})
        about = replace(
            self.about,
            trainings=len(seeds),
            training_seeds=tuple(seeds),
            machine_hours=round(self.about.machine_hours + older.about.machine_hours, 2),
        )
        return replace(self, about=about, analyses=analyses)


def _all_of(
    one: Mapping[str, Mapping[str, Spread]], other: Mapping[str, Mapping[str, Spread]]
) -> dict[str, dict[str, Spread]]:
    """The spreads of two sets of trainings, by claim and part; what one of them alone measured stays as it is."""
    found: dict[str, dict[str, Spread]] = {}
    for claim in {**one, **other}:
        parts, others = one.get(claim, {}), other.get(claim, {})
        found[claim] = {**parts, **others} | {
            name: joined(parts[name], others[name]) for name in parts if name in others
        }
    return found


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
    with foreign.reading(said_by, "a file of training noise", "give the file that make noise wrote"):
        found: Measured = foreign.document(path, Measured)
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


def joined(one: Spread, other: Spread) -> Spread:
    """The spread over the trainings of both, which share none: exactly what `spread` would find in all of them at once."""
    count = one.trainings + other.trainings
    mean = (one.trainings * one.mean + other.trainings * other.mean) / count
    squares = sum(
        (part.trainings - 1) * part.tau**2 + part.trainings * (part.mean - mean) ** 2 for part in (one, other)
    )
    return Spread(float(np.sqrt(squares / (count - 1))), mean, count)


def pooled(own: Noise | None, prior: Noise | None) -> Noise | None:
    """What this run's own trainings say of a number's noise, together with what a file says of it."""
    if own is None or prior is None:
        return own or prior
    weight = min(prior.freedom, PRIOR)
    freedom = own.freedom + weight
    return Noise(float(np.sqrt((own.freedom * own.tau**2 + weight * prior.tau**2) / freedom)), freedom)


def among(noises: Iterable[Noise]) -> Noise | None:
    """What several numbers of one kind say together of the noise of each: the root of their mean square."""
    found = list(noises)
    if not found:
        return None
    tau = float(np.sqrt(np.mean([one.tau**2 for one in found])))
    return Noise(tau, min(one.freedom for one in found))


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
