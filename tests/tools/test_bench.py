"""What ``make bench`` measures, where nobody looks at the clock: that it runs, on either device, and computes what it says."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from pretended_gpu import pretended_gpu
from small_nets import TINY

from benchmarks import activations, training
from reportgen import probe
from reportgen.nets.zfnet import ZFNet


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.slow)])
def test_training_is_measured_on_either_device(
    device: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "BATCH", {"cpu": 4, "cuda": 4})
    monkeypatch.setattr(training, "BATCHES", {"cpu": 2, "cuda": 2})
    monkeypatch.setattr(training, "PRECISIONS", ("float32", "tf32"))  # torch's autocast asks the real GPU
    with pretended_gpu() as gpu:
        found = training.step_ratio(torch.device(device), replace(TINY, input_size=32))
    assert found.ratio > 0
    said = capsys.readouterr().err
    assert said.count("images/s") == (4 if device == "cuda" else 2)
    assert bool(gpu.coarse) == (device == "cuda"), "TF32 is what was measured"


@pytest.mark.slow
def test_a_search_that_kept_what_it_saw_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    net, search = ZFNet(replace(TINY, input_size=32)).eval(), probe.strongest
    honest = activations.search_memory(net, torch.device("cpu"))
    assert honest.ratio == 1
    assert honest.holds

    def hoarding(graph: probe.Graph, layers: list[str], batches: Iterable[torch.Tensor]) -> Any:
        kept: list[dict[str, torch.Tensor]] = []

        def seen() -> Iterator[torch.Tensor]:
            for images in batches:
                kept.append(probe.activations(graph, images, layers))
                yield images

        return search(graph, layers, seen())

    monkeypatch.setattr(probe, "strongest", hoarding)
    planted = activations.search_memory(net, torch.device("cpu"))
    assert planted.ratio > 1.5
    assert not planted.holds
