"""``make verify``: make the report again in a clean folder and compare it byte for byte.

The same commit, settings, seed, machine and versions must give the same report.
"""

import filecmp
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from reportgen.page.folder import written
from reportgen.pipeline.run import Pipeline


@dataclass(frozen=True)
class Verified:
    """The result of making a report twice."""

    files: int  # of the report
    differing: tuple[str, ...]  # files whose bytes differ, or that only one report has


def verify(pipeline: Pipeline, goals: tuple[str, ...]) -> Verified:
    """Make the stages that are due, make everything again elsewhere, and compare; the second report is deleted."""
    pipeline.make_due(goals)
    with TemporaryDirectory(dir=pipeline.build, prefix="verify-") as place:
        again = Pipeline(pipeline.settings, pipeline.stages, Path(place) / "build", Path(place) / "report")
        again.make_due(goals)
        return compared(pipeline.report, again.report, goals)


def compared(report: Path, again: Path, writers: tuple[str, ...]) -> Verified:
    """Compare, by their bytes, the files that these writers put into two report folders."""
    names = sorted({name for folder in (report, again) for writer in writers for name in written(folder, writer)})
    _, differing, missing = filecmp.cmpfiles(report, again, names, shallow=False)
    return Verified(len(names), tuple(sorted([*differing, *missing])))
