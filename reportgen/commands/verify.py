"""``make verify``: make the report again in a clean folder and compare it byte for byte.

The same commit, settings, seed, machine and versions must give the same report.
"""

import filecmp
from dataclasses import dataclass
from pathlib import Path

from reportgen.base.working import working_folder
from reportgen.page.folder import written
from reportgen.pipeline.run import Pipeline


@dataclass(frozen=True)
class Verified:
    """The result of making a report twice."""

    files: int  # of the report
    differing: tuple[str, ...]  # files whose bytes differ, or that only one report has


def verify(pipeline: Pipeline, goals: tuple[str, ...]) -> Verified:
    """Make the stages that are due, make everything again elsewhere, and compare; the second report is deleted.

    A file of the report that is no longer what was written counts as differing, although its stage makes it again.
    """
    altered = {file for name in goals if (file := pipeline.damaged(name))}
    pipeline.make_due(goals)
    with working_folder(pipeline.build / "verify") as place:
        again = Pipeline(pipeline.settings, pipeline.stages, place / "build", place / "report")
        again.make_due(goals)
        found = compared(pipeline.report, again.report, goals)
    return Verified(found.files, tuple(sorted({*found.differing, *altered})))


def compared(report: Path, again: Path, writers: tuple[str, ...]) -> Verified:
    """Compare, by their bytes, the files that these writers put into two report folders."""
    names = sorted({name for folder in (report, again) for writer in writers for name in written(folder, writer)})
    _, differing, missing = filecmp.cmpfiles(report, again, names, shallow=False)
    return Verified(len(names), tuple(sorted([*differing, *missing])))
