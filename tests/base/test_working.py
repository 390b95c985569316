"""Working places belong to a process that lives; a lock ends with its owner."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from other_processes import HOLDING, another

from reportgen.base import artifacts
from reportgen.base.errors import UserError
from reportgen.base.working import LOCK, alone, turn, working_file, working_folder

FILLING = """
from pathlib import Path
from reportgen.base.artifacts import replace_folder, write_json
with replace_folder(Path("net")) as folder:
    (folder / "half").write_text("half")"""


@pytest.mark.parametrize("first", [(), ("unshare", "--pid", "--fork", "--kill-child")], ids=["here", "container"])
def test_a_working_folder_goes_when_its_process_is_gone_and_not_before(tmp_path: Path, first: tuple[str, ...]) -> None:
    """In a container, too, where numbers of processes begin anew and one that is alive has the dead one's."""
    with another(FILLING, tmp_path, first):
        [working] = tmp_path.iterdir()
        artifacts.remove_leftovers(tmp_path)
        assert (working / "new" / "half").exists()
    artifacts.remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())


def test_names_are_not_taken_for_leftovers(tmp_path: Path) -> None:
    """Numbers of processes were, before."""
    for name in (f".viminfo.{2**22 + 1}", ".config.0123456789abcdef", ".gitignore", "net"):
        (tmp_path / name).write_text("mine")
    (tmp_path / f".cache.{2**22 + 1}").mkdir()
    (tmp_path / ".x.0123456789abcdef.reportgen").symlink_to(tmp_path / "net")
    before = sorted(tmp_path.iterdir())
    artifacts.remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_working_places_leave_nothing_behind(tmp_path: Path) -> None:
    with working_file(tmp_path / "a") as path:
        path.replace(tmp_path / "a")
    with working_folder(tmp_path / "b") as folder:
        (folder / "c").mkdir()
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize("moved", [("old",), ("old", "new")])
def test_a_kill_between_two_renames_loses_no_artefact(moved: tuple[str, ...], tmp_path: Path) -> None:
    def fill(text: str) -> None:
        with artifacts.replace_folder(tmp_path / "net") as folder:
            (folder / "content").write_text(text)
            artifacts.write_json(folder / artifacts.DOCUMENT, {})

    fill("old")
    working = tmp_path / ".net.0123456789abcdef.reportgen"
    working.mkdir()
    (working / LOCK).touch()
    (tmp_path / "net").rename(working / "old")
    fill("new")
    if moved == ("old",):
        (tmp_path / "net").rename(working / "new")
    artifacts.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    assert (tmp_path / "net" / "content").read_text() == "new"


def test_who_comes_second_is_told_or_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entered = threading.Event()

    def wait() -> None:
        with alone(tmp_path / "stamps" / "lock", "BUILD=build"):
            entered.set()

    with another(HOLDING, tmp_path) as running:
        said = rf"BUILD=build: another command works there \(process {running.pid} on .+\): wait for its end, or end it"
        with pytest.raises(UserError, match=said), alone(tmp_path / "stamps" / "lock", "BUILD=build", wait=False):
            pass
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.wait(0.5)
    assert entered.wait(10)  # it was killed, and its lock ended with it
    waiting.join()
    assert "BUILD=build: another command works there" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_turn_is_waited_for_and_leaves_nothing(tmp_path: Path) -> None:
    entered = threading.Event()

    def enter() -> None:
        with turn(tmp_path / "build"):
            entered.set()

    with turn(tmp_path / "build"):
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.1)
    waiting.join()
    assert entered.is_set()
    assert not list((tmp_path / "build").iterdir())


@pytest.mark.parametrize("linked", [False, True])
def test_a_lock_file_of_somebody_else_is_none(tmp_path: Path, linked: bool) -> None:
    theirs = tmp_path / ("theirs" if linked else "lock")
    theirs.write_text("A door has one.\n")
    if linked:
        (tmp_path / "lock").symlink_to(theirs)
    with (
        pytest.raises(UserError, match=r"REPORT=x: .*lock there was not written by reportgen: move it away, or"),
        alone(tmp_path / "lock", "REPORT=x"),
    ):
        pass
    assert theirs.read_text() == "A door has one.\n"


def test_a_lock_file_that_a_kill_left_is_taken(tmp_path: Path) -> None:
    for left in ("", "process 12 on", "process 12 on somewhere\n"):
        (tmp_path / "manifest").mkdir()
        (tmp_path / "manifest" / "lock").write_text(left)
        with alone(tmp_path / "manifest" / "lock", "REPORT=x"):
            pass
        assert not list(tmp_path.iterdir())


def test_a_folder_that_goes_with_its_last_lock_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, gone = os.open, []

    def just_removed(path: Path, *more: Any) -> int:
        if not gone:
            gone.append(path)
            path.parent.rmdir()
        return opened(path, *more)

    monkeypatch.setattr(os, "open", just_removed)
    with alone(tmp_path / "stamps" / "lock", "BUILD=build"):
        assert gone == [tmp_path / "stamps" / "lock"]
        assert gone[0].is_file()
    assert not list(tmp_path.iterdir())
