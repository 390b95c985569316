"""The content of a report, gathered from the artefacts in the build folder before any page is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.claims import CLAIMS, PLAIN

ATLAS = "atlas"  # the folder of its pages, and of their artefact
UNTESTED = "No analysis of this report measures it."
VERDICTS = ("holds", "contradicted", "undecided", "not tested")


@dataclass(frozen=True)
class Section:
    """One analysis: its artefact and its drawn figures."""

    name: str
    title: str
    artefact: Mapping[str, Any]
    figures: Mapping[str, Mapping[str, Any]]  # as `reportgen.figures.draw.draw` describes them
    bytes: int = 0  # of its arrays' file


@dataclass(frozen=True)
class Content:
    """Everything a page shows."""

    run: Mapping[str, Any]  # commit, date, profile, seed, device, settings, versions
    net: Mapping[str, Any]
    data: Mapping[str, Any]
    sections: tuple[Section, ...]
    # All sixteen in the paper's order, as in ``metrics.json``, with `rule` and `section` added.
    claims: tuple[Mapping[str, Any], ...]
    noise: Mapping[
        str, Any
    ]  # what is known of training again: trainings, source, known, top1_tau, by_class; map_low, map_high
    atlas: Mapping[str, Any] | None = (
        None  # the pages of all maps, as `reportgen.stages.atlas` says; None: there are none
    )


def gather(
    build: Path, run: Mapping[str, Any], analyses: Sequence[Analysis] = ANALYSES, atlas: bool = False
) -> Content:
    """Read the artefacts of the net, the data and every analysis, and the descriptions of their figures.

    `atlas`: whether there are pages of all maps.
    """
    sections = tuple(
        Section(
            analysis.name,
            analysis.title,
            read_json(build / analysis.name / DOCUMENT),
            read_json(build / "drawn" / analysis.name / DOCUMENT)["figures"],
            (build / analysis.name / "result.npz").stat().st_size,
        )
        for analysis in analyses
    )
    judged = read_json(build / "claims" / DOCUMENT)
    found = {claim["id"]: claim for claim in judged["claims"]}
    return Content(
        run,
        read_json(build / "net" / DOCUMENT)["numbers"],
        read_json(build / "data" / DOCUMENT)["numbers"],
        sections,
        tuple(_claim(claim, found.get(claim.id)) for claim in CLAIMS),
        judged["numbers"],
        read_json(build / ATLAS / DOCUMENT)["numbers"] if atlas else None,
    )


def _claim(claim: Any, verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    """A claim of the paper with this run's verdict and numbers."""
    said = verdict or {
        **{"verdict": "not tested", "estimate": None, "low": None, "high": None, "n": 0, "why": UNTESTED},
        **{"of": "net", "net": "not tested", "trainings": 1, "weights": None, "unit": PLAIN._asdict()},
    }
    return {
        "id": claim.id,
        "statement": claim.statement,
        "paper": claim.paper,
        "where": claim.where,
        "rule": claim.rule,
        **{
            name: said[name]
            for name in ("estimate", "low", "high", "n", "verdict", "why", "of", "net", "trainings", "unit")
        },
        "parts": list(said.get("parts", [])),
        "beside": list(said.get("beside", [])),
        "decides": said.get("decides"),
        "gate": said.get("gate", ""),
        "section": said.get("section"),
    }
