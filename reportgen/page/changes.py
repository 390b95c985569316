"""What changed from one report to another, as values: verdicts, numbers, settings (``make compare``)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import scipy

from reportgen.claims import LEVEL, influence_key, noise
from reportgen.page.conclusion import reason

Metrics = Mapping[str, Any]  # what metrics.json holds
Influences = tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]  # of the older report and of this one
_, ACCURACY_CLAIM, ACCURACY = noise.ACCURACY
PRECISION = "mean average precision"  # where an image may show several classes
ROUNDING = 1e-6  # relative: smaller differences are no change


@lru_cache
def _quantile(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


Z = _quantile(LEVEL)


@dataclass(frozen=True)
class VerdictChange:
    """A claim whose verdict has changed."""

    id: str
    statement: str
    before: str
    now: str
    why: str
    gated: bool = False  # not by its parts: by the accuracy of the net
    gone: bool = False  # none of its numbers is measured any more

    @property
    def direction(self) -> str:
        """``better`` or ``worse``; ``new`` if the claim was not tested before, ``lost`` if it is not tested now.

        ``unsettled`` if it was contradicted and is undecided now, which is neither: less is known.
        """
        if self.before == "not tested":
            return "new"
        if self.now == "not tested":
            return "lost"
        if self.now == "holds":
            return "better"
        return "unsettled" if self.before == "contradicted" else "worse"


@dataclass(frozen=True)
class Moved:
    """A number that differs, and whether by more than sampling and training again explain."""

    name: str
    before: Mapping[str, Any]  # estimate, low, high, unit
    now: Mapping[str, Any]
    threshold: float  # the least difference that counts as a change
    claim: str = ""

    @property
    def accuracy(self) -> bool:
        """Whether it is the accuracy, of all images or of one class."""
        return self.name.startswith((ACCURACY, PRECISION))

    @property
    def beyond(self) -> bool:
        """Whether it changed beyond noise."""
        return abs(self.now["estimate"] - self.before["estimate"]) > self.threshold


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
    numbers: tuple[Moved, ...]  # every number with an interval in both reports
    unknown: frozenset[str]  # names of the numbers of which nobody knows how much training again changes them
    settings: tuple[Difference, ...] = ()
    versions: tuple[Difference, ...] = ()
    facts: tuple[Difference, ...] = ()
    code: tuple[Difference, ...] = ()  # the commits

    @property
    def moved(self) -> tuple[Moved, ...]:
        """The numbers that changed beyond noise."""
        return tuple(one for one in self.numbers if one.beyond and one.name not in self.unknown)

    @property
    def within(self) -> tuple[Moved, ...]:
        """The numbers that differ, but no more than noise explains."""
        return tuple(one for one in self.numbers if not one.beyond and one.now["estimate"] != one.before["estimate"])

    @property
    def unclear(self) -> tuple[Moved, ...]:
        """The numbers that differ by more than sampling explains, where the noise of training is unknown."""
        return tuple(one for one in self.numbers if one.beyond and one.name in self.unknown)

    @property
    def worse(self) -> tuple[VerdictChange, ...]:
        """The claims whose verdict got worse, or that are no longer tested, because a number changed beyond noise."""
        return tuple(change for change in self._down if self._founded(change, self.moved))

    @property
    def fallen(self) -> tuple[Moved, ...]:
        """Accuracy, of all images or of one class, that fell beyond noise."""
        return tuple(one for one in self.moved if one.accuracy and one.now["estimate"] < one.before["estimate"])

    @property
    def undecidable(self) -> tuple[VerdictChange, ...]:
        """The claims whose verdict got worse with a number of which the noise of training is unknown."""
        return tuple(
            change
            for change in self._down
            if not self._founded(change, self.moved) and self._founded(change, self.unclear)
        )

    @property
    def turned(self) -> tuple[VerdictChange, ...]:
        """The verdicts that changed beyond noise, for better or worse."""
        return tuple(change for change in self.verdicts if self._founded(change, self.moved))

    @property
    def unfounded(self) -> tuple[VerdictChange, ...]:
        """The verdicts that changed although no number behind them changed beyond sampling."""
        known = (*self.turned, *self.undecidable)
        return tuple(change for change in self.verdicts if change not in known)

    @property
    def _down(self) -> tuple[VerdictChange, ...]:
        return tuple(change for change in self.verdicts if change.direction in ("worse", "lost"))

    def _founded(self, change: VerdictChange, moved: tuple[Moved, ...]) -> bool:
        """Whether a verdict changed together with one of its numbers, or because there is nothing to measure any more.

        A verdict that the accuracy of the net decides changes together with that.
        """
        names = {one.claim for one in moved}
        return change.id in names or (change.gated and ACCURACY in {one.name for one in moved}) or change.gone

    @property
    def causes(self) -> tuple[Difference, ...]:
        """What was changed, as opposed to what changed with it: settings first, then data, versions and code."""
        sections = {one.name.partition(".")[0] for one in self.settings}
        data = () if "data" in sections else (one for one in self.facts if one.name == "data fingerprint")
        return (*self.settings, *data, *self.versions, *self.code)

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        differs = any(one.now["estimate"] != one.before["estimate"] for one in self.numbers)
        return bool(self.verdicts or differs or self.settings or self.versions or self.facts)


def changes(
    before: Metrics, now: Metrics, influences: Influences | None = None, tolerance: float | None = None
) -> Changes:
    """Compare two reports by their ``metrics.json``.

    `influences`: the arrays of both reports (`reportgen.claims.Part.influence`), for paired errors. `tolerance`: where the
    noise of training is unknown, it is taken as that many sampling errors.
    """
    return replace(
        judgements(before, now, influences, tolerance),
        settings=tuple(_differences(_flat(before["run"]["settings"]), _flat(now["run"]["settings"]))),
        versions=tuple(_differences(before["run"]["versions"], now["run"]["versions"])),
        facts=tuple(_differences(_facts(before), _facts(now))),
        code=tuple(_differences(_code(before), _code(now))),
    )


def judgements(
    before: Metrics, now: Metrics, influences: Influences | None = None, tolerance: float | None = None
) -> Changes:
    """The verdicts and numbers alone, as `changes` has them."""
    numbers, unknown = [], set()
    old, new = (_intervals(metrics) for metrics in (before, now))
    same_images = before["data"]["fingerprint"] == now["data"]["fingerprint"]
    for name in (name for name in new if name in old):
        one, other = old[name], new[name]
        squares = _square(one) + _square(other)
        if same_images and influences is not None:
            squares = _paired(influences, other["key"], squares)
        same_weights = one["weights"] is not None and one["weights"] == other["weights"]
        tau = 0.0 if same_weights else _tau(one, other)
        if tau is None and tolerance is not None:
            tau = tolerance * (squares / 2) ** 0.5
        if tau is None:
            unknown.add(name)
        floor = ROUNDING * max(1.0, abs(one["estimate"]))
        threshold = max(other["z"] * (squares + 2 * (tau or 0.0) ** 2) ** 0.5, floor)
        numbers.append(Moved(name, one, other, threshold, other["claim"]))
    return Changes(tuple(_verdicts(before, now)), tuple(numbers), frozenset(unknown))


def _number(claim: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """One part of a claim; a report of an older version lacks what is asked for with a default here."""
    trainings = claim.get("trainings", 1)
    own = part.get("net", part)
    tau = part.get("tau")
    return {
        "estimate": part["estimate"],
        "low": own["low"],
        "high": own["high"],
        "se": part.get("se"),
        "tau": None if tau is None else tau / trainings**0.5,
        "unit": part.get("unit"),
        "z": Z,
        "weights": claim.get("weights"),
        "claim": claim["id"],
        "key": influence_key(claim["id"], part["name"]),
    }


def _square(part: Mapping[str, Any]) -> float:
    """The square of a number's sampling error; of one without an error, from its interval."""
    if part["se"] is not None:
        return float(part["se"]) ** 2
    if part["low"] is None or part["high"] is None:
        return float("inf")
    return float((part["high"] - part["low"]) / (2 * part["z"])) ** 2


def _paired(influences: Influences, key: str, unpaired: float) -> float:
    """The square of the error of a difference where both reports look at the same units; `unpaired` where they do not."""
    before, now = (arrays.get(key) for arrays in influences)
    if before is None or now is None or before.shape != now.shape:
        return unpaired
    return float(np.square(now - before).sum())


def _tau(one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    known = [part["tau"] for part in (one, other) if part["tau"] is not None]
    return float(np.sqrt(np.mean(np.square(known)))) if known else None


def _verdicts(before: Metrics, now: Metrics) -> Iterator[VerdictChange]:
    known = {claim["id"]: claim for claim in before["claims"]}
    for claim in now["claims"]:
        was = known.get(claim["id"], {"verdict": "not tested", "parts": []})
        if was["verdict"] != claim["verdict"]:
            yield VerdictChange(
                claim["id"],
                claim["statement"],
                was["verdict"],
                claim["verdict"],
                reason(claim),
                gated=claim["verdict"] == "undecided"
                and all(part["outcome"] != "undecided" for part in claim["parts"]),
                gone=bool(was["parts"]) and not claim["parts"],
            )


def _intervals(metrics: Metrics) -> dict[str, dict[str, Any]]:
    """Every number that has an interval, by name: estimate, sampling interval and error, tau, and what it rests on.

    Accuracy first, which says most.
    """
    found = {ACCURACY: accuracy(metrics), PRECISION: accuracy(metrics, "map")}
    of_claims = {
        f"{claim['id']}: {part['name']}": _number(claim, part)
        for claim in metrics["claims"]
        for part in claim["parts"]
        if part["outcome"] != "not tested" or part["low"] is not None
    }
    known = {name: one for name, one in found.items() if one}
    return known | of_claims | _of_classes(metrics["model"])


def _of_classes(model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The accuracy of each class; they share the level of one claim. A report of an older version says nothing of them."""
    by_class = model.get("by_class", [])
    level = 1 - (1 - LEVEL) / max(len(by_class), 1)
    return {
        noise.OF_CLASS.format(one["name"]): _share(one["right"], one["images"], level)
        | {
            "tau": one["tau"],
            "weights": model.get("weights_digest"),
            "key": influence_key(ACCURACY_CLAIM, noise.OF_CLASS.format(one["name"])),
        }
        for one in by_class
    }


def _share(right: int, images: int, level: float) -> dict[str, Any]:
    """A share of images with its exact interval."""
    low, high = _exact(right, images, level)
    return {
        **{"estimate": right / images, "low": low, "high": high, "claim": "", "key": ""},
        **{"se": None, "z": _quantile(level), "unit": {"words": "%", "scale": 100}},
    }


def accuracy(metrics: Metrics, name: str = "top1") -> dict[str, Any] | None:
    """The accuracy, `top1`, `top5` or `map`, with its interval at the level of the claims; None where there is none."""
    model = metrics["model"]
    if name == "map":
        return _precision(model)
    if model[name] is None or not model["labelled_images"]:
        return None
    images = model["labelled_images"]
    found = _share(round(model[name] * images), images, LEVEL)
    if name == "top1":
        found["key"] = influence_key(ACCURACY_CLAIM, ACCURACY)
    return found | {"tau": model.get(f"{name}_tau"), "weights": model.get("weights_digest")}


def _precision(model: Mapping[str, Any]) -> dict[str, Any] | None:
    """The mean average precision with its interval, of a report whose images may show several classes."""
    if model.get("map") is None:
        return None
    return {
        **{
            "estimate": model["map"],
            "low": model.get("map_low"),
            "high": model.get("map_high"),
            "claim": "",
            "key": "",
        },
        **{"se": None, "z": Z, "unit": {"words": "%", "scale": 100}},
        **{"tau": None, "weights": model.get("weights_digest")},
    }


@lru_cache(1 << 16)  # a history asks for the same of each report twice, and of many classes alike
def _exact(right: int, images: int, level: float) -> tuple[float, float]:
    """The exact interval of a share (Clopper & Pearson 1934).

    By the quantiles of beta distributions: scipy's own looks for each end, which takes four hundred times as long.
    """
    tail = (1 - level) / 2
    low = scipy.special.betaincinv(right, images - right + 1, tail) if right else 0.0
    high = scipy.special.betaincinv(right + 1, images - right, 1 - tail) if right < images else 1.0
    return float(low), float(high)


def _facts(metrics: Metrics) -> dict[str, Any]:
    data, model = metrics["data"], metrics["model"]
    names = {"data": data["name"], "data fingerprint": data["fingerprint"], "classes": len(data["classes"])}
    images = {f"{split} images": count for split, count in data["images"].items()}
    return names | images | {"net": model["name"], "weights": model["weights"], "parameters": model["parameters"]}


def _code(metrics: Metrics) -> dict[str, str]:
    commit, sign, changed = (metrics["run"]["commit"] or "").partition("-")
    return {"code": commit[:12] + sign + changed}


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
