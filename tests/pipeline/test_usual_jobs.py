"""How many stages are made at the same time where JOBS= does not say, and how many threads each has."""

import os
import re

import pytest
import torch
from runs import REPOSITORY, python

from reportgen.analyses import settings
from reportgen.nets.threads import threads
from reportgen.pipeline.jobs import usual


@pytest.fixture(autouse=True)
def four_cores_and_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def of(*, seconds: float | None = None, **switches: str) -> int:
    return usual(settings.load({"PROFILE": "smoke", **switches}), seconds)


def test_two_stages_share_the_cores_of_a_cpu() -> None:
    assert of() == of(seconds=31) == of(COMPUTE_THREADS="2") == of(DEVICE="cpu") == 2


def test_what_takes_less_than_processes_need_to_begin_is_made_by_one() -> None:
    assert of(seconds=29) == 1


@pytest.mark.parametrize("given", [{"COMPUTE_THREADS": "1"}, {"GPUS": "2"}, {"DEVICE": "cuda:1"}, {"PROFILE": "tiny"}])
def test_one_stage_has_all_that_it_was_given(given: dict[str, str]) -> None:
    assert of(**given) == 1


def test_one_core_and_a_gpu_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert of() == 1
    monkeypatch.undo()
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert of() == 1


@pytest.mark.parametrize(
    ("given", "each", "cores"),
    [
        ({}, 2, 4),
        ({"MODEL": "krizhevsky"}, 2, 4),
        ({"MODEL": "resnet18"}, 4, 4),
        ({"MODEL": "squeezenet1_1", "WEIGHTS": "w.pth"}, 4, 4),
        ({"COMPUTE_THREADS": "3"}, 3, 3),
    ],
)
def test_two_stages_share_the_cores_where_the_papers_net_is_trained(
    given: dict[str, str], each: int, cores: int
) -> None:
    """Nets that are trained at the same time, each by one thread, have all of them: the last stages have nothing beside them."""
    loaded = settings.load({"PROFILE": "smoke", **given})
    assert (threads(loaded), loaded.cores) == (each, cores)


def test_beside_a_gpu_nothing_else_needs_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert threads(settings.load({"PROFILE": "smoke"})) == 4
    assert threads(settings.load({"PROFILE": "smoke", "DEVICE": "cpu"})) == 2


def test_one_core_is_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert threads(settings.load({"PROFILE": "smoke"})) == 1


LIMITS = """
from threadpoolctl import threadpool_info
from reportgen.analyses import registry, settings
from reportgen.nets.threads import prepare
prepare(settings.load({"PROFILE": "smoke", "COMPUTE_THREADS": "1"}))
import torch
modules = [analysis.module for analysis in registry.ANALYSES]
print(torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"])
"""


def test_numpy_and_scipy_have_no_more_threads_than_torch() -> None:
    """In a process of its own, as a stage begins: whatever is imported after its threads were fixed has no others."""
    done = python("-c", LIMITS, cwd=REPOSITORY, OPENBLAS_NUM_THREADS="4", OMP_NUM_THREADS="4")
    assert done.stdout.split(" ", 1)[0] == "1", done.stderr
    assert set(re.findall(r"\d+", done.stdout.split(" ", 1)[1])) == {"1"}
