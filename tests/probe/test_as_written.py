"""Nets as people write them: what torch.fx, a module's class or a tensor's shape alone would take for something else."""

import threading
import warnings
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


def at_places(net: Net, x: Tensor) -> Tensor:
    """Positions of a type that the maps decide are no signal of the maps."""
    maps = net.conv(x)
    return net.second(net.other(maps) + (maps + net.places.to(maps)))


def with_coordinates(net: Net, x: Tensor) -> Tensor:
    """CoordConv's."""
    rows, columns = torch.arange(x.shape[2]) / 9, torch.arange(x.shape[3]) / 9
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    return net.second(torch.cat([net.conv(x), grid.expand(len(x), -1, -1, -1).to(x)], 1))


def flattened_between(net: Net, x: Tensor) -> Tensor:
    maps = net.conv(x)
    return net.second(maps.flatten(1).unflatten(1, maps.shape[1:]))


def frozen_by_switch(net: Net, x: Tensor) -> Tensor:
    """Part of it is not trained, by each way to say so, and it branches on values."""
    if x.sum() > 1e9:
        x = -x
    with torch.set_grad_enabled(False):
        first = net.conv(x)
    with torch.inference_mode():
        other = net.other(x)
    return net.second(first + other)


def hooked(kind: str) -> nn.Module:
    """A module that a hook makes another of: it ablates a map, or covers half of the image."""
    made = nn.ReLU() if kind == "relu" else second()
    mask = torch.ones(4, 1, 1, dtype=torch.float64)
    mask[1] = 0
    if kind == "before":
        made.register_forward_pre_hook(lambda module, read: (read[0] * mask,))
    else:
        made.register_forward_hook(lambda module, read, given: given * mask)
    return made


class Quantised(nn.Conv2d):
    """A convolution with a module inside that rounds its weights."""

    def __init__(self) -> None:
        super().__init__(4, 4, 3, padding=1)
        self.rounding = nn.Hardtanh(-0.1, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.rounding(self.weight), self.bias)


def branching(net: Net, x: Tensor) -> Tensor:
    return net.second(net.part(net.conv(-x if x.sum() > 1e9 else x)))


class OptionalImage(Net):
    """transformers' signature."""

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> Tensor:  # type: ignore[override]
        assert pixel_values is not None
        return super().forward(pixel_values)


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
    "at places": lambda: Net(at_places, other=nn.Conv2d(4, 4, 1), second=second(), places=nn.Parameter(torch.randn(1, 4, 12, 10))),
    "with coordinates": lambda: Net(with_coordinates, second=second(6)),
    "flattened between": lambda: Net(flattened_between, second=second()),
    "frozen by switch": lambda: Net(frozen_by_switch, other=nn.Conv2d(3, 4, 5, padding=2), second=second()),
    "hooked relu": lambda: Net(after_conv, part=hooked("relu"), second=second()),
    "hooked convolution": lambda: Net(after_conv, part=hooked("after"), second=second()),
    "hooked before": lambda: Net(after_conv, part=hooked("before"), second=second()),
    "quantised": lambda: Net(branching, part=nn.ReLU(), second=Quantised()),
    "optional image": lambda: OptionalImage(lambda net, x: net.conv(x)),
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


@pytest.mark.parametrize(
    "name", [name for name in AS_WRITTEN if name not in ("leaky", "tanh of a half", "frozen by switch")]
)
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


SPELLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "where": lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "max": lambda x: torch.max(x, torch.tensor(0.0, dtype=x.dtype)),
    "mask": lambda x: x * (x > 0),
    "filled": lambda x: x.masked_fill(x < 0, 0.0),
}


def assert_projected_alike(net: Net, other: Net) -> None:
    """Some units of the last ReLU have the same pictures in both nets."""
    units = [Activation("relu", map, 5, 4) for map in range(4)]
    found, expected = (project(one, IMAGE, units, [1.0] * 4) for one in (net, other))
    for one, wanted in zip(found, expected, strict=True):
        assert one is not None
        assert wanted is not None
        assert_close(one.full(), wanted.full(), 1e-9)


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_relu_by_another_spelling_rectifies(name: str) -> None:
    spelled = Net(lambda net, x: net.second(SPELLINGS[name](net.conv(x))), second=second())
    usual = Net(lambda net, x: net.second(net.conv(x).relu()), second=second())
    usual.load_state_dict(spelled.state_dict())
    assert_projected_alike(spelled, usual)


def test_what_a_switch_of_gradients_leaves_out_is_looked_through() -> None:
    switched = AS_WRITTEN["frozen by switch"]()
    plain = Net(
        lambda net, x: net.second(net.conv(x) + net.other(x)), other=nn.Conv2d(3, 4, 5, padding=2), second=second()
    )
    plain.load_state_dict(switched.state_dict())
    assert_projected_alike(switched, plain)


class Merging(nn.Linear):
    """A low-rank adapter that is merged into the weights by ``eval()``."""

    def __init__(self) -> None:
        super().__init__(4, 3)
        self.rank, self.merged = nn.Parameter(torch.ones(3, 4)), False

    def train(self, mode: bool = True) -> "Merging":
        super().train(mode)
        if self.merged == mode:
            self.weight.data += -self.rank if mode else self.rank
            self.merged = not mode
        return self

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if self.merged else super().forward(x) + F.linear(x, self.rank)


def test_weights_that_eval_merges_stay_the_callers() -> None:
    net = Net(lambda net, x: net.conv(x))
    net.head = Merging().double()
    net.train()
    before = net.head.weight.detach().clone()
    found = activations(net, IMAGE[None], ["head"])["head"]
    assert torch.equal(net.head.weight, before)
    assert net.training
    assert_close(found, net.eval()(IMAGE[None]), 1e-9)


def test_buffers_that_a_forward_pass_changes_stay_the_callers() -> None:
    def counting(net: Net, x: Tensor) -> Tensor:
        net.seen.add_(1)
        net.mean.mul_(0.9).add_(x.mean((0, 2, 3)) + 1)
        return net.conv(x)

    net = Net(counting)
    net.register_buffer("seen", torch.zeros(()))
    net.register_buffer("mean", torch.zeros(3, dtype=torch.float64))
    net.register_buffer("kept", torch.zeros(3))
    graph = trace(net, IMAGE[None])
    activations(graph, IMAGE[None], ["relu"])
    assert net.seen == 0
    assert not net.mean.any()
    assert graph.module.kept is net.kept  # later training changes the graph's, too


def test_a_function_that_was_put_into_a_net_in_training_is_refused() -> None:
    net = Net(lambda net, x: net.conv(x))
    own = net.forward
    net.forward = lambda x: own(x - 0.5)  # type: ignore[method-assign]
    assert_close(activations(net, IMAGE[None], ["head"])["head"], net(IMAGE[None]), 1e-9)
    net.train()
    with pytest.raises(
        ProbeError, match=r"forward is a function that was put into the net.*call eval\(\) on the net first"
    ):
        trace(net, IMAGE[None])


def test_a_net_that_returns_several_things_is_checked_too() -> None:
    def several(net: Net, x: Tensor) -> Tensor:
        return net.conv((x - 0.5) / 0.2 if isinstance(x, Tensor) else x)

    class Several(Net):
        def forward(self, x: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
            maps = self.function(self, x)
            return {"logits": self.head(maps.mean((2, 3))), "maps": maps}

    net = Several(several)
    assert_close(activations(net, IMAGE[None], ["conv"])["conv"], net(IMAGE[None])["maps"].detach(), 1e-9)


def test_a_function_with_a_way_down_of_its_own_is_refused_by_its_name() -> None:
    class Sign(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.sign()

        @staticmethod
        def backward(ctx: Any, signal: Tensor) -> Tensor:  # type: ignore[override]
            return signal

    net = Net(lambda net, x: net.second(Sign.apply(net.conv(x))), second=second())
    assert "Sign" in way_down(trace(net, IMAGE[None]), "relu").refusal
    assert_covered_as_one_by_one(net, IMAGE)


def test_what_cannot_be_copied_is_shared() -> None:
    net = Net(lambda net, x: net.conv(x))
    net.lock, net.losses = threading.Lock(), [net(IMAGE[None]).sum()]
    assert_close(activations(net, IMAGE[None], ["head"])["head"], net(IMAGE[None]), 1e-9)


def test_positions_that_are_made_when_they_are_first_needed_are_no_proxies() -> None:
    def lazily(net: Net, x: Tensor) -> Tensor:
        maps = net.conv(x)
        if net.made is None:
            net.made = torch.linspace(0, 1, maps.shape[-1], dtype=maps.dtype).expand(maps.shape[1:])
        return net.second(-maps if maps.sum() > 1e9 else maps + net.made)

    net = Net(lazily, second=second(), made=None)
    assert_close(activations(net, IMAGE[None], ["head"])["head"], net(IMAGE[None]), 1e-9)


def test_a_scripted_part_of_a_net_that_cannot_be_followed() -> None:
    with warnings.catch_warnings(action="ignore"):  # torch says that it will go
        net = Net(branching, part=torch.jit.script(nn.Sequential(nn.ReLU())), second=second())
    assert_close(activations(net, IMAGE[None], ["head"])["head"], net(IMAGE[None]), 1e-9)


def test_halves_of_maps_and_functions_of_the_nets_own_are_layers() -> None:
    class Gelu(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 0.5 * (1 + torch.erf(x / 2**0.5))

    def gated(net: Net, x: Tensor) -> Tensor:
        first, other = net.up(x).chunk(2, 1)
        return net.part(first) * other

    net = Net(gated, up=nn.Conv2d(3, 8, 3, padding=1), part=nn.GELU())
    assert [layer.map for layer in paper_layers(trace(net, IMAGE[None])) if layer.kind == "convolution"] == [
        "part",
        "relu",
    ]
    own = Net(branching, part=Gelu(), second=second())
    graph = trace(own, IMAGE[None])
    assert graph.find("part").kind == "pointwise"
    assert "part" in [layer.map for layer in paper_layers(graph)]
