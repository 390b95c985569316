"""Several processes: two on the CPU do what one does, and one that dies ends them all with its own word."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner
from runs import REPOSITORY, once, reportgen

from reportgen.analyses import settings
from reportgen.base.artifacts import read_json
from reportgen.base.errors import UserError
from reportgen.cli import main
from reportgen.look.inputs import BATCH
from reportgen.look.strongest import own_images
from reportgen.nets.training.gradients import FELT_OUT
from reportgen.nets.world import World
from reportgen.pipeline import holdings
from reportgen.pipeline import launch as launching
from reportgen.pipeline.run import Pipeline
from reportgen.probe import ProbeError, Strongest, merged
from reportgen.stages.plan import pipeline as planned

# torchrun leaves files open that it gave to its processes
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SWITCHES = {
    "PROFILE": "tiny",
    "DEVICE": "cpu",
    "COMPUTE_THREADS": "1",
    "COMPARE_VARIANTS": "zfnet",
    "COMPARE_EPOCHS": "3",  # not the epochs of the report's own net, which would not be trained again
    "TRAINING_DROPOUT": "0",  # of which each process draws its own
}
TWO = SWITCHES | {"GPUS": "2"}
WORDS = [f"{name}={value}" for name, value in TWO.items()]
TRAINED = ("net", "compare/zfnet")


def pipeline(home: Path, switches: dict[str, str] = TWO) -> Pipeline:
    return planned(settings.load(switches), home / "build", home / "report")


def make(home: Path, switches: dict[str, str], *names: str) -> None:
    """Some stages and what they hang on; processes that are started find the package and the folder."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("PYTHONPATH", str(REPOSITORY))
        pipeline(Path(), switches).make_due(names)
    torch.set_num_threads(threads)  # other tests hold the last bits of this process against those of another


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes."""
    return once("one-process", tmp_path_factory, lambda home: make(home, SWITCHES, *TRAINED))


@pytest.fixture(scope="module")
def two(one: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two make; the images were decoded already."""

    def search(home: Path) -> None:
        shutil.copytree(one / "data", home / "data")
        shutil.copytree(one / "build" / "data", home / "build" / "data")
        shutil.copy(one / "build" / holdings.NAME, home / "build")
        (home / "build" / "stamps").mkdir()
        make(home, TWO, "features", "judging")

    return once("two-processes", tmp_path_factory, search)


def check_same_training(found: Path, expected: Path, stage: str) -> None:
    """Two trainings that add up in another order are one, as far as rounding cannot turn it.

    Rates are the same, losses and weights all but the same. An image whose two best classes are a rounding apart may fall
    either way, on some processor; two of them in an epoch are more than were ever seen.
    """
    epochs, others = (read_json(home / "build" / stage / "history.json")["epochs"] for home in (found, expected))
    images = read_json(expected / "build" / "data" / "artefact.json")["numbers"]["images"]
    for one, other in zip(epochs, others, strict=True):
        assert one["learning_rate"] == other["learning_rate"]
        watched = other["validation_loss"] is not None  # not of a comparison net
        assert (one["validation_loss"] is not None) == watched
        for split, name in (("train", "train"), ("validation", "val"))[: 1 + watched]:
            assert one[f"{split}_loss"] == pytest.approx(other[f"{split}_loss"], rel=1e-3, abs=1e-4)
            assert one[f"{split}_accuracy"] == pytest.approx(other[f"{split}_accuracy"], abs=2.5 / images[name])
    nets = [safetensors.torch.load_file(home / "build" / stage / "net.safetensors") for home in (found, expected)]
    for name, weights in nets[1].items():
        torch.testing.assert_close(nets[0][name], weights, rtol=0, atol=1e-3 * float(weights.abs().max()), msg=name)


def test_two_processes_train_as_one(one: Path, two: Path) -> None:
    check_same_training(two, one, "net")


def test_two_processes_find_the_same_bits_as_one(two: Path, tmp_path: Path) -> None:
    """One process, which never meets torchrun, searches the same net: every array of the analysis is the same."""
    home = tmp_path / "home"
    shutil.copytree(two, home)
    assert len(read_json(home / "build" / "data" / "artefact.json")["names"]["val"]) > BATCH["cpu"], (
        "one batch is not shared"
    )
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "atexit.register(lambda: print([name for name in ('torch', 'torch.distributed.run') if name in sys.modules]))"
    )
    paths = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    alone = [f"{name}={value}" for name, value in SWITCHES.items()]
    done = reportgen("stage", "features", *alone, cwd=home, PYTHONPATH=paths)
    assert done.stdout == "['torch']\n", done.stderr
    for name in ("result.npz", "figures.npz", "figures.json"):
        found, expected = ((place / "build" / "features" / name).read_bytes() for place in (home, two))
        assert found == expected, name


def test_only_what_is_trained_hangs_on_their_number(tmp_path: Path) -> None:
    def fingerprints(gpus: int) -> dict[str, dict]:
        return pipeline(tmp_path, SWITCHES | {"GPUS": str(gpus)}).stamps

    first, second = fingerprints(1), fingerprints(2)
    changed = {name for name in first if first[name]["settings"] != second[name]["settings"]}
    assert changed == set(TRAINED)


DYING = """
import time
from reportgen.nets.training import loop as training
original = training._Run.keep
def keep(self, history):
    original(self, history)
    if len(history.epochs) == 1 and self.plan.world.rank == 1:
        while not (self.plan.folder / training.HISTORY).exists():  # the first process is ended with this one
            time.sleep(0.01)
        raise RuntimeError("planted\\nin two lines")
training._Run.keep = keep
"""


def training_with(planted: str, two: Path, tmp_path: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Two processes that train a comparison net, with code that each of them runs first."""
    home = tmp_path / "home"
    shutil.copytree(two, home)
    (tmp_path / "sitecustomize.py").write_text(planted)
    paths = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    return home, reportgen("stage", "compare/zfnet", *WORDS, cwd=home, PYTHONPATH=paths)


@pytest.mark.slow
def test_one_that_dies_ends_the_run_with_its_own_word(one: Path, two: Path, tmp_path: Path) -> None:
    """And the next run goes on after the epoch that was finished, along the curve of an undisturbed one."""
    stage = "compare/zfnet"
    home, done = training_with(DYING, two, tmp_path)
    assert done.returncode == 2
    first, last = done.stderr.splitlines()
    assert first == "compare/zfnet: training zfnet for comparison"
    assert last.startswith("error: GPUS=2: process 2 ended: RuntimeError: planted in two lines (")
    assert last.endswith(": the same command continues from what was saved")
    [workshop] = (home / "build").glob("work-compare-zfnet-*")
    assert len(read_json(workshop / "history.json")["epochs"]) == 1
    make(home, TWO, stage)
    check_same_training(home, one, stage)


SMALL = """
import torch
from reportgen.nets.training.gradients import Gradients
steps, before = {steps}, Gradients.differentiate
def differentiate(self, images, labels, size, most, **words):
    def refuse(layer, outputs):  # on the way back, in the middle of the net
        if self.world.rank == 1 and self.steps > steps and len(outputs[0]) > 3:
            raise torch.OutOfMemoryError("planted")
    hook = self.net.get_submodule("layer3").register_full_backward_pre_hook(refuse)
    try:
        return before(self, images, labels, size, most, **words)
    finally:
        hook.remove()
Gradients.differentiate = differentiate
"""


def short_of_memory(two: Path, tmp_path: Path, steps: int) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A training in which the second process has no memory for more than three images, after so many steps."""
    return training_with(SMALL.format(steps=steps), two, tmp_path)


@pytest.mark.slow
def test_one_with_little_memory_halves_its_part(one: Path, two: Path, tmp_path: Path) -> None:
    home, done = short_of_memory(two, tmp_path, steps=0)
    assert done.returncode == 0, done.stderr
    check_same_training(home, one, "compare/zfnet")


@pytest.mark.slow
def test_memory_that_is_gone_later_ends_the_run(two: Path, tmp_path: Path) -> None:
    _, done = short_of_memory(two, tmp_path, steps=FELT_OUT)
    assert done.returncode == 2
    assert "GPUS=2: a GPU no longer has memory for 16 images at once: run the same command again" in done.stderr


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    """Killed with -9, torchrun cannot end them."""
    child = "import os, time; from reportgen.base.torchrun import end_with; end_with(os.getppid()); time.sleep(60)"
    parent = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {child!r}]); print(p.pid, flush=True); p.wait()"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", parent], env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        time.sleep(2)
        os.kill(pid, 0)  # it is there
        running.kill()
    patience = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < patience
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["GPUS=0"], "GPUS=0: input should be greater than or equal to 1"),
        (["GPUS=two"], "GPUS=two: input should be a valid integer"),
        (["GPUS=4", "DEVICE=auto"], "GPUS=4: there is no GPU here: leave GPUS= out, or use DEVICE=cpu for 4 processes"),
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
        (2, "cuda:1", "DEVICE=cuda:1: this is one GPU: with GPUS=2 use DEVICE=cuda, or leave DEVICE= out"),
    ],
)
def test_more_gpus_than_there_are(gpus: int, device: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=message):
        launching.check(gpus, device)
    launching.check(2, "auto")
    launching.check(8, "cpu")


def test_torchrun_with_another_number_than_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "error.json"
    started = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "3", "RANK": "0", "TORCHELASTIC_ERROR_FILE": str(place)}
    done = CliRunner().invoke(main, ["stage", "net", "PROFILE=tiny"], env=started | {"REPORTGEN_SWITCHES": ""})
    assert (done.exit_code, done.output) == (2, "")
    assert read_json(place)["message"].startswith("torchrun started 3 processes for net: give GPUS=3")


@dataclass
class Failure:
    """What torchrun knows of a process that failed."""

    exitcode: int
    message: str
    error_file_data: dict


def test_the_first_failure_is_told_and_a_users_mistake_as_in_one_process() -> None:
    later = Failure(1, "RuntimeError: connection closed by peer", {launching.ORDER: 7, "user": False})
    mistake = Failure(2, "DATA=x: planted: mend it", {launching.ORDER: 6, "user": True})
    killed = Failure(-9, "Signal 9 (SIGKILL) received by PID 1", {"message": "<NONE>"})
    wordless = Failure(3, "To enable traceback see: ...", {"message": "<NONE>"})
    assert launching._said({0: later, 1: mistake}, 2) == "DATA=x: planted: mend it"
    assert launching._said({0: later, 1: killed}, 2).startswith("GPUS=2: process 2 ended: Signal 9 (SIGKILL) received")
    assert launching._said({0: later, 1: wordless}, 2).startswith("GPUS=2: process 2 ended: exit status 3: ")


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
