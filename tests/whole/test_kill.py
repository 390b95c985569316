"""``kill -9`` at any moment, then the same command: the bytes of an undisturbed run."""

import ctypes
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from runs import REPOSITORY, Run, bytes_of, reportgen

from reportgen.analyses import settings
from reportgen.page.folder import remove_report
from reportgen.pipeline import holdings
from reportgen.pipeline.run import Pipeline
from reportgen.pipeline.work import Stage

REMADE = ("net", "compare/zfnet", "features", "occlusion", "drawn/occlusion", "page")


@pytest.mark.parametrize(("kills", "left"), [(2, True), pytest.param(5, False, marks=pytest.mark.slow)])
def test_killed_runs_end_in_the_bytes_of_an_undisturbed_one(kills: int, left: bool, tiny: Run, tmp_path: Path) -> None:
    """`left`: all but a few stages, from the net to the page, were made before."""
    if left:
        for name in ("build", "report", "data"):
            shutil.copytree(tiny.home / name, tmp_path / name)
        for name in REMADE:
            shutil.rmtree(tmp_path / "build" / name)
    rng = np.random.default_rng()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SOURCE_DATE_EPOCH": "0"}
    moments = rng.uniform(0.0, 5.0, kills)  # seconds after it began with a stage
    for seconds in moments:
        running = subprocess.Popen(
            [sys.executable, "-m", "reportgen", "run", "PROFILE=tiny"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert running.stderr is not None
        running.stderr.readline()
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        running.stderr.close()
    done = reportgen("run", "PROFILE=tiny", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("report", "build"):
        undisturbed, killed = bytes_of(tiny.home / name), bytes_of(tmp_path / name)
        assert set(killed) == set(undisturbed), moments
        assert [path for path in killed if killed[path] != undisturbed[path]] == [], moments


WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.copyfile", "shutil.rmtree"}


NEW_NUMBERS = 0x20000000  # CLONE_NEWPID of unshare(2), which Python 3.11 does not offer
KILLED = 128 + signal.SIGKILL


def begin_anew() -> None:
    """Go on as process 2 of a namespace of its own, as every command in a container has the number of the one before it."""
    if ctypes.CDLL(None).unshare(NEW_NUMBERS):
        os._exit(1)
    for _ in range(2):  # process 1 cannot kill itself
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            os._exit(KILLED if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
    assert os.getpid() == 2


def killed_before(write: float, work: Callable[[], object], contained: bool) -> bool:
    """Whether a process that does this work is killed right before one of its writes, by number; else it ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it forks beside threads, which here only wait
        child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == KILLED
        assert killed or os.WEXITSTATUS(status) == 0
        return killed
    if contained:
        begin_anew()
    done = 0

    def count(event: str, words: tuple[object, ...]) -> None:
        nonlocal done
        opened = event == "open" and isinstance(words[2], int) and words[2] & (os.O_WRONLY | os.O_RDWR)
        if opened or event in WRITES:
            if done == write:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1

    sys.addaudithook(count)
    try:
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)


def pipeline_of(home: Path, content: str) -> Pipeline:
    """A pipeline of one stage, which publishes."""
    stage = Stage("page", "publishing_stage", outputs=("index.html",), given={"content": content}, doing="the page")
    return Pipeline(settings.load({"PROFILE": "tiny"}), {"page": stage}, home / "build", home / "report")


def made(pipeline: Pipeline) -> None:
    with pipeline.alone():
        pipeline.make_due(["page"])


@pytest.mark.parametrize("contained", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["here", "container"])
def test_a_kill_between_any_two_writes_of_a_publishing_stage_loses_nothing_and_leaves_nothing(
    contained: bool, tmp_path: Path
) -> None:
    """In a container, too, where the command that goes on has the number of the one that was killed."""
    if (
        contained
        and subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this machine lets nobody begin a namespace of processes")
    start, home, whole = (tmp_path / name for name in ("start", "home", "whole"))
    made(pipeline_of(start, "old"))
    shutil.copytree(start, whole)
    made(pipeline_of(whole, "new"))
    (start / "report" / "mine.txt").write_text("mine")
    shutil.copytree(start, home)
    work = pipeline_of(home, "new")
    for write in range(1000):
        shutil.rmtree(home)
        shutil.copytree(start, home)
        killed = killed_before(write, lambda: made(work), contained)
        assert (home / "report" / "index.html").read_text() in ("page old", "page new")  # never half a page, never none
        if contained:
            assert not killed_before(math.inf, lambda: made(work), contained)
        else:
            made(work)
        assert not work.due("page")
        assert bytes_of(home / "report") == bytes_of(whole / "report") | {"mine.txt": b"mine"}, write
        assert bytes_of(home / "build") == bytes_of(whole / "build"), write
        if not killed:
            break
    assert write > 30
    remove_report(home / "report")
    holdings.remove(home / "build")
    assert [path.name for path in home.rglob("*") if not path.is_dir()] == ["mine.txt"]
