"""The strongest activations against a sort of everything, ties included."""

from collections.abc import Callable, Iterator

import pytest
import torch
from agreement import assert_equals_sorting, in_batches
from hypothesis import given, settings
from hypothesis import strategies as st
from probe_nets import Plan, paper_net, plans, relus
from runs import examples
from torch import Tensor, nn

from reportgen.probe import NotFinite, ProbeError, Unsupported, activations, strongest, trace


class Quantised(nn.Module):
    """Activations with few different values, so that ties are plentiful."""

    def __init__(self, levels: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, stride=2)
        self.linear = nn.Linear(5, 7)
        self.relu = nn.ReLU(inplace=True)
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        x = (self.conv(x) * self.levels).round()
        x = self.relu(x)
        return (self.linear(x.mean((2, 3))) * self.levels).round().relu()


@settings(max_examples=examples(30), deadline=None)
@given(
    images=st.integers(1, 23),
    batch=st.integers(1, 9),
    k=st.integers(1, 12),
    levels=st.sampled_from([0.0, 1.0, 2.0, 100.0]),
    channels_last=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_sorting_everything(
    images: int, batch: int, k: int, levels: float, channels_last: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    net = Quantised(levels).eval()
    pixels = torch.randn(images, 3, 11, 9)
    if channels_last:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    graph, layers = trace(net, pixels), ["relu", "relu_1"]
    found = strongest(net, layers, in_batches(pixels, batch), k)
    for layer in layers:
        outputs = torch.cat([activations(graph, some, [layer])[layer] for some in in_batches(pixels, batch)])
        assert_equals_sorting(found[layer], outputs, k)


@settings(max_examples=examples(20), deadline=None)
@given(plan=plans(), images=st.integers(1, 12), batch=st.integers(1, 5))
def test_equals_sorting_everything_on_random_nets(plan: Plan, images: int, batch: int) -> None:
    net, pixels = plan.net().float(), plan.image(images).float()
    graph = trace(net, pixels)
    found = strongest(graph, relus(graph), in_batches(pixels, batch), 4)
    for layer in relus(graph):
        outputs = torch.cat([activations(graph, some, [layer])[layer] for some in in_batches(pixels, batch)])
        assert_equals_sorting(found[layer], outputs, 4)


def test_a_small_case() -> None:
    images = torch.tensor(
        [[[[0.0, 2.0], [2.0, 1.0]]], [[[3.0, 0.0], [3.0, 3.0]]], [[[2.0, 2.0], [0.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]]
    )
    found = strongest(nn.Sequential(nn.ReLU()), ["0"], [images[:3], images[3:]], k=3)["0"]
    assert found.values.tolist() == [[3.0, 2.0, 2.0]]
    assert found.images.tolist() == [[1, 0, 2]]
    assert found.rows.tolist() == [[0, 0, 0]]
    assert found.columns.tolist() == [[0, 1, 0]]


def test_fewer_images_than_asked_for() -> None:
    found = strongest(nn.Sequential(nn.ReLU()), ["0"], [torch.ones(2, 1, 2, 2)], k=4)["0"]
    assert found.images.tolist() == [[0, 1, -1, -1]]
    assert found.values.tolist() == [[1.0, 1.0, -torch.inf, -torch.inf]]


def test_the_papers_full_net(full_net: nn.Module) -> None:
    pixels = torch.randn(3, 3, 224, 224, generator=torch.Generator().manual_seed(9))
    graph = trace(full_net, pixels)
    found = strongest(graph, relus(graph), in_batches(pixels, 2), 3)
    assert [len(found[layer].values) for layer in relus(graph)] == [96, 256, 384, 384, 256, 4096, 4096]
    for layer in ("5", "13", "20"):
        outputs = torch.cat([activations(graph, some, [layer])[layer] for some in in_batches(pixels, 2)])
        assert_equals_sorting(found[layer], outputs, 3)


def test_a_relu_in_place_does_not_reach_back_into_its_convolution() -> None:
    net = paper_net((4, 4, 4, 4, 4), 8, 3, side=64, inplace=True)
    with torch.no_grad():
        net[0].bias.fill_(-100.0)
    found = strongest(net, ["0", "1"], [torch.randn(3, 3, 64, 64)], 2)
    assert (found["0"].values < 0).all()
    assert (found["1"].values == 0).all()


def test_nan_names_the_layer_and_the_image() -> None:
    def batches() -> Iterator[Tensor]:
        yield torch.ones(2, 3, 8, 8)
        spoilt = torch.ones(3, 3, 8, 8)
        spoilt[1, 0, 4, 4] = torch.nan
        yield spoilt

    with pytest.raises(NotFinite, match="layer '1' gives NaN for image 3"):
        strongest(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), ["1"], batches())


def test_nan_is_noticed_before_there_are_k_images() -> None:
    with pytest.raises(NotFinite, match="layer '0' gives NaN for image 0"):
        strongest(nn.Sequential(nn.ReLU()), ["0"], [torch.full((1, 1, 2, 2), torch.nan)])


@pytest.mark.parametrize(
    ("k", "batches", "message"),
    [(0, [torch.ones(1, 1, 2, 2)], "k=0: ask for one activation or more"), (9, [], "no images were given")],
)
def test_bad_requests(k: int, batches: list[Tensor], message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        strongest(nn.Sequential(nn.ReLU()), ["0"], batches, k)


def test_a_layer_that_mixes_places_has_no_maps() -> None:
    net = nn.Sequential(nn.Flatten(2), nn.Linear(16, 5))
    with pytest.raises(
        Unsupported, match=r"layer '1' gives \(3, 5\) for an image: which axes are maps, rows and columns is"
    ):
        strongest(net, ["1"], [torch.ones(1, 3, 4, 4)])


def test_flattened_maps_are_still_maps() -> None:
    images = torch.randn(5, 3, 4, 6, generator=torch.Generator().manual_seed(4))
    assert_equals_sorting(strongest(nn.Sequential(nn.Flatten(2)), ["0"], [images], 2)["0"], images, 2)


def test_operations_without_a_rule_do_not_hinder() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Conv2d(4, 4, 3), nn.Sigmoid())
    pixels = torch.randn(4, 3, 9, 9, generator=torch.Generator().manual_seed(3))
    found = strongest(net, ["1", "3"], [pixels], 2)
    assert_equals_sorting(found["3"], activations(net, pixels, ["3"])["3"], 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda() -> None:
    net = paper_net((8, 8, 8, 8, 8), 16, 3, side=96)
    pixels = torch.randn(7, 3, 96, 96, generator=torch.Generator().manual_seed(3))
    net.cuda()
    graph = trace(net, pixels)
    found = strongest(graph, relus(graph), in_batches(pixels, 3), 4)
    for layer in relus(graph):
        outputs = torch.cat([activations(graph, some, [layer])[layer].cpu() for some in in_batches(pixels, 3)])
        assert found[layer].values.device.type == "cpu"
        assert_equals_sorting(found[layer], outputs, 4)


@pytest.mark.real
def test_squeezenet(squeezenet: nn.Module, photographs: Callable[[int], Tensor]) -> None:
    pixels = photographs(13)[..., :128, :128]
    graph = trace(squeezenet, pixels)
    layers = relus(graph)[::5]
    found = strongest(graph, layers, in_batches(pixels, 5))
    for layer in layers:
        outputs = torch.cat([activations(graph, some, [layer])[layer] for some in in_batches(pixels, 5)])
        assert_equals_sorting(found[layer], outputs, 9)
