"""Which device does the work."""

import pytest
import torch
from pretended_gpu import multiplying

from reportgen.base.errors import UserError
from reportgen.nets.device import exact, resolve_device, tf32


@pytest.fixture(autouse=True)
def switches():
    with multiplying():
        yield


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


def test_a_gpu_multiplies_exactly_whatever_was_set_before():
    torch.backends.fp32_precision = "tf32"
    try:
        exact()
        found = [kind.fp32_precision for kind in (torch.backends.cudnn.conv, torch.backends.cuda.matmul)]
        with tf32():
            coarse = [kind.fp32_precision for kind in (torch.backends.cudnn.conv, torch.backends.cuda.matmul)]
        assert (found, coarse) == (["ieee"] * 2, ["tf32"] * 2)
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.fp32_precision = "none"
