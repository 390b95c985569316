"""How many images go through a net at once."""

import numpy as np
import pytest
from torch import nn

from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs


@pytest.mark.parametrize(
    ("maps", "side", "given", "images"),
    [
        (4, 16, None, 64),  # no more than that, however small
        (16, 128, None, 32),  # a MiB each: 32 MiB in all
        (64, 256, None, 16),  # 16 MiB each
        (64, 256, 5, 5),
    ],
)
def test_as_many_images_at_once_as_the_cache_holds(maps: int, side: int, given: int | None, images: int) -> None:
    split = Split(np.zeros((2, side, side, 3), np.uint8), np.zeros(2, np.int64), ("a/0", "a/1"))
    net = nn.Sequential(nn.Conv2d(3, maps, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    data = Dataset("planted", ("a",), "", split, split, split)
    assert Inputs.of(net, Preprocessing(Size.of(side)), data, batch=given).batch == images
