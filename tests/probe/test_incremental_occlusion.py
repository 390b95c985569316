"""Incremental occlusion against a full forward pass of every covered image."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import occlusion_by_covering
from probe_nets import Plan, paper_net, plans
from torch import Tensor, nn

from reportgen.probe import ProbeError, activations, occlude, trace
from reportgen.probe.occlusion import positions


def assert_equals_covering(
    net: nn.Module, image: Tensor, size: int, stride: int, fill: float | Tensor, layers: list[str], relative: float
) -> None:
    graph = trace(net, image[None])
    found = occlude(graph, image, size, stride, fill, layers)
    for layer in layers:
        expected = occlusion_by_covering(
            lambda images, layer=layer: activations(graph, images, [layer])[layer],
            image, size, found.tops.tolist(), found.lefts.tolist(), fill,
        )  # fmt: skip
        assert found.covered[layer].shape == expected.shape
        error, scale = (found.covered[layer] - expected).abs().max(), expected.abs().max()
        assert error <= relative * max(float(scale), 1e-9)
        clean = activations(graph, image[None], [layer])[layer][0]
        torch.testing.assert_close(found.clean[layer], clean.sum((1, 2)) if clean.dim() == 3 else clean)


@settings(max_examples=40, deadline=None)
@given(plan=plans(), size=st.integers(1, 9), stride=st.integers(2, 7))
def test_equals_covering_on_random_nets(plan: Plan, size: int, stride: int) -> None:
    net, image = plan.net(), plan.image()
    layers = [name for name, node in trace(net, image[None]).nodes.items() if node.kind != "input"][-5:]
    assert_equals_covering(net, image, size, stride, torch.tensor([0.5, -1.0, 2.0]), layers, 1e-9)


@pytest.mark.parametrize("inplace", [True, False])
def test_equals_covering_on_a_narrow_net(inplace: bool) -> None:
    net = paper_net((6, 8, 8, 8, 6), 10, 5, side=101, inplace=inplace).double()
    image = torch.randn(3, 101, 101, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert_equals_covering(net, image, 16, 23, 0.0, ["1", "5", "13", "20", "22"], 1e-10)


def test_equals_covering_on_the_papers_full_net(full_net: nn.Module) -> None:
    image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(2))
    assert_equals_covering(full_net, image, 32, 96, 0.0, ["13", "22"], 1e-4)


def test_a_small_case() -> None:
    image = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]])
    found = occlude(nn.Sequential(nn.ReLU()), image, size=2, stride=1, fill=0.0, outputs=["0"])
    assert found.clean["0"].tolist() == [45.0]
    assert found.covered["0"][..., 0].tolist() == [[45.0 - 12, 45.0 - 16], [45.0 - 24, 45.0 - 28]]


def test_the_last_position_is_flush_with_the_edge() -> None:
    assert positions(10, 4, 4) == [0, 4, 6]
    assert positions(12, 4, 4) == [0, 4, 8]
    assert positions(4, 4, 3) == [0]


@pytest.mark.parametrize(
    ("size", "stride", "message"),
    [(0, 1, "size=0: use 1 to 3 pixels"), (4, 1, "size=4: use 1 to 3 pixels"), (1, 0, "stride=0: use 1 pixel or more")],
)
def test_bad_squares(size: int, stride: int, message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        occlude(nn.Sequential(nn.ReLU()), torch.ones(1, 3, 3), size, stride, 0.0, ["0"])


@pytest.mark.real
def test_squeezenet(squeezenet: nn.Module, photographs: Callable[[int], Tensor]) -> None:
    relu = "features.12.expand3x3_activation"
    assert_equals_covering(squeezenet, photographs(1)[0], 48, 88, 0.0, [relu, "flatten"], 1e-4)
