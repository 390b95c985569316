"""The stage of a loaded net: what is said of a net that runs, but cannot be looked into."""

import pytest
import torch
from torch import nn

from reportgen import probe
from reportgen.base.errors import UserError
from reportgen.stages.model import trace


def test_a_net_that_runs_is_not_said_to_read_no_such_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(net: nn.Module, example: torch.Tensor) -> probe.Graph:
        raise RuntimeError("no hooks here")

    monkeypatch.setattr(probe, "trace", fail)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2)).eval()
    with pytest.raises(UserError, match=r"MODEL=own: it runs, but cannot be looked into \(.*no hooks here\)"):
        trace("own", net, (3, 8, 8))
    with pytest.raises(UserError, match="MODEL=own: it cannot read 9 px images, DATA_CROP=9"):
        trace("own", net, (3, 9, 9))
