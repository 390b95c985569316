"""How a run is judged: parts with their intervals, verdicts, and the competence that verdicts need.

A claim has parts, each a number that the claim says lies in a range (mostly above zero). A part holds if its interval
lies wholly inside the range, is contradicted if it lies wholly outside, and is undecided otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import scipy  # scipy.stats loads on first use

from reportgen.claims.statements import BY_ID, CLAIMS

Outcome = Literal["holds", "contradicted", "undecided"]
ABOVE_ZERO = (0.0, float("inf"))
LEVEL = 1 - 0.05 / len(CLAIMS)  # all claims are tested at once
COMPETENT = 0.2  # of the way from chance to perfect


@dataclass(frozen=True)
class Part:
    """One of a claim's numbers, with its interval."""

    name: str
    estimate: float
    low: float
    high: float
    n: int  # independent units behind it
    range: tuple[float, float] = ABOVE_ZERO

    @property
    def outcome(self) -> Outcome:
        """Whether the interval lies inside the claim's range, outside it, or across one end."""
        low, high = self.range
        if self.low > low and self.high <= high:
            return "holds"
        return "contradicted" if self.high < low or self.low > high else "undecided"

    @property
    def favour(self) -> tuple[int, float]:
        """Sort key, least favourable part first: outcome, then distance from the range's end in interval widths."""
        rank = ("contradicted", "undecided", "holds").index(self.outcome)
        room = min(self.estimate - self.range[0], self.range[1] - self.estimate)
        return rank, room / max(self.high - self.low, 1e-12)


@dataclass(frozen=True)
class Verdict:
    """A run's verdict on one claim."""

    id: str
    parts: tuple[Part, ...]
    why: str = ""  # if given: the claim is undecided for this reason; if empty: the parts decide
    not_tested: bool = field(default=False)

    @property
    def verdict(self) -> str:
        """``holds``, ``contradicted``, ``undecided`` or ``not tested``."""
        if self.not_tested:
            return "not tested"
        outcomes = {part.outcome for part in self.parts}
        if self.why or not outcomes:
            return "undecided"
        return next((outcome for outcome in ("contradicted", "undecided") if outcome in outcomes), "holds")

    def document(self) -> dict[str, Any]:
        """The verdict as in ``metrics.json``; the numbers are those of the least favourable part, which decides."""
        decisive = min(self.parts, key=lambda part: part.favour) if self.parts else None
        return {
            "id": self.id,
            "verdict": self.verdict,
            "estimate": decisive.estimate if decisive else None,
            "low": _finite(decisive.low) if decisive else None,
            "high": _finite(decisive.high) if decisive else None,
            "n": decisive.n if decisive else 0,
            "why": self.why,
            "parts": [
                {
                    "name": part.name,
                    "estimate": part.estimate,
                    "low": _finite(part.low),
                    "high": _finite(part.high),
                    "n": part.n,
                    "range": [_finite(end) for end in part.range],
                    "outcome": part.outcome,
                }
                for part in self.parts
            ],
        }


def _finite(value: float) -> float | None:
    """The value, or None if it is infinite: JSON has no infinity."""
    return value if np.isfinite(value) else None


def not_tested(claim: str, why: str) -> Verdict:
    """The verdict on a claim that this run cannot test."""
    return Verdict(claim, (), why, not_tested=True)


def competence(correct: int, images: int, classes: int) -> Part:
    """How far the net has come from chance (0) to perfect (1) on validation images, with its exact interval."""
    if images == 0:  # unknown
        return Part("competence", 0.0, float("-inf"), float("inf"), 0, (COMPETENT, float("inf")))
    chance = 1 / classes
    test = scipy.stats.binomtest(correct, images)
    interval = test.proportion_ci(LEVEL, method="exact")
    low, estimate, high = ((value - chance) / (1 - chance) for value in (interval.low, correct / images, interval.high))
    return Part("competence", float(estimate), float(low), float(high), images, (COMPETENT, float("inf")))


def gated(verdicts: Sequence[Verdict], skill: Part, whose: str = "the net") -> list[Verdict]:
    """The verdicts; if the net has not clearly learned anything, claims about what it learned become undecided."""
    why = (
        f"{whose} is not clearly better than guessing: it has come {skill.estimate:.2f} of the way from chance to "
        f"perfect [{skill.low:.2f}, {skill.high:.2f}], and {COMPETENT} is needed"
    )
    if skill.n == 0:
        why = "the accuracy of the net is unknown: no image has a label that the net knows"
    incompetent = skill.outcome != "holds"
    return [
        Verdict(verdict.id, verdict.parts, why)
        if incompetent and BY_ID[verdict.id].needs_competence and not verdict.not_tested
        else verdict
        for verdict in verdicts
    ]
