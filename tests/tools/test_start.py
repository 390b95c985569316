"""What every target of the Makefile calls: values come from the environment, and are words, never commands."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from runs import REPOSITORY

from tools import bootstrap, start


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The environments that would have been made, and the commands that would have been run."""
    said: list[str] = []

    def make(venv: str, lock: str, torch: str = "") -> None:
        said.append(f"make {venv}")
        Path(venv).mkdir()

    monkeypatch.setattr(bootstrap, "make", make)
    monkeypatch.setattr(start.subprocess, "call", lambda command: said.append(command[-1]) or 0)
    monkeypatch.setattr(start.os, "execve", lambda path, words, environment: said.append(" ".join(words)))
    for name in ("VENV", "TORCH", "REQUIREMENTS", "TESTS", "SLOW"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return said


def test_the_environment_is_made_once_for_each_lock_and_requirements(
    made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venv = "it's my $(touch x) env"
    monkeypatch.setenv("VENV", venv)
    start.main(["requirements.lock", "-m", "reportgen", "run"])
    start.main(["requirements.lock"])
    run = f"{venv}/bin/python -m reportgen run"
    assert made == [f"make {venv}", run]
    theirs = tmp_path / "x'; touch y #.txt"
    theirs.write_text("numpy")
    monkeypatch.setenv("REQUIREMENTS", str(theirs))
    start.main(["requirements.lock"])
    start.main(["requirements.lock"])
    assert made[2:] == [f"--requirement={theirs}"]
    theirs.write_text("scipy")
    start.main(["requirements.lock"])
    assert made[3:] == [f"--requirement={theirs}"]


@pytest.mark.parametrize("requirements", ["x'; touch y; '", "$(touch y)", "no\nsuch\x1b[31m", "-r evil"])
def test_requirements_that_are_no_file_are_named_in_one_line(
    requirements: str, made: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VENV", "env")
    monkeypatch.setenv("REQUIREMENTS", requirements)
    with pytest.raises(SystemExit) as stopped:
        start.main(["requirements.lock"])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: REQUIREMENTS=")
    assert said.endswith(": no such file: give a requirements.txt\n")
    assert said.count("\n") == 1
    assert "\x1b" not in said


def test_none_is_this_python(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENV", "none")
    monkeypatch.setenv("REQUIREMENTS", "nowhere")
    start.main(["requirements.lock", "-m", "reportgen", "why"])
    assert made == [f"{sys.executable} -m reportgen why"]


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        (None, start.ALL_TESTS),
        (" ", start.ALL_TESTS),
        ("tests/probe -k 'a or b'", ["tests/probe", "-k", "a or b"]),
        ("tests; touch x $(touch y)", ["tests;", "touch", "x", "$(touch", "y)"]),
    ],
)
def test_tests_are_words(tests: str | None, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTS", raising=False)
    if tests is not None:
        monkeypatch.setenv("TESTS", tests)
    assert start.told_tests(["-m", "pytest"]) == words
    assert start.told_tests(["-m", "mypy"]) == []


def test_an_old_python_reads_as_far_as_its_error() -> None:
    """No words that an old Python does not know: it has to say that it is old, not that there is a syntax error."""
    for name in ("start", "bootstrap"):
        text = (REPOSITORY / "tools" / f"{name}.py").read_text()
        ast.parse(text, feature_version=(3, 6))
        assert 'f"' not in text
        assert ":=" not in text
    done = subprocess.run(
        [sys.executable, "-I", REPOSITORY / "tools" / "start.py", "requirements.lock"],
        env={"VENV": "none"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0
