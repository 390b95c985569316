"""Which device does the work."""

import pytest
import torch

from reportgen.device import resolve_device
from reportgen.errors import UserError


def test_devices(monkeypatch, capsys):
    for name, value in {"is_available": lambda: True, "device_count": lambda: 2}.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert [str(resolve_device(name)) for name in ("auto", "cpu", "cuda", "cuda:1")] == [
        "cuda",
        "cpu",
        "cuda",
        "cuda:1",
    ]
    assert capsys.readouterr().err == ""
    assert str(resolve_device("mps")) == "mps"
    assert "nobody has tested this" in capsys.readouterr().err
    for name in ("cuda:2", "cuda:", "cuda:x", "gpu", "cpu:1"):
        with pytest.raises(
            UserError, match=rf"DEVICE={name}: there is no such device here: use auto, cpu, cuda:0, cuda:1, mps"
        ):
            resolve_device(name)


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert str(resolve_device("auto")) == "cpu"
    for name in ("cuda", "mps"):
        with pytest.raises(UserError, match=rf"DEVICE={name}: there is no such device here: use auto, cpu"):
            resolve_device(name)
