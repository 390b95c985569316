"""Two reports side by side: ``compare.html`` for people, a Markdown digest for a pull request (``make compare``)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.analyses.registry import BY_NAME, offering
from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.page import digest
from reportgen.page.changes import ACCURACY_CLAIM, Changes, Influences, changes
from reportgen.page.folder import publish
from reportgen.page.matching import Matched, MissingResponses, Pair, match_reports
from reportgen.page.older import damaged, influences, read_report
from reportgen.page.template import SIGNS
from reportgen.page.template_files import environment

MOST_PAIRS = 6  # pairs of maps shown for each layer
MOST_PICTURE = 20 << 20  # bytes of a map's pictures
JPEG = b"\xff\xd8\xff"
UNCHANGED = 0.999  # correlation of two maps that are the same


def write(base: Path, report: Path, tolerance: float | None = None) -> Changes:
    """Write ``compare.html``, ``compare.md`` and the pictures that they show into `report`; returns what changed.

    `base` is the folder of the older report; `tolerance` as in `changes`. Raises UserError if one of the folders holds no
    report.
    """
    before, now = read_report(base, f"BASE={base}"), read_report(report, f"REPORT={report}")
    found = changes(before, now, _influences(base, before, report, now), tolerance)
    matched, unmatched = _matched(base, report, before, now)
    files: dict[str, bytes | Path] = {
        f"compare/{row['file']}": _picture(base, row["source"]) for row in _old_pictures(matched.pairs, before)
    }
    files["compare.md"] = digest.of_changes(found, before, now, matched.overall).encode()
    page = _render(found, before, now, matched, unmatched)
    files["compare.html"] = page.encode()
    publish(report, "compare", files)
    return found


def since(
    base: Path, now: Mapping[str, Any], arrays: Mapping[str, np.ndarray], tolerance: float | None
) -> tuple[str, str]:
    """What changed since the report in folder `base`, for the head of the page: the digest's first two lines.

    `now` is the document of this report; `arrays`: what each unit adds to the error of each of its numbers.
    """
    before = read_report(base, f"BASE={base}")
    older = influences(base, f"BASE={base}", _arrays_of(before))
    found = changes(before, now, (older, arrays), tolerance)
    return digest.first_line(found, before, now), digest.second_line(found)


def _arrays_of(metrics: Mapping[str, Any]) -> list[str]:
    """The names of a report's files of arrays."""
    return [*(name for name in metrics["analyses"] if name in BY_NAME), ACCURACY_CLAIM]


def _influences(base: Path, before: Mapping[str, Any], report: Path, now: Mapping[str, Any]) -> Influences:
    both = ((base, "BASE", before), (report, "REPORT", now))
    one, other = (influences(folder, f"{switch}={folder}", _arrays_of(metrics)) for folder, switch, metrics in both)
    return one, other


def _matched(base: Path, report: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Matched, str]:
    """The pairs of feature maps to show: those that changed most. With the reason, if there are no pairs."""
    none = Matched([], {}, {})
    if before["data"]["fingerprint"] != now["data"]["fingerprint"]:
        return (
            none,
            "The two reports use different images, so their feature maps cannot be matched by their responses.",
        )
    pictured = offering("maps").pictured
    old, new = pictured(before), pictured(now)
    layers = {layer: (sorted(old[layer]), sorted(new[layer])) for layer in new if layer in old}
    try:
        with damaged(f"BASE={base}", Path("features.npz")):
            matched = match_reports(base, report, layers)
    except MissingResponses:
        return (
            none,
            "One of the two reports lacks its maps' responses (data/features.npz), so the maps cannot be matched.",
        )
    changed = [pair for pair in matched.pairs if pair.similarity < UNCHANGED]
    shown = [pair for layer in layers for pair in [pair for pair in changed if pair.layer == layer][:MOST_PAIRS]]
    return replace(matched, pairs=shown), ""


def _old_pictures(pairs: list[Pair], before: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    files = offering("maps").pictured(before)
    for pair in pairs:
        for part, source in files[pair.layer][pair.before].items():
            yield {"file": f"layer{pair.layer}-map{pair.before:04d}-{part}.jpg", "source": source}


def _picture(base: Path, name: str) -> bytes:
    """A picture of the older report; raises UserError where it is missing or none, or where its name leads out of that report."""
    path = foreign.inside(base, name, f"BASE={base}")
    if not path.exists():
        raise UserError(f"BASE={base}: {name} is missing: make that report again")
    with foreign.reading(f"BASE={base}: {name}", "a picture of a report", "make that report again"):
        content = foreign.content(path, MOST_PICTURE)
        if not content.startswith(JPEG):
            raise ValueError("its first bytes are not a JPEG's")
    return content


def _render(
    found: Changes,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    matched: Matched,
    unmatched: str,
) -> str:
    files = offering("maps").pictured(now)
    rows = [{"pair": pair, "now": files[pair.layer][pair.now]} for pair in matched.pairs]
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            changes=found,
            first_line=digest.first_line(found, before, now),
            second_line=digest.second_line(found),
            unknown=digest.UNKNOWN,
            before=before,
            now=now,
            rows=rows,
            overall=matched.overall,
            died={layer: maps for layer, maps in matched.died.items() if maps},
            unmatched=unmatched,
            signs=SIGNS,
            arrows=digest.ARROWS,
        )
    )
