"""Two reports side by side: ``compare.html`` for people, a Markdown digest for a pull request (``make compare``)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from reportgen.analyses.registry import BY_NAME, offering
from reportgen.base.artifacts import read_arrays, read_json
from reportgen.base.errors import UserError
from reportgen.page import digest, metrics
from reportgen.page.changes import Changes, changes
from reportgen.page.filters import FILTERS
from reportgen.page.folder import publish
from reportgen.page.matching import Pair, match_reports
from reportgen.page.template import SIGNS
from reportgen.page.template_files import templates

MOST_PAIRS = 6  # pairs of maps shown for each layer


def read_report(folder: Path, said_by: str) -> dict[str, Any]:
    """A report's ``metrics.json``; raises UserError, beginning with `said_by`, if it is missing or cannot be read."""
    try:
        found = read_json(folder / "metrics.json")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{said_by}: no report in it (metrics.json): give the folder of a report") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{said_by}: its metrics.json is damaged ({error}): make that report again") from None
    if not isinstance(found, dict) or found.get("schema") != metrics.VERSION:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise UserError(
            f"{said_by}: its metrics.json has schema {schema}, but this reportgen reads {metrics.VERSION}: "
            "make that report again with this version"
        )
    return found


def write(base: Path, report: Path, tolerance: float | None = None) -> Changes:
    """Write ``compare.html``, ``compare.md`` and the pictures that they show into `report`; returns what changed.

    `base` is the folder of the older report; `tolerance` as in `changes`. Raises UserError if one of the folders holds no
    report.
    """
    before, now = read_report(base, f"BASE={base}"), read_report(report, f"REPORT={report}")
    found = changes(before, now, (_influences(base, before), _influences(report, now)), tolerance)
    pairs, overall, unmatched = _matched(base, report, before, now)
    files: dict[str, bytes | Path] = {
        f"compare/{row['file']}": base / row["source"] for row in _old_pictures(pairs, before)
    }
    files["compare.md"] = digest.of_changes(found, before, now, overall).encode()
    page = _render(found, before, now, pairs, overall, unmatched)
    files["compare.html"] = page.encode()
    publish(report, "compare", files)
    return found


def _influences(folder: Path, metrics: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What each unit adds to the error of each number of a report (`reportgen.claims.Part.influence`)."""
    found: dict[str, np.ndarray] = {}
    for name in metrics["analyses"]:
        path = folder / "data" / f"{name}.npz"
        if name in BY_NAME and path.is_file():
            arrays = read_arrays(path)
            found |= {key: arrays[key] for key in arrays if key.startswith("claims.")}
    return found


def _matched(
    base: Path, report: Path, before: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[list[Pair], dict[int, float], str]:
    """The pairs of feature maps to show, the mean similarity of each layer, and the reason if there are no pairs."""
    if before["data"]["fingerprint"] != now["data"]["fingerprint"]:
        return (
            [],
            {},
            "The two reports use different images, so their feature maps cannot be matched by their responses.",
        )
    pictured = offering("maps").pictured
    old, new = pictured(before), pictured(now)
    layers = {layer: (sorted(old[layer]), sorted(new[layer])) for layer in new if layer in old}
    try:
        pairs, overall = match_reports(base, report, layers)
    except (FileNotFoundError, KeyError):
        return (
            [],
            {},
            "One of the two reports lacks its maps' responses (data/features.npz), so the maps cannot be matched.",
        )
    shown = [
        pair
        for layer in layers
        for pair in [pair for pair in pairs if pair.layer == layer and pair.similarity > 0][:MOST_PAIRS]
    ]
    return shown, overall, ""


def _old_pictures(pairs: list[Pair], before: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    files = offering("maps").pictured(before)
    for pair in pairs:
        for part, source in files[pair.layer][pair.before].items():
            yield {"file": f"layer{pair.layer}-map{pair.before:04d}-{part}.jpg", "source": source}


def _render(
    found: Changes,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    pairs: list[Pair],
    overall: Mapping[int, float],
    unmatched: str,
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    files = offering("maps").pictured(now)
    rows = [{"pair": pair, "now": files[pair.layer][pair.now]} for pair in pairs]
    return environment.get_template("compare.html.j2").render(
        changes=found,
        first_line=digest.first_line(found, before, now),
        unknown=digest.UNKNOWN,
        before=before,
        now=now,
        rows=rows,
        overall=overall,
        unmatched=unmatched,
        signs=SIGNS,
        arrows=digest.ARROWS,
    )
