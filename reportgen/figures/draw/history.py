"""A history of reports: accuracy, verdicts and time over commits; and each claim's number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reportgen.figures.draw.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    SMALL,
    SOFT,
    VERMILLION,
    WIDTH,
    house_style,
    new_figure,
    save_svg,
    shorten,
)

LOOKS = {"holds": (BLUE, 0.8), "contradicted": (VERMILLION, 0.8), "undecided": (SOFT, 0.2)}  # colour, height in a row
# Points: a claim's row, the margins above, below and left of all panels.
ROW, TOP, FOOT, NAMES = 10.0, 26.0, 30.0, 140.0
ACCURACY, SECONDS, GAP = 105.0, 60.0, 12.0  # points: heights of the panels, and what lies between them
# Of the claims' numbers: panels in a row; points: a panel's height, and in it, for name and unit, for ticks below and on the left.
COLUMNS, PANEL, WORDS, TICKS, NUMBERS = 3, 114.0, 30.0, 22.0, 38.0
MARKED = 30  # most commits that are all marked
FEW = 7  # commits that are named below the axis


@dataclass(frozen=True)
class Track:
    """A number over commits, with its interval; NaN where a report lacks it."""

    name: str
    unit: str
    y: Float[np.ndarray, " commit"]
    low: Float[np.ndarray, " commit"]
    high: Float[np.ndarray, " commit"]


@dataclass(frozen=True)
class Timeline:
    """What a history shows of each commit, in their order."""

    labels: Sequence[str]
    accuracy: Track  # per cent
    seconds: Float[np.ndarray, " commit"]
    verdicts: Mapping[str, Sequence[str]]  # claim -> a verdict for each commit, or ""
    numbers: Sequence[Track]  # of each claim that has one
    broke: Sequence[int]  # places of the commits that broke something
    mended: Sequence[int]


def draw(timeline: Timeline, folder: Path) -> dict[str, dict[str, Any]]:
    """Draw ``timeline.svg`` and ``claims.svg``; returns the file and size of each."""
    folder.mkdir(parents=True, exist_ok=True)
    with house_style():
        return {
            name: save_svg(compose(timeline), folder / f"{name}.svg")
            for name, compose in (("timeline", compose_timeline), ("claims", compose_claims))
        }


def compose_timeline(timeline: Timeline) -> Figure:
    """Accuracy on top, a row for each claim's verdict, and the seconds; a line through all where a commit broke something."""
    rows = ROW * len(timeline.verdicts)
    height = TOP + ACCURACY + GAP + rows + GAP + SECONDS + FOOT
    canvas = new_figure(WIDTH, height)

    def panel(above: float, tall: float) -> Axes:
        place = (NAMES / WIDTH, 1 - (above + tall) / height, (WIDTH - NAMES - 22) / WIDTH, tall / height)
        axes = canvas.add_axes(place)
        axes.set_xlim(-0.5, len(timeline.labels) - 0.5)
        axes.set_xticks([])
        return axes

    first = panel(TOP, ACCURACY)
    _track(first, timeline.accuracy)
    first.set_ylabel("accuracy, %")
    ribbon = panel(TOP + ACCURACY + GAP, rows)
    _ribbon(ribbon, timeline.verdicts)
    last = panel(TOP + ACCURACY + GAP + rows + GAP, SECONDS)
    _line(last, timeline.seconds)
    last.set_ylim(0, 1.1 * max(np.nanmax(timeline.seconds, initial=0.0), 1.0))
    last.set_ylabel("report, s")
    last.set_xlabel("commit")
    _name(last, timeline.labels, FEW)
    for axes in (first, ribbon, last):
        _events(axes, timeline)
    for place in timeline.broke:
        _label(first, place, f"▼ {shorten(timeline.labels[place], 9)}", VERMILLION, len(timeline.broke))
    handles = [Patch(facecolor=colour, label=verdict) for verdict, (colour, _) in LOOKS.items()]
    canvas.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=1, borderaxespad=0.2, fontsize=SMALL)
    return canvas


def compose_claims(timeline: Timeline) -> Figure:
    """A small panel for the number of each claim."""
    count = max(len(timeline.numbers), 1)
    rows = -(-count // COLUMNS)
    high, wide = rows * PANEL, WIDTH / COLUMNS
    canvas = new_figure(WIDTH, high)
    for place, track in enumerate(timeline.numbers):
        row, column = divmod(place, COLUMNS)
        left, top = column * wide, high - row * PANEL
        tall = PANEL - WORDS - TICKS
        axes = canvas.add_axes(
            ((left + NUMBERS) / WIDTH, (top - WORDS - tall) / high, (wide - NUMBERS - 22) / WIDTH, tall / high)
        )
        axes.set_xlim(-0.5, len(timeline.labels) - 0.5)
        _track(axes, track)
        _events(axes, timeline)
        axes.tick_params(labelsize=SMALL)
        _name(axes, timeline.labels, 2)
        canvas.text(left / WIDTH, (top - 2) / high, shorten(track.name, 34), fontsize=SMALL, color=INK, va="top")
        canvas.text(left / WIDTH, (top - 13) / high, shorten(track.unit, 34), fontsize=SMALL, color=SOFT, va="top")
    return canvas


def _track(axes: Axes, track: Track) -> None:
    _line(axes, track.y)
    places = np.arange(len(track.y))
    if len(places) == 1:
        axes.vlines(places, track.low, track.high, color=BLUE, linewidth=1)
    else:
        axes.fill_between(places, track.low, track.high, color=BLUE, alpha=0.15, linewidth=0)


def _line(axes: Axes, values: np.ndarray) -> None:
    axes.plot(np.arange(len(values)), values, color=BLUE, marker="o" if len(values) <= MARKED else "", markersize=3)


def _ribbon(axes: Axes, verdicts: Mapping[str, Sequence[str]]) -> None:
    """A bar for each run of commits with the same verdict; none where a claim is not tested."""
    for row, said in enumerate(verdicts.values()):
        for verdict, (colour, tall) in LOOKS.items():
            runs = _runs([one == verdict for one in said])
            axes.broken_barh(runs, (row - tall / 2, tall), facecolor=colour, edgecolor="none")
    axes.set_ylim(len(verdicts) - 0.5, -0.5)
    axes.set_yticks(range(len(verdicts)), list(verdicts), fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)


def _runs(flags: Sequence[bool]) -> list[tuple[float, float]]:
    """Start and length of each run of True."""
    padded = np.diff(np.concatenate([[0], np.asarray(flags, dtype=int), [0]]))
    starts, ends = np.flatnonzero(padded == 1), np.flatnonzero(padded == -1)
    return [(float(start) - 0.5, float(end - start)) for start, end in zip(starts, ends, strict=True)]


def _events(axes: Axes, timeline: Timeline) -> None:
    for places, colour, style in ((timeline.mended, GREEN, (0, (2, 2))), (timeline.broke, VERMILLION, "-")):
        for place in places:
            axes.axvline(place - 0.5, color=colour, linewidth=0.9, linestyle=style)


def _label(axes: Axes, place: int, text: str, colour: str, among: int) -> None:
    if among > FEW:  # names would hide each other: the table below names all
        text = "▼"
    ends = axes.get_xlim()
    right = place - ends[0] > 0.8 * (ends[1] - ends[0])
    axes.annotate(
        text,
        (place - 0.5, 1),
        (0, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if right else "left",
        va="bottom",
        fontsize=SMALL,
        color=colour,
    )


def _name(axes: Axes, labels: Sequence[str], most: int) -> None:
    """Name some commits below the axis: the last, and others evenly spread."""
    places = sorted(set(np.linspace(0, len(labels) - 1, min(most, len(labels))).round().astype(int).tolist()))
    axes.set_xticks(places, [shorten(labels[place], 9) for place in places])
    axes.tick_params(axis="x", color=FAINT, labelcolor=INK)
