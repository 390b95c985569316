"""Nets that forget: which parameters belong to which step, what shuffling keeps, and the plain gradient."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reportgen import probe
from reportgen.analyses.sanity.randomised import copy_of, gradients, shuffle, stages_below
from reportgen.nets.layers import paper_layers
from reportgen.nets.zfnet import ZFNet, initialise
from reportgen.settings.recipes import Architecture

EXAMPLE = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))


class Residual(nn.Module):
    """Five rectified convolutions: batch norm, a branch, a functional convolution, in-place ReLUs, a pool."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.first = nn.Conv2d(4, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(5, 4, 3, 3))
        self.last = nn.Conv2d(5, 6, 3)
        self.top = nn.Linear(6, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        stem = self.pool(self.relu(self.norm(self.stem(images))))
        branch = F.relu(self.first(stem))
        joined = F.relu(self.second(branch) + stem)
        functional = F.relu(F.conv2d(joined, self.weight))
        return self.top(F.relu(self.last(functional), inplace=True).mean((2, 3)))


def residual() -> Residual:
    torch.manual_seed(0)
    net = Residual()
    with torch.no_grad():
        net.norm.running_var.uniform_(0.5, 2)
        net.norm.weight.uniform_(0.5, 2)
        net.norm.bias.normal_()
    return net.eval()


def names_of(net: nn.Module, graph: probe.Graph, stages: list[list[nn.Parameter]]) -> list[list[str]]:
    """The parameters of each step by their names in the net."""
    own = {id(part): name for name, part in graph.module.named_parameters()}
    assert set(own.values()) <= {name for name, _ in net.named_parameters()}
    return [sorted(own[id(part)] for part in stage) for stage in stages]


def convolutions(graph: probe.Graph) -> list:
    return [layer for layer in paper_layers(graph) if layer.kind == "convolution"]


def test_the_papers_net_forgets_one_convolution_at_each_step() -> None:
    small = Architecture(
        widths=(4, 5, 6, 7, 8), fully_connected=(9, 10), second_padding=2, input_size=44, classes=3
    )  # fmt: skip
    net = ZFNet(small)
    initialise(net, "paper", torch.Generator().manual_seed(0))
    graph = copy_of(net, torch.zeros(1, 3, 44, 44))
    found = names_of(net, graph, stages_below(graph, convolutions(graph)))
    assert found == [[f"layer{number}.conv.bias", f"layer{number}.conv.weight"] for number in (5, 4, 3, 2, 1)]
    two = stages_below(graph, convolutions(graph)[:2])
    assert names_of(net, graph, two) == found[-2:]


def test_all_between_two_layers_is_forgotten_together() -> None:
    net = residual()
    graph = copy_of(net, EXAMPLE)
    layers = convolutions(graph)
    assert graph.find(layers[0].map).name == "relu"
    assert names_of(net, graph, stages_below(graph, layers)) == [
        ["last.bias", "last.weight"],
        ["weight"],
        ["second.bias", "second.weight"],
        ["first.bias", "first.weight"],
        ["norm.bias", "norm.weight", "stem.weight"],
    ]
    ends = [layers[0], layers[-1]]
    assert [len(stage) for stage in stages_below(graph, ends)] == [7, 3]


def test_weights_that_two_layers_share_are_forgotten_once_with_the_lower() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.again, self.top = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Linear(3, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            signal = F.relu(self.first(images))
            return self.top(F.relu(self.again(F.relu(self.again(signal)))).mean((2, 3)))

    graph = copy_of(Shared(), EXAMPLE)
    assert [len(stage) for stage in stages_below(graph, convolutions(graph))] == [0, 2, 2]


def test_a_shuffled_layer_keeps_every_entry() -> None:
    layer = nn.Conv2d(3, 8, 3)
    before = [part.detach().clone() for part in layer.parameters()]
    shuffle(list(layer.parameters()), np.random.default_rng(0))
    for old, new in zip(before, layer.parameters(), strict=True):
        assert not torch.equal(old, new)
        assert torch.equal(old.flatten().sort().values, new.flatten().sort().values)


@pytest.mark.parametrize("weight_norm", [False, True])
def test_the_net_itself_is_left_alone(weight_norm: bool) -> None:
    net = residual()
    if weight_norm:
        with pytest.warns(FutureWarning):
            nn.utils.weight_norm(net.last)
    net(EXAMPLE)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    clean = net(EXAMPLE)
    graph = copy_of(net, EXAMPLE)
    assert torch.equal(graph.module(EXAMPLE), clean)
    for stage in stages_below(graph, convolutions(graph)):
        shuffle(stage, np.random.default_rng(0))
    assert not torch.allclose(graph.module(EXAMPLE), clean)
    assert torch.equal(net(EXAMPLE), clean)
    assert all(value.equal(before[name]) for name, value in net.state_dict().items())


def test_the_probe_sees_the_shuffled_weights() -> None:
    """The graph is not traced again after a step: its projections must follow the weights all the same."""
    graph = copy_of(residual(), EXAMPLE)
    layers = convolutions(graph)
    [stage] = stages_below(graph, layers)[:1]
    shuffle(stage, np.random.default_rng(0))
    unit = probe.Activation(layers[-1].map, 2, 1, 1)
    again = probe.trace(graph.module, EXAMPLE)
    name = convolutions(again)[-1].map
    [found] = probe.project(graph, EXAMPLE[0], [unit], seeds=[1.0])
    [expected] = probe.project(again, EXAMPLE[0], [probe.Activation(name, 2, 1, 1)], seeds=[1.0])
    assert found is not None
    assert expected is not None
    torch.testing.assert_close(found.full(), expected.full())


def test_gradients_are_those_of_autograd() -> None:
    net = residual()
    graph = probe.trace(net, EXAMPLE)
    layers = convolutions(graph)
    images = torch.rand(3, 3, 20, 20, generator=torch.Generator().manual_seed(1))
    units = np.array([[0, 2, 3], [3, 5, 5], [1, 0, 7]])
    found = gradients(graph, layers[2].map, images, units)
    for index, (map_, row, column) in enumerate(units):
        pixels = images[index : index + 1].clone().requires_grad_()
        stem = net.pool(F.relu(net.norm(net.stem(pixels))))
        before = net.second(F.relu(net.first(stem))) + stem
        [expected] = torch.autograd.grad(before[0, map_, row, column], pixels)
        torch.testing.assert_close(found[index : index + 1], expected)
    assert all(part.grad is None for part in net.parameters())


def test_a_silent_unit_has_a_gradient_too_and_an_active_one_that_of_its_output() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 324, 2)
    )
    with torch.no_grad():
        net[0].bias.fill_(2.0)  # nothing below is silent
        net[2].bias.copy_(torch.tensor([5.0, -50.0]))
    graph = probe.trace(net, EXAMPLE)
    output = net[:4](EXAMPLE)
    assert output[0, 0].min() > 0
    assert output[0, 1].max() == 0
    silent = gradients(graph, "3", EXAMPLE, np.array([[1, 4, 4]]))
    assert silent.abs().max() > 0
    pixels = EXAMPLE.clone().requires_grad_()
    [expected] = torch.autograd.grad(net[:4](pixels)[0, 0, 4, 4], pixels)
    torch.testing.assert_close(gradients(graph, "3", EXAMPLE, np.array([[0, 4, 4]])), expected)
