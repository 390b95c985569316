"""A digest of a report, in Markdown short enough for a comment on a pull request."""

from collections.abc import Mapping
from typing import Any

from reportgen.page.changes import Changes, Difference
from reportgen.page.filters import interval
from reportgen.page.template import SIGNS

MOST_ROWS = 40  # of each kind of difference
LONGEST = 60_000  # characters; GitHub takes 65,536
ARROWS = {"better": "▲", "worse": "▼", "new": "＋", "lost": "－"}


def of_one(now: Mapping[str, Any]) -> str:
    """The claims of one report, for when there is no older report to compare it with."""
    lines = [f"### reportgen: {_name(now)}", "", _subject(now), ""]
    if now["model"].get("warning"):
        lines += [f"**Warning:** {_cell(now['model']['warning'])}", ""]
    lines += ["| | claim | verdict | measured |", "|---|---|---|---|"]
    for claim in now["claims"]:
        tested = claim["verdict"] != "not tested" and claim["parts"]
        measured = f"{interval(claim)}, n = {claim['n']:,}" if tested else _cell(claim["why"])
        sign = SIGNS[claim["verdict"]]
        lines.append(f"| {sign} | `{claim['id']}` {_cell(claim['statement'])} | **{claim['verdict']}** | {measured} |")
    return _cut("\n".join(lines) + "\n")


def _subject(now: Mapping[str, Any]) -> str:
    model, data = now["model"], now["data"]
    said = f"{_cell(model['name'])} on {_cell(data['name'])}"
    if model["top1"] is None:
        return f"{said}: no image has a label that the net knows."
    return f"{said}: {model['top1']:.1%} of {model['labelled_images']:,} images right."


def of_changes(found: Changes, before: Mapping[str, Any], now: Mapping[str, Any], overall: Mapping[int, float]) -> str:
    """What changed between two reports."""
    lines = [f"### reportgen: {_name(before)} → {_name(now)}", "", _summary(found), ""]
    if found.verdicts:
        lines += ["| | claim | before | now |", "|---|---|---|---|"]
        lines += [
            f"| {ARROWS[change.direction]} | `{change.id}` {_cell(change.statement)} | {change.before} | **{change.now}** |"
            for change in found.verdicts
        ]
        lines.append("")
    if found.moved:
        lines += ["| number | before | now |", "|---|---|---|"]
        rows = [f"| {_cell(move.name)} | {interval(move.before)} | {interval(move.now)} |" for move in found.moved]
        lines += [*_first(rows), ""]
    if overall:
        said = ", ".join(f"layer {layer} {value:.2f}" for layer, value in overall.items())
        lines += [f"Feature maps matched by their responses, mean correlation: {said}.", ""]
    for title, differences in (
        ("Net and data", found.facts),
        ("Settings", found.settings),
        ("Versions", found.versions),
    ):
        if differences:
            lines += [
                f"<details><summary>{title}: {len(differences)} changed</summary>",
                "",
                *_table(differences),
                "",
                "</details>",
                "",
            ]
    return _cut("\n".join(lines).rstrip() + "\n")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit("\n", 1)[0] + "\n\n(cut: the report has the rest)\n"


def _name(report: Mapping[str, Any]) -> str:
    commit = report["run"]["commit"]
    return f"`{commit[:12]}`" if commit else f"seed {report['run']['seed']}"


def _summary(found: Changes) -> str:
    if not found.any:
        return "Nothing changed."
    counts = {direction: sum(change.direction == direction for change in found.verdicts) for direction in ARROWS}
    said = [f"{count} {direction}" for direction, count in counts.items() if count]
    verdicts = f"Verdicts: {', '.join(said)}." if said else "No verdict changed."
    return f"{verdicts} {len(found.moved)} of {found.compared} numbers moved by more than their intervals."


def _table(differences: tuple[Difference, ...]) -> list[str]:
    rows = [f"| {_cell(item.name)} | {_cell(item.before)} | {_cell(item.now)} |" for item in differences]
    return ["| | before | now |", "|---|---|---|", *_first(rows)]


def _first(rows: list[str]) -> list[str]:
    return rows if len(rows) <= MOST_ROWS else [*rows[:MOST_ROWS], f"| and {len(rows) - MOST_ROWS} more | | |"]


def _cell(text: str) -> str:
    """A text with the signs escaped that could end a cell, begin a tag or mention someone (@name)."""
    for sign, harmless in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("\n", " "),
        ("@", "&#64;"),
        ("`", "'"),
    ):
        text = text.replace(sign, harmless)
    return text
