"""The paper's mean of every pixel: measured, kept with the net, and seen by the probe as a shift."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from small_nets import TINY

from reportgen import probe
from reportgen.base.size import Size
from reportgen.data.dataset import Split
from reportgen.data.transforms import Preprocessing
from reportgen.nets.snapshots import load_net, save_net
from reportgen.nets.training.loop import Plan, finished, mean_image, train
from reportgen.nets.zfnet import ZFNet, initialise
from reportgen.settings.recipes import TrainingSettings

CROP = TINY.input_size.rows


def images(count: int = 12, side: int = 52) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_it_is_the_mean_of_the_centre_crops_as_the_net_reads_them() -> None:
    preprocessing = Preprocessing(Size.of(CROP), mean=(0.4, 0.5, 0.6), deviation=(0.2, 0.3, 0.4))
    found = mean_image(images(), preprocessing, batch=5)
    inside = images()[:, 2 : 2 + CROP, 2 : 2 + CROP].astype(np.float64).mean(axis=0) / 255
    slow = (inside - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]
    assert np.allclose(found.numpy().transpose(1, 2, 0), slow, atol=1e-5)


def test_a_net_subtracts_it_and_keeps_it(tmp_path: Path) -> None:
    data = Split(images(), np.arange(12) % 4, ("",) * 12)
    preprocessing = Preprocessing(Size.of(CROP))
    recipe = TrainingSettings(epochs=1, mean="pixel", batch_size=6, early_snapshots=())
    plan = Plan(TINY, data, data, preprocessing, recipe, 0, torch.device("cpu"), tmp_path)
    train(plan)
    net, _ = finished(plan)
    assert torch.equal(net.mean_image.mean, mean_image(data.images, preprocessing))
    save_net(net, preprocessing, tmp_path / "net.safetensors")
    again, _ = load_net(tmp_path / "net.safetensors")
    batch = preprocessing.centre(images(3))
    assert torch.equal(again(batch), net(batch))
    plain = ZFNet(replace(TINY, mean_image=False)).eval()
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if "mean_image" not in name})
    assert torch.allclose(plain(batch - net.mean_image.mean), net(batch), atol=1e-6)


def test_projections_and_occlusion_go_through_it() -> None:
    net = ZFNet(replace(TINY, mean_image=True)).eval()
    batch = torch.randn(2, 3, CROP, CROP, generator=torch.Generator().manual_seed(0))
    net.mean_image.mean.normal_(generator=torch.Generator().manual_seed(1))
    initialise(net, "default", torch.Generator().manual_seed(2), batch)
    graph = probe.trace(net, batch[:1])
    assert probe.refusal(graph, "layer3.relu") == ""
    assert probe.receptive_field(graph, "layer1.relu").size == (7, 7)
    found = probe.occlude(graph, batch[0], 8, 16, 0.0, ["layer8.linear"])
    assert "whole" in found.whole
    covered = batch[0].clone()
    top, left = int(found.tops[1]), int(found.lefts[1])
    covered[:, top : top + 8, left : left + 8] = 0
    assert torch.allclose(found.covered["layer8.linear"][1, 1], net(covered[None])[0], atol=1e-4)
