"""The nets and photographs that the probe's tests share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from probe_nets import paper_net
from torch import Tensor, nn


@pytest.fixture(scope="session")
def full_net() -> nn.Module:
    """The paper's net at its full size."""
    return paper_net()


@pytest.fixture
def squeezenet(real_data: Path) -> nn.Module:
    """SqueezeNet 1.1 with its ImageNet weights."""
    from safetensors.torch import load_file
    from torchvision.models import squeezenet1_1

    net = squeezenet1_1(weights=None)
    net.load_state_dict(load_file(real_data / "weights" / "squeezenet1_1_torchvision.safetensors"))
    return net.eval()


@pytest.fixture
def photographs(real_data: Path) -> Callable[[int], Tensor]:
    """The first n photographs, as SqueezeNet reads them: (image channel row column), 224 px."""
    from PIL import Image

    def load(count: int) -> Tensor:
        paths = sorted((real_data / "imagenet").glob("*/*.jpg"))[:count]
        images = np.stack([np.asarray(Image.open(path).convert("RGB"))[16:240, 16:240] for path in paths])
        pixels = torch.from_numpy(images).movedim(-1, 1).float() / 255
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        return (pixels - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)

    return load
