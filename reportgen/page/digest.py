"""A digest of a report, in Markdown short enough for a comment on a pull request."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reportgen.base.names import shown
from reportgen.base.typesetting import typeset
from reportgen.page.changes import ACCURACY, PRECISION, Changes, Difference, Moved, VerdictChange
from reportgen.page.conclusion import ORDER, conclusion, failing, of_which_training, reason_among, shared_reasons
from reportgen.page.filters import bounds, interval, sentence, words
from reportgen.page.template import SIGNS

MOST_ROWS = 40  # of each kind of difference
MOST_CAUSES = 4  # named in the first line
LONGEST_VALUE = 40  # characters, in the first line
LONGEST = 60_000  # characters; GitHub takes 65,536
UNKNOWN = (
    "The weights differ, and how much training again changes these numbers is unknown, so nobody can say whether they "
    "changed: REPEATS=3 measures it, NOISE= names a file that make noise wrote, TOLERANCE=1 takes it as one sampling error."
)
ARROWS = {"worse": "▼", "lost": "－", "unsettled": "◇", "better": "▲", "new": "＋"}
MOST_NAMES = 5  # of claims, in one line


def of_one(now: Mapping[str, Any]) -> str:
    """The claims of one report, for when there is no older report to compare it with."""
    said = conclusion(now["claims"], bool(now["model"].get("loaded")))
    lines = [f"### reportgen: {_name(now)}", "", _subject(now), "", _tally(now["claims"]), ""]
    if now["model"].get("warning"):
        lines += [f"**Warning:** {_cell(typeset(now['model']['warning']))}", ""]
    shared = shared_reasons(now["claims"])
    for why, those in shared.items():
        lines += [f"**{len(those)} claims are undecided for one reason:** {_cell(sentence(why))}", ""]
    lines += [said, ""]
    marked = of_which_training(now["claims"])
    lines += ["| | claim | verdict | measured |", "|---|---|---|---|"]
    for claim in sorted(now["claims"], key=lambda claim: ORDER.index(claim["verdict"])):
        parts = f": {_cell(typeset(failing(claim)))}" if failing(claim) else ""
        sign, verdict = SIGNS[claim["verdict"]], f"**{claim['verdict']}**{parts}"
        why = "" if parts else claim["why"]
        why = "; ".join(
            part
            for part in (marked.get(claim["id"]), "for the reason above" if reason_among(shared, claim) else why)
            if part
        )
        measured = _measured(claim, why)
        lines.append(f"| {sign} | `{claim['id']}` {_cell(typeset(claim['statement']))} | {verdict} | {measured} |")
    return _cut("\n".join(lines) + "\n")


def _tally(claims: Sequence[Mapping[str, Any]]) -> str:
    """How many claims got which verdict, and which are contradicted."""
    counts = [(verdict, sum(claim["verdict"] == verdict for claim in claims)) for verdict in SIGNS]
    said = ", ".join(
        f"{many} {'hold' if verdict == 'holds' and many > 1 else verdict}" for verdict, many in counts if many
    )
    failing = [claim["id"] for claim in claims if claim["verdict"] == "contradicted"]
    return f"Verdicts: {said}.{f' Contradicted: {_names(failing)}.' if failing else ''}"


def _names(claims: Sequence[str], quote: str = "`") -> str:
    more = len(claims) - MOST_NAMES
    return ", ".join(f"{quote}{name}{quote}" for name in claims[:MOST_NAMES]) + (
        f" and {more} more" if more > 0 else ""
    )


def _measured(claim: Mapping[str, Any], why: str) -> str:
    """The number that decides, if it was measured, and why the verdict is not the number's own."""
    if claim["verdict"] == "not tested" or claim["estimate"] is None:
        return _cell(typeset(why))
    return f"{interval(claim)}, n = {claim['n']:,}{f'; {_cell(typeset(why))}' if why else ''}"


def _subject(now: Mapping[str, Any]) -> str:
    model, data = now["model"], now["data"]
    said = f"{_cell(model['name'])} on {_cell(data['name'])}"
    if model["top1"] is None:
        return f"{said}: no image has a label that the net knows."
    if model.get("map") is not None:
        return f"{said}: mean average precision {_percent(model['map'])}, {_percent(model['top1'])} of first guesses right."
    images = "labelled" if model.get("loaded") else "validation"
    return f"{said}: {_percent(model['top1'])} of {model['labelled_images']:,} {images} images right."


def of_changes(found: Changes, before: Mapping[str, Any], now: Mapping[str, Any], overall: Mapping[int, float]) -> str:
    """What changed between two reports."""
    lines = [f"**{_cell(first_line(found, before, now))}**", "", second_line(found, _cell, "`"), ""]
    warning = now["model"].get("warning")
    if warning and warning != before["model"].get("warning"):
        lines += [f"**Warning:** {_cell(typeset(warning))}", ""]
    if found.moved:
        lines += [
            f"{len(found.moved)} of {len(found.numbers)} numbers changed beyond noise:",
            "",
            *_moves(found.moved),
            "",
        ]
    if found.turned:
        lines += [*_folded(f"The verdicts that changed: {len(found.turned)}", _turned(found.turned)), ""]
    if found.unclear:
        lines += [f"**{UNKNOWN}**", "", *_turned(found.undecidable), "", *_moves(found.unclear), ""]
    if found.unfounded or found.within:
        said = f"Within noise: {len(found.unfounded)} verdicts and {len(found.within)} numbers differ"
        lines += [*_folded(said, [*_turned(found.unfounded), "", *_moves(found.within)]), ""]
    if overall:
        said = ", ".join(f"layer {layer} {value:.2f}" for layer, value in overall.items())
        title = "Feature maps, matched by their responses"
        lines += [*_folded(title, [f"Mean correlation of partners: {said}."]), ""]
    for title, differences in (
        ("Net and data", found.facts),
        ("Settings", found.settings),
        ("Versions", found.versions),
    ):
        if differences:
            lines += [*_folded(f"{title}: {len(differences)} changed", _table(differences)), ""]
    return _cut("\n".join(lines).rstrip() + "\n")


def first_line(found: Changes, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Accuracy then and now, and what was changed: who reads no further knows whether to."""
    return f"{_accuracies(found, before, now)} {_causes(found)}"


def second_line(found: Changes, escaped: Callable[[str], str] = str, quote: str = "") -> str:
    """The verdicts that changed beyond noise, by direction, with the reasons that they give."""
    if not found.any:
        return "No verdict and no number changed."
    said = []
    for direction in ARROWS:
        for why, those in _by_reason(found.turned, direction).items():
            because = f", because {escaped(why)}" if why else ""
            said.append(
                f"{len(those)} {direction} ({_names([escaped(change.id) for change in those], quote)}){because}"
            )
    if not said and found.unclear:
        return "Whether a verdict changed cannot be said: how much training again changes the numbers is unknown."
    if not said:
        return "No verdict changed beyond noise."
    return f"Verdicts: {'; '.join(said)}."


def _by_reason(changes: Sequence[VerdictChange], direction: str) -> dict[str, list[VerdictChange]]:
    """The changes in one direction, by the reason that their verdicts give, up to its first colon; empty: the numbers alone."""
    found: dict[str, list[VerdictChange]] = {}
    for change in changes:
        if change.direction == direction:
            found.setdefault(change.why.partition(": ")[0] if change.gated or change.gone else "", []).append(change)
    return found


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def _accuracies(found: Changes, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    several = all(report["model"].get("map") is not None for report in (before, now))
    what, name, key = ("Mean average precision", PRECISION, "map") if several else ("Accuracy", ACCURACY, "top1")
    old, new = (report["model"][key] for report in (before, now))
    if old is None or new is None:
        return "Accuracy unknown (no labels)." if new is None else f"Accuracy {_percent(new)} (unknown before)."
    if old == new:
        return f"{what} {_percent(new)}, as before."
    within = any(one.name == name for one in found.within)
    return f"{what} {100 * old:.1f} → {100 * new:.1f} %{' (within noise)' if within else ''}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


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
        "| | claim | before | now | why |",
        "|---|---|---|---|---|",
        *(
            f"| {ARROWS[change.direction]} | `{change.id}` {_cell(typeset(change.statement))} | {change.before} | **{change.now}** "
            f"| {_cell(typeset(change.why))} |"
            for change in changes
        ),
    ]


def _moves(moves: Sequence[Moved]) -> list[str]:
    if not moves:
        return []
    rows = [f"| {_cell(move.name)} | {_number(move.before)} | {_number(move.now)} |" for move in moves]
    return ["| number | before | now |", "|---|---|---|", *_first(rows)]


def _number(part: Mapping[str, Any]) -> str:
    """As `interval`; the unit of an older report's number is in words of that report."""
    return f"{bounds(part)} {_cell(words(part))}".rstrip()


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit("\n", 1)[0] + "\n\n(cut: the report has the rest)\n"


def _name(report: Mapping[str, Any]) -> str:
    commit = report["run"]["commit"]
    return f"`{commit[:12]}`" if commit else f"seed {report['run']['seed']}"


def _table(differences: tuple[Difference, ...]) -> list[str]:
    rows = [f"| {_cell(item.name)} | {_cell(item.before)} | {_cell(item.now)} |" for item in differences]
    return ["| | before | now |", "|---|---|---|", *_first(rows)]


def _first(rows: list[str]) -> list[str]:
    return rows if len(rows) <= MOST_ROWS else [*rows[:MOST_ROWS], f"| and {len(rows) - MOST_ROWS} more | | |"]


def _cell(text: str) -> str:
    """A text with the signs escaped that could end a cell, begin a tag, a link or a picture, or mention someone (@name).

    What a terminal would obey is shown.
    """
    for sign, harmless in (
        ("\\", "\\\\"),
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        *((sign, f"\\{sign}") for sign in "|[]*_!"),
        ("\n", " "),
        ("@", "&#64;"),
        ("`", "'"),
    ):
        text = text.replace(sign, harmless)
    return shown(text)
