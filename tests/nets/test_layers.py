"""What "layer l" is: by rule in nets of other kinds, and as the user names it."""

import re

import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import examples
from small_nets import TINY
from torch import nn

from reportgen import probe
from reportgen.base.errors import UserError
from reportgen.nets.layers import chosen_by_resolution, paper_layers
from reportgen.nets.others import other_net
from reportgen.nets.zfnet import ZFNet
from reportgen.probe import Graph


def traced(net: nn.Module, side: int = 64) -> Graph:
    return probe.trace(net.eval(), torch.zeros(1, 3, side, side))


def maps(graph: Graph, *nodes: str) -> dict[int, str]:
    return {layer.number: layer.map for layer in paper_layers(graph, nodes)}


class Gated(nn.Module):
    """Convolutions, one of them gated by its channels' means, with the activations that are asked for."""

    def __init__(self, activation: nn.Module | None, gate: nn.Module) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.down, self.up = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)
        self.act1, self.act2, self.gate = activation, activation and type(activation)(), gate
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 5)

    def forward(self, images):
        first = self.norm(self.first(images))
        first = first if self.act1 is None else self.act1(first)
        second = self.second(first)
        second = second if self.act2 is None else self.act2(second)
        weight = self.up(self.gate(self.down(F.adaptive_avg_pool2d(second, 1)))).sigmoid()
        return self.head((second * weight).mean((2, 3)))


class Heads(nn.Module):
    """Convolutions under a head that is no linear layer, beside linear layers that lead elsewhere."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3), nn.Conv2d(6, 8, 3)
        self.down, self.up = nn.Linear(8, 4), nn.Linear(4, 8)  # gates
        self.head, self.aside = nn.Conv2d(8, 5, 1), nn.Linear(8, 7)
        self.fc, self.weight = nn.Linear(8, 5), nn.Parameter(torch.randn(5, 8))

    def forward(self, images):
        x = F.relu(self.conv3(F.relu(self.conv2(F.relu(self.conv1(images))))))
        if self.kind == "a convolution":
            gate = self.up(F.relu(self.down(x.mean((2, 3))))).sigmoid()
            return self.head(x * gate[:, :, None, None]).mean((2, 3))
        if self.kind == "a product":
            return F.normalize(x.mean((2, 3))) @ F.normalize(self.weight).t()
        result = self.fc(x.mean((2, 3)))
        self.aside(x.mean((2, 3)))
        return torch.cat([-result[:, :1], result[:, :1]], 1) if self.kind == "yes or no" else result


@pytest.mark.parametrize(
    ("kind", "seventh", "eighth"),
    [
        ("a convolution", "mul", "head"),
        ("a product", "normalize", "matmul"),
        ("a linear layer", "mean", "fc"),
        ("yes or no", "mean", "fc"),
    ],
)
def test_the_classifier_leads_to_the_output(kind: str, seventh: str, eighth: str) -> None:
    found = maps(traced(Heads(kind), 32))
    assert found == {1: "relu", 2: "relu_1", 3: "relu_2", 7: seventh, 8: eighth}


@pytest.mark.parametrize("gate", [torch.sigmoid, lambda x: torch.tanh(F.softplus(x))], ids=["swish", "mish"])
def test_of_a_function_and_what_it_gates_the_product_is_the_map(gate) -> None:
    class Swish(nn.Module):
        def forward(self, x):
            return x * gate(x)

    found = maps(traced(Gated(Swish(), nn.ReLU())))
    assert found == {1: "mul", 2: "mul_1", 7: "mean", 8: "head"}


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU, nn.GELU, nn.Hardswish])
def test_gates_of_channels_are_no_layers(activation: type[nn.Module]) -> None:
    found = maps(traced(Gated(activation(), nn.ReLU())))
    assert found == {1: "act1", 2: "act2", 7: "mean", 8: "head"}


def test_without_any_activation_the_convolutions_themselves() -> None:
    found = maps(traced(Gated(None, nn.ReLU())))
    assert found == {1: "first", 2: "second", 7: "mean", 8: "head"}


def test_of_a_transformer_the_layers_are_the_outputs_of_blocks() -> None:
    net = torchvision.models.VisionTransformer(32, 8, 7, 2, 12, 16, num_classes=3)
    nn.init.normal_(net.heads.head.weight)
    graph = traced(net, 32)
    blocks = [graph.find(f"encoder.layers.encoder_layer_{index}").name for index in range(7)]
    assert maps(graph) == dict(enumerate((blocks[place] for place in (0, 2, 3, 4, 6)), start=1)) | {
        7: graph.parents("heads.head")[0],
        8: "heads.head",
    }
    assert [graph.shape(name) for name in blocks] == [(12, 4, 4)] * 7


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ((1, 4, 4, 4, 4), (0, 4, 8, 12, 16)),  # the last of each resolution
        ((1, 2, 2, 2, 2, 2, 2), (0, 4, 6, 8, 12)),  # of seven resolutions the first and the last, and three between
        ((12,), (0, 3, 6, 8, 11)),  # of one resolution the first and the last, and three between
        ((2, 6, 6, 13), (1, 7, 13, 20, 26)),  # the fullest has two
        ((1, 1, 3), (0, 1, 2, 3, 4)),
        ((3,), (0, 1, 2)),
        ((24, 1), (0, 8, 15, 23, 24)),
    ],
)
def test_the_layers_are_the_last_of_each_resolution(candidates: tuple[int, ...], chosen: tuple[int, ...]) -> None:
    resolutions = [(64 >> stage, 64 >> stage) for stage, many in enumerate(candidates) for _ in range(many)]
    assert chosen_by_resolution(resolutions, 5) == list(chosen)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_no_resolution_has_three_layers_while_another_has_none(candidates: list[int]) -> None:
    resolutions = [(99 - stage, 1) for stage, many in enumerate(candidates) for _ in range(many)]
    chosen = chosen_by_resolution(resolutions, 5)
    have = [sum(resolutions[place] == (99 - stage, 1) for place in chosen) for stage in range(len(candidates))]
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(5, sum(candidates))
    assert max(have) <= 2 or min(have) > 0
    assert chosen[-1] == len(resolutions) - 1


def test_a_net_without_maps_has_nothing_to_look_at() -> None:
    with pytest.raises(UserError, match="the net has no maps below its classifier"):
        maps(traced(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 5))))
    with pytest.raises(UserError, match="neither a linear layer nor a convolution"):
        maps(traced(nn.Sequential(nn.ReLU(), nn.Flatten())))


class ChannelsLast(nn.Module):
    """A block with the maps last, whose ReLU's rows were once taken for maps."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8)
        self.up, self.relu, self.down = nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.norm(self.stem(x).permute(0, 2, 3, 1))
        x = x + self.down(self.relu(self.up(x)))
        return self.head(x.mean((1, 2)))


def test_maps_that_come_last_are_maps() -> None:
    graph = traced(ChannelsLast(), 24)
    assert maps(graph) == {1: "relu", 7: "mean", 8: "head"}
    assert graph.shape("relu") == (20, 6, 6)
    image = torch.rand(1, 3, 24, 24)
    seen = probe.activations(graph, image, ["relu"])["relu"]
    with torch.no_grad():
        net = graph.module
        torch.testing.assert_close(
            seen, net.relu(net.up(net.norm(net.stem(image).permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)
        )
    with pytest.raises(UserError, match=r"LAYERS=mean: mean gives \(8,\) for an image, no maps that are known"):
        maps(graph, "mean")


@pytest.mark.parametrize(
    ("name", "through"),
    [
        ("convnext", ("LayerNorm", "GELU")),
        ("efficientnet", ("SiLU", "gates")),
        ("vit", ("LayerNorm", "attention", "GELU")),
    ],
)
def test_later_nets_that_learn_here_can_be_looked_at(name: str, through: tuple[str, ...]) -> None:
    net = other_net(f"benchmarks.later_nets:{name}", 12, 64).drawn(torch.Generator().manual_seed(0))
    graph = traced(net)
    layers = paper_layers(graph)
    assert len(layers) == 7
    assert probe.way_down(graph, layers[4].map).through == through
    assert [probe.way_down(graph, layer.map).refusal for layer in layers] == [""] * 7


class Pooled(nn.Module):
    """Tokens and one for the class, pooled apart from each other and joined again, as in PiT."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.token = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.zeros(1, 1, 8))
        self.pool, self.widen = nn.Conv2d(8, 16, 2, 2), nn.Linear(8, 16)
        self.mix, self.head = nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x):
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), self.stem(x).flatten(2).transpose(1, 2)], 1)
        own, rest = tokens[:, :1], tokens[:, 1:].transpose(1, 2).unflatten(2, (6, 6))
        tokens = torch.cat([self.widen(own), self.pool(rest).flatten(2).transpose(1, 2)], 1)
        return self.head(torch.relu(self.mix(tokens))[:, 0])


class Global(nn.Module):
    """Maps to which something coarse is added, the same in each window, as what GCViT's global queries gather."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        coarse = nn.functional.avg_pool2d(x.permute(0, 3, 1, 2), 3).permute(0, 2, 3, 1)
        return self.head(torch.relu(x + coarse.repeat(1, 3, 3, 1)).mean((1, 2)))


def test_tokens_lie_on_their_grid_again_after_they_were_pooled() -> None:
    assert traced(Pooled(), 24).shape("relu") == (16, 3, 3)


def test_what_is_repeated_over_maps_leaves_them_their_places() -> None:
    graph = traced(Global(), 24)
    image = torch.rand(1, 3, 24, 24)
    assert graph.shape("relu") == (8, 6, 6)
    stem, sums = (probe.activations(graph, image, [name])[name][0] for name in ("stem", "relu"))
    coarse = nn.functional.avg_pool2d(stem, 3).repeat(1, 3, 3)
    torch.testing.assert_close(sums, torch.relu(stem + coarse))


def test_the_layers_can_be_named() -> None:
    graph = traced(torchvision.models.squeezenet1_1(num_classes=4))
    assert maps(graph, "features.0", "features.4.squeeze_activation") == {
        1: "features.0",
        2: "features.4.squeeze_activation",
        7: "classifier.0",
        8: "classifier.1",
    }
    named = {layer.number: layer for layer in paper_layers(graph, ("5=features.12", "7=features.5"))}
    assert set(named) == {5, 7, 8}
    assert named[5].weights.startswith("features.12.")
    assert named[7].features == "features.5"
    assert maps(traced(ZFNet(TINY), 48), "3=layer2.conv") == {
        3: "layer2.conv",
        6: "layer6.relu",
        7: "layer7.relu",
        8: "layer8.linear",
    }


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (("features.0", "featurs.1"), "LAYERS=features.0,featurs.1: no layer 'featurs.1' in this net: the nearest are"),
        (("9=features.0",), "LAYERS=9=features.0: layer 9: name layers 1 to 5, and 7"),
        (("one=features.0",), "LAYERS=one=features.0: layer one: name layers 1 to 5, and 7"),
        (
            ("flatten",),
            "LAYERS=flatten: flatten gives (4,) for an image, no maps that are known to have rows and columns",
        ),
        (("features.0", "1=features.3"), "LAYERS=features.0,1=features.3: layer 1 is named twice"),
        (("7=features.0",), "LAYERS=7=features.0: name at least one of the convolution layers"),
    ],
)
def test_names_that_are_no_layers(nodes: tuple[str, ...], message: str) -> None:
    graph = traced(torchvision.models.squeezenet1_1(num_classes=4))
    with pytest.raises(UserError, match=re.escape(message)):
        paper_layers(graph, nodes)


def test_what_cannot_be_projected_is_refused_by_name() -> None:
    graph = traced(Gated(nn.LogSigmoid(), nn.ReLU()))
    assert probe.refusal(graph, "act2") == "layer 'act2' cannot be projected: LogSigmoid has no rule"
    assert probe.refusal(graph, "first") == ""
    assert probe.refusal(Gated(nn.GELU(), nn.ReLU()), "act2", torch.zeros(1, 3, 16, 16)) == ""


def test_an_output_that_no_module_gave_ends_a_net_without_layer_7() -> None:
    class Lengths(nn.Module):
        """Its answers are the lengths of vectors, as a capsule net's; it branches on values."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 6, 3), nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            maps = self.relu(self.conv(-x if x.sum() > 1e9 else x))
            return maps.mean((2, 3)).unflatten(1, (2, 3)).norm(dim=2)

    assert maps(traced(Lengths(), 12))[1] == "relu"
    assert 7 not in maps(traced(Lengths(), 12))


def test_maps_of_unknown_axes_are_said_to_be_unknown() -> None:
    class Solid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv3d(3, 6, (1, 3, 3)), nn.Linear(6, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.conv(x.unsqueeze(2)).mean((2, 3, 4)))

    with pytest.raises(
        UserError, match=r"nothing to look at: layer 'conv' gives \(6, 1, 10, 10\).*nor of any other layer"
    ):
        paper_layers(traced(Solid(), 12))


def test_layers_that_nobody_sees_are_not_said_to_be_missing() -> None:
    class Mapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.vmap(lambda image: self.net(image[None])[0])(x)

    with pytest.raises(UserError, match="none of the net's layers can be seen as it runs"):
        paper_layers(traced(Mapped(), 12))
