"""Tracing: names, shapes, operations, and that the net is left alone."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracles import covered_one_by_one, forward_with_hooks
from probe_nets import convs, initialised, linears, paper_net, relus
from torch import Tensor, nn

from reportgen.probe import (
    Activation,
    Graph,
    UnknownLayer,
    Unsupported,
    activations,
    occlude,
    project,
    receptive_field,
    strongest,
    trace,
)
from reportgen.probe.errors import ProbeError


class Block(nn.Module):
    """A residual block whose one ReLU is called twice, in place."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(maps, maps, 3, padding=1)
        self.norm = nn.BatchNorm2d(maps)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm(self.conv(x)))
        y += x
        return self.relu(y)


class Residual(nn.Module):
    """A small net of everything that names and hooks can trip over."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(inplace=True))
        self.block = Block(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.block(self.stem(x)), 2)
        return self.head(self.drop(F.relu(x.mean((2, 3)))))


@pytest.fixture
def net() -> nn.Module:
    return initialised(Residual())


IMAGES = torch.randn(3, 3, 17, 19, generator=torch.Generator().manual_seed(1))


def test_every_call_is_a_node(net: nn.Module) -> None:
    graph = trace(net, IMAGES)
    assert convs(graph) == ["stem.0", "block.conv"]
    assert relus(graph) == ["stem.1", "block_relu", "block_relu_1", "relu"]
    assert linears(graph) == ["head"]
    assert [node.kind for node in graph.nodes.values()] == [
        *("input", "conv2d", "relu", "conv2d", "scale", "relu", "add", "relu", "max_pool", "mean", "relu"),
        *("identity", "linear"),
    ]


def test_shapes_parents_and_output(net: nn.Module) -> None:
    graph = trace(net, IMAGES)
    assert graph.shape("stem.0") == (4, 8, 9)
    assert graph.shape("max_pool2d") == (4, 4, 4)
    assert graph.shape("head") == (5,)
    assert graph.parents("iadd") == ("block_relu", "stem.1")
    assert graph.output == "head"


def test_layers_by_module_path_by_container_and_by_fx_name(net: nn.Module) -> None:
    graph = trace(net, IMAGES)
    assert graph.find("stem.1") is graph.find("stem_1") is graph.find("stem")
    assert graph.find("block").name == "block_relu_1"


def test_an_unknown_name_names_the_nearest(net: nn.Module) -> None:
    with pytest.raises(UnknownLayer, match=r"no layer 'stem\.3' in this net: the nearest are stem\.[01]"):
        trace(net, IMAGES).find("stem.3")


def test_a_module_that_is_called_twice_is_no_name(net: nn.Module) -> None:
    with pytest.raises(UnknownLayer, match=r"'block\.relu' is called 2 times: name one of block_relu, block_relu_1"):
        trace(net, IMAGES).find("block.relu")


def test_a_node_is_called_by_the_module_that_people_know(net: nn.Module) -> None:
    graph = trace(net, IMAGES)
    assert graph.path("block_relu_1") == "block"  # what a block returns
    assert graph.path("block_relu") == "block_relu"  # what no module returns by itself
    assert graph.path("stem.0") == "stem.0"
    assert all(graph.find(graph.path(name)).name == name for name in graph.nodes)


def test_a_module_that_is_called_several_times_is_no_layer_by_its_name() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 3, 3), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(self.conv(self.relu(self.conv(x))))

    graph = trace(Shared(), torch.zeros(1, 3, 9, 9))
    with pytest.raises(UnknownLayer, match=r"'relu' is called 2 times: name one of relu_0, relu_1$"):
        graph.find("relu")
    assert [graph.shape(name) for name in ("conv_0", "relu_0", "conv_1", "relu_1")] == [
        (3, 7, 7), (3, 7, 7), (3, 5, 5), (3, 5, 5),
    ]  # fmt: skip


def test_activations_are_those_before_later_changes_in_place(net: nn.Module) -> None:
    found = activations(net, IMAGES, ["stem.0", "block_relu", "iadd", "head"])
    stem = net.stem[0](IMAGES)
    torch.testing.assert_close(found["stem.0"], stem)
    assert (found["stem.0"] < 0).any()
    inner = F.relu(net.block.norm(net.block.conv(F.relu(stem))))
    torch.testing.assert_close(found["block_relu"], inner)
    torch.testing.assert_close(found["iadd"], inner + F.relu(stem))
    torch.testing.assert_close(found["head"], net(IMAGES))


class SharedInPlace(nn.Module):
    """``x`` is changed in place while ``y`` is the same tensor: torch.fx's own tracing computes another net."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = y = self.conv(x)
        x += 1
        self.relu(x)
        return F.max_pool2d(y, 2)


def test_work_in_place_on_a_shared_tensor_is_followed() -> None:
    net = initialised(SharedInPlace())
    graph = trace(net, IMAGES)
    torch.testing.assert_close(activations(graph, IMAGES, [graph.output])[graph.output], net(IMAGES))
    assert graph.parents(graph.output) == ("relu",)
    assert graph.parents("relu") == ("iadd",)


def assert_covers_as_the_net(net: nn.Module, graph: Graph) -> None:
    found = occlude(graph, IMAGES[0], 5, 20, 0.0, [graph.output])
    places = torch.cartesian_prod(found.tops, found.lefts).tolist()
    expected = covered_one_by_one(forward_with_hooks(net, [""]), IMAGES[0], 5, places, torch.zeros(3))[""]
    torch.testing.assert_close(found.covered[graph.output].flatten(0, 1), expected)


class Small(nn.Module):
    def __init__(self, maps: int = 3) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(maps, 8, 3), nn.Conv2d(8, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.relu(self.conv(x))).mean((2, 3))


class Optional(Small):
    """Has arguments that may be left out: with others than the defaults it is another net."""

    def forward(
        self, x: Tensor, mask: Tensor | None = None, *more: Tensor, double: bool = False, **rest: Any
    ) -> Tensor:
        if mask is not None or double or "triple" in rest:
            x = x * 2
        for one in more:
            x = x + one
        return super().forward(x)


class Asking(Small):
    """Asks whether it reads a tensor: what stands for one while a net is followed is none."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 2 if isinstance(x, Tensor) else x)


class Coordinates(Small):
    """Reads each place's coordinates beside the colours."""

    def __init__(self) -> None:
        super().__init__(5)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (torch.linspace(-1, 1, x.size(axis), device=x.device) for axis in (2, 3))
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
        return super().forward(torch.cat([places.expand(x.size(0), 2, x.size(2), x.size(3)), x], dim=1))


class ByItsMean(Small):
    """Divides by a number that it reads off the image, by way of a number of Python's."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x / torch.full((1,), x.abs().mean().item()))


@pytest.mark.parametrize("make", [Optional, Asking, Coordinates, ByItsMean])
def test_what_is_followed_is_the_net_itself(make: type[nn.Module]) -> None:
    net = initialised(make())
    graph = trace(net, torch.zeros_like(IMAGES))
    assert_covers_as_the_net(net, graph)
    assert bool(graph.unfollowed) == (make is Asking)


def test_coordinates_get_nothing_of_a_projection() -> None:
    net = initialised(Coordinates())
    strongest_ = activations(net, IMAGES[:1], ["relu"])["relu"][0, 3].argmax().item()
    unit = Activation("relu", 3, strongest_ // 17, strongest_ % 17)
    [found] = project(net, IMAGES[0], [unit])
    plain = initialised(Small())
    with torch.no_grad():
        plain.conv.weight.copy_(net.conv.weight[:, 2:])
        plain.conv.bias.fill_(1e3)  # active everywhere
    [same] = project(plain, IMAGES[0], [unit])
    scale = found.full().abs().max() / same.full().abs().max()
    torch.testing.assert_close(found.full(), same.full() * scale)


class InHalves(nn.Module):
    """Works in place on a half of a map; ``kind`` says what reads it afterwards."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        first, second = x[:, :4], x[:, 4:]
        F.relu_(second)
        first = first.mul_(0.5)
        return self.head(x if self.kind == "the whole" else torch.cat([second, first], dim=1)).mean((2, 3))


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", ["the halves", "the whole"])
def test_work_in_place_on_a_part(kind: str, memory: torch.memory_format) -> None:
    net = initialised(InHalves(kind)).to(memory_format=memory)
    graph = trace(net, IMAGES)
    assert_covers_as_the_net(net, graph)
    if kind == "the halves":
        assert graph.parents("cat") == ("relu_", "mul_")
    else:  # no call gave what the last convolution reads
        assert graph.unfollowed.endswith("cannot be followed ('mul_' changes in place a part of what 'conv' gave)")


@pytest.mark.parametrize("branching", [False, True])
def test_one_image_of_a_batch_keeps_its_memory_format(branching: bool) -> None:
    """Cut from a batch in channels_last it is one in channels_last: else a CPU takes three times as long for it."""
    batch = IMAGES.abs().contiguous(memory_format=torch.channels_last)
    graph = trace(initialised(Branching() if branching else nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())), batch)
    found: list[bool] = []
    name = "pool" if branching else graph.output
    for images in (batch, batch[1][None], batch[1].contiguous()[None]):
        graph.run(images, {name: lambda output: found.append(output.is_contiguous(memory_format=torch.channels_last))})
    assert found == [True, True, False]
    pixels, _ = graph.record(batch[1][None], name)
    assert pixels.is_contiguous(memory_format=torch.channels_last)


class Branching(nn.Module):
    """Branches on a value: cannot be followed symbolically."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.relu, self.pool = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        self.rare = nn.Conv2d(4, 4, 1)
        self.block, self.head = nn.Conv2d(4, 6, 3), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.stem(x if x.sum() > 0 else -x)))
        if x.amax() > 1e6:
            x = self.rare(x)
        return self.head(self.relu(self.block(x)).mean((2, 3)))


def test_of_a_net_that_branches_on_values_the_modules_are_watched() -> None:
    graph = trace(initialised(Branching()), IMAGES.abs())
    assert graph.unfollowed.startswith(
        "the forward pass of Branching cannot be followed (symbolically traced variables"
    )
    assert list(graph.nodes) == ["(image)", "stem", "relu", "pool", "block", "relu#1", "head.input", "head"]
    assert (convs(graph), relus(graph), graph.output) == (["stem", "block"], ["relu", "relu#1"], "head")
    assert graph.parents("relu#1") == ("block",)
    assert graph.parents("head") == ("head.input",)
    assert (graph.shape("pool"), graph.shape("head.input")) == ((4, 7, 8), (6,))
    assert [node.name for node in graph.below("pool")] == ["pool", "relu", "stem", "(image)"]
    assert "stem.input" in trace(graph.module, -IMAGES.abs()).nodes
    assert trace(graph, torch.zeros(1, 3, 33, 33)).shape("pool") == (4, 15, 15)


def test_each_image_of_a_net_that_branches_on_values_is_run_by_itself() -> None:
    net = initialised(Branching())
    graph = trace(net, IMAGES)
    images = torch.stack([IMAGES[0].abs(), -IMAGES[1].abs(), IMAGES[2]])
    found = activations(graph, images, ["stem", "relu", "head.input", "head"])
    alone = [net(image[None]) for image in images]
    torch.testing.assert_close(found["head"], torch.cat(alone))
    assert not torch.allclose(net(images)[1], alone[1][0])  # together, another branch
    stems = torch.stack([net.stem(image * image.sum().sign()) for image in images])
    torch.testing.assert_close(found["stem"], stems)  # before the ReLU overwrote it
    torch.testing.assert_close(found["relu"], stems.relu())
    torch.testing.assert_close(net.head(found["head.input"]), found["head"])
    ranked = strongest(graph, ["relu#1"], [images[:2], images[2:]], 3)["relu#1"]
    outputs = activations(graph, images, ["relu#1"])["relu#1"].amax((2, 3))
    assert torch.equal(ranked.values, outputs.sort(0, descending=True).values.T)


def test_what_is_not_known_of_a_net_that_branches_on_values() -> None:
    graph = trace(initialised(Branching()), IMAGES)
    with pytest.raises(Unsupported, match="the receptive field of layer 'relu' is not known: the forward pass"):
        receptive_field(graph, "relu")
    with pytest.raises(UnknownLayer, match="no layer 'rare' in this net"):
        graph.find("rare")
    graph = trace(initialised(Branching()), IMAGES.abs() * 1e9)
    with pytest.raises(Unsupported, match="layer 'rare' does not run for every image: the forward pass"):
        activations(graph, IMAGES, ["rare"])


def test_a_net_that_branches_on_values_is_projected_the_way_that_each_image_takes() -> None:
    net = initialised(Branching())
    graph = trace(net, IMAGES)
    for image in (IMAGES[0].abs(), -IMAGES[1].abs()):
        sign = float(image.sum().sign())
        chain = nn.Sequential(net.stem, net.relu, net.pool, net.block, nn.ReLU())  # what it is for a positive image
        outputs = activations(graph, image[None], ["relu#1"])["relu#1"][0]
        unit = (int(outputs.amax((1, 2)).argmax()), 1, 2)
        [found] = project(graph, image, [Activation("relu#1", *unit)])
        [expected] = project(chain, image * sign, [Activation("4", *unit)])
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            torch.testing.assert_close(found.full(), expected.full() * sign)
        [stem] = project(graph, image, [Activation("stem", 1, 2, 2)])
        assert stem is not None
        assert stem.value == pytest.approx(net.stem(image[None] * sign)[0, 1, 2, 2].item())


def test_two_inputs_are_refused() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    with pytest.raises(Unsupported, match=r"Two takes 2 inputs \(x, y\)"):
        trace(Two(), IMAGES)


def test_a_graph_follows_the_weights_of_its_net(net: nn.Module) -> None:
    graph = trace(net, IMAGES)
    with torch.no_grad():
        net.head.weight.mul_(3)
        net.block.norm.running_mean.add_(1)
    torch.testing.assert_close(activations(graph, IMAGES, ["head"])["head"], net(IMAGES))


def test_the_image_size_may_change(net: nn.Module) -> None:
    graph = trace(net, IMAGES)
    assert trace(graph, torch.zeros(1, 3, 33, 33)).shape("stem.0") == (4, 16, 16)
    assert graph.shape("stem.0") == (4, 8, 9)


def state(net: nn.Module) -> tuple:
    """All that a caller could notice of a net: weights, gradients, buffers, modes and hooks."""
    hooks = [
        {
            name: list(value.items())
            for name, value in vars(module).items()
            if "_hooks" in name and hasattr(value, "items")
        }
        for module in net.modules()
    ]
    modes = [module.training for module in net.modules()]
    needs = [(parameter.requires_grad, parameter.grad, parameter.data_ptr()) for parameter in net.parameters()]
    return copy.deepcopy(net.state_dict()), (hooks, modes, needs, [set(vars(module)) for module in net.modules()])


def assert_unchanged(net: nn.Module, before: tuple) -> None:
    after = state(net)
    assert after[1] == before[1]
    assert after[0].keys() == before[0].keys()
    assert all(torch.equal(after[0][name], before[0][name]) for name in before[0])


def test_a_net_that_is_watched_is_left_as_it_was() -> None:
    net = initialised(Branching()).train()
    before, images = state(net), IMAGES.clone()
    graph = trace(net, IMAGES)
    activations(graph, IMAGES, ["head"])
    with pytest.raises(RuntimeError):
        activations(graph, IMAGES[:, :2], ["head"])
    assert_unchanged(net, before)
    assert torch.equal(images, IMAGES)


def broken(batches: int):
    """Batches of which the last holds NaN."""
    yield from [IMAGES] * batches
    yield torch.full_like(IMAGES, torch.nan)


CALLS = {
    "trace": lambda net: trace(net, IMAGES),
    "activations": lambda net: activations(net, IMAGES, ["head"]),
    "strongest": lambda net: strongest(net, ["stem.1", "relu"], [IMAGES, IMAGES]),
    "project": lambda net: project(net, IMAGES[0], [Activation("block_relu_1", 0, 2, 2)]),
    "strongest, raising": lambda net: strongest(net, ["stem.1"], broken(2)),
    "strongest of an unknown layer": lambda net: strongest(net, ["nothing"], [IMAGES]),
    "project, raising": lambda net: project(net, IMAGES[0], [Activation("stem.1", 99, 0, 0)]),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_the_net_is_left_as_it_was(net: nn.Module, call: str, training: bool) -> None:
    net.train(training)
    net.drop.eval()  # a mode of its own
    heard = []
    net.stem[0].register_forward_hook(lambda *_: heard.append("forward"))
    net.block.register_full_backward_hook(lambda *_: None)
    net.head.weight.requires_grad_(False)
    before, images = state(net), IMAGES.clone()
    if "raising" in call or "unknown" in call:
        with pytest.raises(ProbeError):
            CALLS[call](net)
    else:
        CALLS[call](net)
    assert_unchanged(net, before)
    assert torch.equal(images, IMAGES)


def test_a_net_that_works_on_its_input_leaves_the_callers_image_alone() -> None:
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 2, 3), nn.ReLU())
    image = IMAGES.clone()
    strongest(net, ["2"], [image])
    activations(net, image, ["2"])
    project(net, image[0], [Activation("2", 0, 1, 1)])
    assert torch.equal(image, IMAGES)


def test_graph_is_accepted_as_a_net(net: nn.Module) -> None:
    graph = trace(net, IMAGES)
    assert isinstance(graph, Graph)
    one, other = (strongest(either, ["stem.1"], [IMAGES])["stem.1"] for either in (net, graph))
    assert torch.equal(one.values, other.values)


def test_operations_beside_the_vocabulary_keep_their_names() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Conv2d(4, 4, 1), nn.Softmax(1))
    graph = trace(net, IMAGES)
    assert [(node.kind, node.operation.what) for node in graph.nodes.values()][2:] == [
        ("pointwise", "GELU"), ("conv2d", "Conv2d"), ("other", "Softmax"),
    ]  # fmt: skip


def test_the_papers_net() -> None:
    graph = trace(paper_net((4, 6, 6, 6, 4), 10, 5), torch.zeros(1, 3, 224, 224))
    assert [graph.shape(relu)[1:] for relu in relus(graph)] == [
        (110, 110),
        (26, 26),
        (13, 13),
        (13, 13),
        (13, 13),
        (),
        (),
    ]
