"""What a stage is, and what it is given: all that a stage's module may import of the engine."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reportgen.analyses.base import Analysis
from reportgen.base.artifacts import FileDigests
from reportgen.settings.sections import Settings


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline: module `module` has ``make(work, folder)``, which fills an empty folder.

    Its artefact depends on the stages before it, on the settings and files it reads, and on code: its own module, those
    named in `also`, and all that these import.
    """

    name: str
    module: str
    inputs: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()  # of the settings
    also: tuple[str, ...] = ()  # modules that it looks up while it runs
    rooms: tuple[str, ...] = ()  # only code that lies there counts; empty: all that is imported
    doing: str = ""  # what the user reads while it runs
    outputs: tuple[str, ...] = ()  # files in the report's folder that it makes
    given: Mapping[str, Any] = field(default_factory=dict)  # single values of the settings, beside `sections`
    files: Callable[[Settings, FileDigests], Any] | None = None  # digests of the user's files that it reads
    templates: Mapping[str, Path] = field(
        default_factory=dict
    )  # that it reads, by the name in which the user knows them
    unread: tuple[Path, ...] = ()  # files of ours that leave its commit as it is
    commit: bool = False  # it writes down which commit this is
    analysis: Analysis | None = None  # that it computes or draws
    shared: bool = False  # several processes can make it: its module has ``assist(work)`` for all but the first

    @property
    def folder(self) -> str:
        """Its artefact's folder below the build folder."""
        return self.name


@dataclass(frozen=True)
class Work:
    """What a stage is given: the settings, where things lie, and its stamp."""

    stage: Stage
    settings: Settings
    build: Path
    report: Path
    stamp: Mapping[str, Any]
    run: Mapping[str, Any] = field(default_factory=dict)  # commit, profile, seed, versions: the page prints them

    @property
    def analysis(self) -> Analysis:
        """The analysis that this stage computes or draws."""
        assert self.stage.analysis is not None
        return self.stage.analysis

    @property
    def report_beside(self) -> str:
        """Where the report lies, seen from the build folder: the two may be moved together."""
        return beside(self.build, self.report)

    def input(self, name: str) -> Path:
        """Folder of an earlier stage's artefact."""
        return self.build / name

    @property
    def workshop(self) -> Path:
        """A folder that outlives a kill, for what can be resumed; it belongs to this stamp alone."""
        return self.build / f"{self._workshops}{self.stamp['fingerprint']}"

    @property
    def _workshops(self) -> str:
        return f"work-{self.stage.name.replace('/', '-')}-"

    def forget_others(self) -> None:
        """Remove the workshops that this stage had under settings that were given up."""
        for other in self.build.glob(self._workshops + "[0-9a-f]" * len(self.stamp["fingerprint"])):
            if other != self.workshop:
                shutil.rmtree(other)


def beside(build: Path, report: Path) -> str:
    """Where the report lies, seen from the build folder."""
    return Path(os.path.relpath(report, build)).as_posix()
