"""Which axes are maps, rows and columns, behind what moves values about: nets whose maps stay on their usual axes."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from agreement import assert_close, assert_covered_as_one_by_one, assert_projected_as_frozen, random_image
from oracles import forward_with_hooks
from probe_nets import initialised
from torch import Tensor, nn

from reportgen.probe import activations, trace
from reportgen.probe.ways import way_down

IMAGE = random_image(3, 20, 16, dtype=torch.float64)


class Around(nn.Module):
    """A function of the image and one of maps, each with a convolution behind it."""

    def __init__(self, function: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)
        self.first, self.second, self.relu = nn.LazyConv2d(8, 3), nn.LazyConv2d(6, 3), nn.ReLU()
        self.head = nn.LazyLinear(4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(self.function(x, *self.parts)))
        return self.head(self.relu(self.second(self.function(x, *self.parts))).flatten(1))


def round_by_index(x: Tensor) -> Tensor:
    return x[:, :, torch.arange(-1, x.shape[2] + 1) % x.shape[2]]


def to_depth_by_hand(x: Tensor) -> Tensor:
    rows, columns = x.shape[2] // 2, x.shape[3] // 2
    x = x[:, :, : rows * 2, : columns * 2].reshape(-1, x.shape[1], rows, 2, columns, 2)
    return x.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)


def padded_by_hand(x: Tensor) -> Tensor:
    padded = torch.zeros(len(x), x.shape[1], x.shape[2] + 2, x.shape[3] + 3, dtype=x.dtype)
    padded[:, :, 1:-1, 2:-1] = x
    return padded


def shifted_into(x: Tensor) -> Tensor:
    shifted = torch.zeros_like(x)
    shifted[:, :2, 1:] = x[:, :2, :-1]
    shifted[:, 2:] = x[:, 2:]
    return shifted


def shifted_in_place(x: Tensor) -> Tensor:
    """As S2-MLP does: the maps lie last, and a half of them moves by a row."""
    moved = x.permute(0, 2, 3, 1).clone()
    moved[:, 1:, :, :2] = moved[:, :-1, :, :2].clone()
    return moved.permute(0, 3, 1, 2)


def turned_in_place(x: Tensor) -> Tensor:
    tokens = x.flatten(2).clone()
    tokens.transpose_(1, 2).unsqueeze_(1)
    return tokens.squeeze(1).transpose(1, 2).unflatten(2, x.shape[2:])


def shifted_groups(x: Tensor) -> Tensor:
    return torch.cat([torch.roll(x[:, :1], 1, 2), torch.roll(x[:, 1:2], -1, 3), x[:, 2:]], 1)


def warped(x: Tensor, angle: nn.Module) -> Tensor:
    theta = torch.cat([torch.eye(2, dtype=x.dtype), torch.zeros(2, 1, dtype=x.dtype)], 1)
    theta = theta + 0.3 * angle(x.mean((1, 2, 3))[:, None]).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)


MOVED: dict[str, tuple[Callable[..., Tensor], tuple[nn.Module, ...]]] = {
    **{
        f"{mode} padding": (lambda x, mode=mode: F.pad(x, (1, 2, 2, 1), mode=mode), ())
        for mode in ("circular", "reflect", "replicate")
    },
    "circular module": (lambda x, pad: pad(x), (nn.CircularPad2d((0, 2, 1, 0)),)),
    "round by cat": (lambda x: torch.cat([x[..., -1:], x, x[..., :1]], 3), ()),
    "round by index": (round_by_index, ()),
    "roll": (lambda x: torch.roll(x, (3, -2), (2, 3)), ()),
    "roll, added": (lambda x: x + torch.roll(x, 1, 2), ()),
    "shifted groups": (shifted_groups, ()),
    "padded by hand": (padded_by_hand, ()),
    "shifted into another": (shifted_into, ()),
    "shifted in place": (shifted_in_place, ()),
    "turned in place": (turned_in_place, ()),
    "space to depth": (lambda x: F.pixel_unshuffle(x[:, :, : x.shape[2] // 2 * 2], 2), ()),
    "space to depth by hand": (to_depth_by_hand, ()),
    "depth to space": (lambda x, wider: F.pixel_shuffle(wider(x.mean(1, keepdim=True)), 2), (nn.Conv2d(1, 8, 1),)),
    "warped by its own": (warped, (nn.Linear(1, 6),)),
}  # fmt: skip


def around(name: str) -> nn.Module:
    function, parts = MOVED[name]
    net = Around(function, *parts)
    with torch.no_grad():
        net.double()(IMAGE[None])
    return initialised(net).double().eval()


@pytest.mark.parametrize("name", MOVED)
def test_maps_rows_and_columns_are_known(name: str) -> None:
    net = around(name)
    graph = trace(net, IMAGE[None])
    modules = ["first", "second", "relu"]
    expected = forward_with_hooks(net, modules)(IMAGE[None])
    found = activations(graph, IMAGE[None], modules)
    for module in modules:
        assert graph.unknown(module) == ""
        assert_close(found[module], expected[module], 1e-12)


@pytest.mark.parametrize("name", MOVED)
def test_projections_equal_freezing_the_factors(name: str) -> None:
    net = around(name)
    assert way_down(trace(net, IMAGE[None]), "relu").by == "record"
    assert_projected_as_frozen(net, IMAGE)


@pytest.mark.parametrize("name", MOVED)
def test_occlusion_equals_covering_one_by_one(name: str) -> None:
    assert_covered_as_one_by_one(around(name), IMAGE)


def test_where_a_relus_output_is_changed_later_there_is_no_way_back() -> None:
    """torch cannot go back there, and says so only when it is asked to."""

    def written(x: Tensor) -> Tensor:
        x[:, :, 1:] = x[:, :, :-1].clone()
        return x * 1

    net = Around(written).double()
    with torch.no_grad():
        net(IMAGE[None].clone())
    way = way_down(trace(net.eval(), IMAGE[None]), "second")
    assert (way.by, "has been modified by an inplace operation" in way.refusal) == ("none", True)


def turned(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2).clone()


def turned_itself(x: Tensor) -> Tensor:
    return x.flatten(2).clone().transpose_(1, 2)


def overwritten_whole(x: Tensor) -> Tensor:
    tokens = x.flatten(2).clone()
    tokens[:] = turned(x)
    return tokens


def laid_into_a_new_one(x: Tensor) -> Tensor:
    tokens = torch.empty(1, 16, 16, dtype=x.dtype)
    tokens.copy_(turned(x))
    return tokens


def overwritten_in_part(x: Tensor) -> Tensor:
    tokens = x.flatten(2).clone()
    tokens[:, :8] = turned(x)[:, :8]
    return tokens


def overwritten_by_index(x: Tensor) -> Tensor:
    return x.flatten(2).clone().index_copy_(1, torch.arange(16), turned(x))


def overwritten_with_rows_and_columns_swapped(x: Tensor) -> Tensor:
    tokens = x.clone()
    tokens[:, torch.arange(8)] = x.transpose(2, 3)[:, :8]
    return tokens


def added_to_itself_turned(x: Tensor) -> Tensor:
    return x.flatten(2).clone().add_(turned(x))


@pytest.mark.parametrize("function", [turned, turned_itself, overwritten_whole, laid_into_a_new_one])
def test_as_many_maps_as_places_are_told_apart(function: Callable[[Tensor], Tensor]) -> None:
    """Sixteen maps of 4x4: by its shape alone nobody can tell rows of tokens from rows of maps."""
    net = Square(function)
    [maps] = [forward_with_hooks(net, ["conv"])(IMAGE[None, :, :16])["conv"]]
    graph = trace(net, IMAGE[None, :, :16])
    assert_close(activations(graph, IMAGE[None, :, :16], ["relu"])["relu"], maps.relu(), 1e-12)


@pytest.mark.parametrize(
    "function",
    [overwritten_in_part, overwritten_by_index, overwritten_with_rows_and_columns_swapped, added_to_itself_turned],
)
def test_maps_that_were_mixed_with_tokens_are_not_known(function: Callable[[Tensor], Tensor]) -> None:
    assert "is not known" in trace(Square(function), IMAGE[None, :, :16]).unknown("relu")


class Square(nn.Module):
    """A function of sixteen maps of 4x4, and a ReLU behind it."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.conv, self.relu, self.head = nn.Conv2d(3, 16, 4, stride=4), nn.ReLU(), nn.Linear(256, 4)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.function(self.conv(x))).flatten(1))


def test_the_weights_of_attention_are_no_plane() -> None:
    """Over a grid of one column they are (image, head, query, key), with one column again and again."""

    class Weights(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.weights, self.head = nn.Conv2d(3, 8, (3, 16)), nn.Softmax(-1), nn.LazyLinear(4)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.conv(x).flatten(2).transpose(1, 2).unflatten(-1, (2, 4)).transpose(1, 2)
            return self.head((self.weights(tokens @ tokens.transpose(2, 3)) @ tokens).flatten(1))

    net = Weights().double()
    graph = trace(net, IMAGE[None])
    assert graph.shape("conv") == (8, 18, 1)
    layout = graph.layout("weights")
    assert layout is not None
    assert layout.shape == (2 * 18, 18, 1)  # each query's weights at the query's place


def test_padding_that_goes_round_has_places_everywhere() -> None:
    graph = trace(nn.Sequential(nn.CircularPad2d((1, 2, 2, 1)), nn.Conv2d(3, 4, 3)).double(), IMAGE[None])
    assert graph.shape("0") == (3, 23, 19)
    assert graph.unknown("0") == ""
    expected = F.pad(IMAGE, (1, 2, 2, 1), mode="circular")
    torch.testing.assert_close(activations(graph, IMAGE[None], ["0"])["0"][0], expected)
