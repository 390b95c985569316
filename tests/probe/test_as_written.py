"""Nets as people write them: what torch.fx, a module's class or a tensor's shape alone would take for something else."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from agreement import assert_close, assert_covered_as_one_by_one, assert_projected_as_frozen, random_image
from frozen_oracle import frozen_projections
from oracles import forward_with_hooks
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from reportgen.nets.layers import paper_layers
from reportgen.probe import Activation, ProbeError, activations, project, strongest, trace
from reportgen.probe.ways import way_down

IMAGE = random_image(3, 12, 10, dtype=torch.float64)


class Net(nn.Module):
    """A function of the net and the image that gives maps; a ReLU, a mean and a linear layer behind it."""

    def __init__(self, function: Callable[..., Tensor], maps: int = 4, **parts: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.function, self.conv = function, nn.Conv2d(3, 4, 3, padding=1)
        for name, part in parts.items():
            setattr(self, name, part)
        self.relu, self.head = nn.ReLU(), nn.Linear(maps, 3)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        maps = self.relu(self.function(self, x))
        return self.head(maps.flatten(2).mean(2) if maps.dim() == 4 else maps.mean(1))


def in_range(net: Net, x: Tensor) -> Tensor:
    return net.conv(x / 255 if torch.is_tensor(x) and x.max() > 2 else x)


def centred(net: Net, x: Tensor) -> Tensor:
    return net.conv(x * 2 + 1 if isinstance(x, Tensor) and x.min() < -2 else x)


def gated_by_half(gate: Callable[[Tensor], Tensor]) -> Callable[[Net, Tensor], Tensor]:
    def function(net: Net, x: Tensor) -> Tensor:
        first, second = net.up(net.conv(x)).chunk(2, 1)
        return net.second(first * gate(second))

    return function


def spatial_attention(net: Net, x: Tensor) -> Tensor:
    """CBAM's."""
    maps = net.conv(x)
    return net.second(torch.cat([maps.amax(1, keepdim=True), maps.mean(1, keepdim=True)], 1))


def selected_kernels(net: Net, x: Tensor) -> Tensor:
    """SKNet's: branches are stacked and summed."""
    return net.second(torch.stack([net.conv(x), net.other(x)], 1).sum(1))


def keywords(net: Net, x: Tensor) -> Tensor:
    maps = torch.mul(input=net.conv(x), other=0.5)
    rows, columns = maps.shape[2:]
    return (
        torch.add(input=maps, other=net.other(input=x))
        .view(size=(len(x), 4, rows * columns))
        .unflatten(2, (rows, columns))
    )


def frozen_backbone(net: Net, x: Tensor) -> Tensor:
    if x.sum() > 1e9:
        x = -x
    with torch.no_grad():
        maps = net.conv(x)
    return net.second(maps)


def detached_backbone(net: Net, x: Tensor) -> Tensor:
    return net.second(F.relu(net.conv(x))) + net.third(F.relu(net.conv(x)).detach())


def recursive(net: Net, x: Tensor) -> Tensor:
    if x.sum() > 1e9:
        x = -x
    return net.again(net.conv(x))


class Again(nn.Module):
    """A module that calls itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor, depth: int = 2) -> Tensor:
        return self.conv(x) if depth == 0 else self(F.relu(x), depth - 1) + x


def watched(net: Net, x: Tensor) -> Tensor:
    if x.sum() > 1e9:
        x = -x
    return net.second(input=net.normed(x))


def mapped(net: Net, x: Tensor) -> Tensor:
    return net.second(torch.vmap(lambda image: net.conv(image[None])[0])(x))


def second(maps: int = 4) -> nn.Module:
    return nn.Conv2d(maps, 4, 3, padding=1)


def circular(net: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), weight, bias)


def seamless() -> nn.Module:
    """The patch that people put into convolutions for pictures without seams."""
    conv = second()
    conv._conv_forward = circular.__get__(conv)  # type: ignore[method-assign]
    return conv


def leaky() -> nn.Module:
    relu = nn.ReLU()
    relu.forward = lambda x: F.leaky_relu(x, 0.3)  # type: ignore[method-assign]
    return relu


class WithinMaps(nn.LocalResponseNorm):
    """Contrast normalisation within each map."""

    def forward(self, x: Tensor) -> Tensor:
        return x / (1 + F.avg_pool2d(x.square(), 5, 1, 2)) ** self.beta


class KeptTraining(nn.BatchNorm2d):
    """Batch norm that stays on the statistics of its batch."""

    def train(self, mode: bool = True) -> "KeptTraining":
        return super().train(True)


def after_conv(net: Net, x: Tensor) -> Tensor:
    return net.second(net.part(net.conv(x)))


AS_WRITTEN: dict[str, Callable[[], Net]] = {
    "in range": lambda: Net(in_range),
    "centred": lambda: Net(centred),
    "sigmoid of a half": lambda: Net(gated_by_half(torch.sigmoid), up=nn.Conv2d(4, 8, 1), second=second()),
    "tanh of a half": lambda: Net(gated_by_half(torch.tanh), up=nn.Conv2d(4, 8, 1), second=second()),
    "spatial attention": lambda: Net(spatial_attention, second=second(2)),
    "selected kernels": lambda: Net(selected_kernels, other=nn.Conv2d(3, 4, 5, padding=2), second=second()),
    "keywords": lambda: Net(keywords, other=nn.Conv2d(3, 4, 3, padding=1)),
    "detached backbone": lambda: Net(detached_backbone, second=second(), third=second()),
    "calls itself": lambda: Net(recursive, again=Again()),
    "watched by keywords": lambda: Net(watched, normed=weight_norm(nn.Conv2d(3, 4, 3)), second=second()),
    "mapped": lambda: Net(mapped, second=second()),
    "seamless": lambda: Net(after_conv, part=nn.ReLU(), second=seamless()),
    "leaky": lambda: Net(after_conv, part=leaky(), second=second()),
    "within maps": lambda: Net(after_conv, part=WithinMaps(5), second=second()),
}  # fmt: skip


@pytest.mark.parametrize("name", AS_WRITTEN)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last], ids=["usual", "channels last"])
def test_layers_give_what_the_net_gives(name: str, memory: torch.memory_format) -> None:
    net = AS_WRITTEN[name]()
    images = torch.stack([IMAGE, IMAGE.flip(2) * 3 - 1, IMAGE * 200])
    expected = [forward_with_hooks(net, ["relu", ""])(image[None].clone()) for image in images]
    graph = trace(net, images)
    assert graph.unknown("relu") == ""
    found = activations(graph, images.contiguous(memory_format=memory), ["relu", graph.output])
    for layer, module in (("relu", "relu"), (graph.output, "")):
        assert_close(found[layer], torch.cat([one[module] for one in expected]), 1e-9)


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_squares_change_what_covering_changes(name: str) -> None:
    assert_covered_as_one_by_one(AS_WRITTEN[name](), IMAGE)


@pytest.mark.parametrize("name", [name for name in AS_WRITTEN if name not in ("leaky", "tanh of a half")])
def test_projections_equal_freezing_the_factors(name: str) -> None:
    assert_projected_as_frozen(AS_WRITTEN[name](), IMAGE)


def test_a_backbone_that_is_not_trained_is_looked_through() -> None:
    frozen, plain = Net(frozen_backbone, second=second()), Net(lambda net, x: net.second(net.conv(x)), second=second())
    plain.load_state_dict(frozen.state_dict())
    units = [(0, 3, 3), (2, 6, 5)]
    found = project(frozen, IMAGE, [Activation("relu", *unit) for unit in units])
    for one, expected in zip(found, frozen_projections(plain, "relu", IMAGE, units), strict=True):
        assert one is not None
        assert_close(one.full(), expected, 1e-9)
    assert torch.is_grad_enabled()
    with torch.no_grad():
        assert not torch.is_grad_enabled()


def test_batch_norm_that_stays_on_its_batch_is_refused_by_windows_and_left_as_it_is() -> None:
    net = Net(after_conv, part=KeptTraining(4), second=second())
    before = net.part.running_mean.clone()
    graph = trace(net, IMAGE[None])
    images = torch.stack([IMAGE, IMAGE * 9 - 1])
    one_by_one = torch.cat([activations(graph, image[None], ["relu"])["relu"] for image in images])
    assert_close(activations(graph, images, ["relu"])["relu"], one_by_one, 1e-9)
    activations(graph, IMAGE[None], ["relu"])
    assert way_down(graph, "relu").by != "windows"
    assert torch.equal(net.part.running_mean, before)


def test_images_that_are_mixed_where_no_later_layer_shows_it_run_one_by_one() -> None:
    class OfLargest(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / x.abs().max()

    net = Net(lambda net, x: net.norm(net.conv(net.part(x))), part=OfLargest(), norm=nn.GroupNorm(2, 4, eps=0))
    with torch.no_grad():
        net.conv.bias.zero_()
    images = torch.stack([IMAGE, IMAGE * 9])
    found = activations(net, images, ["conv"])["conv"]
    assert_close(found[0], found[1], 1e-9)


def test_the_kernels_of_an_involution_are_held_fast() -> None:
    def involution(net: Net, x: Tensor) -> Tensor:
        maps = net.conv(x)
        kernels = net.kernels(maps)[:, None]
        return (kernels * F.unfold(maps, 3, padding=1).unflatten(1, (4, 9)).unflatten(3, maps.shape[2:])).sum(2)

    net = Net(involution, kernels=nn.Conv2d(4, 9, 1))
    assert way_down(trace(net, IMAGE[None]), "relu").through == ("gates",)
    assert_projected_as_frozen(net, IMAGE)


# --- What is not known -----------------------------------------------------------------------------------------------------


def tokens(net: Net, x: Tensor) -> Tensor:
    return net.conv(x).flatten(2).transpose(1, 2)


def sorted_by_the_image(net: Net, x: Tensor) -> Tensor:
    found = tokens(net, x)
    return found.gather(1, found[..., 0].argsort(1)[..., None].expand_as(found))


def reordered_by_index(net: Net, x: Tensor) -> Tensor:
    found = tokens(net, x)
    return found.clone().index_copy_(1, torch.randperm(120, generator=torch.Generator().manual_seed(0)), found)


def joined_with_sums(net: Net, x: Tensor) -> Tensor:
    maps = net.conv(x)
    return torch.cat([maps, maps.cumsum(1)], 1)


def filled_with_sums(net: Net, x: Tensor) -> Tensor:
    maps = net.conv(x)
    out = torch.zeros_like(maps)
    out[:, :2] = maps[:, :2]
    out[:, 2:] = maps[:, 2:].cumsum(2)
    return out


def turned_one_by_one(net: Net, x: Tensor) -> Tensor:
    found = tokens(net, x)[:, :4]
    out = found.clone()
    out[:] = torch.stack([found[..., index] for index in range(4)], 1)
    return out


def as_complex(net: Net, x: Tensor) -> Tensor:
    maps = net.conv(x)
    out = maps.new_zeros(*maps.shape, 2)
    out[..., 0], out[..., 1] = maps, -maps
    return torch.view_as_complex(out).abs()


def bits(net: Net, x: Tensor) -> Tensor:
    return net.conv(x).view(torch.int64).view(torch.float64)


@pytest.mark.parametrize(
    ("function", "maps"),
    [
        (sorted_by_the_image, 4), (reordered_by_index, 4), (joined_with_sums, 8), (filled_with_sums, 4), (bits, 4),
    ],
)  # fmt: skip
def test_what_the_image_or_nobody_decides_is_not_known(function: Callable[..., Tensor], maps: int) -> None:
    assert "is not known" in trace(Net(function, maps), IMAGE[None]).unknown("relu")


def test_tokens_that_are_written_over_by_their_maps_are_turned() -> None:
    net = Net(turned_one_by_one)
    maps = forward_with_hooks(net, ["conv"])(IMAGE[None])["conv"]
    found = activations(net, IMAGE[None], ["relu"])["relu"]
    assert_close(found, maps[:, :, :1, :4].relu(), 1e-12)


def test_complex_numbers_made_of_maps_are_those_maps_or_not_known() -> None:
    graph = trace(Net(as_complex), IMAGE[None])
    assert graph.unknown("relu") or graph.shape("relu") == (4, 12, 10)


def test_places_as_rows_of_a_batch_are_no_units_of_an_image() -> None:
    class Pixels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act, self.fc, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 5), nn.ReLU()
            self.head = nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            maps = self.act(self.conv(x))
            rows = self.relu(self.fc(maps.permute(0, 2, 3, 1).reshape(-1, 4)))
            return self.head(rows).view(len(maps), -1, 3).mean(1)

    graph = trace(Pixels().double().eval(), IMAGE[None])
    assert (
        graph.unknown("relu")
        == "layer 'relu' gives 80 rows for an image, such as windows or places: which is which is not known"
    )
    assert [layer.number for layer in paper_layers(graph)] == [1, 8]
    with pytest.raises(ProbeError, match="80 rows"):
        strongest(graph, ["relu"], [IMAGE[None]])


def test_a_layer_of_another_shape_for_another_image_is_refused() -> None:
    def some(net: Net, x: Tensor) -> Tensor:
        found = tokens(net, x)
        return found[:, found[0, :, 0] > 0]

    with pytest.raises(ProbeError, match=r"^layer 'relu' has another shape for other images: \(\d+, 4\), \(\d+, 4\)"):
        activations(Net(some), torch.stack([IMAGE, IMAGE.flip(0) - 0.3]), ["relu"])


def test_the_layers_of_torchs_own_transformer_are_known() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.conv, self.layers = (
                nn.Conv2d(3, 8, 2, stride=2),
                nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            )
            self.head = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.layers(self.conv(x).flatten(2).transpose(1, 2)).mean(1))

    net = Encoder().double().eval()
    graph = trace(net, IMAGE[None])
    assert {graph.shape(layer.map) for layer in paper_layers(graph) if layer.number < 6} == {(8, 6, 5)}
    assert torch.backends.mha.get_fastpath_enabled()
