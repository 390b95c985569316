"""What would end a run late is said before a net is trained."""

import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from reportgen.analyses import settings
from reportgen.analyses.invariance.preflight import check_symmetric
from reportgen.base.errors import UserError
from reportgen.commands import history
from reportgen.stages import preflight

Usage = namedtuple("Usage", "total used free")


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, report = tmp_path / "build", tmp_path / "report"
    preflight.check_places(build, report)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"REPORT=.*/file/report: .*/file is no folder: choose another folder"):
        preflight.check_places(build, tmp_path / "file" / "report")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    opened = os.open

    def refused(path: Any, *how: Any, **more: Any) -> int:
        if Path(path).parent == tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, *how, **more)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(
        UserError, match=r"BUILD=.*build: .* cannot be written \(Permission denied\): choose another folder"
    ):
        preflight.check_places(build, report)


def test_where_root_may_write_and_nobody_can(tmp_path: Path) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc")
    with pytest.raises(UserError, match=r"REPORT=/proc/report: /proc cannot be written \(.*\): choose another folder"):
        preflight.check_places(tmp_path, Path("/proc/report"))
    for path in (Path("/proc/history.jsonl"), Path("/proc/none/history.jsonl")):
        with pytest.raises(
            UserError, match=rf"HISTORY={path}: /proc cannot be written \(.*\): give a file in another folder"
        ):
            history.check(path)
    history.check(tmp_path / "not" / "yet" / "history.jsonl")
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("name", ["index.html", "metrics.json", "report.pdf"])
def test_a_report_of_somebody_else_is_not_written_over(name: str, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / name).write_text("mine")
    with pytest.raises(UserError, match=rf"REPORT=.*: {name} there was not written by reportgen: move it away"):
        preflight.check_places(tmp_path / "build", tmp_path / "report")


def test_a_disk_with_too_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = settings.load({"PROFILE": "tiny"})
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(10**9, 10**9, 1000))
    with pytest.raises(UserError, match=r"BUILD=.*: 0\.0 MB free, about \d+\.\d MB are needed: free some space"):
        preflight.check_space(tiny, tmp_path / "not" / "yet", {"data", "net"})
    with pytest.raises(UserError, match="are needed"):
        preflight.check_space(tiny, tmp_path, {"atlas"})
    preflight.check_space(tiny, tmp_path, {"page"})  # images and net are there
    for kind in ("cat", "dog"):
        (tmp_path / "images" / kind).mkdir(parents=True)
        (tmp_path / "images" / kind / "1.jpg").touch()
    folder = settings.load({"PROFILE": "tiny", "DATA": str(tmp_path / "images")})
    assert dict(preflight._sizes(folder))["data"] == 2 * folder.data.size.area * 3


def test_a_device_that_is_not_there_and_a_layer_that_the_net_has_not() -> None:
    with pytest.raises(UserError, match="DEVICE=cuda:77"):
        preflight.check_device(settings.load({"PROFILE": "tiny", "DEVICE": "cuda:77"}))
    with pytest.raises(
        UserError, match=r"LAYERS=layer9\.relu: no layer 'layer9.relu' in this net: the nearest are layer"
    ):
        preflight.check_net(settings.load({"PROFILE": "tiny", "LAYERS": "layer9.relu"}), Path("build"), {"data", "net"})
    known = settings.load({"PROFILE": "tiny", "LAYERS": "layer1.relu,layer2.relu"})
    preflight.check_net(known, Path("build"), {"data", "net"})


def test_a_class_that_the_images_have_not() -> None:
    check_symmetric(("ball",), ("ball", "cat"))
    with pytest.raises(UserError, match="INVARIANCE_SYMMETRIC=bell: no such class: name some of ball, cat"):
        check_symmetric(("bell",), ("ball", "cat"))
