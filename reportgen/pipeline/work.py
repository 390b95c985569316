"""What a stage is, and what it gets to do its work: the only part of the engine that a stage's module may import."""

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

    Its artefact depends on the stages before it, on the settings and files it reads, and on code: its own module, the
    modules in `also`, and all that these import.
    """

    name: str
    module: str
    inputs: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()  # of the settings
    also: tuple[str, ...] = ()  # modules that it imports by name while it runs
    rooms: tuple[str, ...] = ()  # only code in these rooms counts; empty: everything imported
    doing: str = ""  # the line that the user sees when it starts
    outputs: tuple[str, ...] = ()  # files that it makes in the report's folder
    given: Mapping[str, Any] = field(default_factory=dict)  # single values of the settings, beside `sections`
    files: Callable[[Settings, FileDigests], Any] | None = None  # digests of the user's files that it reads
    templates: Mapping[str, Path] = field(
        default_factory=dict
    )  # files of the package that it reads, by the name shown to the user
    unread: tuple[Path, ...] = ()  # files of this repository that do not make its commit "-dirty"
    commit: bool = False  # whether it writes down the commit
    analysis: Analysis | None = None  # that it computes or draws
    settings: Settings | None = None  # where it has others than the run: as a training with another seed
    within: str = ""  # "repeats/1/": it reads the stages below that, where they are among its inputs
    shared: bool = False  # several processes can make it: its module has ``assist(work)`` for all but the first
    long: bool = False  # of those that can begin it is made first, while others are made beside it

    @property
    def folder(self) -> str:
        """Its artefact's folder below the build folder."""
        return self.name


@dataclass(frozen=True)
class Work:
    """What a stage gets: the settings, the folders, and its stamp."""

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
        """The report's folder relative to the build folder: the two may be moved together."""
        return beside(self.build, self.report)

    def input(self, name: str) -> Path:
        """Folder of an earlier stage's artefact."""
        own = self.stage.within + name
        return self.build / (own if own in self.stage.inputs else name)

    @property
    def workshop(self) -> Path:
        """A folder that survives a kill, for work that can be resumed; it belongs to this stamp alone."""
        return self.build / f"{self._workshops}{self.stamp['fingerprint']}"

    @property
    def _workshops(self) -> str:
        return f"work-{self.stage.name.replace('/', '-')}-"

    def forget_others(self) -> None:
        """Remove the workshops that this stage has under other stamps."""
        for other in self.build.glob(self._workshops + "[0-9a-f]" * len(self.stamp["fingerprint"])):
            if other != self.workshop:
                shutil.rmtree(other)


def beside(build: Path, report: Path) -> str:
    """The report's folder relative to the build folder."""
    return Path(os.path.relpath(report, build)).as_posix()
