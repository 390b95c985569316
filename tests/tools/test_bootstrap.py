"""The set-up: what is missing is named with the command that installs it."""

import ctypes.util
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
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


def wheel(folder: Path, name: str, version: str) -> str:
    """A stand-in wheel, listed as an index does; its hash."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    stem = f"{name.replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name.replace('-', '_')}/__init__.py", f"version = '{version}'\n")
        archive.writestr(f"{stem}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{stem}/WHEEL", "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{stem}/RECORD", "")
    (place / "index.html").write_text("".join(f'<a href="{one.name}">{one.name}</a>' for one in place.glob("*.whl")))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def installed(venv: Path) -> dict[str, str]:
    found = list((venv / "lib").glob("python*/site-packages/*.dist-info"))
    versions = (path.name.removesuffix(".dist-info").partition("-") for path in found)
    return {name: version for name, _, version in versions if name not in ("pip", "setuptools")}


def test_torch_for_the_cpu_comes_from_its_index_and_all_else_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    usual, other = tmp_path / "usual", tmp_path / "cpu"
    names = {"torch": "2.11.0", "torchvision": "0.26.0", "nvidia-cublas": "13.1", "triton": "3.9", "sympy": "1.14"}
    hashes = {name: wheel(usual, name, version) for name, version in names.items()}
    for name in ("torch", "torchvision"):
        wheel(other, name, f"{names[name]}+cpu")
    wheel(other, "sympy", "1.14")  # other bytes: only a mistake takes it from here
    lock = tmp_path / "requirements.lock"
    lines = [f"{name}=={names[name]} \\\n    --hash=sha256:{hashes[name]}\n    # via us\n" for name in names]
    lock.write_text("".join(lines))
    for name, value in {
        "INDEX_URL": usual.as_uri(),
        "EXTRA_INDEX_URL": "",
        "FIND_LINKS": "",
        "CONFIG_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setattr(bootstrap, "install_pango", lambda: None)
    monkeypatch.setattr(bootstrap, "CPU_INDEX", other.as_uri())
    venv = tmp_path / "venv"
    bootstrap.make(str(venv), str(lock), "cpu")
    assert installed(venv) == {"torch": "2.11.0+cpu", "torchvision": "0.26.0+cpu", "sympy": "1.14"}
    assert "torch, built for the CPU, is a download of hundreds of megabytes" in capsys.readouterr().err
    bootstrap.make(str(venv), str(lock))  # the same environment, for a GPU
    assert installed(venv) == {name.replace("-", "_"): version for name, version in names.items()}
    bootstrap.make(str(venv), str(lock), other.as_uri())
    assert installed(venv) == {"torch": "2.11.0+cpu", "torchvision": "0.26.0+cpu", "sympy": "1.14"}
    lock.write_text("".join(lines).replace(hashes["sympy"], "0" * 64))
    bootstrap.subprocess.call([venv / "bin" / "python", "-m", "pip", "uninstall", "--yes", "--quiet", "sympy"])
    with pytest.raises(SystemExit):
        bootstrap.make(str(venv), str(lock), "cpu")


@pytest.mark.parametrize("value", ["gpu", "CPU", "cu130", "--index-url=x", "a\nb"])
def test_another_build_of_torch_is_refused(value: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        bootstrap.make(str(tmp_path / "venv"), "requirements.lock", value)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "use cpu, or the address of a package index that has torch" in said
    assert not (tmp_path / "venv").exists()


def test_what_comes_with_cuda_alone_is_left_out_of_the_real_lock(tmp_path: Path) -> None:
    lock = str(bootstrap_home() / "requirements.lock")
    kept = dict(bootstrap.locked(bootstrap.without_torch(lock, str(tmp_path / "kept.lock"))))
    everything = dict(bootstrap.locked(lock))
    gone = everything.keys() - kept.keys()
    assert {"torch", "torchvision", "triton", "nvidia-cudnn-cu13", "cuda-bindings"} <= gone
    assert {"numpy", "sympy", "networkx", "jinja2", "filelock"} <= kept.keys()
    assert all(bootstrap.of_torch(name) for name in gone)


def bootstrap_home() -> Path:
    return Path(bootstrap.__file__).parents[1]
