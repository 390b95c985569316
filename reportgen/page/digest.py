"""A digest of a report, in Markdown short enough for a comment on a pull request."""

from collections.abc import Mapping, Sequence
from typing import Any

from reportgen.page.changes import ACCURACY, Changes, Difference, Moved, VerdictChange
from reportgen.page.conclusion import conclusion
from reportgen.page.filters import interval
from reportgen.page.template import SIGNS

MOST_ROWS = 40  # of each kind of difference
MOST_CAUSES = 4  # named in the first line
LONGEST_VALUE = 40  # characters, in the first line
LONGEST = 60_000  # characters; GitHub takes 65,536
UNKNOWN = (
    "The weights differ, and how much training again changes these numbers is unknown, so nobody can say whether they "
    "changed: REPEATS=3 measures it, NOISE= names a file that make noise wrote, TOLERANCE=1 takes it as one sampling error."
)
ARROWS = {"better": "▲", "worse": "▼", "new": "＋", "lost": "－"}


def of_one(now: Mapping[str, Any]) -> str:
    """The claims of one report, for when there is no older report to compare it with."""
    said = conclusion(now["claims"], bool(now["model"].get("loaded")))
    lines = [f"### reportgen: {_name(now)}", "", _subject(now), "", said, ""]
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
    lines = [f"**{_cell(first_line(found, before, now))}**", "", _summary(found), ""]
    if found.turned:
        lines += [*_turned(found.turned), ""]
    if found.moved:
        lines += [*_moves(found.moved), ""]
    if found.unclear:
        lines += [f"**{UNKNOWN}**", "", *_turned(found.undecidable), "", *_moves(found.unclear), ""]
    if found.unfounded or found.within:
        said = f"{len(found.unfounded)} verdicts and {len(found.within)} numbers differ within noise"
        lines += [f"<details><summary>{said}</summary>", ""]
        lines += [*_turned(found.unfounded), "", *_moves(found.within), "", "</details>", ""]
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


def first_line(found: Changes, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Accuracy then and now, and what was changed: who reads no further knows whether to."""
    return f"{_accuracies(found, before, now)} {_causes(found)}"


def _accuracies(found: Changes, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    old, new = (report["model"]["top1"] for report in (before, now))
    if old is None or new is None:
        return "Accuracy unknown (no labels)." if new is None else f"Accuracy {new:.1%} (unknown before)."
    if old == new:
        return f"Accuracy {new:.1%}, as before."
    within = any(one.name == ACCURACY for one in found.within)
    return f"Accuracy {100 * old:.1f} → {100 * new:.1f} %{' (within noise)' if within else ''}."


def _causes(found: Changes) -> str:
    """What was changed; of long values and of many changes, the beginning."""
    causes = found.causes
    if not causes:
        return "Nothing was changed: the same settings, data, versions and code."
    said = [f"{_plainly(one.name)} {_short(one.before)} → {_short(one.now)}" for one in causes[:MOST_CAUSES]]
    more = len(causes) - len(said)
    return f"Changed: {'; '.join(said)}{f'; and {more} more' if more else ''}."


def _plainly(name: str) -> str:
    return name.replace(".", " ").replace("_", " ")


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"


def _turned(changes: Sequence[VerdictChange]) -> list[str]:
    if not changes:
        return []
    return [
        "| | claim | before | now |",
        "|---|---|---|---|",
        *(
            f"| {ARROWS[change.direction]} | `{change.id}` {_cell(change.statement)} | {change.before} | **{change.now}** |"
            for change in changes
        ),
    ]


def _moves(moves: Sequence[Moved]) -> list[str]:
    if not moves:
        return []
    rows = [f"| {_cell(move.name)} | {interval(move.before)} | {interval(move.now)} |" for move in moves]
    return ["| number | before | now |", "|---|---|---|", *_first(rows)]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit("\n", 1)[0] + "\n\n(cut: the report has the rest)\n"


def _name(report: Mapping[str, Any]) -> str:
    commit = report["run"]["commit"]
    return f"`{commit[:12]}`" if commit else f"seed {report['run']['seed']}"


def _summary(found: Changes) -> str:
    if not found.any:
        return "No verdict and no number changed."
    counts = {direction: sum(change.direction == direction for change in found.turned) for direction in ARROWS}
    said = [f"{count} {direction}" for direction, count in counts.items() if count]
    verdicts = f"Verdicts: {', '.join(said)}." if said else "No verdict changed beyond noise."
    return f"{verdicts} {len(found.moved)} of {len(found.numbers)} numbers changed beyond noise."


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
