"""Stages that are made side by side: their order, and Ctrl-C."""

import os
import signal
import time
from multiprocessing import active_children
from pathlib import Path
from threading import Thread

import pytest

from reportgen.pipeline.jobs import side_by_side

LONG = 60  # seconds


class Sleeping:
    """Makes a stage by writing that it began, and sleeping."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str) -> float:
        (self.folder / name).touch()
        time.sleep(LONG)
        return LONG


def interrupt_once_two_have_begun(folder: Path) -> None:
    deadline = time.monotonic() + LONG
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)  # this process alone, as `kill -INT` does: a terminal sends it to all


def test_no_stage_goes_on_or_begins(tmp_path: Path) -> None:
    Thread(target=interrupt_once_two_have_begun, args=[tmp_path], daemon=True).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(side_by_side(Sleeping(tmp_path), dict.fromkeys("abcdef", ()), 2))
    assert time.monotonic() - began < LONG
    assert len(list(tmp_path.iterdir())) == 2
    assert not active_children()


class Noting:
    """Makes a stage by writing its name under those that were made before."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self, name: str) -> float:
        with self.file.open("a") as made:
            made.write(name)
        return 0.0


def test_a_long_stage_begins_as_soon_as_it_can(tmp_path: Path) -> None:
    inputs = {"a": (), "b": (), "c": ("a",), "d": ("a",), "e": ("a",)}
    list(side_by_side(Noting(tmp_path / "made"), inputs, 1, long={"d"}))
    assert (tmp_path / "made").read_text() == "adbce"
