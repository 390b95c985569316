"""Incremental occlusion against a full forward pass of every covered image."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from agreement import computing, random_image
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import covered_one_by_one, forward_with_hooks, occlusion_by_covering
from probe_nets import Plan, initialised, paper_net, plans
from runs import examples
from torch import Tensor, nn

from reportgen.probe import ProbeError, activations, occlude, occlude_at, trace
from reportgen.probe.occlusion import positions


def assert_close(found: Tensor, expected: Tensor, relative: float) -> None:
    """Within a fraction of the largest expected value."""
    assert found.shape == expected.shape
    assert expected.abs().max() > 0, "an output of zeros compares with anything"
    assert (found - expected).abs().max() <= relative * expected.abs().max()


# --- Against covering, on operations of every kind (families: test_families.py) ------------------------------------------


class Awkward(nn.Module):
    """Operations that the torchvision nets leave out, each still computed in windows as far as the flattening."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3, 8, (5, 3), stride=(2, 1), padding=(1, 2))
        self.lrn = nn.LocalResponseNorm(3, alpha=0.3)
        self.dilated = nn.Conv2d(8, 8, 3, padding="same", dilation=2, groups=4)
        self.pointwise = nn.PReLU(8)
        self.sparse = nn.Conv2d(8, 6, 1, stride=3)  # passes over two of three rows and columns
        self.relu = nn.ReLU(inplace=True)  # called again and again
        self.head = nn.Linear(6 * 4 * 3, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.entry(x))
        x = self.lrn(F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True))
        y = self.pointwise(self.dilated(x).mul_(0.5) - 0.1)
        x = self.relu(y) + F.avg_pool2d(x, 3, 1, padding=1, count_include_pad=False)
        x = F.avg_pool2d(F.pad(x, (1, 0, 2, 1)), 3, 2, ceil_mode=True)
        return self.head(F.relu6(self.sparse(x)).flatten(1))


class Unwindowed(nn.Module):
    """Operations that no window can be computed of: a constant of the map's shape, halves, and gates."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.place = nn.Parameter(torch.randn(8, 19, 23, generator=torch.Generator().manual_seed(3)))
        self.again = nn.Conv2d(8, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x) + self.place)
        x = x * self.place[0, : x.shape[2], : x.shape[3]] + x.shape[3]
        x = x / (1 + x.mean((2, 3), keepdim=True))
        first, second = self.again(x).chunk(2, dim=1)
        return torch.cat([first * second, second[:, :, 1:-1].repeat(1, 1, 2, 1)[:, :, : first.shape[2]]], 1).amax(
            (2, 3)
        )


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
@pytest.mark.parametrize(
    ("net", "rows", "columns", "modules"),
    [
        (Awkward(), 47, 35, ["entry", "lrn", "dilated", "pointwise", "sparse"]),
        (Unwindowed(), 19, 23, ["conv", "again"]),
    ],
)
def test_equals_covering_on_awkward_operations(
    net: nn.Module, rows: int, columns: int, modules: list[str], share: float
) -> None:
    net, image = initialised(net.double()), random_image(3, rows, columns, dtype=torch.float64)
    forward = forward_with_hooks(net, ["", *modules])
    for size, stride in ((1, 6), (7, 5), (19, 3)):
        with computing(share, batch=7):
            found = occlude(net, image, size, stride, 0.25, [trace(net, image[None]).output, *modules])
        places = torch.cartesian_prod(found.tops, found.lefts).tolist()
        expected = covered_one_by_one(forward, image, size, places, 0.25)
        for values, module in zip(found.covered.values(), ["", *modules], strict=True):
            assert_close(values.flatten(0, 1), expected[module], 1e-10)


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
        clean = activations(graph, image[None], [layer])[layer][0]
        pairs = [(found.covered[layer], expected)]
        pairs.append((found.clean[layer], clean.relu().sum((1, 2)) if clean.dim() == 3 else clean))
        for ours, theirs in pairs:
            assert ours.shape == theirs.shape
            assert (ours - theirs).abs().max() <= relative * max(float(theirs.abs().max()), 1e-9)


@settings(max_examples=examples(40), deadline=None)
@given(
    plan=plans(), size=st.integers(1, 9), stride=st.integers(2, 7),
    share=st.sampled_from([0.0, 0.5, 1.0]), batch=st.integers(1, 20), few=st.integers(1, 9),
)  # fmt: skip
def test_equals_covering_on_random_nets(plan: Plan, size: int, stride: int, share: float, batch: int, few: int) -> None:
    net, image = plan.net(), plan.image()
    layers = [name for name, node in trace(net, image[None]).nodes.items() if node.kind != "input"][-5:]
    with computing(share, batch, few):
        assert_equals_covering(net, image, size, stride, torch.tensor([0.5, -1.0, 2.0]), layers, 1e-9)


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_equals_covering_on_a_narrow_net(inplace: bool, ceil_mode: bool) -> None:
    net = paper_net((6, 8, 8, 8, 6), 10, 5, side=101, inplace=inplace, ceil_mode=ceil_mode).double()
    image = random_image(3, 101, 101, dtype=torch.float64)
    with computing(1.0, batch=10):
        assert_equals_covering(net, image, 16, 23, 0.0, ["1", "5", "13", "20", "22"], 1e-10)


def test_equals_covering_on_the_papers_full_net(full_net: nn.Module) -> None:
    assert_equals_covering(full_net, random_image(3, 224, 224), 32, 96, 0.0, ["13", "22"], 1e-4)


@pytest.mark.real
def test_squeezenet(squeezenet: nn.Module, photographs: Callable[[int], Tensor]) -> None:
    relu = "features.12.expand3x3_activation"
    assert_equals_covering(squeezenet, photographs(1)[0], 48, 88, 0.0, [relu, "flatten"], 1e-4)


# --- Against captum -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [True, False])
def test_hooks_that_change_what_a_convolution_reads_or_gives(before: bool) -> None:
    net = paper_net((6, 8, 8, 8, 6), 12, 5, side=63)
    if before:
        net[4].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    else:
        net[4].register_forward_hook(lambda module, args, output: output * 2)
    image = random_image(3, 63, 63)
    graph = trace(net, image[None])
    found = occlude(graph, image, 9, 27, 0.0, [graph.output])
    expected = occlusion_by_covering(net, image, 9, found.tops.tolist(), found.lefts.tolist(), 0.0)
    assert_close(found.covered[graph.output], expected, 1e-5)
    assert found.whole == "there is no rule for windows of the hooks of Conv2d ('4'): after it, whole maps"


def test_weight_normalisation_is_no_hook_of_the_users() -> None:
    net = paper_net((6, 8, 8, 8, 6), 12, 5, side=63)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch prefers its parametrisations
        nn.utils.weight_norm(net[4])
    image = random_image(3, 63, 63)
    assert occlude(net, image, 9, 27, 0.0, ["20"]).whole == ""


def test_equals_captum_where_its_squares_do_not_overlap() -> None:
    """Captum gives every pixel the drop of the squares that cover it, averaged: with one square, that square's."""
    from captum.attr import Occlusion as CaptumOcclusion

    net = paper_net((6, 8, 8, 8, 6), 10, 5, side=96).double()
    image, size, unit = random_image(3, 96, 96, dtype=torch.float64), 12, 3
    drops = CaptumOcclusion(net).attribute(image[None], (3, size, size), (3, size, size), 0.5, target=unit)[0, 0]
    found = occlude(net, image, size, size, 0.5, ["22"])
    drop = found.clean["22"][unit] - found.covered["22"][..., unit]
    assert_close(drop.repeat_interleave(size, 0).repeat_interleave(size, 1), drops, 1e-6)


# --- What must be so ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_covering_with_what_is_there_changes_nothing(share: float) -> None:
    net = paper_net((6, 8, 8, 8, 6), 10, 5, side=64)
    grey = torch.tensor([0.2, -0.4, 0.1])
    flat = grey.view(3, 1, 1).expand(3, 64, 64)
    patched = random_image(3, 64, 64)
    patched[:, 20:36, 9:25] = grey.view(3, 1, 1)
    with computing(share, batch=8):
        found = occlude(net, flat, 15, 10, grey, ["13", "22"])
        for layer in ("13", "22"):
            assert_close(found.covered[layer], found.clean[layer].expand_as(found.covered[layer]), 1e-5)
        found = occlude(net, patched, 16, 11, grey, ["13", "22"])
        here = occlude_at(net, patched, [(20, 9), (21, 9)], 16, grey, ["13", "22"])
        for layer in ("13", "22"):
            assert_close(here.covered[layer][0], here.clean[layer], 1e-5)
            assert (here.covered[layer][1] - here.clean[layer]).abs().max() > 1e-3 * here.clean[layer].abs().max()


def test_a_small_case() -> None:
    image = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]])
    found = occlude(nn.Sequential(nn.ReLU()), image, size=2, stride=1, fill=0.0, outputs=["0"])
    assert found.clean["0"].tolist() == [45.0]
    assert found.covered["0"][..., 0].tolist() == [[45.0 - 12, 45.0 - 16], [45.0 - 24, 45.0 - 28]]


def test_places_in_any_order_and_twice() -> None:
    image = torch.arange(1.0, 13.0).view(1, 3, 4)
    places = [(2, 3), (0, 0), (2, 3), (1, 2)]
    found = occlude_at(nn.Sequential(nn.ReLU()), image, places, size=1, fill=0.0, outputs=["0"])
    assert found.places.tolist() == [list(place) for place in places]
    assert found.covered["0"][:, 0].tolist() == [78.0 - 12, 78.0 - 1, 78.0 - 12, 78.0 - 7]


def test_the_last_position_is_flush_with_the_edge() -> None:
    assert positions(10, 4, 4) == [0, 4, 6]
    assert positions(12, 4, 4) == [0, 4, 8]
    assert positions(4, 4, 3) == [0]


@pytest.mark.parametrize("inplace", [True, False])
def test_the_net_and_the_image_are_unchanged(inplace: bool) -> None:
    net, image = paper_net((6, 8, 8, 8, 6), 10, 5, side=64, inplace=inplace), random_image(3, 64, 64)
    before, pixels = {name: value.clone() for name, value in net.state_dict().items()}, image.clone()
    occlude(net, image, 16, 24, 0.0, ["22"])
    assert torch.equal(image, pixels)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


# --- Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "stride", "fill", "message"),
    [
        (0, 1, 0.0, "size=0: use 1 to 3 pixels"),
        (4, 1, 0.0, "size=4: use 1 to 3 pixels"),
        (1, 0, 0.0, "stride=0: use 1 pixel or more"),
        (1, 1, torch.zeros(2), r"fill=\[0.0, 0.0\]: use one value, or 1, one for each channel"),
    ],
)
def test_bad_squares(size: int, stride: int, fill: float | Tensor, message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        occlude(nn.Sequential(nn.ReLU()), torch.ones(1, 3, 3), size, stride, fill, ["0"])


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (3, 0), (0, 4)])
def test_places_outside_of_the_image(place: tuple[int, int]) -> None:
    message = (
        rf"place \({place[0]}, {place[1]}\): use rows 0 to 2 and columns 0 to 3, else the square of 3 pixels leaves"
    )
    with pytest.raises(ProbeError, match=message):
        occlude_at(nn.Sequential(nn.ReLU()), torch.ones(1, 5, 6), [(0, 0), place], 3, 0.0, ["0"])


def test_no_places() -> None:
    with pytest.raises(ProbeError, match=r"places=\[\]: give at least one"):
        occlude_at(nn.Sequential(nn.ReLU()), torch.ones(1, 5, 6), [], 3, 0.0, ["0"])


class OverTheBatch(nn.Module):
    """A net that divides by the largest value of all images of a batch."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x / x.max())


def test_a_net_that_mixes_images_is_run_on_each_alone() -> None:
    net, image = OverTheBatch(), torch.rand(1, 6, 6)
    found = occlude(net, image, 2, 3, 0.0, ["truediv", "relu"])
    assert found.whole == "the net mixes the images of a batch: whole images, one by one"
    places = torch.cartesian_prod(found.tops, found.lefts).tolist()
    expected = covered_one_by_one(lambda images: {"": net(images)}, image, 2, places, 0.0)[""]
    for layer in ("truediv", "relu"):
        assert_close(found.covered[layer].flatten(0, 1), expected, 1e-6)
        assert_close(found.clean[layer], net(image[None])[0].sum((1, 2)), 1e-6)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(4, track_running_stats=False), OverTheBatch()])
def test_every_image_of_a_net_that_mixes_images_runs_alone(norm: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.Conv2d(4, 2, 3)).eval()
    images = torch.rand(3, 3, 12, 12) * torch.tensor([1.0, 3.0, 9.0]).view(3, 1, 1, 1)
    graph = trace(net, images)
    assert graph.alone
    assert graph.at(torch.rand(1, 3, 14, 14)).alone
    assert not trace(nn.Sequential(net[0], nn.BatchNorm2d(4), nn.ReLU()), images).alone
    found = activations(graph, images, ["2", "3"])
    with torch.no_grad():
        for name, length in (("2", 3), ("3", 4)):
            assert_close(found[name], torch.cat([net[:length](image[None]) for image in images]), 1e-6)
        assert not torch.allclose(found["3"], net(images), atol=1e-3)


class Windows(nn.Module):
    """Attention in windows, which lie beside the images on the first axis, with a bias for each window of one image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mixed, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 24), nn.Linear(8, 5)
        self.bias = nn.Parameter(torch.randn(16, 9, 9, generator=torch.Generator().manual_seed(3)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).unflatten(2, (4, 3)).unflatten(4, (4, 3)).permute(0, 2, 4, 3, 5, 1)
        query, key, value = self.mixed(x.reshape(-1, 9, 8)).chunk(3, dim=-1)
        scores = (query @ key.transpose(1, 2)).view(-1, 16, 9, 9) + self.bias
        return self.head((scores.softmax(-1).view(-1, 9, 9) @ value).reshape(len(x), -1, 8).mean(1))


class ForOne(nn.Module):
    """Has the shape of one image written into it."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x.flip(3).reshape(3, 12, 12)[None])


class Mixing(nn.Module):
    """Subtracts the mean image of a batch of several behind an operation without windows."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.flip(3)
        return F.relu(x - x.mean(0, keepdim=True) * (x.mean(0, keepdim=True) > 0.4))


@pytest.mark.parametrize(
    ("net", "side", "why"),
    [
        (Windows(), 12, ""),
        (ForOne(), 12, "the net takes no two images at once"),
        (Mixing(), 12, "the net mixes the images of a batch"),
    ],
)
def test_what_fails_in_windows_is_run_whole(net: nn.Module, side: int, why: str) -> None:
    image = random_image(3, side, side).abs()
    graph = trace(net.eval(), image[None])
    found = occlude(graph, image, 5, 3, 0.2, [graph.output])
    places = torch.cartesian_prod(found.tops, found.lefts).tolist()
    expected = covered_one_by_one(forward_with_hooks(net, [""]), image, 5, places, 0.2)[""]
    assert_close(found.covered[graph.output].flatten(0, 1), expected, 1e-5)
    assert found.whole.startswith(why)
    assert not why or found.whole.endswith(": whole images, one by one")


class Branching(nn.Module):
    """Looks at a value before it decides what to do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        return x.mean((2, 3)) if x[:, 0].sum() > x[:, 1].sum() else x.amax((2, 3))


def test_a_net_that_branches_on_values_is_run_on_whole_images() -> None:
    net, image = initialised(Branching()), random_image(3, 17, 15)
    graph = trace(net, image[None])
    found = occlude(net, image, 9, 4, 3.0, ["relu", graph.output])
    assert found.whole.startswith("the forward pass of Branching cannot be followed (")
    assert found.whole.endswith("): whole images, one by one")
    places = torch.cartesian_prod(found.tops, found.lefts).tolist()
    expected = covered_one_by_one(forward_with_hooks(net, ["", "relu"]), image, 9, places, 3.0)
    assert_close(found.covered["relu"].flatten(0, 1), expected["relu"], 1e-6)
    assert_close(found.covered[graph.output].flatten(0, 1), expected[""], 1e-6)


# --- What it costs ------------------------------------------------------------------------------------------------------


def peak_bytes(call: Callable[[], object], place: Path) -> int:
    """The most memory that torch's allocator held during a call, over what it held before."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True, acc_events=True
    ) as profile:
        call()
    profile.export_chrome_trace(str(place))
    events = [event for event in json.loads(place.read_text())["traceEvents"] if event["name"] == "[memory]"]
    events.sort(key=lambda event: event["ts"])
    held = [event["args"]["Total Allocated"] for event in events]
    return max(held) - (held[0] - events[0]["args"]["Bytes"])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_memory_does_not_grow_with_the_positions(share: float, tmp_path: Path) -> None:
    net, image = paper_net((6, 8, 8, 8, 6), 10, 5, side=64), random_image(3, 64, 64)
    graph = trace(net, image[None])

    def peak(stride: int) -> int:
        with computing(share, batch=20, few=1000):
            return peak_bytes(lambda: occlude(graph, image, 8, stride, 0.0, ["22"]), tmp_path / "trace.json")

    few, many = peak(8), peak(3)  # 64 and 400 positions
    each = image.numel() * image.element_size()
    assert few > each, "nothing was measured"
    assert many - few < (400 - 64) * each / 50  # the results, and where the squares are
