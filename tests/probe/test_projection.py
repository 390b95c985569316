"""Projections against captum, against a full backward pass, against loops, and against arithmetic by hand."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from agreement import assert_close, assert_equals_backward, captum, errors_against_captum, units
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import deconvnet_by_autograd, deconvnet_by_hand
from probe_nets import Plan, initialised, paper_net, plans, relus
from runs import examples
from torch import Tensor, nn

from reportgen.probe import Activation, NotFinite, ProbeError, Unsupported, activations, project, trace, unpool

# --- captum, on nets without contrast normalisation ------------------------------------------------------------------------


def chain(pool: int, stride: int, ceil_mode: bool, padding: int, side: int) -> nn.Module:
    """Convolutions, ReLUs and pools of one kind; 3 x side x (side + 2) images."""
    layers = [
        nn.Conv2d(3, 6, 5, 2, padding=2), nn.ReLU(), nn.MaxPool2d(pool, stride, padding, ceil_mode=ceil_mode),
        nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(pool, stride, padding, ceil_mode=ceil_mode),
        nn.Conv2d(8, 6, 3, padding=1, groups=2), nn.ReLU(), nn.Flatten(),
    ]  # fmt: skip
    flat = nn.Sequential(*layers)(torch.zeros(1, 3, side, side + 2)).shape[1]
    return initialised(nn.Sequential(*layers, nn.Linear(flat, 12), nn.ReLU(), nn.Linear(12, 4)))


@pytest.mark.parametrize("side", [31, 36, 37])
@pytest.mark.parametrize(("pool", "stride", "padding"), [(3, 2, 0), (2, 2, 0), (3, 2, 1), (3, 1, 1)])
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_equals_captum(pool: int, stride: int, padding: int, ceil_mode: bool, side: int) -> None:
    net = chain(pool, stride, ceil_mode, padding, side)
    image = torch.randn(3, side, side + 2, generator=torch.Generator().manual_seed(side))
    layers = [*relus(trace(net, image[None])), "11"]
    assert max(errors_against_captum(net, image, layers, every=1 if side == 31 else 3)) <= 1e-5


@pytest.mark.slow
def test_equals_captum_on_the_papers_full_net() -> None:
    net = paper_net(normalise=False)
    image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(2))
    graph = trace(net, image[None])
    for layer in ("1", "5", "9", "11", "13", "20"):
        outputs = activations(graph, image[None], [layer])[layer][0]
        chosen = units(outputs)[1:7:5]
        found = project(graph, image, [Activation(layer, *unit) for unit in chosen])
        for unit, projection in zip(chosen, found, strict=True):
            assert projection is not None
            assert_close(
                projection.full(), captum(net, net.get_submodule(layer), image, unit, float(outputs[unit])), 1e-5
            )


# --- the full backward pass, on any net --------------------------------------------------------------------------------------


def test_equals_the_full_backward_pass_on_the_papers_full_net(full_net: nn.Module) -> None:
    image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(3))
    layers = ["1", "5", "9", "11", "13", "20"]
    # 2e-6: the backward pass itself is 1.4e-6 away from one in double precision.
    assert assert_equals_backward(full_net, image, layers, 2e-6, every=4) > 10


@pytest.mark.parametrize("side", [96, 101])
def test_equals_the_full_backward_pass_sharply_on_a_narrow_net(side: int) -> None:
    net = paper_net((6, 8, 8, 8, 6), 10, 5, side=side).double()
    image = torch.randn(3, side, side, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    assert assert_equals_backward(net, image, ["0", "1", "4", "5", "9", "11", "13", "17", "20", "22"], 1e-12) > 30


@settings(max_examples=examples(30), deadline=None)
@given(plan=plans())
def test_equals_the_full_backward_pass_on_random_nets(plan: Plan) -> None:
    net, image = plan.net(), plan.image()
    graph = trace(net, image[None])
    names = [name for name in graph.nodes if graph.find(name).kind not in ("input", "reshape")][-6:]
    assert_equals_backward(net, image, names, 1e-10)


def test_many_units_of_one_layer_go_down_together() -> None:
    net = paper_net((6, 8, 8, 8, 6), 10, 5, side=64).double()
    image = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    outputs = activations(net, image[None], ["5"])["5"][0]
    chosen = [tuple(unit) for unit in outputs.nonzero().tolist()]
    found = project(net, image, [Activation("5", *unit) for unit in chosen])
    for projection, (_, expected) in zip(found[::7], deconvnet_by_autograd(net, "_5", image, chosen[::7]), strict=True):
        assert projection is not None
        assert_close(projection.full(), expected, 1e-12)


# --- the paper's steps in loops ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", [2, 3])
def test_equals_unpooling_rectifying_and_filtering_by_hand(pool: int) -> None:
    layers = [
        nn.Conv2d(2, 4, 3, 2, padding=1), nn.ReLU(), nn.MaxPool2d(pool, 2, ceil_mode=True),
        nn.Conv2d(4, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(pool, 2, ceil_mode=True), nn.Conv2d(3, 4, 2), nn.ReLU(),
    ]  # fmt: skip
    net = initialised(nn.Sequential(*layers)).double()
    image = torch.randn(2, 17, 15, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    graph, compared = trace(net, image[None]), 0
    for depth in (2, 3, 5, 6, 8):
        outputs = activations(graph, image[None], [str(depth - 1)])[str(depth - 1)][0]
        for unit in units(outputs):
            (projection,) = project(graph, image, [Activation(str(depth - 1), *unit)])
            assert projection is not None
            expected = deconvnet_by_hand([*net][:depth], image, unit)
            assert_close(projection.full(), torch.from_numpy(expected), 1e-12)
            compared += 1
    assert compared > 25


# --- arithmetic by hand -----------------------------------------------------------------------------------------------------------

IMAGE = torch.tensor(
    [[[1.0, 5.0, 2.0, 0.0],
      [0.0, 3.0, 4.0, 1.0],
      [2.0, 1.0, 9.0, 1.0],
      [7.0, 0.0, 1.0, 8.0]]]
)  # fmt: skip


def doubling(pool: nn.Module, then: nn.Module) -> nn.Module:
    """Doubles the image, rectifies, pools, and does one thing more."""
    first = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(first.weight, 2.0)
    return nn.Sequential(first, nn.ReLU(), pool, then, nn.ReLU()).eval()


def filled(conv: nn.Conv2d, weight: Tensor) -> nn.Conv2d:
    with torch.no_grad():
        conv.weight.copy_(weight)
        conv.bias.zero_() if conv.bias is not None else None
    return conv


def test_unpooling_puts_values_where_the_maxima_were() -> None:
    # Pooled: [[10, 8], [14, 18]]; the filter sums with weights 1, 2, 3, -4: 10 + 16 + 42 - 72 < 0, so use -1: 50.
    conv = filled(nn.Conv2d(1, 1, 2), torch.tensor([[[[1.0, 2.0], [3.0, -1.0]]]]))
    (projection,) = project(doubling(nn.MaxPool2d(2), conv), IMAGE, [Activation("4", 0, 0, 0)])
    assert projection is not None
    assert projection.value == 50.0
    expected = torch.tensor(
        [[[0.0, 100.0, 0.0, 0.0],
          [0.0, 0.0, 200.0, 0.0],
          [0.0, 0.0, 0.0, 0.0],  # the weight -1 sent a negative signal here: rectified
          [300.0, 0.0, 0.0, 0.0]]]
    )  # fmt: skip
    assert torch.equal(projection.full(), expected)


def test_overlapping_windows_that_share_a_maximum_add_up() -> None:
    # Windows 3 x 3, stride 1: maxima (doubled) 18, 18, 18, 18, all at the 9. Filter of ones: 72.
    conv = filled(nn.Conv2d(1, 1, 2), torch.ones(1, 1, 2, 2))
    (projection,) = project(doubling(nn.MaxPool2d(3, 1), conv), IMAGE, [Activation("4", 0, 0, 0)])
    assert projection is not None
    expected = torch.zeros(1, 4, 4)
    expected[0, 2, 2] = 72 * 4 * 2
    assert torch.equal(projection.full(), expected)


def test_the_last_step_is_not_rectified_and_biases_do_not_come_down() -> None:
    conv = filled(nn.Conv2d(1, 1, 2), torch.tensor([[[[1.0, -2.0], [0.0, 1.0]]]]))
    conv.bias.data.fill_(5.0)
    net = nn.Sequential(conv, nn.ReLU()).eval()
    (projection,) = project(net, IMAGE, [Activation("1", 0, 2, 1)])  # 1 - 2*9 + 1 + 5 < 0
    assert projection is None
    (projection,) = project(net, IMAGE, [Activation("1", 0, 1, 1)])  # 3 - 8 + 9 + 5
    assert projection is not None
    assert projection.value == 9.0
    assert projection.window == projection.box == (1, 1, 3, 3)
    assert torch.equal(projection.pixels, torch.tensor([[[9.0, -18.0], [0.0, 9.0]]]))


def test_a_sum_sends_the_signal_down_both_branches_and_twice_into_one() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(x * 3)
            return F.relu(y + y + x)

    (projection,) = project(Twice(), IMAGE, [Activation("relu_1", 0, 0, 1)])
    assert projection is not None
    assert projection.value == 35.0
    assert projection.pixels.tolist() == [[[35.0 * 7]]]


def test_average_pooling_shares_out_and_batch_norm_scales_without_its_shift() -> None:
    norm = nn.BatchNorm2d(1, eps=1e-12)
    norm.running_var.fill_(4.0)
    norm.running_mean.fill_(1.0)
    norm.weight.data.fill_(6.0)
    norm.bias.data.fill_(2.0)
    net = nn.Sequential(nn.AvgPool2d(2), norm, nn.ReLU()).eval()
    (projection,) = project(net, IMAGE, [Activation("2", 0, 1, 1)])  # mean 4.75, (4.75 - 1) / 2 * 6 + 2 = 13.25
    assert projection is not None
    assert projection.value == 13.25
    assert torch.equal(projection.pixels, torch.full((1, 2, 2), 13.25 * 3 / 4))


def test_ties_go_to_the_pixel_that_torchs_pooling_returns() -> None:
    net = nn.Sequential(nn.ReLU(), nn.MaxPool2d(3)).eval()
    (projection,) = project(net, torch.ones(1, 3, 3), [Activation("1", 0, 0, 0)])
    assert projection is not None
    at = int(F.max_pool2d(torch.ones(1, 1, 3, 3), 3, return_indices=True)[1])
    assert projection.pixels.flatten().tolist() == [float(index == at) for index in range(9)]


# --- identities and refusals ---------------------------------------------------------------------------------------------------------


def test_adjoint_where_no_rectifier_acts() -> None:
    """Of a net that is linear once its switches are fixed, a unit is the product of its projection and the image."""
    layers = [
        nn.Conv2d(3, 4, 5, 2, padding=1, bias=False), nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(4, 6, 3, dilation=2, padding=2, bias=False), nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
        nn.Conv2d(6, 4, 2, bias=False),
    ]  # fmt: skip
    net = initialised(nn.Sequential(*layers)).double()
    image = torch.randn(3, 33, 30, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    graph = trace(net, image[None])
    for layer in ("0", "1", "2", "3", "4"):
        outputs = activations(graph, image[None], [layer])[layer][0]
        for unit in units(outputs):
            (projection,) = project(graph, image, [Activation(layer, *unit)])
            assert projection is not None
            assert float((projection.full() * image).sum()) == pytest.approx(projection.value**2, rel=1e-9)


def test_windows_cover_the_projection_and_come_in_the_order_asked(full_net: nn.Module) -> None:
    image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(8))
    asked = [
        Activation("5", 3, 0, 25),
        Activation("1", 2, 109, 0),
        Activation("5", 4, 12, 12),
        Activation("1", 5, 0, 0),
    ]
    found = project(full_net, image, asked)
    assert [projection and projection.activation for projection in found] in (asked, [*asked]) or None in found
    for one, projection in zip(asked, found, strict=True):
        if projection is not None:
            assert projection.activation == one
            top, left, bottom, right = projection.window
            assert projection.pixels.shape == (3, bottom - top, right - left)
            assert torch.equal(projection.full()[:, top:bottom, left:right], projection.pixels)


def test_an_activation_of_zero_has_no_projection() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()).eval()
    filled(net[0], torch.tensor([[[[-1.0]]]]))
    assert project(net, IMAGE, [Activation("1", 0, 0, 0), Activation("0", 0, 0, 1)])[0] is None
    assert project(net, IMAGE, []) == []


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "Softmax": nn.Softmax2d,
    "Exp": lambda: Lambda(torch.exp),
    "Sin": lambda: Lambda(lambda x: x.sin() + 1),
    "Reciprocal": lambda: Lambda(lambda x: 1 / (x + 2)),
    "LogSigmoid": nn.LogSigmoid,
    "LinalgVectorNorm": lambda: Lambda(lambda x: x.norm(dim=1, keepdim=True).expand_as(x)),
    "Cubed": lambda: Lambda(lambda x: Cubed.apply(x) if x.sum() < 1e9 else x),  # torch.fx would follow what is inside
    "CopySlices": lambda: Lambda(halves_rectified),
}


class Cubed(torch.autograd.Function):
    """A function of the net's own, which no rule is known for."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x**3

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Tensor:
        return signals[0]


def halves_rectified(x: Tensor) -> Tensor:
    """Changes a part of a tensor in place: torch records that something happened to it, and not what."""
    x = x.clone()
    x[:, :2].relu_()
    return x


class Lambda(nn.Module):
    """A function as a module that torch.fx follows."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize("what", OTHERS)
def test_other_operations_below_a_layer_are_refused_by_name(what: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), OTHERS[what](), nn.Conv2d(4, 4, 1), nn.ReLU()).eval()
    assert project(net, IMAGE, [Activation("1", 0, 0, 0)])  # above is no hindrance
    with pytest.raises(Unsupported, match="layer '4' cannot be projected: ") as caught:
        project(net, IMAGE, [Activation("4", 0, 0, 0)])
    assert f"{what} has no rule" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [(4, 0, 0), (-1, 0, 0), (0, 4, 0), (0, 0, 4)])
def test_units_that_the_layer_does_not_have(place: tuple[int, int, int]) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU())
    with pytest.raises(ProbeError, match=r"the layer's units are \(map, row, column\) below \(4, 4, 4\)"):
        project(net, IMAGE, [Activation("1", *place)])


def test_an_activation_that_is_no_number_names_its_layer() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU())
    with pytest.raises(NotFinite, match="layer '1' gives NaN at map 2, row 0, column 3"):
        project(net, IMAGE * torch.nan, [Activation("1", 2, 0, 3)])


def test_unpool_shows_what_figure_1_shows() -> None:
    shown = unpool(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), IMAGE, "1")
    assert torch.equal(shown.beneath, IMAGE)
    assert shown.pooled.tolist() == [[[5.0, 4.0], [7.0, 9.0]]]
    assert shown.switches.tolist() == [[[1, 6], [12, 10]]]
    expected = torch.zeros(1, 16)
    expected[0, [1, 6, 12, 10]] = torch.tensor([5.0, 4.0, 7.0, 9.0])
    assert torch.equal(shown.unpooled, expected.view(1, 4, 4))


def test_only_a_max_pool_has_switches() -> None:
    with pytest.raises(ProbeError, match="layer '0' is a ReLU: only a max pool has switches"):
        unpool(nn.Sequential(nn.ReLU()), IMAGE, "0")


@settings(max_examples=examples(25), deadline=None)
@given(kernel=st.integers(1, 3), stride=st.integers(1, 3), ceil_mode=st.booleans(), seed=st.integers(0, 99))
def test_unpooled_maps_equal_those_of_the_backward_pass(kernel: int, stride: int, ceil_mode: bool, seed: int) -> None:
    maps = torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    pool = nn.MaxPool2d(kernel, stride, ceil_mode=ceil_mode)
    pooled = pool(maps[None])
    (expected,) = torch.autograd.grad(pooled, maps, pooled.detach())
    torch.testing.assert_close(unpool(nn.Sequential(pool), maps.detach(), "0").unpooled, expected)


# --- real photographs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.real
def test_squeezenet_equals_the_full_backward_pass(squeezenet: nn.Module, photographs: Callable[[int], Tensor]) -> None:
    image = photographs(3)[2][:, :128, :128]
    layers = relus(trace(squeezenet, image[None]))
    assert assert_equals_backward(squeezenet, image, [*layers[1::5], layers[-1]], 2e-6, every=4) > 10


@pytest.mark.real
def test_squeezenet_equals_captum(squeezenet: nn.Module, photographs: Callable[[int], Tensor]) -> None:
    for module in squeezenet.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # captum cannot follow ReLUs in place
    image = photographs(1)[0][:, :128, :128]
    layers = relus(trace(squeezenet, image[None]))[::6]
    assert max(errors_against_captum(squeezenet, image, layers, every=4)) <= 1e-5


def test_a_seed_of_ones_own_shows_a_silent_unit_as_if_it_responded():
    """Raising the unit's bias wakes it and changes nothing below: its projection is then that of the seed, at its scale."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU()).eval()
    image = torch.rand(3, 20, 20)
    with torch.no_grad():
        net[3].bias[2] = -100
    unit = Activation("4", 2, 3, 3)
    assert project(net, image, [unit]) == [None]
    [seeded, twice] = project(net, image, [unit, unit], seeds=[1.0, 2.0])
    with torch.no_grad():
        net[3].bias[2] = 100
    [awake] = project(net, image, [unit])
    assert seeded is not None
    assert twice is not None
    assert awake is not None
    assert (seeded.value, twice.value) == (1.0, 2.0)
    torch.testing.assert_close(seeded.full() * awake.value, awake.full())
    torch.testing.assert_close(twice.full(), 2 * seeded.full())
