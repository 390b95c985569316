"""The Makefile: what it prints, what it passes on, and that the number of jobs changes nothing."""

import json
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


SHOWING = """#!{python}
import json, os, sys
with open({said!r}, "w") as file:
    json.dump({{name: os.environ.get(name) for name in os.environ["REPORTGEN_SWITCHES"].split()}}, file)
"""
OTHERS = "TESTS SLOW START RUN TEST TOOLS GIVEN PLAIN ODD HERE CURDIR NONE"  # of the Makefile, of Make, of nobody
EVIL = (
    *(
        "$(shell touch pwned)",
        "`touch pwned`",
        "$(touch pwned)",
        "; touch pwned",
        "'; touch pwned; '",
        '"; touch pwned; "',
    ),
    *(
        "x'\ntouch pwned\n'",
        "\n\ttouch pwned",
        "| touch pwned #",
        "a b  c ",
        "$$HOME ${HOME} $HOME $@",
        "a#b%c\\d:e=f",
        "é\u202e",
    ),
    *("$(eval X:=$(shell touch pwned))", "$(info hello)$(error stop)", "-f /dev/null", "*?[a]~"),
)


@pytest.mark.parametrize("value", EVIL)
def test_every_switch_arrives_as_it_is_and_nothing_in_it_is_run(value: str, tmp_path: Path) -> None:
    """Also names that the Makefile uses, and such as no switch has: those are refused later, but not run before."""
    names = [*KNOWN.names, *OTHERS.split()]
    python, said = tmp_path / "python", tmp_path / "said.json"
    python.write_text(SHOWING.format(python=sys.executable, said=str(said)))
    python.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    given = {name: value for name in names if name != "PYTHON"}
    for target in ("report", "test", "help"):
        said.unlink(missing_ok=True)
        words = [target, *(f"{name}={text}" for name, text in given.items()), f"PYTHON={python}"]
        done = subprocess.run(
            ["make", "-f", REPOSITORY / "Makefile", *words],
            cwd=home,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert not list(home.iterdir())
        arrived = json.loads(said.read_text())
        assert arrived.keys() == {*names}
        exported = {name: text for name, text in arrived.items() if name in KNOWN.names}
        # Make itself takes blanks off the front of a value.
        assert exported == {name: value.lstrip() for name in exported} | {"PYTHON": str(python)}


@pytest.mark.parametrize("name", ["my clone", "it's", "$(touch pwned)", "a;touch pwned", "é"])
def test_the_repository_may_lie_anywhere(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    (place / "reportgen" / "settings").mkdir(parents=True)
    shutil.copy(REPOSITORY / "Makefile", place)
    shutil.copytree(REPOSITORY / "tools", place / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "reportgen" / "settings" / "switches.py", place / "reportgen" / "settings")
    for cwd, words in ((place, []), (tmp_path, ["-f", f"{name}/Makefile"])):
        done = subprocess.run(
            ["make", *words, "help", f"PYTHON={sys.executable}"],
            cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert "make report " in done.stdout, done.stderr
    assert not (tmp_path / "pwned").exists()
    assert not (place / "pwned").exists()


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


REMADE = ("compare/zfnet", "occlusion", "drawn/occlusion", "drawn/correspondence", "page")


def test_two_jobs_give_the_bytes_of_one(tiny: Run, tmp_path: Path) -> None:
    """In a folder of the user's own; all but a few stages, from the first to the last, were made before (from nothing: test_wheel)."""
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
