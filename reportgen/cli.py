"""The command line: one verb for each thing the Makefile asks for. Parse, call, report errors in one line."""

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from reportgen.analyses import settings
from reportgen.base import torchrun
from reportgen.base.errors import UserError
from reportgen.base.names import nearest
from reportgen.base.progress import say
from reportgen.nets.sizes import sizes
from reportgen.pipeline.run import Pipeline
from reportgen.stages import preflight
from reportgen.stages.plan import pipeline as planned

REFUSED = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.EFBIG, errno.ENOTDIR}
GOALS = ("page", "pdf")
FORMATS = ("", "single")
MOST_JOBS = 256


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
    return found


def open_pipeline(switches: dict[str, str]) -> Pipeline:
    """The pipeline for these switches."""
    build, report = (Path(switches.get(name) or name.lower()) for name in ("BUILD", "REPORT"))
    if build.resolve() == report.resolve():
        raise UserError(f"BUILD={build} and REPORT={report} are the same folder: give two")
    if switches.get("FORMAT", "") not in FORMATS:
        raise UserError(f"FORMAT={switches['FORMAT']}: use single (the page in one file), or leave it out")
    loaded = settings.load(switches, sizes)
    if build.is_dir() and any(build.iterdir()) and not (build / "stamps").is_dir():
        raise UserError(
            f"BUILD={build}: it holds files that reportgen did not write: choose another folder, or empty it"
        )
    return planned(loaded, build, report)


def jobs(switches: dict[str, str]) -> int:
    """How many stages are made at the same time; raises UserError unless JOBS is such a number."""
    text = switches.get("JOBS") or "1"
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise UserError(f"JOBS={text}: use a number of stages from 1 to {MOST_JOBS}")
    return int(text)


def check_before(pipeline: Pipeline) -> None:
    """Raise UserError for problems that are visible now but would end the run only after hours."""
    preflight.check_crop(pipeline.settings)
    if pipeline.due("page"):
        preflight.check_sections()
    pipeline.check_libraries(pipeline.waiting(GOALS))


class Command(click.Group):
    """A group of verbs that report an error as one line on standard error and an exit status."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            say("interrupted: the same command continues where this one stopped")
            sys.exit(130)
        except Exception as error:
            line = said(error)
            if torchrun.started():  # the process that started torchrun prints the error
                from reportgen.pipeline.launch import report

                report(error, line)
            elif line:
                say(f"error: {line}")
            else:
                raise
        sys.exit(2)


def said(error: Exception) -> str | None:
    """The message for the user; None for a bug of reportgen, which needs its traceback."""
    if isinstance(error, OSError) and error.errno in REFUSED:
        place = error.filename or "disk"
        return f"{place}: {error.strerror}: free some space, or choose another folder with BUILD= and REPORT="
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{sys.executable} has no module {error.name!r}: install it ({error})"
    return str(error) if isinstance(error, UserError) else None


@click.group(cls=Command)
def main() -> None:
    """Look into a convnet the way Zeiler & Fergus (2013) did. Switches are NAME=VALUE, as with make."""


def verb(function: Callable[..., None]) -> Callable[..., None]:
    """A verb that takes switches."""
    return main.command()(click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")(function))


@verb
def run(words: tuple[str, ...]) -> None:
    """Make every stage of the report that is due, several at once with JOBS=; print what it found."""
    from reportgen.commands.summary import lines
    from reportgen.page import single

    started = time.monotonic()
    switches = read_switches(words)
    at_once, pipeline = jobs(switches), open_pipeline(switches)
    check_before(pipeline)
    took = pipeline.make_due(preflight.STAGES, at_once)
    preflight.check(pipeline.settings, pipeline.build)
    took |= pipeline.make_due(GOALS, at_once)
    for line in lines(pipeline, took, time.monotonic() - started):
        click.echo(line)
    if switches.get("FORMAT") == "single":
        packed = single.write(pipeline.report)
        click.echo(f"        {packed}: {packed.stat().st_size / 1e6:.1f} MB, all in one file")


@main.command()
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")
def stage(name: str, words: tuple[str, ...]) -> None:
    """Make one stage if it is due; the stages before it must have been made. torchrun starts this command."""
    pipeline = open_pipeline(read_switches(words))
    goal = pipeline.needed([name])[-1]
    if torchrun.started():
        if torchrun.size() != pipeline.settings.machine.gpus or not pipeline.stages[goal].shared:
            raise UserError(
                f"torchrun started {torchrun.size()} processes for {goal}: give GPUS={torchrun.size()}, "
                "and share only features and the stages that train a net"
            )
        (pipeline.assist if torchrun.rank() else pipeline.make_here)(goal)
        torchrun.leave()
    elif pipeline.due(goal):
        pipeline.make(goal)


@verb
def why(words: tuple[str, ...]) -> None:
    """Print what would be made again, and why."""
    reasons = list(open_pipeline(read_switches(words)).why())
    for name, reason in reasons:
        click.echo(f"{name}: {reason}")
    if not reasons:
        click.echo("everything is up to date")


@verb
def figures(words: tuple[str, ...]) -> None:
    """Print the paths of figures; figures that are due are made first."""
    from reportgen.commands.figures import make_figures

    switches = read_switches(words)
    for path in make_figures(open_pipeline(switches), switches):
        click.echo(path)


@verb
def compare(words: tuple[str, ...]) -> None:
    """Print what changed since an older report (BASE=); with FAIL_ON=verdict, status 1 if a verdict got worse."""
    from reportgen.page.compare import write

    switches = read_switches(words)
    pipeline = open_pipeline(switches)
    gate = switches.get("FAIL_ON", "")
    if not switches.get("BASE"):
        raise UserError("BASE=: give the folder of the report to compare with, as in BASE=path/to/older/report")
    if gate not in ("", "verdict"):
        raise UserError(f"FAIL_ON={gate}: use verdict, or leave it out")
    tolerance = _tolerance(switches.get("TOLERANCE", ""))
    pipeline.make_due(GOALS)
    found = write(Path(switches["BASE"]), pipeline.report, tolerance)
    click.echo((pipeline.report / "compare.md").read_text(encoding="utf-8"))
    click.echo(f"comparison: {pipeline.report / 'compare.html'}")
    if gate and found.undecidable:
        names = ", ".join(change.id for change in found.undecidable)
        say(
            f"warning: FAIL_ON=verdict: {len(found.undecidable)} cannot be judged, because how much training again changes "
            f"them is unknown: {names}: give REPEATS=3, NOISE= or TOLERANCE=1"
        )
    if gate and found.worse:
        names = ", ".join(change.id for change in found.worse)
        say(f"error: FAIL_ON=verdict: {len(found.worse)} got worse: {names}")
        sys.exit(1)


def _tolerance(text: str) -> float | None:
    """The number in TOLERANCE=; None if it is left out."""
    try:
        found = float(text) if text else None
    except ValueError:
        found = -1.0
    if found is not None and not 0 <= found < float("inf"):
        raise UserError(f"TOLERANCE={text}: use a number, 0 or more: how many sampling errors training again may move")
    return found


@verb
def noise(words: tuple[str, ...]) -> None:
    """Train several times (SEEDS=20) and write how much that changes every number: noise.json in the build folder."""
    from reportgen.commands.noise import measure, trainings

    switches = read_switches(words)
    at_once, pipeline = jobs(switches), open_pipeline(trainings(switches))
    check_before(pipeline)
    pipeline.make_due(preflight.STAGES, at_once)
    preflight.check(pipeline.settings, pipeline.build)
    measure(pipeline, at_once, click.echo)


@verb
def verify(words: tuple[str, ...]) -> None:
    """Make the report again in a clean folder and compare the bytes; status 1 if they differ."""
    from reportgen.commands.verify import verify as made_again

    found = made_again(open_pipeline(read_switches(words)), GOALS)
    for name in found.differing:
        click.echo(f"differs: {name}")
    if found.differing:
        say(f"error: {len(found.differing)} of {found.files} files differ: the report depends on more than its commit")
        sys.exit(1)
    click.echo(f"the same bytes in all {found.files} files of the report")


@verb
def serve(words: tuple[str, ...]) -> None:
    """Show the report in a browser on this machine."""
    from reportgen.commands.serve import serve_folder

    switches = read_switches(words)
    serve_folder(open_pipeline(switches).report, switches.get("PORT") or "8000")


@verb
def clean(words: tuple[str, ...]) -> None:
    """Remove the artefacts, the report and the drawn scenes, but nothing that reportgen did not write."""
    from reportgen.commands.clean import remove

    switches = read_switches(words)
    remove(settings.load(switches), *(Path(switches.get(name) or name.lower()) for name in ("BUILD", "REPORT")))
