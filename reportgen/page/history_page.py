"""A history drawn: ``history.html``, and the drawing that the report's own page shows of it."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from reportgen.claims import CLAIMS
from reportgen.page.changes import accuracy
from reportgen.page.folder import publish
from reportgen.page.history import Claim, History, Line, Step, metrics_of, steps
from reportgen.page.template_files import environment

if TYPE_CHECKING:  # drawing imports matplotlib, and the page stage imports this
    from reportgen.figures.draw.history import Timeline

LAST = 200  # lines that are shown
MOST_TRACKS = 100  # claims that are drawn: those of this version, then what older and newer versions called so
PLACE = "figures/history"  # of the drawings, below the report's folder
SIZE = (653, 540)  # CSS pixels of the timeline, on the page, which is made before it is drawn


def write(report: Path, history: History, source: str) -> list[Step]:
    """Draw the last lines of a history into the report's folder; returns what broke and what was mended among them.

    `source`: the file, as the page names it.
    """
    from reportgen.figures.draw.history import draw  # matplotlib: not for a command that draws nothing

    lines = history.lines[-LAST:]
    found = list(steps(lines))
    with TemporaryDirectory() as folder:
        drawn = draw(timeline(lines, found), Path(folder))
        page = (
            environment(trim_blocks=True)
            .get_template("history.html.j2")
            .render(
                lines=lines,
                count=len(history.lines),
                steps=found,
                damaged=history.damaged,
                source=source,
                place=PLACE,
                drawn=drawn,
            )
        )
        files: dict[str, bytes | Path] = {
            f"{PLACE}/{one['file']}": Path(folder) / one["file"] for one in drawn.values()
        }
        publish(report, "history", files | {"history.html": page.encode()})
    return found


def timeline(lines: Sequence[Line], found: Sequence[Step]) -> "Timeline":
    """The lines as what is drawn."""
    from reportgen.figures.draw.history import Timeline, Track

    ids = dict.fromkeys([claim.id for claim in CLAIMS] + [claim.id for line in lines for claim in line.claims])
    said = {name: [line.claim(name) for line in lines] for name in [*ids][:MOST_TRACKS]}
    return Timeline(
        labels=[line.label for line in lines],
        accuracy=Track("accuracy", "%", *_accuracies(lines)),
        seconds=np.array([np.nan if line.seconds is None else line.seconds for line in lines], dtype=float),
        verdicts={name: [claim.verdict if claim else "" for claim in claims] for name, claims in said.items()},
        numbers=[
            Track(name, _unit(claims), *_numbers(claims))
            for name, claims in said.items()
            if any(claim and claim.estimate is not None for claim in claims)
        ],
        broke=[step.place for step in found if step.broke],
        mended=[step.place for step in found if step.mended],
    )


def _accuracies(lines: Sequence[Line]) -> np.ndarray:
    """Estimate and ends of the accuracy, in per cent."""
    found = [accuracy(metrics_of(line)) for line in lines]
    estimates = [np.nan if line.model.top1 is None else line.model.top1 for line in lines]
    ends = [[np.nan if one is None else one[end] for one in found] for end in ("low", "high")]
    return 100 * np.array([estimates, *ends], dtype=float)


def _numbers(claims: Sequence[Claim | None]) -> np.ndarray:
    """Estimate and ends of a claim's number, in its unit."""

    def value(claim: Claim | None, end: str) -> float:
        number = getattr(claim, end, None)
        return np.nan if claim is None or number is None else number * claim.unit.scale

    return np.array([[value(claim, end) for claim in claims] for end in ("estimate", "low", "high")], dtype=float)


def _unit(claims: Sequence[Claim | None]) -> str:
    return next((claim.unit.words for claim in reversed(claims) if claim and claim.estimate is not None), "")
