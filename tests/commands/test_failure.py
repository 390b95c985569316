"""What a user reads when a command fails: the switch that it is about, nothing that steers a terminal, no trace."""

import errno
import os
import re
import shutil
import tempfile
from collections import namedtuple
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from click.testing import CliRunner

from reportgen import cli
from reportgen.base.errors import UserError
from reportgen.base.names import shown
from reportgen.commands import failure

Usage = namedtuple("Usage", "total used free")
SWITCHES = {
    "DATA": "photos",
    "BUILD": "out/build",
    "WEIGHTS": "nets/a.pt",
    "NOISE_WEIGHTS": "b.pt,c.pt",
    "MODEL": "hf/vit",
}


def refused(number: int, place: str) -> OSError:
    return OSError(number, os.strerror(number), place)


@pytest.mark.parametrize(
    ("place", "number", "begins", "ends"),
    [
        (
            "photos/cat/1.png",
            errno.EACCES,
            "DATA=photos: photos/cat/1.png: Permission denied",
            "make it readable, or leave it out",
        ),
        ("photos/cat/1.png", errno.EIO, "DATA=photos: photos/cat/1.png: Input/output error", "or leave it out"),
        ("photos/cat/1.png", errno.ENOENT, "DATA=photos: photos/cat/1.png: No such file", "or leave it out"),
        ("photos/" + "a" * 300, errno.ENAMETOOLONG, "DATA=photos: photos/aaa", "or leave it out"),
        ("nets/a.pt", errno.EISDIR, "WEIGHTS=nets/a.pt: nets/a.pt: Is a directory", "or leave it out"),
        ("c.pt", errno.EPERM, "NOISE_WEIGHTS=b.pt,c.pt: c.pt: Operation not permitted", "or leave it out"),
        ("vit/config.json", errno.EACCES, "MODEL=hf/vit: vit/config.json: Permission denied", "or leave it out"),
        (
            "out/build/data",
            errno.EROFS,
            "BUILD=out/build: out/build/data: Read-only",
            "choose another folder with BUILD=, or give yourself access",
        ),
        (
            "report/index.html",
            errno.EACCES,
            "REPORT=report: report/index.html: Permission",
            "with REPORT=, or give yourself access",
        ),
        (
            "out/build/data",
            errno.ENOSPC,
            "out/build/data: No space left on device: free some space there",
            "there, or choose another folder with BUILD=: the same command continues",
        ),
        (
            "report/index.html",
            errno.EDQUOT,
            "report/index.html: Disk quota exceeded: free some space there",
            "there, or choose another folder with REPORT=: the same command continues",
        ),
        (
            "out/build/data",
            errno.EFBIG,
            "out/build/data: File too large: raise what one file may hold (ulimit -f)",
            "(ulimit -f), or choose another folder with BUILD=: the same command continues",
        ),
        (
            "data/scenes-48px",  # which no switch moves
            errno.ENOSPC,
            "data/scenes-48px: No space left on device: free",
            "device: free some space there: the same command continues",
        ),
        (
            f"{tempfile.gettempdir()}/x",
            errno.ENOSPC,
            f"{tempfile.gettempdir()}/x: No space left on device: free",
            "there, or give another folder as TMPDIR: the same command continues",
        ),
        ("/elsewhere", errno.EACCES, "/elsewhere: Permission denied", "give yourself access to it"),
    ],
)
def test_what_the_system_refuses_is_named_with_its_switch(place: str, number: int, begins: str, ends: str) -> None:
    line = failure.said(refused(number, place), SWITCHES)
    assert line is not None
    assert line.startswith(begins)
    assert line.endswith(ends)


def test_of_two_files_the_one_that_was_written_is_named() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/build/a", None, "report/a")
    assert str(failure.said(full, SWITCHES)).startswith(
        "report/a: No space left on device: free some space there, or choose"
    )
    denied = OSError(errno.EACCES, os.strerror(errno.EACCES), "out/build/a", None, "report/a")
    assert str(failure.said(denied, SWITCHES)).startswith("BUILD=out/build: out/build/a: Permission denied")


def test_of_a_folder_that_could_not_be_copied_the_first_error_is_said() -> None:
    full, gone = os.strerror(errno.ENOSPC), os.strerror(errno.ENOENT)
    line = failure.said(shutil.Error([("a", "out/build/a", f"[Errno 28] {full}"), ("b", "c", full)]), SWITCHES)
    assert line is not None
    assert line.startswith(f"out/build/a: {full}: free some space there")
    assert failure.said(shutil.Error([("a", "b", gone)]), SWITCHES) is None
    assert failure.said(shutil.Error("a"), SWITCHES) is None


def test_the_full_disk_is_named_where_the_system_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    free = {"out/build": 10**12, "report": 4096}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(0, 0, free[str(folder)]))
    assert str(failure.said(full, SWITCHES)).startswith("REPORT=report: No space left on device: free some space there")
    free["report"] = 10**12
    assert str(failure.said(full, SWITCHES)).startswith("BUILD=out/build or REPORT=report: No space left on device: ")


def test_standard_output_that_is_full_is_named_and_not_the_build_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(line: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cli.click, "echo", full)
    with pytest.raises(
        UserError, match=r"^standard output: No space left on device: send it elsewhere, or free some space"
    ):
        cli.echo("a line")


@pytest.mark.parametrize("words", [["--help"], ["run", "PROFLE=tiny"]])
def test_where_nothing_can_be_written_the_status_is_that_of_a_mistake(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*of: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("click.decorators.echo", full)
    monkeypatch.setattr(cli, "say", full)
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == failure.WRONG


def test_a_file_of_ours_that_is_missing_is_a_fault_and_no_mistake_of_the_user() -> None:
    assert failure.said(refused(errno.ENOENT, "out/build/net/net.safetensors"), SWITCHES) is None
    assert failure.said(KeyError("x"), SWITCHES) is None


def test_of_a_folder_where_nobody_can_make_files_what_lies_below_is_missing() -> None:
    """Also to root: so /proc says it."""
    if not Path("/proc/self").exists():
        pytest.skip("no /proc")
    line = str(failure.said(refused(errno.ENOENT, "/proc/manifest"), {"REPORT": "/proc"}))
    assert line.startswith(
        "REPORT=/proc: /proc/manifest: No such file or directory: choose another folder with REPORT="
    )


def test_a_process_that_was_ended_from_outside_is_no_fault_of_ours() -> None:
    line = str(failure.said(BrokenProcessPool("terminated abruptly"), SWITCHES))
    assert line.startswith("one of this run's processes was ended from outside")
    assert line.endswith("the same command continues")


def test_names_steer_no_terminal() -> None:
    name = "a\x1b[2J\r\n\x07\x9b\u202egnp\udce9\u2028é漢"
    assert shown(name) == r"a\x1b[2J\r\n\x07\x9b\u202egnp\xe9\u2028é漢"
    assert failure.said(UserError(name), {}) == shown(name)
    done = CliRunner().invoke(cli.main, ["why", f"PROFILE=\x1b]0;x\x07{name}"], env={"REPORTGEN_SWITCHES": ""})
    assert done.exit_code == failure.WRONG
    assert done.stderr.count("\n") == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stderr)


def test_a_fault_of_ours_is_one_line_with_its_trace_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(switches: dict[str, str]) -> None:
        raise KeyError("first\nsecond")

    monkeypatch.setattr(cli, "open_pipeline", faulty)
    done = CliRunner().invoke(cli.main, ["why"], env={"REPORTGEN_SWITCHES": ""})
    assert done.exit_code == failure.FAULT
    assert done.stderr.count("\n") == 1
    found = re.fullmatch(
        r"error: this is a fault of reportgen \(KeyError in test_failure.py, line \d+\): please report it with (.*)\n",
        done.stderr,
    )
    assert found, done.stderr
    trace = Path(found[1]).read_text(encoding="utf-8")
    assert "Traceback" in trace
    assert "in faulty" in trace
    Path(found[1]).unlink()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
def test_what_is_no_fault_leaves_no_trace(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(switches: dict[str, str]) -> None:
        raise error

    monkeypatch.setattr(cli, "open_pipeline", ended)
    done = CliRunner().invoke(cli.main, ["why"], env={"REPORTGEN_SWITCHES": ""})
    assert done.exit_code == (130 if isinstance(error, KeyboardInterrupt) else failure.WRONG)
    assert "fault" not in done.stderr
