"""The Makefile: what it prints, what it passes on, and that the number of jobs changes nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runs import REPOSITORY, Run, bytes_of

from reportgen.analyses.settings import KNOWN


def make(*words: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Make in the repository or elsewhere, with this Python instead of an environment of its own."""
    outside = ("MAKEFLAGS", "MAKELEVEL", "PYTEST_XDIST_WORKER")
    environment = {name: value for name, value in os.environ.items() if name not in outside}
    return subprocess.run(
        ["make", "-f", REPOSITORY / "Makefile", *words, "VENV=none", f"PYTHON={sys.executable}"],
        cwd=cwd,
        env={
            **environment,
            "SOURCE_DATE_EPOCH": "0",
            "GIT_DIR": "/nowhere",
        },  # no commit, as in the run it is held against
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_help_lists_every_target_and_switch() -> None:
    said = make("help").stdout
    for target in ("report", "figures", "compare", "why", "test", "lint", "bench", "serve", "clean", "help"):
        assert f"make {target} " in said
    for switch in KNOWN.switches:
        assert f"\n  {switch.name} " in said


def test_a_misspelt_switch_is_answered_with_the_nearest() -> None:
    done = make("report", "PROFLE=tiny")
    assert done.returncode == 2
    assert "error: PROFLE: no such switch; did you mean 'PROFILE'?" in done.stderr


def test_a_value_with_spaces_and_quotes_arrives_whole(tmp_path: Path) -> None:
    data = f'{tmp_path}/it\'s "here"'
    places = (f"BUILD={tmp_path}/my build", f"REPORT={tmp_path}/my report")
    done = make("report", "PROFILE=tiny", f"DATA={data}", *places)
    assert done.returncode == 2
    assert f"error: DATA={data}: no such folder" in done.stderr


@pytest.mark.parametrize("jobs", ["0", "two", "-1", "2; touch here"])
def test_a_number_of_jobs_that_is_none_is_refused(jobs: str, tmp_path: Path) -> None:
    done = make("report", "PROFILE=tiny", f"JOBS={jobs}", cwd=tmp_path)
    assert done.returncode == 2
    assert f"error: JOBS={jobs}: use a number of stages from 1 to 256" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_choice_of_tests_is_no_switch_of_the_runs_in_them() -> None:
    done = make("test", "TESTS=tests/commands/test_cli.py -k a_folder_that_cannot_be_written")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


REMADE = ("data", "compare/zfnet", "features", "occlusion", "drawn/features", "drawn/occlusion", "page", "pdf")


@pytest.mark.parametrize("left", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_two_jobs_give_the_bytes_of_one(left: bool, tiny: Run, tmp_path: Path) -> None:
    """In a folder of the user's own, too; `left`: all but a few stages, from the first to the last, were made before."""
    if left:
        shutil.copytree(tiny.build, tmp_path / "build")
        for name in REMADE:
            shutil.rmtree(tmp_path / "build" / name)
    switches = ("PROFILE=tiny", "JOBS=2")
    done = make("report", *switches, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "report: " in done.stdout
    assert bytes_of(tmp_path / "report") == bytes_of(tiny.report)
    assert bytes_of(tmp_path / "build" / "compare" / "zfnet") == bytes_of(tiny.build / "compare" / "zfnet")
    again = make("report", *switches, cwd=tmp_path)
    assert again.returncode == 0
    assert "stage" not in again.stderr
    assert not [line for line in again.stderr.splitlines() if line.startswith(("data", "net", "draw"))]
