"""What a GPU would make of it, as far as a machine without one can tell: see pretended_gpu.py."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pretended_gpu import pretended_gpu
from runs import REPOSITORY, SLOW, Run, once, python
from small_trainings import NET, PREPROCESSING, QUICK, TRAINING, VALIDATION, Images, coloured
from torch import nn

from reportgen.analyses import settings
from reportgen.analyses.registry import BY_NAME
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.nets.device import resolve_device
from reportgen.nets.training import loop as training
from reportgen.stages.plan import pipeline as planned

# --- The pretence itself --------------------------------------------------------------------------------------------------


def test_what_lies_apart_cannot_be_mixed() -> None:
    with pretended_gpu():
        there = torch.ones(3, device="cuda")
        assert (there + 1).device == torch.device("cuda", 0)
        with pytest.raises(RuntimeError, match=r"tensors of the GPU, and of the CPU, of shapes \[\(3,\)\]"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="not supported for tensor subclasses"):
            there.numpy()
        with pytest.raises(RuntimeError, match="an index: tensors of the GPU, and of the CPU"):
            torch.ones(3)[torch.zeros(1, dtype=torch.int64, device="cuda")]
        with pytest.raises(RuntimeError, match="an index: tensors of the GPU, and of the CPU"):
            there[torch.tensor([0, 1])] = torch.ones(2)
        with pytest.raises(RuntimeError, match=r"stack.*of shapes \[\]"):
            torch.stack([there.sum(), torch.tensor(1.0)])
        with pytest.raises(RuntimeError, match="cuda:1: there is one GPU"):
            torch.ones(3, device="cuda:1")
        assert (there * torch.tensor(2.0)).cpu().tolist() == [2, 2, 2]  # a number may come from anywhere


def test_what_is_read_too_early_is_not_there() -> None:
    with pretended_gpu() as gpu:
        there = torch.ones(3, device="cuda")
        early = (there + 1).to("cpu", non_blocking=True)
        assert early.isnan().all()
        event = torch.cuda.current_stream().record_event()
        later = (there + 2).to("cpu", non_blocking=True)
        event.synchronize()
        assert not gpu.waits
        assert early.tolist() == [2, 2, 2]
        assert later.isnan().all()
        assert there.sum().item() == 3
        assert later.tolist() == [3, 3, 3]
        torch.cuda.current_stream().record_event().synchronize()
        assert list(gpu.waits) == [
            "tests: aten._local_scalar_dense.default",
            "tests: an event, with nothing behind it",
        ]


def test_waiting_and_coarse_numbers_are_noticed() -> None:
    with pretended_gpu() as gpu:
        there = torch.arange(4.0).pin_memory().to("cuda", non_blocking=True)
        assert not gpu.waits
        torch.arange(4.0).to("cuda", non_blocking=True)  # not pinned: it waits all the same
        there[there > 1]
        there[torch.tensor([0])]
        there.cpu()
        kinds = ["a copy from the CPU", "a mask as index", "an index from the CPU", "a copy to the CPU"]
        assert list(gpu.waits) == [f"tests: {kind}" for kind in kinds]
        weights = torch.ones(1, 1, 1, 1, device="cuda")
        nn.functional.conv2d(weights, weights)
        assert gpu.coarse == {"tests": 1}, "by itself torch lets convolutions be coarse"
        resolve_device("cuda")
        nn.functional.conv2d(weights, weights)
        assert gpu.coarse == {"tests": 1}


# --- Training -------------------------------------------------------------------------------------------------------------


def trained(images: Images, folder: Path, device: str, **more: Any) -> training.History:
    settings = replace(QUICK, batch_size=8, **more)
    plan = training.Plan(NET, images, VALIDATION, PREPROCESSING, settings, 0, resolve_device(device), folder)
    return training.train(plan)


@pytest.mark.parametrize("resident", [True, False])
def test_training_waits_for_epochs_and_not_for_steps(
    resident: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pretended_gpu.MEMORY", 2**40 if resident else 0)
    monkeypatch.setattr(training, "KEEPING", math.inf)  # else the clock says whether an epoch is written or copied
    waits = []
    for count in (8, 24, 96):  # images: 1, 3 and 12 steps an epoch
        with pretended_gpu() as gpu:
            there = trained(coloured(count, seed=2), tmp_path / f"there-{count}", "cuda")
            waits.append(gpu.waits.total())
        assert there == trained(coloured(count, seed=2), tmp_path / f"here-{count}", "cpu")
    assert waits[1] == waits[2]  # the first has some that are not repeated


def test_training_multiplies_coarsely_only_where_it_is_told_to(tmp_path: Path) -> None:
    with pretended_gpu() as gpu:
        trained(TRAINING, tmp_path / "exact", "cuda")
        assert not gpu.coarse
        trained(TRAINING, tmp_path / "coarse", "cuda", precision="tf32")
        assert gpu.coarse
        gpu.coarse.clear()
        trained(TRAINING, tmp_path / "again", "cuda")
        assert not gpu.coarse


def test_a_loss_that_is_not_finite_is_found_in_its_own_step(tmp_path: Path) -> None:
    said = []
    for device in ("cuda", "cpu"):
        with pretended_gpu(), pytest.raises(training.Diverged) as stopped:
            trained(TRAINING, tmp_path / device, device, learning_rate=1e12, warm_up=0.0)
        said.append(str(stopped.value))
    assert said[0] == said[1]
    assert "at epoch 1, step " in said[0]


# --- The whole report -----------------------------------------------------------------------------------------------------


# Stages that read images: no GPU has part in them.
MADE_BEFORE = ("data", "annotations", "transfer", "multilabel", "judging")
# Its nets from scratch are trained as the net is, and take under the pretence as long as half of all else.
GOALS = ["page"] if SLOW else [name for name in BY_NAME if name != "generalisation"]


@pytest.fixture(scope="module")
def seen(tiny: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Any]]:
    """The analyses of the profile `tiny` from a pretended GPU, and all they depend on; and what was seen on the GPU."""
    home = once("pretended", tmp_path_factory, lambda home: pretend(home, tiny))
    return Run.at(home), read_json(home / "seen.json")


def pretend(home: Path, tiny: Run) -> None:
    """In a process of its own, where no shapes are checked: under the pretence that takes several times as long."""
    shutil.copytree(tiny.home / "data", home / "data")
    shutil.copytree(tiny.build, home / "build")
    for place in (home / "build").iterdir():
        if place.is_dir() and place.name not in MADE_BEFORE:
            shutil.rmtree(place)
    program = REPOSITORY / "tests" / "helpers" / "pretended_gpu.py"
    made = python(str(program), str(home / "seen.json"), ",".join(GOALS), "PROFILE=tiny", "DEVICE=cuda", cwd=home)
    assert made.returncode == 0, made.stderr


def test_every_number_is_the_cpus(seen: tuple[Run, dict[str, Any]], tiny: Run) -> None:
    """To the last bit, on any processor: every net is trained by one thread there and here, so sums are rounded alike."""
    pipeline = planned(settings.load({"PROFILE": "tiny"}), tiny.build, tiny.report)
    goals = ["claims", *BY_NAME] if SLOW else GOALS  # what is drawn and written of them is the next test's
    stages = [name for name in pipeline.needed(goals) if name not in MADE_BEFORE]
    assert {"net", "compare/zfnet", "features", "occlusion", "sanity"} <= set(stages)
    for name in stages:
        there, here = (read_json(run.build / name / DOCUMENT) for run in (seen[0], tiny))
        for said in ("numbers", "verdicts", "claims"):
            assert there.get(said) == here.get(said), name
        if (tiny.build / name / "result.npz").exists():
            arrays, expected = (read_arrays(run.build / name / "result.npz") for run in (seen[0], tiny))
            assert arrays.keys() == expected.keys()
            for key, array in arrays.items():
                np.testing.assert_array_equal(array, expected[key], err_msg=f"{name}, {key}")


@pytest.mark.slow
def test_the_report_is_the_cpus(seen: tuple[Run, dict[str, Any]], tiny: Run) -> None:
    there, here = (read_json(run.report / "metrics.json") for run in (seen[0], tiny))
    assert there["run"].pop("device") != here["run"].pop("device")
    compute = [item["run"]["settings"].pop("compute") for item in (there, here)]
    assert [one.pop("device") for one in compute] == ["cuda", "auto"]
    assert compute == [{"threads": 1}] * 2
    assert there == here


def test_no_number_of_the_report_is_coarse(seen: tuple[Run, dict[str, Any]]) -> None:
    _, gpu = seen
    assert gpu["calls"] > 10_000
    assert gpu["coarse"] == {}


def test_nothing_is_fetched_that_is_not_read(seen: tuple[Run, dict[str, Any]]) -> None:
    assert seen[1]["unread"] == 0
