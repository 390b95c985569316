"""Training steps, images and all, against forward, backward and update of one batch that lies ready."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.nn import functional

from benchmarks.measuring import Measurement, ratio_of, seconds
from reportgen.base.progress import say
from reportgen.data.transforms import Preprocessing
from reportgen.nets.device import tf32
from reportgen.nets.training.batches import Batches
from reportgen.nets.training.gradients import Gradients
from reportgen.nets.world import ALONE
from reportgen.nets.zfnet import ZFNet
from reportgen.settings.recipes import ZEILER_FERGUS, Architecture, TrainingSettings

CLASSES = 12
BATCH = {"cpu": 16, "cuda": 128}  # images
BATCHES = {"cpu": 4, "cuda": 16}  # in an epoch
LAYOUTS = (torch.channels_last, torch.contiguous_format)
PRECISIONS = ("float32", "tf32", "bfloat16")
SLOWER = 1.1  # than the bare steps, at most


@dataclass(frozen=True)
class _Noise:
    """Images as a data set stores them."""

    images: UInt8[np.ndarray, "image row column 3"]
    targets: Int[np.ndarray, " image"]


def step_ratio(device: torch.device, architecture: Architecture = ZEILER_FERGUS) -> Measurement:
    """An epoch as it is trained over as many bare steps; the rates of bare steps in other ways are printed beside."""
    size, count = (sizes.get(device.type, sizes["cpu"]) for sizes in (BATCH, BATCHES))
    net = ZFNet(replace(architecture, classes=CLASSES)).to(memory_format=torch.channels_last).to(device)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.0, momentum=0.9)  # the same arithmetic, and nothing diverges
    side, rng = architecture.input_size.rows * 8 // 7, np.random.default_rng(0)
    pixels = rng.integers(0, 256, (size * count, side, side, 3), dtype=np.uint8)
    noise = _Noise(pixels, rng.integers(0, CLASSES, size * count))
    settings = TrainingSettings(batch_size=size)
    batches = Batches(noise, Preprocessing(architecture.input_size), settings, device, ALONE)
    images, labels, _ = next(batches.epoch(torch.Generator()))
    gradients = Gradients(net, False, size, device, ALONE)

    def epoch() -> None:
        for some, true, whole in batches.epoch(torch.Generator()):
            gradients.of(some, true, whole)
            optimiser.step()

    def bare(batch: Tensor, bfloat16: bool = False) -> None:
        for _ in range(count):
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                loss = functional.cross_entropy(net(batch), labels)
            loss.backward()
            optimiser.step()

    ratio = ratio_of(epoch, lambda: bare(images))
    for precision in PRECISIONS if device.type == "cuda" else PRECISIONS[:1]:
        for layout in LAYOUTS:
            net.to(memory_format=layout)
            steps = partial(bare, images.contiguous(memory_format=layout), precision == "bfloat16")
            with tf32() if precision == "tf32" else nullcontext():
                steps()  # warm up
                rate = size * count / seconds(steps)
            say(f"     bare training steps, {precision}, {layout}: {rate:,.0f} images/s")
    return Measurement(f"training / bare training steps, batch {size}", ratio, SLOWER, "lower")
