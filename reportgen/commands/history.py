"""``make history``, and ``HISTORY=`` of ``make report``: keep a line for each commit's report, and draw the last of them."""

import os
from collections.abc import Iterator
from pathlib import Path

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.base.working import alone, existing, unwritable
from reportgen.page import history, history_page
from reportgen.page.older import WAY_OUT, read_report
from reportgen.pipeline.run import Pipeline

LONGEST_NAME = 200  # bytes: a lock and a working file beside the file have longer names, of 255 at most
LISTED = 5  # damaged lines that are said one by one


def check(path: Path) -> None:
    """Raise UserError for a file that no line can be kept in, before a run that would end there."""
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise UserError(f"HISTORY={path}: its name is longer than {LONGEST_NAME} bytes: give a shorter one")
    if path.is_dir():
        raise UserError(f"HISTORY={path}: a folder: give a file of lines, as {path / history.FILE}")
    there = existing(path.parent)
    if why := unwritable(there):
        raise UserError(f"HISTORY={path}: {there} cannot be written ({why}): give a file in another folder")
    found = history.read(path)
    if found.damaged and not found.lines:
        raise UserError(
            f"HISTORY={path}: no line of a history in it (line {found.damaged[0].number}: {found.damaged[0].why}): "
            f"give another file, or one that is not there yet, as {history.FILE}"
        )


def keep(pipeline: Pipeline, path: Path, goals: tuple[str, ...]) -> list[str]:
    """Add the report's line to the file, and draw the file's last lines beside the report; what there is to say of it.

    Nothing is made: where there is no report, the file alone is drawn. Raises UserError where there is neither.
    """
    if (pipeline.report / "metrics.json").is_file():
        found = line(pipeline.report, _seconds(pipeline, goals))
        with alone(path.with_name(f".{path.name}.lock"), f"HISTORY={path}"):  # runs in other folders may add theirs
            history.add(path, found)
    kept = history.read(path)
    for one in kept.damaged[:LISTED]:
        say(f"warning: HISTORY={path}: line {one.number} is passed over: {one.why}")
    if len(kept.damaged) > LISTED:
        say(f"warning: HISTORY={path}: {len(kept.damaged) - LISTED:,} more lines are passed over")
    if not kept.lines:
        raise UserError(
            f"HISTORY={path}: no lines in it, and no report in REPORT={pipeline.report}: make report HISTORY={path}"
        )
    steps = history_page.write(pipeline.report, kept, str(path))
    return list(_said(kept, steps, pipeline.report))


def line(report: Path, seconds: float | None) -> history.Line:
    """The line of the report in a folder; raises UserError where its ``metrics.json`` is damaged."""
    said_by = f"REPORT={report}"
    found = read_report(report, said_by)
    with foreign.reading(f"{said_by}: its metrics.json is damaged", "one of a report", WAY_OUT):
        return history.line_of(found, seconds)


def _seconds(pipeline: Pipeline, goals: tuple[str, ...]) -> float | None:
    """How long the stages of the report took, each when it was last made; None where that is not known."""
    took = pipeline.times
    return sum(took.get(name, 0.0) for name in pipeline.needed(goals)) if took else None


def _said(kept: history.History, steps: list[history.Step], report: Path) -> Iterator[str]:
    for step in steps:
        did = "broke" if step.broke else "mended"
        turns = [f"{change.id} {change.before} → {change.now}" for change in (*step.worse, *step.better)]
        turns += [one.name for one in step.fell]
        if step.accuracy:
            before, now = (100 * part["estimate"] for part in (step.accuracy.before, step.accuracy.now))
            turns.insert(0, f"accuracy {before:.1f} → {now:.1f} %")
        yield f"{step.now.label} {did}: {', '.join(turns)}"
    yield f"history of {len(kept.lines)} {'report' if len(kept.lines) == 1 else 'reports'}: {report / 'history.html'}"
