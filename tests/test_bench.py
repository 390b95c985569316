"""What ``make bench`` measures, where nobody looks at the clock: that it runs, on either device, and computes what it says."""

from dataclasses import replace

import pytest
import torch
from pretended_gpu import pretended_gpu

from reportgen.bench import training
from reportgen.recipes import TINY


@pytest.mark.parametrize("device", ["cpu", "cuda"])
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
