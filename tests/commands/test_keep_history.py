"""``HISTORY=``: runs in other folders may keep the same file, and a file of rubbish floods no terminal."""

import threading
from pathlib import Path
from typing import Any

import pytest

from reportgen.base.errors import UserError
from reportgen.commands import history as command
from reportgen.page import history, history_page
from reportgen.pipeline.run import Pipeline


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two reports whose lines are added at the same time."""
    monkeypatch.setattr(command, "read_report", lambda report, said_by: report.name)
    monkeypatch.setattr(history, "line_of", lambda name, seconds: history.Line(commit=name))
    monkeypatch.setattr(history_page, "write", lambda report, kept, source: [])
    monkeypatch.setattr(command, "_seconds", lambda pipeline, goals: None)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").touch()

    def keep(name: str) -> list[str]:
        pipeline = Pipeline.__new__(Pipeline)
        pipeline.report = tmp_path / name
        return command.keep(pipeline, tmp_path / "h.jsonl", ())

    return keep


def test_no_line_is_lost_where_two_are_added_at_once(
    kept: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, late = history.write_bytes, []

    def slowly(path: Path, content: bytes) -> None:
        if not late:  # the other one comes between reading and writing
            late.append(threading.Thread(target=kept, args=("other",)))
            late[0].start()
            late[0].join(0.5)
        write(path, content)

    monkeypatch.setattr(history, "write_bytes", slowly)
    kept("one")
    late[0].join()
    assert [line.commit for line in history.read(tmp_path / "h.jsonl").lines] == ["one", "other"]
    assert {path.name for path in tmp_path.iterdir()} == {"one", "other", "h.jsonl"}


@pytest.mark.parametrize("length", [240, 300])
def test_a_name_that_leaves_no_room_for_the_lock_is_refused_before_a_run(length: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its name is longer than 200 bytes: give a shorter one"):
        command.check(tmp_path / ("n" * length))


def test_a_file_of_rubbish_floods_no_terminal(kept: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "h.jsonl").write_text("{}\n" + "{\n" * 5000)
    kept("one")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == command.LISTED + 1
    assert said[-1].endswith(f"h.jsonl: {5000 - command.LISTED:,} more lines are passed over")
    (tmp_path / "h.jsonl").write_text("{\n" * 5000)
    with pytest.raises(UserError, match="no line of a history in it"):
        command.check(tmp_path / "h.jsonl")
