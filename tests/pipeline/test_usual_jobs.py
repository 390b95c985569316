"""How many stages are made at the same time where JOBS= does not say."""

import os

import pytest
import torch

from reportgen.analyses import settings
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
