"""What changed from one report to another, as values: verdicts, numbers, settings (``make compare``)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import scipy

from reportgen.claims import LEVEL

Metrics = Mapping[str, Any]  # what metrics.json holds
RANK = {"contradicted": 0, "undecided": 1, "holds": 2}


@dataclass(frozen=True)
class VerdictChange:
    """A claim whose verdict has changed."""

    id: str
    statement: str
    before: str
    now: str
    why: str

    @property
    def direction(self) -> str:
        """``better`` or ``worse``; ``new`` if the claim was not tested before, ``lost`` if it is not tested now."""
        if self.before == "not tested":
            return "new"
        if self.now == "not tested":
            return "lost"
        return "better" if RANK[self.now] > RANK[self.before] else "worse"


@dataclass(frozen=True)
class Moved:
    """A number that has moved: the old and the new estimate each lie outside the other's interval."""

    name: str
    before: Mapping[str, Any]  # estimate, low, high
    now: Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """A setting, a version, or a fact about net and data that differs."""

    name: str
    before: str
    now: str


@dataclass(frozen=True)
class Changes:
    """All differences between two reports."""

    verdicts: tuple[VerdictChange, ...]
    moved: tuple[Moved, ...]
    compared: int  # numbers with an interval in both reports
    settings: tuple[Difference, ...]
    versions: tuple[Difference, ...]
    facts: tuple[Difference, ...]

    @property
    def worse(self) -> tuple[VerdictChange, ...]:
        """The claims whose verdict got worse, or that are no longer tested."""
        return tuple(change for change in self.verdicts if change.direction in ("worse", "lost"))

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.verdicts or self.moved or self.settings or self.versions or self.facts)


def changes(before: Metrics, now: Metrics) -> Changes:
    """Compare two reports by their ``metrics.json``."""
    old, new = (_intervals(metrics) for metrics in (before, now))
    both = [name for name in new if name in old]
    return Changes(
        verdicts=tuple(_verdicts(before, now)),
        moved=tuple(Moved(name, old[name], new[name]) for name in both if _moved(old[name], new[name])),
        compared=len(both),
        settings=tuple(_differences(_flat(before["run"]["settings"]), _flat(now["run"]["settings"]))),
        versions=tuple(_differences(before["run"]["versions"], now["run"]["versions"])),
        facts=tuple(_differences(_facts(before), _facts(now))),
    )


def _verdicts(before: Metrics, now: Metrics) -> Iterator[VerdictChange]:
    known = {claim["id"]: claim["verdict"] for claim in before["claims"]}
    for claim in now["claims"]:
        was = known.get(claim["id"], "not tested")
        if was != claim["verdict"]:
            yield VerdictChange(claim["id"], claim["statement"], was, claim["verdict"], claim["why"])


def _intervals(metrics: Metrics) -> dict[str, Mapping[str, Any]]:
    """Every number that has an interval, by name."""
    found = {f"{claim['id']}: {part['name']}": part for claim in metrics["claims"] for part in claim["parts"]}
    model = metrics["model"]
    if model["top1"] is not None:
        images = model["labelled_images"]
        test = scipy.stats.binomtest(round(model["top1"] * images), images)
        ends = test.proportion_ci(LEVEL, method="exact")
        found["validation images right"] = {"estimate": model["top1"], "low": float(ends.low), "high": float(ends.high)}
    return found


def _moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return not _inside(now["estimate"], before) and not _inside(before["estimate"], now)


def _inside(value: float, interval: Mapping[str, Any]) -> bool:
    low, high = interval["low"], interval["high"]
    return (low is None or value >= low) and (high is None or value <= high)


def _facts(metrics: Metrics) -> dict[str, Any]:
    data, model = metrics["data"], metrics["model"]
    names = {"data": data["name"], "data fingerprint": data["fingerprint"], "classes": len(data["classes"])}
    images = {f"{split} images": count for split, count in data["images"].items()}
    return names | images | {"net": model["name"], "weights": model["weights"], "parameters": model["parameters"]}


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, values in settings.items() for key, value in values.items()}


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *now]):
        old, new = (_said(values.get(name)) for values in (before, now))
        if old != new:
            yield Difference(name, old, new)


def _said(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
