"""Every operation's way down against a forward pass in which the factors are held fast, and what has none by its name."""

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from agreement import assert_close, random_image
from frozen_oracle import frozen_projections
from hypothesis import given, settings
from hypothesis import strategies as st
from probe_nets import initialised
from runs import examples
from torch import Tensor, nn

from reportgen.probe import trace
from reportgen.probe.record import Recorded, Smooth, rule_of
from reportgen.probe.ways import record_of, way_down

IMAGE = random_image(3, 15, 13, dtype=torch.float64)


class Between(nn.Module):
    """A function of six maps, between convolutions; what it gives is read by a linear layer."""

    def __init__(self, function: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.first, self.function, self.parts = nn.Conv2d(3, 6, 3), function, nn.ModuleList(parts)
        self.last = nn.LazyLinear(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function(self.first(x), *self.parts).flatten(1))


def channels_last(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, *parts: function(x.permute(0, 2, 3, 1), *parts).permute(0, 3, 1, 2)


def tokens(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, *parts: function(x.flatten(2).transpose(1, 2), *parts)


def attention(x: Tensor, mixed: nn.Module) -> Tensor:
    query, key, value = mixed(x).unflatten(-1, (3, 2, 3)).permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def attention_in_full(x: Tensor, mixed: nn.Module) -> Tensor:
    query, key, value = mixed(x).unflatten(-1, (3, 2, 3)).permute(2, 0, 3, 1, 4)
    weights = (query @ key.transpose(-2, -1) * 3**-0.5).softmax(dim=-1)
    return x + (weights @ value).transpose(1, 2).reshape(x.shape)


def talking_heads(x: Tensor, mixed: nn.Module, heads: nn.Module) -> Tensor:
    query, key, value = mixed(x).unflatten(-1, (3, 2, 3)).permute(2, 0, 3, 1, 4)
    weights = heads((query @ key.transpose(-2, -1)).softmax(dim=-1))
    return (weights @ value).transpose(1, 2).reshape(x.shape)


def linear_attention(x: Tensor, mixed: nn.Module) -> Tensor:
    query, key, value = mixed(x).chunk(3, dim=-1)
    query, key = F.relu(query), F.relu(key)
    return query @ (key.transpose(1, 2) @ value) / (query @ key.sum(1)[:, :, None] + 1)


def squeeze(x: Tensor, down: nn.Module, up: nn.Module) -> Tensor:
    return x * up(F.silu(down(x.mean((2, 3), keepdim=True)))).sigmoid()


def by_places(x: Tensor, conv: nn.Module) -> Tensor:
    return F.interpolate(conv(F.avg_pool2d(x, 2)).sigmoid(), size=x.shape[-2:]) * x


def response(x: Tensor) -> Tensor:
    length = x.norm(2, (2, 3), keepdim=True)
    return x + x * (length / (length.mean(1, keepdim=True) + 1e-6))


def layer_norm_by_hand(x: Tensor) -> Tensor:
    mean = x.mean(1, keepdim=True)
    return (x - mean) / torch.sqrt((x - mean).pow(2).mean(1, keepdim=True) + 1e-6)


def generalised_mean(x: Tensor, exponent: Tensor | float) -> Tensor:
    return F.avg_pool2d(x.clamp(min=1e-6).pow(exponent), 4).pow(1 / exponent)


def windows_of_two(x: Tensor) -> Tensor:
    x = torch.roll(x[:, :, :12, :10], (-1, -1), (2, 3)).unflatten(2, (6, 2)).unflatten(4, (5, 2))
    return x.permute(0, 2, 4, 3, 5, 1).flatten(0, 2)[None]


def split_and_shuffled(x: Tensor) -> Tensor:
    kept, changed = x.chunk(2, dim=1)
    return F.channel_shuffle(torch.cat([kept, F.relu(changed)], 1), 3)


def shifted_into(x: Tensor) -> Tensor:
    shifted = torch.zeros_like(x)
    shifted[:, :3, 1:] = x[:, :3, :-1]
    shifted[:, 3:] = x[:, 3:]
    return shifted


SMOOTH = {
    "GELU": F.gelu, "GELU by tanh": lambda x: F.gelu(x, approximate="tanh"), "SiLU": F.silu, "Hardswish": F.hardswish,
    "Mish": F.mish, "ELU": lambda x: F.elu(x, 0.7), "SELU": F.selu, "CELU": lambda x: F.celu(x, 0.6),
    "Softplus": lambda x: F.softplus(x, 2.0),
}  # fmt: skip
IN_PLACE = {
    "SiLU": lambda x: F.silu(x, inplace=True), "Hardswish": lambda x: F.hardswish(x, inplace=True),
    "Mish": lambda x: F.mish(x, inplace=True), "ELU": lambda x: F.elu(x, 0.7, inplace=True),
    "SELU": lambda x: F.selu(x, inplace=True), "CELU": lambda x: F.celu(x, 0.6, inplace=True),
}  # fmt: skip
RULES: dict[str, tuple[Callable[..., Tensor], tuple[nn.Module, ...], tuple[str, ...]]] = {
    **{name: (function, (), (name.split()[0].replace("SELU", "ELU"),)) for name, function in SMOOTH.items()},
    **{f"{name} in place": (function, (), (name.replace("SELU", "ELU"),)) for name, function in IN_PLACE.items()},
    "ReLU": (F.relu, (), ()),
    "ReLU6": (F.relu6, (), ()),
    "clamp at 0": (lambda x: x.clamp(min=0), (), ()),
    "Hardtanh": (F.hardtanh, (), ("Hardtanh",)),
    "Softshrink": (F.softshrink, (), ("Softshrink",)),
    "Hardshrink": (F.hardshrink, (), ("Hardshrink",)),
    "LeakyReLU": (lambda x: F.leaky_relu(x, 0.2), (), ("LeakyReLU",)),
    "PReLU": (lambda x, prelu: prelu(x), (nn.PReLU(6, 0.3),), ("PReLU",)),
    "PReLU of one slope": (lambda x, prelu: prelu(x), (nn.PReLU(),), ("PReLU",)),
    "contrast normalisation": (lambda x: F.local_response_norm(x, 3, 0.5), (), ()),
    "contrast normalisation as a module": (lambda x, norm: norm(x), (nn.LocalResponseNorm(3, 0.5),), ()),
    "BatchNorm": (lambda x, norm: norm(x), (nn.BatchNorm2d(6),), ()),
    "BatchNorm under tokens": (lambda x, norm: norm(x).flatten(2).transpose(1, 2), (nn.BatchNorm2d(6),), ()),
    "BatchNorm of this image": (
        lambda x, norm: norm(x), (nn.BatchNorm2d(6, track_running_stats=False),), ("InstanceNorm",)
    ),
    "LayerNorm over maps": (channels_last(lambda x, norm: norm(x)), (nn.LayerNorm(6),), ("LayerNorm",)),
    "LayerNorm over the image": (lambda x, norm: norm(x), (nn.LayerNorm((6, 13, 11)),), ("LayerNorm",)),
    "LayerNorm by hand": (layer_norm_by_hand, (), ("division by a measure of the image",)),
    "GroupNorm": (lambda x, norm: norm(x), (nn.GroupNorm(3, 6),), ("GroupNorm",)),
    "InstanceNorm": (lambda x, norm: norm(x), (nn.InstanceNorm2d(6, affine=True),), ("InstanceNorm",)),
    "RMSNorm": (channels_last(lambda x, norm: norm(x)), (nn.RMSNorm(6),), ("gates",)),
    "normalize": (lambda x: F.normalize(x, dim=1), (), ("division by a measure of the image",)),
    "squeeze and excitation": (squeeze, (nn.Conv2d(6, 3, 1), nn.Conv2d(3, 6, 1)), ("gates",)),
    "a gate of places": (by_places, (nn.Conv2d(6, 1, 1),), ("gates",)),
    "GLU": (lambda x: F.glu(x, 1), (), ("gates",)),
    "response normalisation": (response, (), ("gates",)),
    "product of two": (lambda x, one, other: one(x) * other(x), (nn.Conv2d(6, 5, 1), nn.Conv2d(6, 5, 1)), ("products",)),
    "attention": (tokens(attention), (nn.Linear(6, 18),), ("attention",)),
    "attention in full": (tokens(attention_in_full), (nn.Linear(6, 18),), ("attention",)),
    "multi-head attention": (
        tokens(lambda x, heads: heads(x, x, x)[0]), (nn.MultiheadAttention(6, 2, batch_first=True),), ("attention",)
    ),
    "talking heads": (tokens(talking_heads), (nn.Linear(6, 18), nn.Conv2d(2, 2, 1)), ("attention",)),
    "linear attention": (
        tokens(linear_attention), (nn.Linear(6, 18),), ("products", "division by a measure of the image")
    ),
    "linear on channels last": (channels_last(lambda x, layer: layer(x)), (nn.Linear(6, 5),), ()),
    "windows": (windows_of_two, (), ()),
    "shuffle": (split_and_shuffled, (), ()),
    "pixel shuffle": (lambda x: F.pixel_unshuffle(F.pixel_shuffle(x[:, :4], 2), 2), (), ()),
    "transposed convolution": (lambda x, conv: conv(x), (nn.ConvTranspose2d(6, 4, 3, 2),), ()),
    "interpolation": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"), (), ()),
    "reflected padding": (lambda x, conv: conv(x), (nn.Conv2d(6, 5, 3, padding=1, padding_mode="reflect"),), ()),
    "circular padding": (lambda x, conv: conv(x), (nn.Conv2d(6, 5, 3, padding=1, padding_mode="circular"),), ()),
    "a tensor filled part by part": (shifted_into, (), ()),
    "fractional max pooling": (
        lambda x, draws: F.fractional_max_pool2d(x, 2, output_ratio=(0.6, 0.6), _random_samples=draws.weight.detach()[None]),
        (nn.Embedding(6, 2, _weight=torch.linspace(0.1, 0.9, 12).view(6, 2)),), (),
    ),
    "power-average pooling": (lambda x: F.lp_pool2d(x, 2.0, 2), (), ("powers", "absolute values")),
    "absolute values": (torch.abs, (), ("absolute values",)),
    "erf": (torch.erf, (), ("erf",)),
    "the larger of two": (lambda x, conv: torch.maximum(x, conv(x)), (nn.Conv2d(6, 6, 1),), ()),
    "unfold": (lambda x: F.unfold(x, 3, stride=2), (), ()),
    "fold": (lambda x: F.fold(F.unfold(x, 3, stride=2), (13, 7), 3, stride=(2, 1)), (), ()),
    "generalised mean": (lambda x: generalised_mean(x, 3.0), (), ("powers",)),
    "generalised mean, learned": (
        lambda x, gem: generalised_mean(x, gem.weight[:, None, None]), (nn.PReLU(6, 2.5),), ("powers",)
    ),
    "energy": (lambda x: F.avg_pool2d(x**2, 4).sqrt(), (), ("powers",)),
}  # fmt: skip


def between(name: str) -> nn.Module:
    function, parts, _ = RULES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Between(function, *copy.deepcopy(parts))
        with torch.no_grad():
            net(torch.zeros(1, 3, 15, 13))
    net = initialised(net).double()
    with torch.no_grad():  # weights and shifts of the norms, of their own
        for index, parameter in enumerate(net.parts.parameters()):
            if parameter.dim() == 1:
                parameter.add_(random_image(len(parameter), seed=index, dtype=torch.float64) / 4)
    return net.eval()


def projected(net: nn.Module, image: Tensor, units: list[tuple[int, ...]], smooth: Smooth = "factor") -> Tensor:
    """Units of the net's output through the record, each seeded with its own value."""
    graph = trace(net, image[None])
    record = record_of(graph, image, graph.output, smooth)
    seeds = torch.zeros(len(units), *record.output.shape, dtype=image.dtype)
    for seed, unit in zip(seeds, units, strict=True):
        seed[(0, *unit)] = record.output[(0, *unit)].detach()
    return record.project(seeds)


@pytest.mark.parametrize("smooth", ["factor", "rectified"])
@pytest.mark.parametrize("name", RULES)
def test_the_way_down_equals_freezing_the_factors(name: str, smooth: str) -> None:
    net, units = between(name), [(0,), (1,), (2,), (3,)]
    for found, expected in zip(
        projected(net, IMAGE, units, smooth), frozen_projections(net, "", IMAGE, units, smooth), strict=True
    ):
        assert expected.abs().max() > 0
        assert_close(found, expected, 1e-10)


@pytest.mark.parametrize("name", RULES)
def test_what_a_picture_went_through_is_named(name: str) -> None:
    net = between(name)
    graph = trace(net, IMAGE[None])
    assert record_of(graph, IMAGE, graph.output, "factor").through == RULES[name][2]


def with_attention(x: Tensor, mixed: nn.Module) -> Tensor:
    return x + attention(x.flatten(2).transpose(1, 2), mixed).transpose(1, 2).reshape(x.shape)


# What leaves six maps six maps.
SIX: dict[str, tuple[Callable[..., Tensor], tuple[nn.Module, ...]]] = {
    name: RULES[name][:2]
    for name in (
        *("GELU", "SiLU in place", "Hardswish", "ReLU", "LeakyReLU", "BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm over maps"),
        *("squeeze and excitation", "a gate of places", "response normalisation", "shuffle", "the larger of two", "normalize"),
    )
} | {"attention": (with_attention, (nn.Linear(6, 18),))}  # fmt: skip


def chained(names: Sequence[str]) -> nn.Module:
    """A net of these blocks of `SIX`, one behind the other; its lazy weights are made."""
    blocks = [(SIX[name][0], *copy.deepcopy(SIX[name][1])) for name in names]
    net = Between(lambda x, *parts: x)
    net.chain = nn.ModuleList([part for _, *parts in blocks for part in parts])

    def run(x: Tensor) -> Tensor:
        for function, *parts in blocks:
            x = function(x, *parts)
        return x

    net.function = run
    with torch.no_grad():
        net(torch.zeros(1, 3, 15, 13))
    return net


@settings(max_examples=examples(25), deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(SIX)), min_size=1, max_size=5),
    seed=st.integers(0, 999),
    smooth=st.sampled_from(["factor", "rectified"]),
)
def test_random_nets_equal_freezing_the_factors(names: list[str], seed: int, smooth: Smooth) -> None:
    net = chained(names)
    net, image = initialised(net, seed).double(), random_image(3, 15, 13, seed=seed + 1, dtype=torch.float64)
    for found, expected in zip(
        projected(net, image, [(0,), (3,)], smooth),
        frozen_projections(net, "", image, [(0,), (3,)], smooth),
        strict=True,
    ):
        assert_close(found, expected, 1e-8)


NOT_RECTIFIED = (
    *(
        "BatchNorm",
        "LayerNorm over maps",
        "GroupNorm",
        "InstanceNorm",
        "RMSNorm",
        "normalize",
        "squeeze and excitation",
    ),
    *("a gate of places", "GLU", "response normalisation", "attention", "attention in full", "multi-head attention"),
    *("energy", "talking heads", "windows", "transposed convolution", "interpolation", "the larger of two", "unfold"),
    "fold",
)


@pytest.mark.parametrize("name", NOT_RECTIFIED)
def test_image_times_projection_is_the_unit_where_nothing_is_rectified(name: str) -> None:
    net = between(name)
    with torch.no_grad():
        for module in net.modules():
            for bias in ("bias", "in_proj_bias", "running_mean"):
                if isinstance(getattr(module, bias, None), Tensor):
                    getattr(module, bias).zero_()
    value = net(IMAGE[None])[0].detach()
    for unit, found in enumerate(projected(net, IMAGE, [(0,), (1,), (2,), (3,)])):
        assert (found * IMAGE).sum().item() == pytest.approx(value[unit].item() ** 2, rel=1e-9)


class ReadsAgain(nn.Module):
    """Reads what an activation function has changed in place, by its old name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        F.silu(x, inplace=True)
        return F.silu(x.mean((2, 3)))


def test_a_power_is_a_factor_also_at_zero() -> None:
    """Of x ** p it is x ** (p - 1): of 0 it is 1 for p = 1, and 0 for every other power."""
    x = torch.tensor([0.0, 4.0]).requires_grad_()
    for exponent, factors in ((0, [0, 0]), (0.5, [0, 0.5]), (1, [1, 1]), (2, [0, 4])):
        powers = x**exponent
        rule = rule_of(Recorded(powers.grad_fn, _leaves(powers)))
        assert rule is not None
        [sent] = rule.down(torch.ones(2), [None])
        assert sent is not None
        assert sent.tolist() == factors
    one_over = x**-1
    assert rule_of(Recorded(one_over.grad_fn, _leaves(one_over))) is None


def _leaves(value: Tensor) -> dict:
    return dict.fromkeys([value.grad_fn, *(parent for parent, _ in value.grad_fn.next_functions)])


def test_a_net_that_reads_again_what_it_changed_in_place_is_refused_and_not_projected_as_another() -> None:
    graph = trace(initialised(ReadsAgain(), 0).double(), IMAGE[None])
    assert "changed in place" in way_down(graph, graph.output).refusal


@pytest.mark.parametrize("first", ["InstanceNorm", "LayerNorm over maps", "ReLU"])
def test_in_place_on_a_view_or_on_what_another_function_keeps(first: str) -> None:
    net = initialised(chained((first, "SiLU in place")), 0).double()
    [found], [expected] = projected(net, IMAGE, [(0,)], "factor"), frozen_projections(net, "", IMAGE, [(0,)], "factor")
    assert_close(found, expected, 1e-8)
