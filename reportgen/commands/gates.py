"""``FAIL_ON=`` of ``make report`` and ``make compare``: say which conditions are not met, and write them down."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from reportgen.base.artifacts import read_json
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.page import gates, junit
from reportgen.page.changes import Changes
from reportgen.page.folder import publish
from reportgen.settings.switches import NONE_YET


def read(switches: Mapping[str, str]) -> tuple[gates.Gate, ...]:
    """The conditions in ``FAIL_ON=``; raises UserError for what is none, and for one on what changed since no report."""
    conditions = gates.read(switches.get("FAIL_ON", ""))
    comparing = next((one for one in conditions if one.compares), None)
    if comparing and not switches.get("BASE"):
        raise UserError(
            f"FAIL_ON={comparing.text}: it asks what changed since an older report: give BASE=path/to/older/report, "
            f"or BASE={NONE_YET} where there is none yet"
        )
    return conditions


def check(conditions: Sequence[gates.Gate], report: Path, found: Changes | None, tolerance: float | None) -> bool:
    """Whether a report meets all conditions; those that it does not meet, or that cannot be judged, are said.

    `found`: what changed since an older report. ``gates.xml`` in the report's folder says the same to a CI; without
    conditions it goes.
    """
    judged = gates.judge(conditions, read_json(report / "metrics.json"), found, tolerance) if conditions else []
    publish(report, "gates", {"gates.xml": junit.of_gates(judged)} if judged else {})
    for one in judged:
        if one.outcome != "passed" or one.narrow:
            say(f"{'error' if one.outcome == 'failed' else 'warning'}: FAIL_ON={one.gate.text}: {one.why}")
    return all(one.outcome != "failed" for one in judged)
