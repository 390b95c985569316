"""How much of the image units see: against gradients, and in words that never say of a layer what is true of some units."""

import numpy as np
import pytest
import torch
from torch import nn

from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs
from reportgen.look.sight import Sight, sight

SIDE = 20


def inputs_of(*layers: nn.Module) -> Inputs:
    split = Split(np.zeros((2, SIDE, SIDE, 3), np.uint8), np.zeros(2, np.int64), ("a/0", "a/1"))
    data = Dataset("planted", ("a", "b"), "", split, split, split)
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    return Inputs.of(net, Preprocessing(Size.of(SIDE)), data)


def seen(layers: list[nn.Module]) -> np.ndarray:
    """The share of the image between the outermost pixels that each unit's value changes with."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
    image = torch.ones(1, 3, SIDE, SIDE, requires_grad=True)
    maps = nn.Sequential(*layers)(image)[0, 0]
    shares = np.zeros(maps.shape)
    for row in range(maps.shape[0]):
        for column in range(maps.shape[1]):
            [gradient] = torch.autograd.grad(maps[row, column], image, retain_graph=True)
            rows, columns = np.nonzero(gradient[0].abs().sum(0).numpy())
            shares[row, column] = (np.ptp(rows) + 1) * (np.ptp(columns) + 1) / SIDE**2
    return shares


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(11, 2, 5), (13, 3, 6), (9, 1, 0), (21, 4, 10), (20, 1, 0)])
def test_the_shares_are_those_of_gradients(kernel: int, stride: int, padding: int) -> None:
    layers: list[nn.Module] = [
        nn.Conv2d(3, 4, kernel, stride, padding, bias=False),
        nn.ReLU(),
    ]
    if kernel < 20:
        layers += [nn.Conv2d(4, 4, 7, 1, 3, bias=False), nn.ReLU()]
    found = sight(inputs_of(*layers), 1 if kernel >= 20 else 2)
    if found.cut:
        assert (found.most, found.least) == (None, None)
        return
    shares = seen(layers)
    assert found.most == pytest.approx(shares.max())
    assert found.least == pytest.approx(shares.min())
    assert shares[0, 0] == shares.min()
    assert found.field is not None
    assert found.field.rows >= SIDE


def test_a_layer_whose_units_differ_is_not_said_to_see_everything() -> None:
    found = sight(inputs_of(nn.Conv2d(3, 4, 41, 4, 20, bias=False), nn.ReLU()), 1)
    assert (found.most, found.least) == (1.0, 1.0)
    assert found.words == "every unit sees all of it (receptive field 41 px)"
    found = sight(inputs_of(nn.Conv2d(3, 4, 25, 5, 12, bias=False), nn.ReLU()), 1)
    assert found.most == 1
    assert found.least == pytest.approx((13 / 20) ** 2)
    assert found.words == "a unit in the middle sees all of it, a unit in a corner 42% of it (receptive field 25 px)"


def test_what_is_not_known_is_not_said() -> None:
    assert Sight(None, Size.of(88)).words == "the receptive field is not known"
    assert Sight(Size.of(7), Size.of(88)).words == "a unit sees at most 7 x 7 px of it"
    assert Sight(Size.of(90), Size.of(88)).words == "the receptive field (90 px) is no smaller than the image"
    assert Sight(Size.of(90), Size.of(88), 0.93, 0.5).words == (
        "no unit sees more than 93% of it, a unit in a corner 50% of it (receptive field 90 px)"
    )
    assert [Sight(side and Size.of(side), Size.of(88)).cut for side in (None, 87, 88)] == [False, True, False]
