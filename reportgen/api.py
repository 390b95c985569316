"""Reports from Python and notebooks: open one, or make one of a net in memory.

>>> from reportgen import Report, make_report
>>> Report.open("report").claims["localises"].verdict  # doctest: +SKIP
'holds'
"""

import base64
import html
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.analyses.registry import offering
from reportgen.base.artifacts import read_arrays
from reportgen.base.errors import UserError
from reportgen.base.names import nearest
from reportgen.page.filters import interval
from reportgen.page.older import read_report
from reportgen.page.template import SIGNS

if TYPE_CHECKING:  # opening a report needs no torch
    from torch import nn

FRAME = "margin:0.5em 0;max-width:100%"  # colours are the notebook's own, light or dark
COLUMNS = ("claim", "verdict", "measured")


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, and this report's verdict on it."""

    id: str
    statement: str  # the claim in a sentence
    verdict: str  # holds, contradicted, undecided, or not tested
    why: str  # the reason, where the verdict is not the numbers' own
    estimate: float | None  # of the least favourable part; in `unit` once multiplied by its scale
    low: float | None  # ends of the interval; None: open
    high: float | None
    unit: Mapping[str, Any]  # words, scale, digits
    n: int  # independent units behind the estimate
    parts: tuple[Mapping[str, Any], ...]  # every number, as in metrics.json

    @property
    def measured(self) -> str:
        """The estimate with its interval and unit, ``9.6 [5.7, 14.7] points``, or why there is none."""
        return self.why if self.estimate is None else interval(vars(self))

    def _repr_html_(self) -> str:
        return _table([self])


@dataclass(frozen=True)
class Figure:
    """One figure or table of a report."""

    id: str  # of the analysis and the figure: "occlusion-maps"
    analysis: str
    caption: str
    files: tuple[Path, ...]  # pictures, SVG or JPEG; none: a table

    def _repr_html_(self) -> str:
        return _figure(self.files, self.caption)


@dataclass(frozen=True)
class FeatureMap:
    """The nine strongest activations of a feature map: projected to pixels, and the image patches that caused them."""

    layer: int
    map: int
    projections: Path | None  # None: the net cannot be projected
    patches: Path

    def _repr_html_(self) -> str:
        files = [file for file in (self.projections, self.patches) if file]
        return _figure(
            files, f"Layer {self.layer}, map {self.map}: {'projections and ' * bool(self.projections)}patches"
        )


class Names(Mapping[str, Any]):
    """Things by name; a name that there is not is an error that names the nearest."""

    def __init__(self, what: str, found: Mapping[str, Any]) -> None:
        self._what, self._found = what, dict(found)

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            raise KeyError(
                f"no {self._what} {name!r}{nearest(str(name), self._found)} ({', '.join(self._found)} exist)"
            )
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<{len(self)} of {self._what}: {', '.join(self._found)}>"

    def _repr_html_(self) -> str:
        shown = list(self._found.values())
        return _table(shown) if all(isinstance(one, Claim) for one in shown) else f"<p>{html.escape(repr(self))}</p>"


@dataclass(frozen=True)
class Report:
    """A finished report."""

    folder: Path
    metrics: Mapping[str, Any]  # everything in metrics.json

    @classmethod
    def open(cls, folder: str | Path) -> "Report":
        """The report in a folder; raises `UserError` where there is none, or one of another version's format."""
        place = Path(folder)
        return cls(place, read_report(place, str(place)))

    @cached_property
    def claims(self) -> Mapping[str, Claim]:
        """All of the paper's claims, by their names, in the paper's order."""
        own = ("id", "statement", "verdict", "why", "estimate", "low", "high", "n")
        found = {
            claim["id"]: Claim(
                **{name: claim[name] for name in own}, unit=claim.get("unit") or {}, parts=tuple(claim["parts"])
            )
            for claim in self.metrics["claims"]
        }
        return Names("claim", found)

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled images that the net gets right; None without labels."""
        top1: float | None = self.metrics["model"]["top1"]
        return top1

    @cached_property
    def numbers(self) -> Mapping[str, Mapping[str, Any]]:
        """Every number of each analysis, by the name of the analysis."""
        return Names("analysis", self.metrics["analyses"])

    def arrays(self, analysis: str) -> dict[str, np.ndarray]:
        """The arrays behind the figures of an analysis, by name; raises KeyError for an analysis that there is not."""
        _ = self.numbers[analysis]
        return read_arrays(self.folder / "data" / f"{analysis}.npz")

    @cached_property
    def figures(self) -> Mapping[str, Figure]:
        """Every figure, by its name."""
        found = {
            one["id"]: Figure(
                one["id"], one["analysis"], one["caption"], tuple(self.folder / file for file in one["files"])
            )
            for one in self.metrics["figures"]
        }
        return Names("figure", found)

    @property
    def layers(self) -> dict[int, list[int]]:
        """The feature maps that the report has pictures of: layer -> numbers of the maps."""
        return {layer: sorted(maps) for layer, maps in offering("maps").pictured(self.metrics).items()}

    def map(self, layer: int, number: int) -> FeatureMap:
        """One feature map; raises KeyError for one that the report has no pictures of."""
        files = offering("maps").pictured(self.metrics).get(layer, {}).get(number)
        if files is None:
            raise KeyError(f"layer {layer} has no map {number} here (layers and maps: {self.layers})")
        projections = files.get("projections")
        return FeatureMap(
            layer, number, self.folder / projections if projections else None, self.folder / files["patches"]
        )

    def _repr_html_(self) -> str:
        model, data = self.metrics["model"], self.metrics["data"]
        right = (
            "no labelled images"
            if self.accuracy is None
            else f"{100 * self.accuracy:.1f} % of {model['labelled_images']:,} images right"
        )
        head = html.escape(f"{model['name']} on {data['name']}: {right}")
        return f'<div style="{FRAME}"><p><strong>{head}</strong></p>{_table(self.claims.values())}</div>'


def _table(claims: Sequence[Claim] | Any) -> str:
    head = "".join(f'<th style="text-align:left">{name}</th>' for name in COLUMNS)
    rows = "".join(
        f'<tr><td style="text-align:left"><code>{html.escape(claim.id)}</code> {html.escape(claim.statement)}</td>'
        f'<td style="text-align:left;white-space:nowrap">{SIGNS[claim.verdict]} {claim.verdict}</td>'
        f'<td style="text-align:left">{html.escape(claim.measured)}</td></tr>'
        for claim in claims
    )
    return f'<table style="{FRAME}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _figure(files: Sequence[Path], caption: str) -> str:
    """Pictures, inside the page, with their caption; a drawing turns dark by itself."""
    pictures = "".join(
        f'<img src="data:{mimetypes.guess_type(file.name)[0]};base64,{base64.b64encode(file.read_bytes()).decode()}" '
        f'alt="{html.escape(caption if len(files) == 1 else file.stem)}" style="max-width:100%;margin:2px">'
        for file in files
    )
    return f'<figure style="{FRAME}">{pictures}<figcaption>{html.escape(caption)}</figcaption></figure>'


def make_report(
    net: "nn.Module",
    images: Any,
    labels: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    *,
    mean: Sequence[float] = (0.0,),
    deviation: Sequence[float] = (1.0,),
    report: str | Path = "report",
    build: str | Path = "build",
    **switches: Any,
) -> Report:
    """Make the report of a net in memory, with the same stages as ``make report``, and open it.

    Stages that are made already, of the same net and images, are not made again. The net is copied, and stays as it is;
    what it computes on an image decides whether it is the same net, beside its weights.

    Parameters
    ----------
    net: takes "image channel row column" and gives "image class" (or what ``MODEL_ENTRY=`` picks), on any device.
    images: before they are normalised: uint8 (0-255) or floating-point (0-1), "image channel row column" or "image row column
        channel" of 1 or 3 channels, as an array, a tensor, or a sequence of pictures; those of several sizes are cut to
        squares of the shortest side.
    labels: the number of each image's class among the net's outputs, from 0; None: unknown.
    classes: a name for each of the net's outputs.
    mean, deviation: of each channel, or one for all: the net reads (image / 255 - mean) / deviation.
    report, build: folders of the report and of what it is made from.
    switches: any others of ``make report``: ``PROFILE="smoke"``, ``LAYERS="conv1,conv2"``.

    Raises
    ------
    UserError: one line that names the argument or switch, and the way out.
    """
    from reportgen.handed import switches_for  # torch

    given = switches_for(net, images, labels, classes, tuple(mean), tuple(deviation), Path(build))
    _make(given | {name: str(value) for name, value in switches.items()} | {"REPORT": str(report), "BUILD": str(build)})
    return Report.open(report)


def _make(switches: Mapping[str, str]) -> None:
    from reportgen import cli  # the engine, which opening a report does without

    for name in ("JOBS", "GPUS"):
        if switches.get(name, "1") != "1":
            raise UserError(f"{name}={switches[name]}: a net in memory is examined in this process alone: leave it out")
    pipeline = cli.open_pipeline(dict(switches))
    with pipeline.alone():
        cli.begin(pipeline)
        pipeline.make_due(cli.GOALS)
