"""Training is killed, stopped and gone on with: the same weights whatever interrupts it."""

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from runs import REPOSITORY
from small_trainings import (
    QUICK,
    SETTINGS,
    contents,
    planned,
    run,
)

from reportgen.base.errors import UserError
from reportgen.nets import snapshots as storage
from reportgen.nets.training import loop as training
from reportgen.nets.training.loop import evaluate


class Killed(BaseException):
    """Stands for a kill: no `except Exception` may swallow it."""


def die(*_args, **_kwargs):
    raise Killed


def killer_of(original, when, error=Killed):
    """The function itself, but dying at a call for which `when(count, *args)` holds."""
    calls = 0

    def function(*args, **kwargs):
        nonlocal calls
        calls += 1
        if when(calls, *args):
            raise error
        return original(*args, **kwargs)

    return function


KILLS = {
    "in the first epoch": (training, "clip_filters", lambda count, *_: count == 2),
    "in the middle of an epoch": (training, "clip_filters", lambda count, *_: count == 5),
    "while evaluating": (training, "evaluate", lambda count, *_: count == 2),
    "before the untrained net is kept": (storage, "write_bytes", lambda count, *_: count == 1),
    "before the snapshot is kept": (storage, "write_bytes", lambda count, path, *_: path.stem == "epoch-002"),
    "between snapshot and checkpoint": (training, "write_bytes", lambda count, *_: count == 2),
    "between checkpoint and history": (training, "write_json", lambda count, *_: count == 2),
    "between writing and renaming the checkpoint": (
        Path,
        "replace",
        lambda count, path, *_: training.CHECKPOINT in path.name and json.loads(history_beside(path))["epochs"][1:],
    ),
}


def history_beside(path: Path) -> str:
    history = path.parent / training.HISTORY
    return history.read_text() if history.exists() else '{"epochs": []}'


@pytest.mark.parametrize("kill", KILLS)
@pytest.mark.parametrize("recipe", SETTINGS)
def test_a_killed_training_ends_as_an_uninterrupted_one(trained, tmp_path, monkeypatch, kill, recipe):
    monkeypatch.setattr(training, "KEEPING", math.inf)  # every epoch is written, however short
    owner, name, when = KILLS[kill]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killer_of(getattr(owner, name), when))
        with pytest.raises(Killed):
            run(tmp_path, SETTINGS[recipe])
    torch.rand(7)  # the global generator must not matter
    run(tmp_path, SETTINGS[recipe])
    assert contents(tmp_path) == contents(trained[recipe])


def as_a_pipe(path):
    path.unlink()
    os.mkfifo(path)


DAMAGES = {
    "empty": lambda state: state.write_bytes(b""),
    "other bytes": lambda state: state.write_bytes(b"no archive"),
    "half of it": lambda state: state.write_bytes(state.read_bytes()[:-5000]),
    "a pipe": as_a_pipe,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_no_fault_and_training_begins_anew(trained, tmp_path, capsys, damage):
    run(tmp_path)
    DAMAGES[damage](tmp_path / training.CHECKPOINT)
    run(tmp_path)
    assert "is damaged: training begins anew" in capsys.readouterr().err
    assert contents(tmp_path) == contents(trained["default"])


def test_a_real_kill_between_writing_and_renaming_the_checkpoint(trained, tmp_path):
    script = """
import math, os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from small_trainings import run
from reportgen.nets.training import loop
loop.KEEPING = math.inf
original, checkpoints = Path.replace, []
def replace(path, target):
    if "checkpoint" in path.name:
        checkpoints.append(path)
        if len(checkpoints) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return original(path, target)
Path.replace = replace
run(Path(sys.argv[1]))
"""
    places = [str(REPOSITORY / "tests" / "helpers"), str(REPOSITORY)]
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path), *places], capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".checkpoint")], "the kill came elsewhere"
    assert len(json.loads((tmp_path / "history.json").read_text())["epochs"]) == 1
    run(tmp_path)
    assert contents(tmp_path) == contents(trained["default"])


@pytest.fixture
def slow_disk(monkeypatch) -> list[int]:
    """An epoch takes 0.3 seconds, writing what is resumed from a whole one; after which epochs that was done."""
    now, last, written = 0.0, 0, []
    original = training._Run.epoch

    def epoch(run, number, history):
        nonlocal now, last
        done = original(run, number, history)
        now, last = now + 0.3, number
        return done

    def write(path: Path, content: bytes) -> None:
        nonlocal now
        now += 1
        written.append(last)
        storage.write_bytes(path, content)

    monkeypatch.setattr(training, "monotonic", lambda: now)
    monkeypatch.setattr(training, "write_bytes", write)
    monkeypatch.setattr(training._Run, "epoch", epoch)
    return written


def test_writing_what_is_resumed_from_takes_a_tenth_of_the_time(slow_disk, tmp_path):
    settings = replace(QUICK, epochs=40, snapshots=(40.0,))
    run(tmp_path, settings)
    assert slow_disk == [1, 35, 40]  # the first, another after ten seconds, the last
    assert len(training.finished(planned(tmp_path, settings))[1].epochs) == 40


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError("no memory")])
def test_what_ends_a_training_does_not_cost_its_finished_epochs(slow_disk, tmp_path, monkeypatch, error):
    settings = replace(QUICK, epochs=9, snapshots=(9.0,))
    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate", killer_of(evaluate, lambda count, *_: count == 6, error))
        with pytest.raises(type(error) if isinstance(error, Exception) else error):
            run(tmp_path, settings)
    assert slow_disk == [1, 5]
    assert len(training.finished(planned(tmp_path, settings))[1].epochs) == 5
    run(tmp_path, settings)
    run(tmp_path / "whole", settings)
    assert (tmp_path / "history.json").read_bytes() == (tmp_path / "whole" / "history.json").read_bytes()


def test_a_finished_training_is_not_repeated(trained, monkeypatch):
    before = contents(trained["default"])
    monkeypatch.setattr(training._Run, "epoch", die)
    history = run(trained["default"])
    assert [epoch.epoch for epoch in history.epochs] == [1, 2, 3]
    assert contents(trained["default"]) == before


def test_the_seed_decides(trained, tmp_path):
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    run(tmp_path / "same", seed=0)
    assert torch.equal(torch.random.get_rng_state(), state)
    run(tmp_path / "other", seed=1)
    assert contents(tmp_path / "same") == contents(trained["default"])
    same, other = (contents(tmp_path / name) for name in ("same", "other"))
    assert all(same[name] != other[name] for name in same)


def test_another_trainings_remains_are_replaced(trained, tmp_path):
    run(tmp_path, replace(QUICK, epochs=1, early_snapshots=(0.25, 0.75)))
    run(tmp_path)
    assert contents(tmp_path) == contents(trained["default"])


@pytest.mark.parametrize("named", [1.1, 1.5])
def test_snapshots_of_epochs_that_are_trained_again_are_made_again(named, tmp_path, monkeypatch):
    """With three steps an epoch, the one named 1.1 is of the first epoch's last step, and 1.5 of the second epoch."""
    settings = replace(QUICK, epochs=3, snapshots=(named, 3.0))
    run(tmp_path / "whole", settings)
    monkeypatch.setattr(training, "KEEPING", math.inf)
    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate", killer_of(evaluate, lambda count, *_: count == 2))
        with pytest.raises(Killed):
            run(tmp_path / "killed", settings)
    first = set((tmp_path / "killed" / "snapshots").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(training._Run, "epoch", die)
        with pytest.raises(Killed):
            run(tmp_path / "killed", settings)
    left = {path.name for path in (tmp_path / "killed" / "snapshots").iterdir()}
    assert len(first) == 2
    assert left == {"epoch-000.safetensors", *({"epoch-001.1.safetensors"} if named == 1.1 else ())}
    run(tmp_path / "killed", settings)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
