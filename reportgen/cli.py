"""The command line: one verb for each thing the Makefile asks for. Parse, call, report errors in one line."""

import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from reportgen.analyses import registry, settings
from reportgen.base import torchrun
from reportgen.base.errors import UserError
from reportgen.base.names import nearest, shown, whole
from reportgen.base.progress import say
from reportgen.commands import failure
from reportgen.nets.sizes import sizes
from reportgen.page.folder import FOLDERS
from reportgen.pipeline import holdings
from reportgen.pipeline.run import Pipeline
from reportgen.settings.switches import older_report
from reportgen.stages import preflight
from reportgen.stages.plan import stages

GOALS = ("page", "pdf")
FORMATS = ("", "single")
MOST_JOBS = 256
MOST_TOLERANCE = 1_000_000  # sampling errors
SWITCHES = "reportgen.switches"  # of this call, for the message where it fails


def read_switches(words: tuple[str, ...]) -> dict[str, str]:
    """The switches of this call: its NAME=VALUE words, and the variables on make's command line.

    Raises UserError for a word that is not a switch.
    """
    names = os.environ.get("REPORTGEN_SWITCHES", "").split()
    found = {name: os.environ.get(name, "") for name in names}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"{word}: write a switch as NAME=VALUE{nearest(word, settings.KNOWN.names)}")
        found[name] = value
    if (context := click.get_current_context(silent=True)) is not None:
        context.meta[SWITCHES] = found
    return found


def folders(switches: dict[str, str]) -> tuple[Path, Path]:
    """The build folder and the report's."""
    build, report = (Path(switches.get(name) or usual) for name, usual in failure.WRITTEN.items())
    return build, report


def open_pipeline(switches: dict[str, str]) -> Pipeline:
    """The pipeline for these switches."""
    build, report = folders(switches)
    if switches.get("FORMAT", "") not in FORMATS:
        raise UserError(f"FORMAT={switches['FORMAT']}: use single (the page in one file), or leave it out")
    loaded = settings.load(switches, sizes)
    known = stages(loaded)
    holdings.check(build)
    holdings.check_apart(build, report, known, FOLDERS)
    holdings.check_sources(_folders_of_images(loaded), build, report)
    if base := older_report(switches):
        from reportgen.page.older import read_report

        read_report(Path(base), f"BASE={base}")
    if switches.get("HISTORY"):
        from reportgen.commands.history import check

        check(Path(switches["HISTORY"]))
    return Pipeline(loaded, known, build, report)


def _folders_of_images(loaded: settings.Settings) -> dict[str, str]:
    """The user's folders of images, by switch."""
    data, transfer = loaded.data, loaded.transfer
    given = {"DATA": (data.source, data.named), "TRANSFER": (transfer.source, transfer.named)}
    return {switch: source for switch, (source, named) in given.items() if source not in ("", "scenes") and not named}


def keep_history(pipeline: Pipeline, switches: dict[str, str]) -> None:
    """Add the report's line to the file that HISTORY= names, if it names one, and draw it."""
    if switches.get("HISTORY"):
        from reportgen.commands.history import keep

        for line in keep(pipeline, Path(switches["HISTORY"]), GOALS):
            echo(line)


def jobs(switches: dict[str, str]) -> int | None:
    """How many stages are made at the same time, if JOBS says so; raises UserError unless it is such a number."""
    text = switches.get("JOBS", "")
    if not text:
        return None
    number = whole(text)
    if number is None or not 1 <= number <= MOST_JOBS:
        raise UserError(f"JOBS={text}: use a number of stages from 1 to {MOST_JOBS}")
    return number


def check_before(pipeline: Pipeline, goals: Iterable[str] = GOALS) -> list[str]:
    """The stages that are due; raises UserError for problems that are visible now but would end the run only after hours."""
    preflight.check_crop(pipeline.settings)
    due = pipeline.waiting(goals)
    if not due:
        return due
    preflight.check_places(pipeline.build, pipeline.report if {*GOALS} & {*goals} else None)
    preflight.check_space(pipeline.settings, pipeline.build, due)
    if "page" in due:
        preflight.check_sections()
    pipeline.check_libraries(due)
    preflight.check_device(pipeline.settings)
    return due


def begin(pipeline: Pipeline, at_once: int | None = 1, goals: Iterable[str] = GOALS) -> dict[str, float]:
    """Make the stages that read the user's files, and raise UserError for what would end the run late; the seconds they took."""
    due, needed = check_before(pipeline, goals), pipeline.needed(goals)
    took = {}
    if loading := [name for name in pipeline.stages if name.split("/")[-1] == preflight.LOADS]:
        took = pipeline.make_due(loading, at_once)
    if {"net", registry.having("maps").name} & set(due):
        preflight.check_net(pipeline.settings, pipeline.build, due)
    took |= pipeline.make_due([name for name in preflight.STAGES if name in needed], at_once)
    preflight.check(pipeline.settings, pipeline.build, needed)
    return took


class Command(click.Group):
    """A group of verbs that report an error as one line on standard error and an exit status."""

    def main(self, *args: Any, **more: Any) -> Any:
        """As click's own, whose help may also have to be written where there is no space."""
        try:
            return super().main(*args, **more)
        except OSError as error:
            with suppress(OSError):
                say(f"error: standard output or error: {_elsewhere(error)}")
            sys.exit(failure.WRONG)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            say("interrupted: the same command continues where this one stopped")
            sys.exit(130)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # click ends these as usual
        except Exception as error:  # what is none of the user's is caught here, once
            line = failure.said(error, context.meta.get(SWITCHES, {}))
            if torchrun.started():  # the process that started torchrun prints the error
                from reportgen.pipeline.launch import report

                report(error, line)
            else:
                say(f"error: {line or failure.kept(error)}")
            sys.exit(failure.WRONG if line else failure.FAULT)


def echo(line: object) -> None:
    """Write a line to standard output; what could steer a terminal is shown, not sent. Raises UserError where it cannot be written."""
    try:
        click.echo(shown(str(line)))
    except BrokenPipeError:
        raise  # whoever reads has enough: click ends the command
    except OSError as error:  # which names no file: a full disk would be taken for that of BUILD=
        raise UserError(f"standard output: {_elsewhere(error)}") from None


def _elsewhere(error: OSError) -> str:
    """Why standard output cannot be written to, and the way out."""
    return f"{error.strerror}: send it elsewhere, or free some space there"


@click.group(cls=Command)
def main() -> None:
    """Look into a convnet the way Zeiler & Fergus (2013) did. Switches are NAME=VALUE, as with make."""


def verb(function: Callable[..., None]) -> Callable[..., None]:
    """A verb that takes switches."""
    return main.command()(click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")(function))


@verb
def run(words: tuple[str, ...]) -> None:
    """Make every stage of the report that is due, several at once with JOBS=; print what it found.

    Status 1 if a condition of FAIL_ON= is not met.
    """
    from reportgen.commands import gates
    from reportgen.commands.summary import lines
    from reportgen.page import single
    from reportgen.page.compare import write as compare_reports

    started = time.monotonic()
    switches = read_switches(words)
    conditions, tolerance = gates.read(switches), _tolerance(switches.get("TOLERANCE", ""))
    at_once, pipeline = jobs(switches), open_pipeline(switches)
    with pipeline.alone():
        took = begin(pipeline, at_once) | pipeline.make_due(GOALS, at_once)
        base = older_report(switches)
        found = compare_reports(Path(base), pipeline.report, tolerance) if base else None
        keep_history(pipeline, switches)
        packed = single.write(pipeline.report) if switches.get("FORMAT") == "single" else None
    for line in lines(pipeline, took, time.monotonic() - started):
        echo(line)
    if packed:
        echo(f"        {packed}: {packed.stat().st_size / 1e6:.1f} MB, all in one file")
    if not gates.check(conditions, pipeline.report, found, tolerance):
        sys.exit(1)


@main.command()
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")
def stage(name: str, words: tuple[str, ...]) -> None:
    """Make one stage if it is due; the stages before it must have been made. torchrun starts this command."""
    pipeline = open_pipeline(read_switches(words))
    goal = pipeline.needed([name])[-1]
    if torchrun.started():
        if torchrun.size() != pipeline.settings.machine.gpus or not pipeline.stages[goal].shared:
            shared = ", ".join(analysis.name for analysis in registry.ANALYSES if analysis.shared)
            raise UserError(
                f"torchrun started {torchrun.size()} processes for {goal}: give GPUS={torchrun.size()}, "
                f"and share only {shared} and the stages that train a net"
            )
        (pipeline.assist if torchrun.rank() else pipeline.make_here)(goal)
        torchrun.leave()
    elif pipeline.due(goal):
        if first := next((name for name in pipeline.stages[goal].inputs if not pipeline.there(name)), ""):
            raise UserError(
                f"stage {goal}: it reads what the stage {first} makes: make that first, or all: make report"
            )
        with pipeline.alone():
            pipeline.enter([goal])
            pipeline.make(goal)


@verb
def why(words: tuple[str, ...]) -> None:
    """Print what would be made again, and why; at the end how much that is."""
    from reportgen.commands.graph import summary

    pipeline = open_pipeline(read_switches(words))
    reasons = dict(pipeline.why())
    for name, reason in reasons.items():
        echo(f"{name}: {reason}")
    echo(summary(pipeline, list(reasons)))


@verb
def graph(words: tuple[str, ...]) -> None:
    """Print every stage, whether it is due, and what it reads; draw the same into the build folder."""
    from reportgen.commands import graph as drawing

    pipeline = open_pipeline(read_switches(words))
    due = [name for name, _ in pipeline.why()]
    for line in drawing.lines(pipeline, due):
        echo(line)
    echo(drawing.summary(pipeline, due))
    with pipeline.alone():
        echo(f"drawn: {drawing.draw(pipeline, due)}")


@verb
def figures(words: tuple[str, ...]) -> None:
    """Print the paths of figures; figures that are due are made first."""
    from reportgen.commands.figures import goals, make_figures

    switches = read_switches(words)
    wanted, pipeline = goals(switches), open_pipeline(switches)
    with pipeline.alone():
        if switches.get("LAYER"):  # whether the net has it is said before images are read
            check_before(pipeline, wanted)
        else:
            begin(pipeline, goals=wanted)
        for path in make_figures(pipeline, switches):
            echo(path)


@verb
def compare(words: tuple[str, ...]) -> None:
    """Print what changed since an older report (BASE=); status 1 if a condition of FAIL_ON= is not met."""
    from reportgen.commands import gates
    from reportgen.page.compare import write

    switches = read_switches(words)
    pipeline = open_pipeline(switches)
    if not (base := older_report(switches)):
        raise UserError("BASE=: give the folder of the report to compare with, as in BASE=path/to/older/report")
    conditions, tolerance = gates.read(switches), _tolerance(switches.get("TOLERANCE", ""))
    with pipeline.alone():
        begin(pipeline)
        pipeline.make_due(GOALS)
        found = write(Path(base), pipeline.report, tolerance)
        keep_history(pipeline, switches)
    for line in (pipeline.report / "compare.md").read_text(encoding="utf-8").splitlines():
        echo(line)
    echo(f"comparison: {pipeline.report / 'compare.html'}")
    if not gates.check(conditions, pipeline.report, found, tolerance):
        sys.exit(1)


def _tolerance(text: str) -> float | None:
    """The number in TOLERANCE=; None if it is left out."""
    try:
        found = float(text) if text else None
    except ValueError:
        found = -1.0
    if found is not None and not 0 <= found <= MOST_TOLERANCE:
        raise UserError(
            f"TOLERANCE={text}: use a number from 0 to {MOST_TOLERANCE:,}: how many sampling errors training again may move"
        )
    return found


@verb
def history(words: tuple[str, ...]) -> None:
    """Add the report's line to HISTORY= (history.jsonl), if there is a report, and draw the last commits."""
    from reportgen.page.history import FILE

    switches = {"HISTORY": FILE} | {name: value for name, value in read_switches(words).items() if value}
    pipeline = open_pipeline(switches)
    with pipeline.alone():
        keep_history(pipeline, switches)


@verb
def noise(words: tuple[str, ...]) -> None:
    """Train several times (SEEDS=20) and write how much that changes every number: noise.json in the build folder."""
    from reportgen.commands.noise import measure, trainings

    switches = read_switches(words)
    at_once, pipeline = jobs(switches), open_pipeline(trainings(switches))
    with pipeline.alone():
        begin(pipeline, at_once)
        measure(pipeline, at_once, echo)


@verb
def verify(words: tuple[str, ...]) -> None:
    """Make the report again in a clean folder and compare the bytes; status 1 if they differ."""
    from reportgen.commands.verify import verify as made_again

    pipeline = open_pipeline(read_switches(words))
    with pipeline.alone():
        found = made_again(pipeline, GOALS)
    for name in found.differing:
        echo(f"differs: {name}")
    if found.differing:
        say(f"error: {len(found.differing)} of {found.files} files differ: the report depends on more than its commit")
        sys.exit(1)
    echo(f"the same bytes in all {found.files} files of the report")


@verb
def serve(words: tuple[str, ...]) -> None:
    """Show the report in a browser on this machine."""
    from reportgen.commands.serve import serve_folder

    switches = read_switches(words)
    settings.load(switches)  # a misspelt switch is an error here, too
    _, report = folders(switches)
    serve_folder(report, switches.get("PORT") or "8000")


@verb
def clean(words: tuple[str, ...]) -> None:
    """Remove the artefacts, the report and the drawn scenes, but nothing that reportgen did not write."""
    from reportgen.commands.clean import remove

    switches = read_switches(words)
    settings.load(switches)  # a misspelt switch is an error here, too
    remove(*folders(switches))
