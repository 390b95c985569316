"""Several processes: two on the CPU do what one does, and one that dies ends them all with its own word."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from runs import REPOSITORY, Run, bytes_of, reportgen

from reportgen import launching, settings
from reportgen.artifacts import read_json
from reportgen.cli import main
from reportgen.distributed import World
from reportgen.errors import UserError
from reportgen.observe.strongest import own_images
from reportgen.pipeline import Pipeline
from reportgen.probe import ProbeError, Strongest, merged

TWO = ("PROFILE=tiny", "GPUS=2", "DEVICE=cpu", "COMPUTE_THREADS=1", "COMPARE_VARIANTS=zfnet", "COMPARE_EPOCHS=1")
ONE = tuple(word for word in TWO if not word.startswith("GPUS"))


def stages(home: Path, *words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The shared stages and what they read, in one process after the other."""
    for name in ("data", "net", "features", "compare/zfnet"):
        done = reportgen("stage", name, *words, cwd=home, **(environment or {}))
        if done.returncode:
            return done
    return done


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("one")
    done = stages(home, *ONE, "TRAINING_DROPOUT=0")
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def two(one: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by two processes; the images were drawn already."""
    home = tmp_path_factory.mktemp("two")
    shutil.copytree(one / "data", home / "data")
    done = stages(home, *TWO, "TRAINING_DROPOUT=0")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") < 6, done.stderr  # one process is heard, and torchrun is not
    return home


def curve(home: Path, stage: str) -> np.ndarray:
    epochs = read_json(home / "build" / stage / "history.json")["epochs"]
    names = ("learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return np.array([[epoch[name] for name in names] for epoch in epochs])


@pytest.mark.parametrize("stage", ["net", "compare/zfnet"])
def test_two_processes_train_as_one(one: Path, two: Path, stage: str) -> None:
    alone, together = curve(one, stage), curve(two, stage)
    assert alone.shape == together.shape
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)


def test_two_processes_find_the_same_bits_as_one(two: Path, tmp_path: Path) -> None:
    """The same net, searched by one process: every array of the analysis is the same."""
    home = tmp_path / "home"
    shutil.copytree(two, home)
    pipeline = Pipeline(
        settings.load(dict(word.split("=") for word in (*TWO, "TRAINING_DROPOUT=0"))), home / "build", home / "report"
    )
    assert len(read_json(home / "build" / "data" / "artefact.json")["names"]["val"]) > 64, "one batch is not shared"
    before = bytes_of(home / "build" / "features")
    assert not pipeline.due("features")
    pipeline.make_here("features")
    assert bytes_of(home / "build" / "features") == before


def test_only_what_is_trained_hangs_on_their_number(tmp_path: Path) -> None:
    def fingerprints(gpus: int) -> dict[str, dict]:
        switches = {"PROFILE": "tiny", "GPUS": str(gpus), "DEVICE": "cpu"}
        return Pipeline(settings.load(switches), tmp_path / f"build{gpus}", tmp_path / "report").stamps

    first, second = fingerprints(1), fingerprints(2)
    changed = {name for name in first if first[name]["settings"] != second[name]["settings"]}
    assert changed == {"net", *(name for name in first if name.startswith("compare/"))}


DYING = """
import os, signal
from reportgen import training
from reportgen.errors import UserError
original = training._Run.save
def save(self, history):
    original(self, history)
    if len(history.epochs) == 1 and self.world.rank == 1:
        {death}
training._Run.save = save
"""
DEATHS = {
    "error": (
        "raise RuntimeError('planted\\nin two lines')",
        "GPUS=2: process 2 ended: RuntimeError: planted in two lines (",
    ),
    "user": ("raise UserError('DATA=x: planted: mend it')", "DATA=x: planted: mend it\n"),
    "kill": ("os.kill(os.getpid(), signal.SIGKILL)", "GPUS=2: process 2 ended: Signal 9 (SIGKILL) received by PID"),
}


@pytest.mark.parametrize("death", DEATHS)
def test_one_that_dies_ends_the_run_with_its_own_word(two: Path, tmp_path: Path, death: str) -> None:
    """And the next run goes on after the epoch that was finished, to the weights of an undisturbed one."""
    home = tmp_path / "home"
    shutil.copytree(two, home)
    undisturbed = bytes_of(home / "build" / "net")
    shutil.rmtree(home / "build" / "net")
    (tmp_path / "sitecustomize.py").write_text(DYING.format(death=DEATHS[death][0]))
    words = (*TWO, "TRAINING_DROPOUT=0")
    paths = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    started = time.monotonic()
    done = reportgen("stage", "net", *words, cwd=home, PYTHONPATH=paths)
    assert time.monotonic() - started < 60
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith(("net: ", "  "))]
    assert line.startswith(f"error: {DEATHS[death][1]}")
    [workshop] = (home / "build").glob("work-net-*")
    assert len(json.loads((workshop / "history.json").read_text())["epochs"]) == 1
    if death != "error":
        return
    kept = (workshop / "snapshots" / "epoch-000.safetensors").stat().st_mtime_ns
    running = subprocess.Popen(
        [sys.executable, "-m", "reportgen", "stage", "net", *words],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "SOURCE_DATE_EPOCH": "0"},
    )
    assert running.wait() == 0
    assert kept  # looked at before the workshop went
    assert bytes_of(home / "build" / "net") == undisturbed


def test_processes_end_with_the_one_that_started_them(two: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(two, home)
    shutil.rmtree(home / "build" / "net")
    running = subprocess.Popen(
        [sys.executable, "-m", "reportgen", "stage", "net", *TWO, "EPOCHS=100000"],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.DEVNULL,
    )
    patience = time.monotonic() + 60
    while not list((home / "build").glob("work-net-*/history.json")):
        assert time.monotonic() < patience
        time.sleep(0.2)
    [history] = (home / "build").glob("work-net-*/history.json")
    running.send_signal(signal.SIGKILL)
    running.wait()
    time.sleep(3)
    finished = history.read_text()
    time.sleep(2)
    assert history.read_text() == finished


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["GPUS=0"], "GPUS=0: input should be greater than or equal to 1"),
        (["GPUS=two"], "GPUS=two: input should be a valid integer"),
        (["GPUS=4", "DEVICE=auto"], "GPUS=4: there is no GPU here: leave it out, or use DEVICE=cpu for 4 processes"),
    ],
)
def test_gpus_that_are_not_there(words: list[str], message: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = CliRunner().invoke(main, ["run", "PROFILE=tiny", *words], env={"REPORTGEN_SWITCHES": ""})
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "build" / "data").exists()


@pytest.mark.parametrize(
    ("gpus", "device", "message"),
    [
        (4, "auto", "GPUS=4: there are only 2 here: use at most GPUS=2"),
        (4, "cuda", "GPUS=4: there are only 2 here: use at most GPUS=2"),
        (2, "cuda:1", "DEVICE=cuda:1: this is one GPU: with GPUS=2 use DEVICE=cuda or leave it out"),
    ],
)
def test_more_gpus_than_there_are(gpus: int, device: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=message):
        launching.check(gpus, device)
    launching.check(2, "auto")
    launching.check(8, "cpu")


def test_torchrun_with_another_number_than_was_said(tmp_path: Path) -> None:
    done = reportgen(
        "stage", "net", "PROFILE=tiny", cwd=tmp_path, TORCHELASTIC_RUN_ID="x", WORLD_SIZE="3", RANK="0",
        TORCHELASTIC_ERROR_FILE=str(tmp_path / "error.json"),
    )  # fmt: skip
    assert done.returncode == 2
    assert (
        "torchrun started 3 processes for net: say GPUS=3"
        in json.loads((tmp_path / "error.json").read_text())["message"]
    )


def test_a_single_process_never_meets_torch_distributed(tiny: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(tiny.home, home)
    shutil.rmtree(home / "build" / "features")
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "atexit.register(lambda: print([m for m in ('torch', 'reportgen.launching') if m in sys.modules]))"
    )
    paths = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    done = reportgen("stage", "features", "PROFILE=tiny", cwd=home, PYTHONPATH=paths)
    assert done.stdout == "['torch']\n"


# --- what is shared, and how it is put together ----------------------------------------------------------------------


@pytest.mark.parametrize("images", [1, 7, 8, 9, 50])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_images_are_shared_by_whole_batches(images: int, size: int) -> None:
    shares = [own_images(images, 4, World(rank, size)) for rank in range(size)]
    batches = [share[start : start + 4].tolist() for share in shares for start in range(0, len(share), 4)]
    assert sorted(batches) == [list(range(images))[start:][:4] for start in range(0, images, 4)]
    assert all(share.tolist() == sorted(share) for share in shares)


def table(*rows: list[tuple[float, int, int, int]]) -> Strongest:
    parts = zip(*(zip(*row, strict=True) for row in rows), strict=True)
    return Strongest(*(torch.tensor(part) for part in parts))


NONE = (-np.inf, -1, -1, -1)


def test_tables_are_merged_by_value_then_image() -> None:
    first = table([(3.0, 5, 1, 0), (2.0, 4, 0, 0), (1.0, 0, 0, 2)], [(2.0, 0, 0, 1), NONE, NONE])
    second = table([(3.0, 2, 0, 9), (3.0, 6, 0, 0), (2.0, 3, 4, 0)], [(2.0, 3, 3, 3), (0.0, 2, 0, 0), NONE])
    expected = table([(3.0, 2, 0, 9), (3.0, 5, 1, 0), (3.0, 6, 0, 0)], [(2.0, 0, 0, 1), (2.0, 3, 3, 3), (0.0, 2, 0, 0)])
    for parts in ([first, second], [second, first]):
        found = merged(parts)
        for name in ("values", "images", "rows", "columns"):
            assert getattr(found, name).tolist() == getattr(expected, name).tolist()


def test_what_is_missing_comes_last_even_of_infinite_values() -> None:
    found = merged([table([NONE, NONE]), table([(-np.inf, 7, 1, 1), NONE])])
    assert found.images.tolist() == [[7, -1]]


def test_nothing_to_merge() -> None:
    with pytest.raises(ProbeError, match="no images were given"):
        merged([])


def test_images_get_the_numbers_they_had() -> None:
    found = table([(3.0, 1, 0, 0), (2.0, 0, 0, 0), NONE]).renumbered(np.array([8, 9]))
    assert found.images.tolist() == [[9, 8, -1]]


def test_a_world_of_one_shares_with_nobody() -> None:
    world = World()
    assert world.share([1, 2, 3]) == [1, 2, 3]
    assert world.gather("a") == ["a"]
    assert world.collect(["a", "b"]) == ["a", "b"]


def test_what_was_shared_is_put_together_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    items = list(range(7))
    worlds = [World(rank, 3) for rank in range(3)]
    monkeypatch.setattr(World, "gather", lambda self, part: [world.share(items) for world in worlds])
    assert all(world.collect(world.share(items)) == items for world in worlds)
