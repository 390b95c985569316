"""The stages of a run, what each depends on, and what is due.

Content decides, not clocks: a stage's stamp holds the settings it reads, the digests of the source files it imports,
the versions of the libraries they import and the fingerprints of the stages before it. A stamp is rewritten only when
that content changes, so Make, which compares times, redoes exactly what hangs on a change.
"""

import os
import platform
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from reportgen import registry, variants
from reportgen.artifacts import (
    DOCUMENT,
    MANIFEST,
    FileDigests,
    digest,
    read_json,
    remove_leftovers,
    replace_folder,
    write_json,
    write_text,
)
from reportgen.errors import UserError
from reportgen.given import FILES, named_set
from reportgen.progress import say
from reportgen.settings import Settings, jsonable, nearest
from reportgen.sources import checked_out, closure, lacking, templates, version

UNREAD = {  # templates of the others
    "page": ("print.html.j2", "print.css", "compare.html.j2"),
    "pdf": ("report.html.j2", "screen.css", "scripts", "provenance.html.j2", "compare.html.j2"),
}
RULES = "rules.mk"  # in the folder of the stamps


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline: module `module` has ``make(work, folder)``, which fills an empty folder."""

    name: str
    module: str
    inputs: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()  # of the settings
    also: str = ""  # the module of the analysis, where one stage serves several
    doing: str = ""  # what the user reads while it runs
    outputs: tuple[str, ...] = ()  # files in the report's folder that it makes
    commit: bool = False  # it writes down which commit this is
    given: Mapping[str, Any] = field(default_factory=dict)  # single values of the settings, beside `sections`
    shared: bool = (
        False  # several processes can make it together: its module has ``assist(work)`` for all but the first
    )

    @property
    def folder(self) -> str:
        """Its artefact's folder below the build folder."""
        return self.name


def stages(settings: Settings) -> dict[str, Stage]:
    """Every stage of a run with these settings by name, in the order in which they can be made."""
    loaded = settings.model.loaded  # then there is nothing to compare it with
    compared = () if loaded else variants.compared(settings.compare.variants, settings.compare.seeds)
    found = [
        Stage("data", "reportgen.stages.data", (), ("data", "run"), doing="reading the images"),
        Stage(
            "annotations",
            "reportgen.stages.annotations",
            ("data",),
            ("annotations", "data", "run"),
            doing="reading what is marked in the images",
        ),
        Stage(
            "transfer",
            "reportgen.stages.transfer",
            ("data",),
            ("transfer", "data", "run"),
            doing="reading the images of other classes",
        ),
        Stage(
            "net",
            "reportgen.stages.net",
            ("data",),
            ("model", "training", "data", "run", "compute"),
            doing="training the net",
            given={"machine": {"gpus": settings.machine.gpus}},
            shared=True,
        ),
        *(_comparison(net, settings) for net in compared),
    ]
    for analysis in registry.ANALYSES:
        also = f"reportgen.analyses.{analysis.name}"
        found.append(
            Stage(
                analysis.name,
                "reportgen.stages.analysis",
                _present(analysis.reads, compared),
                (analysis.name, "layers", "run", "compute"),
                also=also,
                doing=analysis.title[0].lower() + analysis.title[1:],
                shared=analysis.shared,
            )
        )
    for analysis in registry.ANALYSES:
        name = f"drawn/{analysis.name}"
        found.append(Stage(name, "reportgen.stages.drawing", (analysis.name,), doing=f"drawing {analysis.name}"))
    drawn = tuple(f"drawn/{analysis.name}" for analysis in registry.ANALYSES)
    read = ("data", "annotations", "transfer", "net", *(analysis.name for analysis in registry.ANALYSES), *drawn)
    found.append(
        Stage("page", "reportgen.stages.page", read, doing="the page", outputs=("index.html",), commit=True),
    )
    found.append(
        Stage("pdf", "reportgen.stages.pdf", read, doing="the PDF", outputs=("report.pdf",), commit=True),
    )
    return {stage.name: stage for stage in _as_chosen(found, settings)}


def _as_chosen(found: Iterable[Stage], settings: Settings) -> Iterator[Stage]:
    """The stages for the net and the images that the settings choose: a net that is loaded is looked up before all else."""
    loaded = settings.model.loaded
    if loaded:
        sections = ("model", "preprocessing", "data")
        yield Stage("model", "reportgen.stages.model", (), sections, doing="loading the net and its weights")
    for stage in found:
        if stage.name in ("data", "annotations") and loaded:
            stage = replace(stage, given={"loaded": True})
        if stage.name == "data" and named_set(settings.data.source):
            stage = replace(stage, also="reportgen.data.named")
        if stage.name == "net" and loaded:
            doing = "asking the net about every image"
            stage = Stage("net", "reportgen.stages.loaded", ("model", "data"), ("run", "compute"), doing=doing)
        yield stage


def _comparison(net: variants.Compared, settings: Settings) -> Stage:
    """The stage of one comparison net; it hangs on no setting that does not change this very net."""
    model, compare = settings.model, settings.compare
    training = net.variant.training(settings.training, compare.epochs, compare.paper_epochs)
    given = {
        "variant": asdict(net.variant),
        "seed": settings.run.seed + net.turn,
        "model": {key: value for key, value in asdict(model).items() if key != "name"},
        "training": asdict(training),
        "machine": {"gpus": settings.machine.gpus},
    }
    return Stage(
        net.stage,
        "reportgen.stages.compare",
        ("data",),
        ("data", "compute"),
        doing=f"training {net.variant.name} for comparison",
        given=given,
        shared=True,
    )


def _present(reads: Iterable[str], compared: Iterable[variants.Compared]) -> tuple[str, ...]:
    """The stages an analysis reads: ``compare`` is every comparison net of the run, ``compare/zfnet`` that one's seeds."""
    found: list[str] = []
    for name in reads:
        family, _, variant = name.partition("/")
        nets = [net.stage for net in compared if variant in ("", net.variant.name)]
        found += nets if family == variants.FAMILY else [name]
    return tuple(found)


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
    def analysis(self) -> registry.Analysis:
        """The analysis that this stage computes or draws."""
        return registry.BY_NAME[self.stage.name.removeprefix("drawn/")]

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


class Pipeline:
    """The stages of one call: its settings and folders."""

    def __init__(self, settings: Settings, build: Path, report: Path) -> None:
        self.settings = settings
        self.build = build
        self.report = report
        self.stages = stages(settings)
        self.commit = checked_out()
        self.stamps = self._stamps()

    def _stamps(self) -> dict[str, dict[str, Any]]:
        """What every stage reads, with its fingerprint; writes those that changed to ``build/stamps``."""
        digests = FileDigests(self.build / "stamps" / "digests.json")
        stamps: dict[str, dict[str, Any]] = {}
        for stage in self.stages.values():
            sources, libraries = closure([stage.module, *([stage.also] if stage.also else [])])
            stamp: dict[str, Any] = {
                "settings": (self.settings.document(*stage.sections) if stage.sections else {}) | jsonable(stage.given),
                "sources": {name: digests.of(path) for name, path in sources.items()},
                "libraries": {name: version(name) for name in libraries} | {"python": platform.python_version()},
                "inputs": {name: stamps[name]["fingerprint"] for name in stage.inputs},
            }
            if stage.name in FILES:
                stamp["files"] = FILES[stage.name](self.settings, digests)
            if stage.commit:
                stamp["commit"] = [self.commit.without(_unread(stage)), self.commit.date]
                stamp["templates"] = digests.of_tree(templates(), but=UNREAD[stage.name])
                stamp["profile"] = [self.settings.profile, self.settings.document()]
            stamp["fingerprint"] = digest(stamp)
            stamps[stage.name] = stamp
            place = self.build / "stamps" / f"{stage.name}.json"
            if not place.exists() or _read_or_none(place) != stamp:
                write_json(place, stamp)
        digests.save()
        self._write_rules()
        self._remove_stale(stamps)
        return stamps

    def _remove_stale(self, stamps: Mapping[str, Any]) -> None:
        """Remove the stamps of stages that these settings do not have; their artefacts stay, to be found again."""
        place = self.build / "stamps"
        kept = {place / f"{name}.json" for name in stamps} | {place / "digests.json"}
        for path in set(place.rglob("*.json")) - kept:
            path.unlink(missing_ok=True)  # another process of the same run may have been faster

    def _write_rules(self) -> None:
        """Tell Make which artefact hangs on which; the build folder may move, so it is not named."""
        rules = self.build / "stamps" / RULES
        lines = [
            f"$(BUILD)/{stage.name}/{DOCUMENT}:" + "".join(f" $(BUILD)/{name}/{DOCUMENT}" for name in stage.inputs)
            for stage in self.stages.values()
        ]
        write_text(rules, "\n".join(lines) + "\n")

    def due(self, name: str) -> bool:
        """Whether a stage must be made: its artefact is missing, or was made from something else."""
        made = _read_or_none(self.build / self.stages[name].folder / "stamp.json")
        stage = self.stages[name]
        if made is None or made["fingerprint"] != self.stamps[name]["fingerprint"]:
            return True
        return bool(stage.outputs) and (
            _read_or_none(self.build / stage.folder / DOCUMENT) != {"report": report_beside(self.build, self.report)}
            or not all((self.report / output).exists() for output in stage.outputs)
            or self._signed(name) != self.stamps[name]["fingerprint"]
        )

    def _signature(self, name: str) -> Path:
        """Where the report's folder says which run a stage's files there are of: several builds may share the folder."""
        return self.report / MANIFEST / f"{name}.stamp"

    def _signed(self, name: str) -> str | None:
        try:
            return self._signature(name).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None

    def remind(self) -> None:
        """Make the stamps new of what is due in the report's folder: Make knows only the files in the build folder."""
        for name, stage in self.stages.items():
            if stage.outputs and self.due(name):
                (self.build / "stamps" / f"{name}.json").touch()

    def needed(self, goals: Iterable[str]) -> list[str]:
        """The goals and all they hang on, in the order in which they can be made."""
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
        """What is due of the goals and of all they hang on, in that order."""
        return [name for name in self.needed(goals) if self.due(name)]

    def make(self, name: str) -> float:
        """Make one stage's artefact, by several processes where they can share it; returns the seconds it took."""
        if not self.shared(name):
            return self.make_here(name)
        started = time.monotonic()
        self.check_gpus()
        words = ["stage", name, *self.settings.words, f"BUILD={self.build}", f"REPORT={self.report}"]
        import_module("reportgen.launching").launch(words, self.settings.machine.gpus)
        return time.monotonic() - started

    def check_gpus(self) -> None:
        """Raise UserError where there are fewer than are asked for."""
        import_module("reportgen.launching").check(self.settings.machine.gpus, self.settings.compute.device)

    def shared(self, name: str) -> bool:
        """Whether several processes make a stage together."""
        return self.stages[name].shared and self.settings.machine.gpus > 1

    def work(self, name: str) -> Work:
        """What a stage is given."""
        return Work(self.stages[name], self.settings, self.build, self.report, self.stamps[name], self.run(name))

    def assist(self, name: str) -> None:
        """Do what falls to this process of a stage that another one makes."""
        import_module(self.stages[name].module).assist(self.work(name))

    def make_here(self, name: str) -> float:
        """Make one stage's artefact in this process; returns the seconds it took."""
        stage, work = self.stages[name], self.work(name)
        started = time.monotonic()
        say(f"{name.replace('drawn/', 'draw ')}: {stage.doing}")
        if stage.outputs:
            self._signature(name).unlink(missing_ok=True)  # a kill from here on leaves files that are nobody's
        with replace_folder(self.build / stage.folder) as folder:
            import_module(stage.module).make(work, folder)
            if stage.outputs:
                write_text(self._signature(name), self.stamps[name]["fingerprint"] + "\n")
            write_json(folder / "stamp.json", self.stamps[name])
        shutil.rmtree(work.workshop, ignore_errors=True)
        seconds = time.monotonic() - started
        say(f"  done in {seconds:.1f} s")
        timings = self.build / "timings.json"
        write_json(timings, (_read_or_none(timings) or {}) | {name: round(seconds, 2)})
        return seconds

    def make_due(self, goals: Iterable[str]) -> dict[str, float]:
        """Make what is due of the goals and of all they hang on; returns the seconds of each stage made."""
        for folder in {(self.build / stage.folder).parent for stage in self.stages.values()} | {self.report}:
            remove_leftovers(folder)
        due = self.waiting(goals)
        self.check_libraries(due)
        if any(self.shared(name) and self.due(name) for name in self.stages):
            self.check_gpus()  # before the first stage, not after hours of it
        return {name: self.make(name) for name in due}

    def check_libraries(self, names: Iterable[str]) -> None:
        """Raise UserError where this Python lacks a library that one of the stages imports: before hours, not after them.

        WeasyPrint may be missing: without it there is no PDF.
        """
        read = {library for name in names for library in self.stamps[name]["libraries"]}
        if missing := lacking(read - {"python", "weasyprint"}):
            raise UserError(missing)

    def run(self, name: str) -> dict[str, Any]:
        """What a stage says of the run as a whole, as in ``metrics.json``."""
        libraries = sorted({name for stamp in self.stamps.values() for name in stamp["libraries"]})
        return {
            "commit": self.commit.without(_unread(self.stages[name])),
            "date": self.commit.date,
            "profile": self.settings.profile,
            "seed": self.settings.run.seed,
            "device": self.settings.compute.device,
            "settings": self.settings.document(),
            "versions": {"reportgen": version("reportgen")}
            | {name: platform.python_version() if name == "python" else version(name) for name in libraries},
        }

    def why(self) -> Iterator[tuple[str, str]]:
        """For each stage that is due: its name and the reason."""
        for name in self.needed(self.stages):
            if self.due(name):
                made = _read_or_none(self.build / self.stages[name].folder / "stamp.json")
                yield name, "it was not made yet" if made is None else _difference(made, self.stamps[name])


def report_beside(build: Path, report: Path) -> str:
    """Where the report lies, seen from the build folder: the two may be moved together."""
    return Path(os.path.relpath(report, build)).as_posix()


def _unread(stage: Stage) -> list[Path]:
    """Templates that a stage does not read."""
    return [templates() / name for name in UNREAD.get(stage.name, ())]


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    for part in new:
        before, now = old.get(part), new[part]
        if part != "fingerprint" and before != now:
            names = ""
            if isinstance(before, dict) and isinstance(now, dict):
                changed = sorted(_leaves(before, now))
                names = ": " + ", ".join(changed[:4]) + (f" and {len(changed) - 4} more" if len(changed) > 4 else "")
            return f"its {part} changed{names}"
    return "the report's folder has none, or that of another run"


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
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
