"""``history.jsonl``: a line for each commit's report, and what each commit broke or mended."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from reportgen.analyses import settings
from reportgen.base import foreign
from reportgen.base.artifacts import write_bytes
from reportgen.base.errors import UserError
from reportgen.base.foreign import Count, Finite, Share
from reportgen.claims import BY_ID, PLAIN
from reportgen.page.changes import ACCURACY, Changes, Moved, VerdictChange, judgements
from reportgen.page.filters import day
from reportgen.page.older import MOST_CLAIMS, MOST_PARTS, Date
from reportgen.page.older import Result as Verdict

SCHEMA = 1  # of a line: raised when a name is renamed or removed. A name that a line lacks has its default
FILE = "history.jsonl"
MOST_BYTES = 256 << 20  # of the file: some ten thousand lines
MOST_LINES = 200_000
MOST_CLASSES = 20_000  # of a line, the first of more: each is compared from line to line
MOST_SECONDS = 1e10  # three hundred years
DIGITS = 6  # significant digits of a number in the file
_OPEN = ConfigDict(extra="ignore")  # of newer lines of the same schema, what is not known here is left out


@dataclass(frozen=True, config=_OPEN)
class Unit:
    """As `reportgen.claims.Unit`."""

    words: str = PLAIN.words
    scale: Finite = PLAIN.scale
    digits: int = PLAIN.digits


@dataclass(frozen=True, config=_OPEN)
class Part:
    """One of a claim's numbers, of this trained net."""

    name: str
    estimate: Finite
    outcome: Verdict = "undecided"
    low: Finite | None = None
    high: Finite | None = None
    se: Finite | None = None
    tau: Finite | None = None
    unit: Unit = Unit()


@dataclass(frozen=True, config=_OPEN)
class Claim:
    """The verdict on one claim, with the number that the page prints for it."""

    id: str
    verdict: Verdict
    estimate: Finite | None = None
    low: Finite | None = None
    high: Finite | None = None
    unit: Unit = Unit()
    why: str = ""
    weights: str | None = None
    trainings: Annotated[int, Field(ge=1)] = 1
    parts: Annotated[tuple[Part, ...], Field(max_length=MOST_PARTS)] = ()


@dataclass(frozen=True, config=_OPEN)
class OfClass:
    """The accuracy of one class."""

    name: str
    right: Count
    images: Annotated[Count, Field(ge=1)]
    tau: Finite | None = None

    def __post_init__(self) -> None:
        if self.right > self.images:
            raise ValueError(f"more images of the class {foreign.short(self.name)!r} are right than there are")


@dataclass(frozen=True, config=_OPEN)
class Model:
    """The net's name and accuracy."""

    name: str = ""
    top1: Share | None = None
    labelled_images: Count = 0
    map: Share | None = None
    map_low: Share | None = None
    map_high: Share | None = None
    top1_tau: Finite | None = None
    weights_digest: str | None = None
    by_class: Annotated[tuple[OfClass, ...], Field(max_length=MOST_CLASSES)] = ()


@dataclass(frozen=True, config=_OPEN)
class Line:
    """One report, as the history keeps it."""

    commit: str | None = None
    time: Date = 0  # of the commit, else of the report
    seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS)] | None = None  # that its stages took
    switches: dict[str, str] = field(
        default_factory=dict
    )  # that make this report: its profile and what differs from it
    data: str = ""  # the fingerprint of the images
    model: Model = Model()
    claims: Annotated[tuple[Claim, ...], Field(max_length=MOST_CLAIMS)] = ()
    schema: int = SCHEMA

    @property
    def label(self) -> str:
        """The commit's first letters; where there is no commit, the day: "no commit broke" would be misread."""
        if self.commit:
            return self.commit[:7]
        if not self.time:
            return "undated"
        number, month, _ = day(self.time).split()
        return f"{number} {month[:3]}"

    def claim(self, name: str) -> Claim | None:
        """The claim of this name."""
        return next((claim for claim in self.claims if claim.id == name), None)


@dataclass(frozen=True)
class Damaged:
    """A line of the file that cannot be read."""

    number: int  # from 1
    why: str


@dataclass(frozen=True)
class History:
    """What a file holds."""

    lines: tuple[Line, ...]
    damaged: tuple[Damaged, ...] = ()


def line_of(metrics: Mapping[str, Any], seconds: float | None = None) -> Line:
    """The line of a report (its ``metrics.json``); `seconds`: that its stages took."""
    run, model = metrics["run"], metrics["model"]
    own = [
        claim | {"parts": [part | _of_net(part) for part in claim["parts"]], "weights": claim.get("weights")}
        for claim in metrics["claims"]
    ]
    return _LINE.validate_python(
        {
            "commit": run["commit"],
            "time": run.get("date") or int(time.time()),
            "seconds": None if seconds is None else round(seconds, 1),
            "switches": settings.said(run["profile"], run["settings"]),
            "data": metrics["data"]["fingerprint"],
            "model": _short(model | {"by_class": model.get("by_class", [])[:MOST_CLASSES]}),
            "claims": _short(own),
        }
    )


def _of_net(part: Mapping[str, Any]) -> dict[str, Any]:
    own = part.get("net", part)
    return {name: own[name] for name in ("low", "high")}


def _short(value: Any) -> Any:
    """The value with its numbers cut to the digits that a line keeps."""
    if isinstance(value, dict):
        return {key: _short(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_short(part) for part in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def read(path: Path) -> History:
    """Every line of a file; damaged ones, and those of a newer schema, are named and passed over.

    Raises UserError for a file that cannot be read; one that is not there yet has no lines.
    """
    lines, damaged = [], []
    for number, text in enumerate(_texts(path), start=1):
        found = _read(text) if text.strip() else None
        if isinstance(found, str):
            damaged.append(Damaged(number, found))
        elif found:
            lines.append(found)
    return History(tuple(lines), tuple(damaged))


def _texts(path: Path) -> list[bytes]:
    try:
        written = foreign.content(path, MOST_BYTES)
        if written.count(b"\n") > MOST_LINES:
            raise foreign.Wrong(f"more than {MOST_LINES:,} lines")
        return written.split(b"\n")
    except FileNotFoundError:
        return []
    except (OSError, foreign.Wrong) as error:
        raise UserError(f"HISTORY={path}: {foreign.in_few_words(error)}: give a file of lines, as {FILE}") from None


def _read(text: bytes) -> Line | str:
    """A line, or why it is none."""
    try:
        found = _LINE.validate_json(text)
    except ValidationError as error:
        return _wrong(text, error)
    return _schema(found.schema) or found


def _wrong(text: bytes, error: ValidationError) -> str:
    """Why a text is no line."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # also of letters that are not UTF-8
        return "it is no JSON"
    if not isinstance(found, dict):
        return "it is no JSON object"
    return _schema(found.get("schema", 1)) or foreign.in_few_words(error)


def _schema(schema: Any) -> str:
    """What is wrong with the schema of a line; empty if nothing is."""
    if not isinstance(schema, int) or schema < 1:
        return f"its schema is {json.dumps(schema)[:20]}: it counts from 1"
    return (
        f"its schema {foreign.short(str(schema), 20)} is newer than this reportgen's, {SCHEMA}"
        if schema > SCHEMA
        else ""
    )


def add(path: Path, line: Line) -> bool:
    """Append a report's line, or put it in the place of an older one of the same commit and switches; whether that changed it.

    All other lines stay as they are, damaged ones too.
    """
    texts = _texts(path)
    while texts and not texts[-1].strip():
        texts.pop()
    own = _LINE.dump_json(line, exclude_defaults=True).replace(b"{", b'{"schema":%d,' % line.schema, 1)
    known = [(place, found) for place, text in enumerate(texts) if isinstance(found := _read(text), Line)]
    again = [place for place, found in known if _same(found, line)]
    if again and texts[again[-1]] == own:
        return False
    if again:
        texts[again[-1]] = own
    else:
        texts.append(own)
    write_bytes(path, b"\n".join(texts) + b"\n")
    return True


def _same(one: Line, other: Line) -> bool:
    """Whether two lines are of one report: the same commit and switches, or, without a commit, the same content."""
    if other.commit is None:
        return replace(one, time=0, seconds=None) == replace(other, time=0, seconds=None)
    return (one.commit, one.switches) == (other.commit, other.switches)


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Step:
    """What changed from one line to the next, beyond noise."""

    place: int  # of the later line
    before: Line
    now: Line
    changes: Changes

    @property
    def accuracy(self) -> Moved | None:
        """The accuracy, where it changed by more than sampling explains."""
        beyond = (*self.changes.moved, *self.changes.unclear)
        return next((one for one in beyond if one.name == ACCURACY), None)

    @property
    def worse(self) -> tuple[VerdictChange, ...]:
        """The verdicts that got worse; also those of which nobody knows whether another training would say so."""
        return (*self.changes.worse, *self.changes.undecidable)

    @property
    def better(self) -> tuple[VerdictChange, ...]:
        """The verdicts that got better, or that are tested now."""
        return tuple(change for change in self.changes.turned if change.direction in ("better", "new"))

    @property
    def fell(self) -> tuple[Moved, ...]:
        """What fell beside the accuracy of all images: that of single classes."""
        return tuple(one for one in self.changes.fallen if one.name != ACCURACY)

    @property
    def broke(self) -> bool:
        """Whether a verdict got worse, or the accuracy fell, that of one class too."""
        return bool(self.worse or self.changes.fallen) or self._rise < 0

    @property
    def mended(self) -> bool:
        """Whether a verdict got better, or the accuracy rose, and nothing broke."""
        return not self.broke and (bool(self.better) or self._rise > 0)

    @property
    def unsure(self) -> bool:
        """Whether all that broke rests on numbers of which the noise of training is unknown."""
        return self.broke and not (self.changes.worse or self.changes.fallen)

    @property
    def _rise(self) -> float:
        moved = self.accuracy
        return 0.0 if moved is None else moved.now["estimate"] - moved.before["estimate"]

    @property
    def switches(self) -> list[tuple[str, str, str]]:
        """The switches that were changed: name, before, now."""
        one, other = self.before.switches, self.now.switches
        names = dict.fromkeys([*one, *other])
        usual = "the profile’s"
        return [
            (name, one.get(name, usual), other.get(name, usual)) for name in names if one.get(name) != other.get(name)
        ]


def steps(lines: Sequence[Line]) -> Iterator[Step]:
    """Every step from a line to the next that broke or mended something."""
    metrics = [metrics_of(line) for line in lines]
    for place in range(1, len(lines)):
        found = judgements(metrics[place - 1], metrics[place])
        step = Step(place, lines[place - 1], lines[place], found)
        if step.broke or step.mended:
            yield step


def metrics_of(line: Line) -> dict[str, Any]:
    """A line in the form of ``metrics.json``, as far as a comparison of numbers reads it."""
    found: dict[str, Any] = _LINE.dump_python(line)
    for claim in found["claims"]:
        claim["statement"] = BY_ID[claim["id"]].statement if claim["id"] in BY_ID else claim["id"]
    return found | {"data": {"fingerprint": line.data}}


_LINE = TypeAdapter(Line)
