"""The engine: which stages are due, and making them.

Content decides, not file times: a stage's stamp holds the settings it reads, the digests of the source files it
imports, the versions of the libraries they import and the fingerprints of the stages before it. A stage is due if its
artefact was made from another stamp.
"""

import platform
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from reportgen.base import foreign
from reportgen.base.artifacts import (
    DOCUMENT,
    MANIFEST,
    MOST_OF_SIGNATURE,
    FileDigests,
    digest,
    read_json,
    refuse_foreign,
    remove_empty,
    remove_leftovers,
    replace_folder,
    write_json,
    write_text,
)
from reportgen.base.errors import UserError
from reportgen.base.libraries import lacking, version
from reportgen.base.names import nearest
from reportgen.base.progress import say, span
from reportgen.base.working import LOCK, alone
from reportgen.pipeline import holdings, intact, jobs, launch
from reportgen.pipeline.commit import checked_out
from reportgen.pipeline.source_files import DECLARED, ENGINE, closure
from reportgen.pipeline.work import Stage, Work, beside
from reportgen.settings.sections import Settings, jsonable

LONGEST = 1e7  # seconds of a stage, a third of a year: beyond that a file of times is damaged


class Pipeline:
    """The stages of one call: its settings and folders."""

    def __init__(self, settings: Settings, stages: Mapping[str, Stage], build: Path, report: Path) -> None:
        self.settings = settings
        self.build = build
        self.report = report
        self.stages = stages  # by name, each after the stages it reads
        self.commit = checked_out()
        self.digests = FileDigests(self.build / holdings.DIGESTS)
        self.stamps = self._stamps()

    def _stamps(self) -> dict[str, dict[str, Any]]:
        """The stamp of every stage: all that it depends on, and the fingerprint of that."""
        digests = self.digests
        stamps: dict[str, dict[str, Any]] = {}
        for stage in self.stages.values():
            sources, libraries = closure(
                (stage.module, *stage.also), stage.rooms, ENGINE if stage.commit else ENGINE + DECLARED
            )
            stamp: dict[str, Any] = {
                "settings": (self._settings(stage).document(*stage.sections) if stage.sections else {})
                | jsonable(stage.given),
                "sources": {name: digests.of(path) for name, path in sources.items()},
                "libraries": {name: version(name) for name in libraries} | {"python": platform.python_version()},
                "inputs": {name: stamps[name]["fingerprint"] for name in stage.inputs},
            }
            if stage.files is not None:
                stamp["files"] = stage.files(self._settings(stage), digests)
            if stage.templates:
                stamp["templates"] = {name: digests.of(path) for name, path in stage.templates.items()}
            if stage.commit:
                stamp["commit"] = [self.commit.without(stage.unread), self.commit.date]
                stamp["profile"] = [self.settings.profile, self.settings.document()]
            stamp["fingerprint"] = digest(stamp)
            stamps[stage.name] = stamp
        holdings.enter(self.build, [holdings.DIGESTS])
        digests.save()
        return stamps

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work in these folders alone: wait for the end of another command that does."""
        with locks(self.build, self.report) as waited:
            # Meanwhile the user's files may have changed, and another command may have removed the build folder's list.
            if waited or not (self.build / holdings.NAME).exists():
                self.digests = FileDigests(self.build / holdings.DIGESTS)
                self.stamps = self._stamps()
            yield

    def due(self, name: str) -> bool:
        """Whether a stage must be made: its artefact is missing, or was made from another stamp."""
        made, stage = self._made(name), self.stages[name]
        if made.get("fingerprint") != self.stamps[name]["fingerprint"] or self.damaged(name):
            return True
        return bool(stage.outputs) and (
            _read_or_none(self.build / stage.folder / DOCUMENT) != {"report": beside(self.build, self.report)}
            or not all((self.report / output).exists() for output in stage.outputs)
            or self._signed(name) != self.stamps[name]["fingerprint"]
        )

    def _made(self, name: str) -> dict[str, Any]:
        """The stamp that a stage's artefact was made from; empty where there is none that can be read."""
        found = _read_or_none(self.build / self.stages[name].folder / intact.STAMP)
        return found if isinstance(found, dict) else {}

    def there(self, name: str) -> bool:
        """Whether a stage has an artefact, due or not."""
        return (self.build / self.stages[name].folder / DOCUMENT).is_file()

    def damaged(self, name: str) -> str:
        """The first of a stage's files that is no longer what it wrote; empty where all are."""
        return intact.damaged(self._made(name), self.build / self.stages[name].folder, self.report, self.digests)

    @property
    def times(self) -> dict[str, float]:
        """How long each stage took when it was last made, seconds; of a damaged file nothing is known."""
        found = _read_or_none(self.build / holdings.TIMINGS)
        known = found.items() if isinstance(found, dict) else ()
        return {name: took for name, took in known if isinstance(took, float) and 0 <= took <= LONGEST}

    def _signature(self, name: str) -> Path:
        """The file in the report's folder with the fingerprint of a stage's files: several builds may share the folder."""
        return self.report / MANIFEST / f"{name}.stamp"

    def _signed(self, name: str) -> str | None:
        try:
            return foreign.text(self._signature(name), MOST_OF_SIGNATURE).strip()
        except (OSError, ValueError):
            return None

    def needed(self, goals: Iterable[str]) -> list[str]:
        """The goals and all stages they depend on, each after the stages it reads."""
        wanted: set[str] = set()

        def want(name: str) -> None:
            if name not in self.stages:
                raise UserError(f"{name}: no such stage{nearest(name, self.stages)}")
            if name not in wanted:
                wanted.add(name)
                for before in self.stages[name].inputs:
                    want(before)

        for goal in goals:
            want(goal)
        return [name for name in self.stages if name in wanted]

    def waiting(self, goals: Iterable[str]) -> list[str]:
        """The stages that are due, among the goals and all they depend on, each after the stages it reads."""
        return [name for name in self.needed(goals) if self.due(name)]

    def make(self, name: str) -> float:
        """Make one stage's artefact, with several processes if they can share it; returns the seconds it took."""
        if not self.shared(name):
            return self.make_here(name)
        started = time.monotonic()
        self.check_gpus()
        words = ["stage", name, *self.settings.words, f"BUILD={self.build}", f"REPORT={self.report}"]
        launch.launch(words, self.settings.machine.gpus)
        return time.monotonic() - started

    def check_gpus(self) -> None:
        """Raise UserError if this machine has fewer GPUs than the settings name."""
        launch.check(self.settings.machine.gpus, self.settings.compute.device)

    def shared(self, name: str) -> bool:
        """Whether several processes make a stage together."""
        return self.stages[name].shared and self.settings.machine.gpus > 1

    def work(self, name: str) -> Work:
        """The work that a stage's module gets."""
        stage = self.stages[name]
        return Work(stage, self._settings(stage), self.build, self.report, self.stamps[name], self.run(name))

    def _settings(self, stage: Stage) -> Settings:
        return stage.settings or self.settings

    def assist(self, name: str) -> None:
        """Do this process's share of a stage that another process makes."""
        import_module(self.stages[name].module).assist(self.work(name))

    def make_here(self, name: str) -> float:
        """Make one stage's artefact in this process; returns the seconds it took."""
        stage, work = self.stages[name], self.work(name)
        started = time.monotonic()
        say(f"{name.replace('drawn/', 'draw ')}: {stage.doing}")
        if stage.outputs:
            self._signature(name).unlink(missing_ok=True)  # after a kill, half-written files count as no run's
        with replace_folder(self.build / stage.folder) as folder:
            import_module(stage.module).make(work, folder)
            self._check_unchanged(name)
            if stage.outputs:
                write_text(self._signature(name), self.stamps[name]["fingerprint"] + "\n")
            made = intact.written(folder, self.report, name if stage.outputs else "")
            write_json(folder / intact.STAMP, self.stamps[name] | {"made": made})
        shutil.rmtree(work.workshop, ignore_errors=True)
        seconds = time.monotonic() - started
        say(f"  {name} took {seconds:.1f} s")
        return seconds

    def _check_unchanged(self, name: str) -> None:
        """Raise UserError if the user's files that a stage read are no longer those of its stamp."""
        stage = self.stages[name]
        if stage.files is not None and stage.files(self._settings(stage), self.digests) != self.stamps[name]["files"]:
            raise UserError(f"{name}: files that it reads changed meanwhile: the same command reads them again")

    def make_due(self, goals: Iterable[str], at_once: int | None = 1) -> dict[str, float]:
        """Make the stages that are due, among the goals and all they depend on; returns the seconds each took.

        `at_once` stages are made at the same time, each in its own process; with 1, this process makes all of them. None: as
        many as `jobs.usual` says.
        """
        parents = {(self.build / stage.folder).parent for stage in self.stages.values()}
        for folder in parents | {self.build, self.build / "stamps", self.report, self.report / MANIFEST}:
            remove_leftovers(folder)
        due = self.waiting(goals)
        self.digests.save()
        self.enter(due)
        self.check_libraries(due)
        for name in due:
            if self._made(name).get("fingerprint") == self.stamps[name]["fingerprint"] and (file := self.damaged(name)):
                say(f"{name}: its file {file} is damaged or missing: made again")
        if any(self.shared(name) and self.due(name) for name in self.stages):
            self.check_gpus()  # before the first stage, not after hours of it
        took: dict[str, float] = {}
        inputs = {name: self.stages[name].inputs for name in due}
        alone = ((name, self.make(name)) for name in due)
        before = self.times
        if at_once is None:
            at_once = jobs.usual(self.settings, _lasted(due, before)) if len(due) > 1 else 1
        long = {name for name in due if self.stages[name].long}
        for name, seconds in jobs.side_by_side(self.make, inputs, at_once, long) if at_once > 1 else alone:
            took[name] = seconds
            write_json(self.build / holdings.TIMINGS, self.times | {name: round(seconds, 2)})
            rest = [other for other in due if other not in took]
            if rest:
                say(f"  stage {len(took)} of {len(due)}{_left(rest, before, at_once)}")
        return took

    def enter(self, names: Iterable[str]) -> None:
        """List these stages' artefacts as the build folder's own; raises UserError if files of others are among them."""
        folders = [self.stages[name].folder for name in names]
        for folder in folders:
            refuse_foreign(self.build / folder)
        holdings.enter(self.build, [*folders, holdings.TIMINGS])

    def check_libraries(self, names: Iterable[str]) -> None:
        """Raise UserError if this Python lacks a library that one of these stages imports.

        WeasyPrint may be missing: then there is no PDF.
        """
        read = {library for name in names for library in self.stamps[name]["libraries"]}
        if missing := lacking(read - {"python", "weasyprint"}):
            raise UserError(missing)

    def run(self, name: str) -> dict[str, Any]:
        """What a stage records about the whole run, as in ``metrics.json``."""
        libraries = sorted({name for stamp in self.stamps.values() for name in stamp["libraries"]})
        return {
            "commit": self.commit.without(self.stages[name].unread),
            "date": self.commit.date,
            "profile": self.settings.profile,
            "seed": self.settings.run.seed,
            "device": self.settings.compute.device,
            "settings": self.settings.document(),
            "versions": {"reportgen": version("reportgen")}
            | {name: platform.python_version() if name == "python" else version(name) for name in libraries},
        }

    def why(self) -> Iterator[tuple[str, str]]:
        """The name of each stage that is due, and why it is."""
        for name in self.needed(self.stages):
            if self.due(name):
                made = self._made(name)
                yield name, _difference(made, self.stamps[name], self.damaged(name)) if made else "it was not made yet"


@contextmanager
def locks(build: Path | None, report: Path | None, wait: bool = True) -> Iterator[bool]:
    """Keep other commands out of a build folder and a report's folder; yields whether it waited for one.

    Without `wait` it raises UserError if one is there.
    """
    waited = False
    with ExitStack() as stack:
        for name, folder, inside in (("BUILD", build, "stamps"), ("REPORT", report, MANIFEST)):
            if folder:
                if not folder.exists():
                    stack.callback(remove_empty, folder)  # a command that is refused leaves nothing behind
                waited |= stack.enter_context(alone(folder / inside / LOCK, f"{name}={folder}", wait))
        yield waited


def _lasted(names: Collection[str], timings: Mapping[str, float]) -> float | None:
    """How many seconds these stages took the last time, all together; None where one never ran here."""
    return sum(timings[name] for name in names) if timings.keys() >= set(names) else None


def _left(names: Collection[str], timings: Mapping[str, float], at_once: int) -> str:
    """How long these stages take, as far as their last times tell; empty where one never ran here."""
    seconds = _lasted(names, timings)
    return "" if seconds is None else f", about {span(seconds / at_once)} left"


def _difference(old: Mapping[str, Any], new: Mapping[str, Any], damaged: str) -> str:
    for part in new:
        before, now = old.get(part), new[part]
        if part != "fingerprint" and before != now:
            names = ""
            if isinstance(before, dict) and isinstance(now, dict):
                changed = sorted(_leaves(before, now))
                names = ": " + ", ".join(changed[:4]) + (f" and {len(changed) - 4} more" if len(changed) > 4 else "")
            return f"its {part} changed{names}"
    if damaged:
        return f"its file {damaged} is damaged or missing"
    return "its files in the report's folder are missing, or from another run"


def _leaves(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key in {**before, **now}:
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _leaves(old, new, f"{path}{key}.")
        elif old != new:
            yield f"{path}{key}"


def _read_or_none(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError, RecursionError):
        return None
