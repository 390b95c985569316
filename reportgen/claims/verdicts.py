"""How a run is judged: parts with their intervals, verdicts, and the competence that verdicts need.

A claim has parts, each a number that the claim says lies in a range (mostly above zero). A part holds if its interval
lies wholly inside the range, is contradicted if it lies wholly outside, and is undecided otherwise. A part that could not
have held, whatever the images, is not tested. docs/claims.md has the rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy  # scipy.stats loads on first use
from jaxtyping import Float

from reportgen.claims.statements import BY_ID, CLAIMS

Outcome = Literal["holds", "contradicted", "undecided", "not tested"]
ABOVE_ZERO = (0.0, float("inf"))
UNBOUNDED = (float("-inf"), float("inf"))
# What a number can be.
OF_SHARE = (0.0, 1.0)
OF_DIFFERENCE = (-1.0, 1.0)  # of two shares, two probabilities, two accuracies; a correlation
OF_GAPS = (-2.0, 2.0)  # a difference of two such differences
LEVEL = 1 - 0.05 / len(CLAIMS)  # all claims are tested at once
COMPETENT = 0.2  # of the way from chance to perfect


class Unit(NamedTuple):
    """What a part's number counts, for the words beside it."""

    words: str  # after the number
    scale: float = 1.0  # the printed number is the estimate times this
    digits: int = 3  # significant digits


PLAIN = Unit("")
POINTS = Unit("points of accuracy", 100)
PROBABILITY = Unit("points of probability", 100)
SHARE = Unit("points", 100)  # of a share that is named in the part


class Noise(NamedTuple):
    """How a number differs between trainings that differ in the training seed alone."""

    tau: float  # standard deviation between trainings
    freedom: int  # degrees of freedom behind it: trainings minus one


MORE_IMAGES = "more images are needed"
LESS_NOISE = "more images alone do not change what another training changes"


@dataclass(frozen=True)
class Part:
    """One of a claim's numbers, with its interval."""

    name: str
    estimate: float
    low: float
    high: float
    n: int  # independent units behind it
    range: tuple[float, float] = ABOVE_ZERO
    unit: Unit = PLAIN
    se: float | None = None  # standard error, of this trained net; None: the interval is exact, or unbounded
    most: float = float("inf")  # the largest value that the number can take, given what it is compared with
    bounds: tuple[float, float] = UNBOUNDED  # what the number can be in any run: its interval is cut there
    untested: str = ""  # why the number says nothing: then it is not judged
    narrower: str = field(default=MORE_IMAGES, compare=False)  # what would make the interval narrower
    # One value for each independent unit; the sum of their squares is se². Two nets that see the same units differ by less
    # than both errors say: the squares of the differences add up to the paired error.
    influence: Float[np.ndarray, " unit"] | None = field(default=None, compare=False, repr=False)

    @property
    def cut(self) -> tuple[float, float]:
        """The interval, without what the number cannot be. The truth is none of that, so as often as before it lies inside."""
        first, last = self.bounds
        return min(max(self.low, first), last), max(min(self.high, last), first)

    @property
    def measured(self) -> bool:
        """Whether the interval has an end."""
        return bool(np.isfinite(self.low) or np.isfinite(self.high))

    @property
    def largest(self) -> float:
        """The largest value that the number can take."""
        return min(self.most, self.bounds[1])

    @property
    def smallest_effect(self) -> float | None:
        """The smallest value that this run could have shown to lie in the claim's range; None if the interval has no end.

        By the interval before it was cut: where it was, the number was further from being known than the cut one says.
        """
        reach = self.estimate - self.low
        return self.range[0] + reach if np.isfinite(reach) else None

    @property
    def why(self) -> str:
        """Why the part is not judged; empty if it is."""
        if self.untested:
            return self.untested
        if not self.measured:
            return f"too few independent units for an interval ({self.n})"
        needed = self.smallest_effect
        if needed is not None and needed > self.largest:
            return (
                f"to hold it would have to reach {self._said(needed)}, but cannot exceed "
                f"{self.largest * self.unit.scale:.3g}: {self.narrower}"
            )
        return ""

    def _said(self, value: float) -> str:
        return f"{value * self.unit.scale:.3g} {self.unit.words}".rstrip()

    @property
    def outcome(self) -> Outcome:
        """Whether the interval lies inside the claim's range, outside it, or across one end; or that it is not judged."""
        (low, high), (first, last) = self.cut, self.range
        if high < first or low > last:
            return "not tested" if self.untested else "contradicted"
        if self.why:
            return "not tested"
        return "holds" if low > first and high <= last else "undecided"

    @property
    def favour(self) -> tuple[int, float]:
        """Sort key, least favourable part first: outcome, then distance from the range's end in interval widths."""
        rank = ("contradicted", "undecided", "not tested", "holds").index(self.outcome)
        room, (low, high) = min(self.estimate - self.range[0], self.range[1] - self.estimate), self.cut
        return rank, room / max(high - low, 1e-12)

    def trained_again(self, noise: Noise, trainings: int = 1) -> "Part":
        """The same number as a statement about training this way; `trainings`: how many the estimate is the mean of.

        On either side, the interval's reach and tau times Student's t are the sides of a right triangle.
        """
        reach = noise.tau / trainings**0.5 * float(scipy.stats.t.ppf((1 + LEVEL) / 2, noise.freedom))
        return replace(
            self,
            low=self.estimate - float(np.hypot(self.estimate - self.low, reach)),
            high=self.estimate + float(np.hypot(self.high - self.estimate, reach)),
            narrower=LESS_NOISE,
        )

    def document(self) -> dict[str, Any]:
        """The part as in ``metrics.json``; an interval without ends has none, whatever the bounds."""
        low, high = self.cut if self.measured else UNBOUNDED
        return {
            "name": self.name,
            "estimate": self.estimate,
            "low": _finite(low),
            "high": _finite(high),
            "uncut": [_finite(self.low), _finite(self.high)],
            "bounds": [_finite(end) for end in self.bounds],
            "n": self.n,
            "range": [_finite(end) for end in self.range],
            "unit": self.unit._asdict(),
            "se": self.se,
            "most": _finite(self.largest),
            "smallest_effect": self.smallest_effect,
            "outcome": self.outcome,
            "why": self.why,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Part":
        """The part that a `document` describes."""
        most = document["most"]
        low, high = _ends(document["uncut"])
        return cls(
            name=document["name"],
            estimate=document["estimate"],
            low=low,
            high=high,
            n=document["n"],
            range=_ends(document["range"]),
            bounds=_ends(document["bounds"]),
            unit=Unit(**document["unit"]),
            se=document["se"],
            most=float("inf") if most is None else most,
            untested=document["why"] if document["outcome"] == "not tested" else "",
        )


@dataclass(frozen=True)
class Verdict:
    """A run's verdict on one claim."""

    id: str
    parts: tuple[Part, ...]
    why: str = ""  # if given: the claim is undecided for this reason; if empty: the parts decide
    not_tested: bool = field(default=False)
    beside: tuple[Part, ...] = ()  # numbers that are printed beside the verdict and not judged

    @property
    def verdict(self) -> str:
        """``holds``, ``contradicted``, ``undecided`` or ``not tested``."""
        outcomes = {part.outcome for part in self.parts}
        if self.not_tested or outcomes == {"not tested"}:
            return "not tested"
        if self.why or not outcomes:
            return "undecided"
        if "contradicted" in outcomes:
            return "contradicted"
        return "holds" if outcomes == {"holds"} else "undecided"

    @property
    def because(self) -> str:
        """Why the verdict is not the parts' own, or why a part of it is not judged; empty where there is nothing to say."""
        return self.why or "; ".join(f"{part.name}: {part.why}" for part in self.parts if part.outcome == "not tested")

    @property
    def decisive(self) -> Part | None:
        """The least favourable part: its verdict alone would be the claim's; None where there are no parts.

        One that is not tested keeps a claim from holding, so it comes before those that hold.
        """
        return min(self.parts, key=lambda part: part.favour) if self.parts else None

    def document(self) -> dict[str, Any]:
        """The verdict as in ``metrics.json``; the numbers are those of the part that decides, `decides` is its name."""
        decisive = self.decisive
        shown = decisive.document() if decisive else None
        return {
            "id": self.id,
            "verdict": self.verdict,
            "decides": decisive.name if decisive else None,
            "estimate": decisive.estimate if decisive and decisive.measured else None,
            "low": shown["low"] if shown else None,
            "high": shown["high"] if shown else None,
            "n": decisive.n if decisive else 0,
            "unit": (decisive.unit if decisive else PLAIN)._asdict(),
            "why": self.because,
            "gate": self.why,
            "parts": [part.document() for part in self.parts],
            "beside": [part.document() for part in self.beside],
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Verdict":
        """The verdict that a `document` describes."""
        parts, beside = (tuple(map(Part.read, document[name])) for name in ("parts", "beside"))
        untested = document["verdict"] == "not tested" and not any(part.why for part in parts)
        return cls(document["id"], parts, document["gate"], untested, beside)


def influence_key(claim: str, part: str) -> str:
    """Under which name a part's influence is kept among a report's arrays."""
    return f"claims.{claim}.{part}"


def _ends(pair: Sequence[float | None]) -> tuple[float, float]:
    """A range whose open ends are None."""
    low, high = pair
    return float("-inf") if low is None else low, float("inf") if high is None else high


def _finite(value: float) -> float | None:
    """The value, or None if it is infinite: JSON has no infinity."""
    return value if np.isfinite(value) else None


def not_tested(claim: str, why: str) -> Verdict:
    """The verdict on a claim that this run cannot test."""
    return Verdict(claim, (), why, not_tested=True)


def competence(correct: int, images: int, chance: float) -> Part:
    """How far the net has come from `chance` (0) to perfect (1) on validation images, with its exact interval.

    Unknown where there are no images, or nothing lies between the two.
    """
    unknown = Part("competence", 0.0, *UNBOUNDED, images, (COMPETENT, float("inf")))
    if images == 0:
        return unknown
    if chance == 1:
        return replace(
            unknown, untested="every validation image shows one and the same class: naming it is always right"
        )
    test = scipy.stats.binomtest(correct, images)
    interval = test.proportion_ci(LEVEL, method="exact")
    low, estimate, high = ((value - chance) / (1 - chance) for value in (interval.low, correct / images, interval.high))
    return Part("competence", float(estimate), float(low), float(high), images, (COMPETENT, float("inf")))


def gated(verdicts: Sequence[Verdict], skill: Part, whose: str = "the net") -> list[Verdict]:
    """The verdicts; if the net has not clearly learned anything, claims about what it learned become undecided."""
    why = (
        f"{whose} has learned too little to judge by it: {100 * skill.estimate:z.0f} % of the way from chance to perfect "
        f"[{100 * skill.low:z.0f}, {100 * skill.high:z.0f}], whose lower end must exceed {100 * COMPETENT:.0f} %"
    ).replace("-", "−")
    if skill.n == 0:
        why = "the accuracy of the net is unknown: no image has a label that the net knows"
    if skill.untested:
        why = f"whether {whose} is better than guessing is unknown: {skill.untested}"
    incompetent = skill.outcome != "holds"
    return [
        replace(verdict, why=why)
        if incompetent and BY_ID[verdict.id].needs_competence and not verdict.not_tested
        else verdict
        for verdict in verdicts
    ]
