"""Running the command in tests, and where things lie."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pypdf import PageObject

REPOSITORY = Path(__file__).resolve().parents[2]
REAL_DATA = Path(os.environ.get("REPORTGEN_REAL_DATA", REPOSITORY / "../shared")).resolve()


@dataclass(frozen=True)
class Run:
    """A run, made once for all tests that only read it."""

    home: Path  # where it ran: the drawn scenes lie in home/data
    build: Path
    report: Path

    @classmethod
    def at(cls, home: Path) -> "Run":
        """The run that was made in a folder."""
        return cls(home, home / "build", home / "report")


def once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], Any]) -> Path:
    """The folder that `make` fills, once for all processes that share these tests: who comes later waits, and reads it."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, made = root / f"once-{name}", root / f".once-{name}"
    with (root / f".once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def here(*words: str, cwd: Path, pdf: bool = True) -> subprocess.CompletedProcess[str]:
    """The command as in `reportgen`, in this process: torch is there already, and shapes are checked.

    `pdf=False`: a report is its page alone, for tests that do not look at the PDF, which takes a quarter of a tiny run.
    """
    from click.testing import CliRunner

    from reportgen import cli

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        if not pdf:
            patch.setattr(cli, "GOALS", ("page",))
        done = CliRunner().invoke(cli.main, words, env={"REPORTGEN_SWITCHES": "", "SOURCE_DATE_EPOCH": "0"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


def reportgen(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with a date that does not depend on the day."""
    return python("-m", "reportgen", *words, cwd=cwd, **environment)


def python(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of ours likewise."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "SOURCE_DATE_EPOCH": "0", **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


SLOW = os.environ.get("REPORTGEN_SLOW", "") not in ("", "0")  # whether the tests that take long are asked for


def examples(count: int) -> int:
    """How many random cases are tried: a third of them, unless the tests that take long are asked for."""
    return count if SLOW else -(-count // 3)


def whole(profile: str, home: Path, *switches: str, pdf: bool = True) -> Run:
    """The whole pipeline in a profile; `pdf=False` as in `here`."""
    command = ("-m", "reportgen") if pdf else ("-c", "from reportgen import cli; cli.GOALS = ('page',); cli.main()")
    done = python(*command, "run", f"PROFILE={profile}", *switches, cwd=home)
    assert done.returncode == 0, done.stderr
    return Run.at(home)


def words_of(page: "PageObject") -> str:
    """A page of a PDF as text. Where the machine has no font for a name, pypdf reads all of a font in two bytes a letter."""
    return page.extract_text().replace("\0", "")


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by name, without those that hold seconds or times."""
    outside = {"timings.json", "digests.json"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in outside
    }


def below(folder: Path) -> set[str]:
    """Every file below a folder by name, but for what git ignores in this repository and what hides."""
    found = set()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("__pycache__", "build", "report") and name[0] != "."]
        found |= {(Path(place) / name).relative_to(folder).as_posix() for name in names}
    return found
