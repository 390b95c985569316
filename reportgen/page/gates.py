"""``FAIL_ON=``: conditions of the user's own on a report, for a CI job that is to fail where one is not met.

Conditions are separated by commas: ``verdict`` (no verdict got worse beyond noise, nor the accuracy of all images or of one
class), ``moved`` (no number changed beyond noise), ``top1>=0.9``, ``localises>=2%``, ``grouping=holds``. A number fails where its
whole interval lies on the wrong side, so that sampling, and training again where its noise is known, fail nothing by chance;
``top1>=0.9+-0.01`` gives the tolerance.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reportgen.base.errors import UserError
from reportgen.base.foreign import FARTHEST
from reportgen.base.names import nearest
from reportgen.claims import BY_ID
from reportgen.page.changes import Changes, Moved, VerdictChange, Z, accuracy
from reportgen.page.conclusion import reason
from reportgen.page.content import VERDICTS
from reportgen.page.filters import bounds, interval, number

Outcome = Literal["passed", "failed", "not judged"]
CHANGES = ("verdict", "moved")  # conditions on what changed since an older report
ACCURACIES = ("top1", "top5", "map")
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
CONDITION = re.compile(
    rf"(?P<name>[\w-]+?)\s*(?:(?P<sign>>=|<=)\s*(?P<value>{NUMBER})\s*(?P<percent>%?)"
    rf"(?:\s*(?:\+-|±)\s*(?P<tolerance>{NUMBER})\s*(?P<share>%?))?|=\s*(?P<verdict>[a-z ]+))?"
)
WRITE_SO = "write verdict, moved, top1>=0.9, CLAIM>=0.02 or CLAIM=holds, with commas between them"


@dataclass(frozen=True)
class Gate:
    """One condition."""

    text: str
    name: str  # verdict, moved, top1, top5, map or a claim's
    sign: str = ""  # >=, <= or =
    value: float = 0.0  # in the unit of metrics.json: a share of 1 where the page prints per cent
    tolerance: float | None = None  # None: what sampling and training again explain
    verdict: str = ""  # that the claim must have

    @property
    def compares(self) -> bool:
        """Whether it asks for an older report."""
        return self.name in CHANGES


@dataclass(frozen=True)
class Judged:
    """What came of a condition."""

    gate: Gate
    outcome: Outcome
    why: str  # one line
    narrow: bool = False  # passed by no more than noise: the number itself is on the wrong side


def read(text: str) -> tuple[Gate, ...]:
    """The conditions in FAIL_ON=; raises UserError for what is none, naming what exists."""
    return tuple(_gate(part.strip(), f"FAIL_ON={text}") for part in text.split(",")) if text.strip() else ()


def _gate(text: str, said_by: str) -> Gate:
    found = CONDITION.fullmatch(text)
    if not found:
        raise UserError(f"{said_by}: '{text}' is no condition: {WRITE_SO}")
    name, sign, verdict = found["name"], found["sign"] or "", (found["verdict"] or "").strip()
    known = (*CHANGES, *ACCURACIES, *BY_ID)
    if name not in known:
        raise UserError(f"{said_by}: no '{name}' to judge{nearest(name, known)} ({', '.join(known)} exist)")
    if name in CHANGES and text != name:
        raise UserError(f"{said_by}: '{name}' stands alone: {WRITE_SO}")
    if name not in CHANGES and not sign and not verdict:
        raise UserError(f"{said_by}: '{name}' lacks its bound: {_as_in(name)}")
    if verdict and (name in ACCURACIES or verdict not in VERDICTS):
        either = _as_in(name) if name in ACCURACIES else f"use {', '.join(VERDICTS)}{nearest(verdict, VERDICTS)}"
        raise UserError(f"{said_by}: '{text}': {either}")
    if verdict:
        return Gate(text, name, "=", verdict=verdict)
    if not sign:
        return Gate(text, name)
    tolerance = _share(found["tolerance"], found["share"]) if found["tolerance"] else None
    if tolerance is not None and tolerance < 0:
        raise UserError(f"{said_by}: '{text}': a tolerance is 0 or more")
    value = _share(found["value"], found["percent"])
    if max(abs(value), tolerance or 0.0) > FARTHEST:
        raise UserError(f"{said_by}: '{text}': a bound and its tolerance are finite: use numbers up to {FARTHEST:g}")
    if name in ACCURACIES and not 0 <= value <= 1:
        raise UserError(f"{said_by}: '{text}': an accuracy lies between 0 and 1: write 90% or 0.9")
    return Gate(text, name, sign, value, tolerance)


def _share(number: str, percent: str) -> float:
    return float(number) / (100 if percent else 1)


def _as_in(name: str) -> str:
    return f"as in {name}>=0.9" if name in ACCURACIES else f"as in {name}>=0.02 or {name}=holds"


def judge(
    gates: Sequence[Gate], now: Mapping[str, Any], found: Changes | None = None, tolerance: float | None = None
) -> list[Judged]:
    """What comes of each condition.

    `now`: the report's ``metrics.json``; `found`: what changed since an older one, where there is one; `tolerance`: as in
    `reportgen.page.changes.changes`.
    """
    return [_compared(gate, found) if gate.compares else _measured(gate, now, tolerance) for gate in gates]


def _compared(gate: Gate, found: Changes | None) -> Judged:
    if found is None:
        return Judged(gate, "not judged", "there is no older report to compare with yet")
    bad, unclear = (
        ([*_turns(found.worse), *_falls(found.fallen)], _turns(found.undecidable))
        if gate.name == "verdict"
        else ([one.name for one in found.moved], [one.name for one in found.unclear])
    )
    if bad:
        did = "got worse" if gate.name == "verdict" else "changed beyond noise"
        return Judged(gate, "failed", f"{len(bad)} {did}: {', '.join(bad)}")
    if unclear:
        return Judged(
            gate,
            "not judged",
            f"{len(unclear)} cannot be judged, because how much training again changes them is unknown: "
            f"{', '.join(unclear)}: give REPEATS=3, NOISE= or TOLERANCE=1",
        )
    return Judged(
        gate,
        "passed",
        "no verdict got worse, nor accuracy" if gate.name == "verdict" else "no number changed beyond noise",
    )


def _turns(turns: Sequence[VerdictChange]) -> list[str]:
    return [f"{change.id} ({change.before} → {change.now})" for change in turns]


def _falls(moves: Sequence[Moved]) -> list[str]:
    return [f"{one.name} ({interval(one.before)} → {interval(one.now)})" for one in moves]


def _measured(gate: Gate, now: Mapping[str, Any], tolerance: float | None) -> Judged:
    if gate.name in ACCURACIES:
        part = accuracy(now, gate.name)
        if part is None:
            return Judged(gate, "failed", f"this report measures no {gate.name}: leave the condition out")
        known = part["tau"] is not None
        if known:
            part |= _wider(part, lambda reach: float((reach**2 + (Z * part["tau"]) ** 2) ** 0.5))
    else:
        part = next(dict(claim) for claim in now["claims"] if claim["id"] == gate.name)
        known = part.get("of") == "training"
        if gate.verdict:
            outcome: Outcome = "passed" if part["verdict"] == gate.verdict else "failed"
            why = f": {reason(part)}" if reason(part) else ""
            return Judged(gate, outcome, f"the verdict is {part['verdict']}{why}")
        if part["verdict"] == "not tested" or part["estimate"] is None:
            return Judged(gate, "failed", f"this report does not test it: {part['why']}")
    if not known and tolerance is not None:
        part |= _wider(part, lambda reach: float(reach * (1 + tolerance**2) ** 0.5))
    return _bounded(gate, part)


def _wider(part: Mapping[str, Any], wider: Any) -> dict[str, float | None]:
    """The ends of an interval whose reach on each side is made wider; an open end stays open."""
    middle = part["estimate"]
    return {
        "low": None if part["low"] is None else middle - wider(middle - part["low"]),
        "high": None if part["high"] is None else middle + wider(part["high"] - middle),
    }


def _bounded(gate: Gate, part: Mapping[str, Any]) -> Judged:
    """Compare a number with a bound."""
    up = gate.sign == ">="
    short = gate.value - part["estimate"] if up else part["estimate"] - gate.value
    wanted = bounds({"estimate": gate.value, "low": None, "high": None, "unit": part.get("unit")}).split(" [")[0]
    measured = f"it is {interval(part)}, {'at least' if up else 'at most'} {wanted} is asked"
    if short <= 0:
        return Judged(gate, "passed", measured)
    if gate.tolerance is not None:
        allowed = short <= gate.tolerance
        scale = (part.get("unit") or {"scale": 1})["scale"]
        return Judged(
            gate, "passed" if allowed else "failed", f"{measured}, with a tolerance of {number(gate.tolerance * scale)}"
        )
    end = part["high"] if up else part["low"]
    if end is None or (end >= gate.value if up else end <= gate.value):
        within = f"{measured}: within noise ({gate.text}+-0 takes the number as it is)"
        return Judged(gate, "passed", within, narrow=True)
    return Judged(gate, "failed", measured)
