"""The set-up: what is missing is named with the command that installs it."""

import ctypes.util
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from tools import bootstrap


def test_an_old_python_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit) as stopped:
        bootstrap.check_python()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: Python 3.9 at ")
    assert "apt-get install python3 python3-venv" in said
    assert said.count("\n") == 1


def test_a_python_without_venv(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit):
        bootstrap.check_python()
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"apt-get install python{version}-venv" in capsys.readouterr().err


def test_a_disk_that_is_too_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 2e9))
    with pytest.raises(SystemExit):
        bootstrap.check_disk(str(tmp_path / ".venv"))
    assert "2.0 GB free, about 8 are needed: free some space, or set VENV=" in capsys.readouterr().err


def test_pango_is_installed_where_no_password_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    missing = [True]

    def run(command: list[str], **_: object) -> int:
        asked.append(command)
        missing[0] = "install" not in command
        return 0

    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None if missing[0] else name)
    monkeypatch.setattr(subprocess, "call", run)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    bootstrap.install_pango()
    assert asked[-1][:3] == ["apt-get", "install", "-y"]
    assert asked[-1][-3:] == bootstrap.DEBIAN_PANGO


def test_without_root_or_sudo_the_commands_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(subprocess, "call", lambda command, **_: 1)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    bootstrap.install_pango()
    said = capsys.readouterr().err
    for command in ("sudo apt-get install libpango-1.0-0", "sudo dnf install pango", "brew install pango"):
        assert command in said
    assert "there will be no PDF; the HTML report needs none" in said


def test_the_download_is_announced_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    said_before: list[str] = []

    def run(command: list[str], **_: object) -> int:
        said_before.append(capsys.readouterr().err)
        return 0

    monkeypatch.setattr(subprocess, "call", run)
    bootstrap.install(str(tmp_path / ".venv"), "requirements.lock")
    assert "making the virtual environment" in said_before[0]
    assert "several gigabytes" in said_before[1]


def test_a_failed_download_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(subprocess, "call", lambda command, **_: "pip" in command)
    with pytest.raises(SystemExit) as stopped:
        bootstrap.install(str(tmp_path / ".venv"), "requirements.lock")
    assert stopped.value.code == 2
    assert "requirements.lock: pip could not install it" in capsys.readouterr().err
