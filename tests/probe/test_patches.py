"""Patches that a net cuts by itself: ``F.unfold``, ``nn.Unfold``, ``Tensor.unfold``, laid back by ``F.fold``.

Each net is written a second time with the convolution, or the permutation, that its cutting amounts to.
"""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from agreement import assert_close, assert_covered_as_one_by_one, assert_projected_as_frozen, random_image, units
from frozen_oracle import frozen_projections
from oracles import forward_with_hooks
from probe_nets import initialised
from torch import Tensor, nn

from reportgen.nets.layers import convolutions, paper_layers
from reportgen.probe import Activation, activations, project, trace
from reportgen.probe.moves import Places
from reportgen.probe.places import layout_of
from reportgen.probe.ways import way_down

IMAGE = random_image(3, 21, 17, dtype=torch.float64)


class Patches(nn.Module):
    """Patches through a linear layer to tokens, and some blocks of attention on them."""

    def __init__(self, cut: Callable[[Tensor], Tensor], width: int) -> None:
        super().__init__()
        self.cut, self.embed, self.token = cut, nn.Linear(width, 8), nn.Parameter(torch.ones(1, 1, 8) / 3)
        self.block = nn.TransformerEncoderLayer(
            8, 2, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(self.cut(x))
        return self.head(self.block(torch.cat([self.token.expand(len(x), -1, -1), tokens], 1))[:, 0])


def by_tensor(size: int, step: int) -> Callable[[Tensor], Tensor]:
    """Patches "image place value" by ``Tensor.unfold``, their values in the order of ``F.unfold``."""
    return lambda x: x.unfold(2, size, step).unfold(3, size, step).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def by_function(size: int, **how: int) -> Callable[[Tensor], Tensor]:
    return lambda x: F.unfold(x, size, **how).transpose(1, 2)


def by_module(size: int, **how: int) -> Callable[[Tensor], Tensor]:
    cut = nn.Unfold(size, **how)
    return lambda x: cut(x).transpose(1, 2)


def by_reshape(x: Tensor) -> Tensor:
    """Patches of four, as ``einops.rearrange`` cuts them."""
    x = x[:, :, :20, :16].reshape(len(x), x.shape[1], 5, 4, 4, 4)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(len(x), 20, -1)


# How patches are cut, and the settings of the convolution that cuts the same.
CUTS: dict[str, tuple[Callable[[Tensor], Tensor], int, dict[str, int]]] = {
    "F.unfold": (by_function(4, stride=4), 4, {"stride": 4}),
    "nn.Unfold": (by_module(4, stride=4), 4, {"stride": 4}),
    "overlapping": (by_function(5, stride=3, padding=2), 5, {"stride": 3, "padding": 2}),
    "with gaps": (by_function(2, stride=3), 2, {"stride": 3}),
    "padded": (by_function(4, stride=4, padding=1), 4, {"stride": 4, "padding": 1}),
    "dilated": (by_function(2, stride=3, dilation=3), 2, {"stride": 3, "dilation": 3}),
    "Tensor.unfold": (by_tensor(4, 4), 4, {"stride": 4}),
    "Tensor.unfold, overlapping": (by_tensor(5, 3), 5, {"stride": 3}),
    "Tensor.unfold, with gaps": (by_tensor(2, 3), 2, {"stride": 3}),
    "reshape": (by_reshape, 4, {"stride": 4}),
}


def cutting(name: str) -> tuple[Patches, nn.Conv2d]:
    """The net, and the convolution with the weights of its linear layer."""
    cut, size, how = CUTS[name]
    net = initialised(Patches(cut, 3 * size * size)).double().eval()
    conv = nn.Conv2d(3, 8, size, **how).double()
    with torch.no_grad():
        conv.weight.copy_(net.embed.weight.view_as(conv.weight))
        conv.bias.copy_(net.embed.bias)
    return net, conv


@pytest.mark.parametrize("name", CUTS)
def test_tokens_of_patches_lie_where_a_convolution_has_its_maps(name: str) -> None:
    net, conv = cutting(name)
    graph, expected = trace(net, IMAGE[None]), conv(IMAGE[None]).detach()
    assert graph.shape("embed") == expected.shape[1:]
    assert_close(activations(graph, IMAGE[None], ["embed"])["embed"], expected, 1e-12)
    assert [graph.shape(layer.map) for layer in convolutions(paper_layers(graph))] == [expected.shape[1:]] * 2


@pytest.mark.parametrize("name", CUTS)
def test_projections_equal_freezing_the_factors(name: str) -> None:
    net, _ = cutting(name)
    graph = trace(net, IMAGE[None])
    layer = convolutions(paper_layers(graph))[-1].map
    assert way_down(graph, layer).through == ("LayerNorm", "attention", "GELU")
    values = activations(graph, IMAGE[None], [layer])[layer][0]
    chosen = units(values)[::2]
    found = project(graph, IMAGE, [Activation(layer, *unit) for unit in chosen])
    columns = values.shape[2]
    of_tokens = [(1 + row * columns + column, unit) for unit, row, column in chosen]
    for one, expected in zip(found, frozen_projections(net, "block", IMAGE, of_tokens), strict=True):
        assert one is not None
        assert_close(one.full(), expected, 1e-9)


# --- Laid back --------------------------------------------------------------------------------------------------------------


def folded(x: Tensor, size: int, **how: int) -> Tensor:
    return F.fold(F.unfold(x, size, **how), x.shape[2:], size, **how)


def as_convolution(x: Tensor, filters: nn.Conv2d) -> Tensor:
    """A convolution written as the product of its weights with the patches."""
    product = filters.weight.flatten(1) @ F.unfold(x, 3, padding=1)
    return product.unflatten(2, x.shape[2:])


def per_place(x: Tensor, layer: nn.Linear) -> Tensor:
    """Attention among the places that have the same row and column in their patch, as MobileViT's."""
    rows, columns = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    x = x[:, :, :rows, :columns]
    patches = F.unfold(x, 2, stride=2).unflatten(1, (x.shape[1], 4)).permute(0, 2, 3, 1).flatten(0, 1)
    patches = patches + F.scaled_dot_product_attention(patches, patches, layer(patches))
    return F.fold(patches.unflatten(0, (-1, 4)).permute(0, 3, 1, 2).flatten(1, 2), (rows, columns), 2, stride=2)


def outlook(x: Tensor, weights: nn.Linear) -> Tensor:
    """Each place spreads its weights over its neighbourhood, as VOLO's outlook attention (Yuan et al. 2021, arXiv 2106.13112)."""
    rows, columns = x.shape[2:]
    values = F.unfold(x, 3, padding=1).unflatten(1, (x.shape[1], 9)).permute(0, 3, 2, 1)  # image place value map
    at = weights(x.permute(0, 2, 3, 1)).flatten(1, 2).unflatten(2, (9, 9)).softmax(-1)
    return F.fold((at @ values).permute(0, 3, 2, 1).flatten(1, 2), (rows, columns), 3, padding=1)


class Back(nn.Module):
    """Something between two convolutions that cuts maps and lays them back."""

    def __init__(self, function: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)
        self.first, self.second, self.relu = nn.Conv2d(3, 6, 3), nn.LazyConv2d(6, 3), nn.ReLU()
        self.head = nn.LazyLinear(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.second(self.function(F.relu(self.first(x)), *self.parts)))
        return self.head(x.flatten(1))


LAID: dict[str, tuple[Callable[..., Tensor], tuple[nn.Module, ...]]] = {
    "overlapping": (lambda x: folded(x, 3, stride=2), ()),
    "padded": (lambda x: folded(x, 3, padding=1), ()),
    "side by side": (lambda x: folded(x[:, :, :18, :14], 2, stride=2), ()),
    "as maps": (lambda x: F.unfold(x, 3, stride=2).unflatten(2, (9, 7)), ()),
    "as a convolution": (as_convolution, (nn.Conv2d(6, 5, 3, bias=False),)),
    "per place": (per_place, (nn.Linear(6, 6),)),
    "outlook": (outlook, (nn.Linear(6, 81),)),
}


def laying(name: str) -> Back:
    function, parts = LAID[name]
    net = Back(function, *parts).double()
    with torch.no_grad():
        net(IMAGE[None])
    return initialised(net).double().eval()


@pytest.mark.parametrize("name", LAID)
def test_what_is_laid_back_has_rows_and_columns_again(name: str) -> None:
    net = laying(name)
    graph = trace(net, IMAGE[None])
    expected = forward_with_hooks(net, ["second", "relu"])(IMAGE[None])
    found = activations(graph, IMAGE[None], ["second", "relu"])
    for layer in ("second", "relu"):
        assert_close(found[layer], expected[layer], 1e-12)
    assert_projected_as_frozen(net, IMAGE)


@pytest.mark.parametrize("name", LAID)
def test_squares_cover_it_as_one_by_one(name: str) -> None:
    assert_covered_as_one_by_one(laying(name), IMAGE)


# --- Exactly where each value stands --------------------------------------------------------------------------------------------


def shape_of(function: Callable[[Tensor], Tensor]) -> tuple[int, ...] | None:
    """The maps of a function of noise, of 3 maps with 12 rows and 8 columns."""
    image = random_image(1, 3, 12, 8)
    with Places(image) as places:
        layout = layout_of(places.of(function(image)))
    return None if layout is None else layout.shape


def test_patches_side_by_side_keep_the_places_of_their_values() -> None:
    assert shape_of(lambda x: F.unfold(x, 2, stride=2)) == (3, 12, 8)
    assert shape_of(lambda x: F.unfold(x, 4, stride=2)) == (48, 5, 3)  # each patch a place


def filled(image: Tensor, between: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy that is laid into an empty tensor in two halves, with an operation in between."""
    made = image.new_zeros(image.shape)
    made[..., :4] = image[..., :4]
    seen = between(made)
    made[..., 4:] = image[..., 4:]
    return seen + 1


@pytest.mark.parametrize(
    "between", [lambda made: made, lambda made: made.mul_(2), lambda made: made[:, :], lambda made: made.clamp_(0)]
)
def test_what_is_laid_into_a_tensor_after_it_was_looked_at_counts_too(between: Callable[[Tensor], Tensor]) -> None:
    assert shape_of(lambda x: filled(x, between)) == (3, 12, 8)


def test_what_has_lost_its_places_is_not_guessed() -> None:
    assert shape_of(lambda x: F.unfold(x.transpose(1, 2), 2, stride=2)) is None  # maps taken for rows
    assert shape_of(lambda x: F.fold(F.unfold(x, 3).flip(1).cumsum(2), (12, 8), 3)) is None
    uneven = torch.tensor([0, 1, 3, 4])
    assert (
        shape_of(lambda x: x.unfold(2, 3, 1)[:, :, uneven].flatten(3).permute(0, 2, 1, 3) @ torch.ones(24, 5)) is None
    )
