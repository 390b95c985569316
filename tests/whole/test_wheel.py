"""The wheel in an environment of its own: the command, the templates, and the same report outside a checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from runs import REPOSITORY, Run, bytes_of, once

OUTSIDE = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def run(*words: str | Path, cwd: Path) -> str:
    environment = {**OUTSIDE, "SOURCE_DATE_EPOCH": "0", "REPORTGEN_SWITCHES": ""}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def build(home: Path) -> None:
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", home, cwd=REPOSITORY)

    return next(once("wheel", tmp_path_factory, build).glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, and finds its dependencies where this Python does."""

    def install(home: Path) -> None:
        run(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=home)
        [packages] = (home / "venv" / "lib").glob("python*/site-packages")
        words = ("install", "--quiet", "--no-index", "--no-deps", "--no-compile", wheel)
        run(sys.executable, "-m", "pip", "--python", home / "venv" / "bin" / "python", *words, cwd=home)
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    return once("installed", tmp_path_factory, install) / "venv" / "bin"


def test_the_wheel_holds_everything_that_the_package_reads(wheel: Path) -> None:
    assert wheel.name.startswith("convnet_reportgen-")
    names = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "reportgen", "templates"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    there = [name for name in listed if (REPOSITORY / name).is_file()]
    assert len(there) > 300
    assert {
        name.replace("templates/", "reportgen/templates/", 1) if name.startswith("t") else name for name in there
    } <= names


def test_the_command_and_the_package_are_the_wheels(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "python", "-c", "import reportgen; print(reportgen.__file__)", cwd=tmp_path)
    assert Path(said.strip()).is_relative_to(installed.parent)
    assert "Make every stage of the report" in run(installed / "reportgen", "--help", cwd=tmp_path)


@pytest.mark.slow
def test_the_same_report_is_made_outside_a_checkout_and_by_two_jobs(installed: Path, tiny: Run, tmp_path: Path) -> None:
    run(installed / "reportgen", "run", "PROFILE=tiny", "JOBS=2", cwd=tmp_path)
    for made, ours in ((tmp_path / "report", tiny.report), (tmp_path / "build" / "net", tiny.build / "net")):
        found, expected = bytes_of(made), bytes_of(ours)
        assert found.keys() == expected.keys()
        assert [name for name in found if found[name] != expected[name]] == []
