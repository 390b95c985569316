"""The paper's net and its variants against the numbers of figure 3 and against torch."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_nets import SMALL_KRIZHEVSKY, TINY
from torch import fx, nn

from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.data.transforms import Preprocessing
from reportgen.nets import loading
from reportgen.nets.sizes import own_document, sizes
from reportgen.nets.snapshots import load_net, save_net
from reportgen.nets.training.loop import described
from reportgen.nets.zfnet import LocalResponseNorm, ZFNet, initialise
from reportgen.settings.recipes import KRIZHEVSKY, SMALL, ZEILER_FERGUS, Architecture
from reportgen.settings.sections import ModelSettings, PreprocessingSettings, Scaled

REMOVALS = [(3, 4), (7,), (6, 7), (3, 4, 6, 7)]


class Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.LocalResponseNorm) or super().is_leaf_module(m, module_qualified_name)


def sides(net: ZFNet) -> dict[str, tuple[int, ...]]:
    """Side of the output of every convolution and pooling, by running the net on nothing but shapes."""
    seen: dict[str, tuple[int, ...]] = {}
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            module.register_forward_hook(lambda _m, _i, output, name=name: seen.__setitem__(name, output.shape[1:]))
    size = net.architecture.input_size
    net.to("meta")(torch.empty(1, 3, *size, device="meta"))
    return seen


def meta_net(architecture: Architecture) -> ZFNet:
    with torch.device("meta"):
        return ZFNet(architecture)


def test_maps_of_figure_3():
    assert sides(meta_net(ZEILER_FERGUS)) == {
        "layer1.conv": (96, 110, 110),
        "layer1.pool": (96, 55, 55),
        "layer2.conv": (256, 26, 26),
        "layer2.pool": (256, 13, 13),
        "layer3.conv": (384, 13, 13),
        "layer4.conv": (384, 13, 13),
        "layer5.conv": (256, 13, 13),
        "layer5.pool": (256, 6, 6),
    }


def test_maps_of_krizhevskys_net():
    assert sides(meta_net(KRIZHEVSKY)) == {
        "layer1.conv": (96, 55, 55),
        "layer1.pool": (96, 27, 27),
        "layer2.conv": (256, 27, 27),
        "layer2.pool": (256, 13, 13),
        "layer3.conv": (384, 13, 13),
        "layer4.conv": (384, 13, 13),
        "layer5.conv": (256, 13, 13),
        "layer5.pool": (256, 6, 6),
    }


@pytest.mark.parametrize("architecture", [SMALL, SMALL_KRIZHEVSKY])
def test_both_small_nets_keep_five_rows_in_layers_3_to_5(architecture):
    seen = sides(meta_net(architecture))
    assert [seen[f"layer{layer}.conv"][1] for layer in (2, 3, 4, 5)] == [10, 5, 5, 5]
    assert seen["layer5.pool"][1] == 2


def test_parameters_and_multiply_adds_of_the_papers_net_by_hand():
    weights = {
        1: 7 * 7 * 3 * 96,
        2: 5 * 5 * 96 * 256,
        3: 3 * 3 * 256 * 384,
        4: 3 * 3 * 384 * 384,
        5: 3 * 3 * 384 * 256,
        6: 6 * 6 * 256 * 4096,
        7: 4096 * 4096,
        8: 4096 * 1000,
    }
    places = {1: 110**2, 2: 26**2, 3: 13**2, 4: 13**2, 5: 13**2, 6: 1, 7: 1, 8: 1}
    biases = 96 + 256 + 384 + 384 + 256 + 4096 + 4096 + 1000
    assert ZEILER_FERGUS.parameters == sum(weights.values()) + biases == 62_357_608
    assert ZEILER_FERGUS.multiply_adds == sum(weights[layer] * places[layer] for layer in weights) == 1_168_032_896
    assert KRIZHEVSKY.parameters - ZEILER_FERGUS.parameters == (11 * 11 - 7 * 7) * 3 * 96
    assert (
        KRIZHEVSKY.multiply_adds - ZEILER_FERGUS.multiply_adds
        == 11 * 11 * 3 * 96 * 55**2 + 5 * 5 * 96 * 256 * 27**2 - weights[1] * 110**2 - weights[2] * 26**2
    )


@pytest.mark.parametrize("removed", [(), *REMOVALS])
@pytest.mark.parametrize("architecture", [ZEILER_FERGUS, KRIZHEVSKY, SMALL, SMALL_KRIZHEVSKY, TINY])
def test_the_net_agrees_with_its_arithmetic(architecture, removed):
    architecture = replace(architecture, removed=removed)
    net = meta_net(architecture)
    assert sum(weights.numel() for weights in net.parameters()) == architecture.parameters
    seen = sides(net)
    for row in architecture.shapes():
        if row.layer <= 5:
            assert seen[f"layer{row.layer}.conv"] == (row.maps, *row.convolved)
            assert seen.get(f"layer{row.layer}.pool", seen[f"layer{row.layer}.conv"])[1:] == row.output


@pytest.mark.parametrize("removed", [(), *REMOVALS])
@pytest.mark.parametrize(
    "architecture",
    [TINY, replace(TINY, input_size="48x72"), replace(SMALL_KRIZHEVSKY, widths=(4, 5, 6, 7, 8), classes=4)],
)
def test_ablations_run_and_are_traced(architecture, removed):
    net = ZFNet(replace(architecture, removed=removed)).eval()
    present = [number for number in range(1, 9) if number not in removed]
    assert [name for name, _ in net.named_children()] == [f"layer{number}" for number in present]
    images = torch.randn(2, 3, *architecture.input_size)
    traced = fx.GraphModule(net, Tracer().trace(net))
    assert net(images).shape == (2, 4)
    torch.testing.assert_close(traced(images), net(images), rtol=0, atol=0)
    called = [str(node.target) for node in traced.graph.nodes if node.op == "call_module"]
    assert [name for name in called if name.endswith("norm")] == ["layer1.norm", "layer2.norm"]
    assert [name for name in called if name.endswith("relu")] == [f"layer{number}.relu" for number in present[:-1]]


def test_names_of_the_papers_layers():
    names = {name: [child for child, _ in block.named_children()] for name, block in ZFNet(TINY).named_children()}
    assert names == {
        "layer1": ["conv", "relu", "pool", "norm"],
        "layer2": ["conv", "relu", "pool", "norm"],
        "layer3": ["conv", "relu"],
        "layer4": ["conv", "relu"],
        "layer5": ["conv", "relu", "pool"],
        "layer6": ["flatten", "linear", "relu", "dropout"],
        "layer7": ["linear", "relu", "dropout"],
        "layer8": ["linear"],
    }


def test_normalisation_can_be_left_out():
    net = ZFNet(replace(TINY, normalisation=False))
    assert not any(isinstance(module, nn.LocalResponseNorm) for module in net.modules())


def test_an_image_that_is_too_small_is_refused_by_name():
    with pytest.raises(UserError, match=r"input size 8 px: too small for the net 'tiny', whose layer 2 would have no"):
        ZFNet(replace(TINY, input_size=8))


@pytest.mark.parametrize(
    ("field", "value"), [("removed", (5,)), ("dropout", 1.0), ("widths", (8, 8, 0, 8, 8)), ("first_stride", 0)]
)
def test_impossible_architectures_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        replace(TINY, **{field: value})


@pytest.mark.parametrize("maps", [1, 3, 7, 24, 33])
@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_contrast_normalisation_is_torchs(maps, size, layout):
    generator = torch.Generator().manual_seed(maps)
    images = (torch.randn(2, maps, 5, 6, generator=generator) * 100).contiguous(memory_format=layout)
    weights = torch.randn(images.shape, generator=generator)
    outputs, slopes = [], []
    for norm in (LocalResponseNorm(maps, size, 1e-2, 0.75, 2.0), nn.LocalResponseNorm(size, 1e-2, 0.75, 2.0)):
        leaf = images.clone().requires_grad_()
        output = norm(leaf)
        (output * weights).sum().backward()
        outputs.append(output.detach() / images.abs().max())
        slopes.append(leaf.grad)
    torch.testing.assert_close(outputs[0], outputs[1], rtol=0, atol=1e-6)
    torch.testing.assert_close(slopes[0], slopes[1], rtol=0, atol=1e-6)
    assert not torch.equal(outputs[0], images / images.abs().max())


def test_contrast_normalisation_has_the_papers_constants_and_no_weights():
    norm = ZFNet(TINY).layer1.norm
    assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 5 * 1e-4, 0.75, 2.0)
    assert list(norm.state_dict()) == []


def test_initialisation_of_the_paper():
    net = ZFNet(SMALL)
    initialise(net, "paper", torch.Generator().manual_seed(0))
    for name, weights in net.named_parameters():
        if name.endswith("bias"):
            assert weights.abs().max() == 0
        else:
            assert weights.std().item() == pytest.approx(0.01, rel=0.05)
            assert abs(weights.mean().item()) < 0.001


def test_default_initialisation_gives_unit_deviation():
    net = ZFNet(SMALL)
    images = torch.randn(20, 3, 88, 88, generator=torch.Generator().manual_seed(1))
    initialise(net, "default", torch.Generator().manual_seed(0), images)
    seen = {}
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda _m, _i, output, name=name: seen.__setitem__(name, output.std().item()))
            assert module.bias.abs().max() == 0
    net.eval()(images)
    assert [seen[name] for name in list(seen)[1:-1]] == pytest.approx([1.0] * 6, rel=1e-3)
    assert net.layer1.conv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert net.layer8.linear.weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_weights_come_from_the_generator_alone():
    def drawn(seed: int, disturbed: int) -> torch.Tensor:
        torch.manual_seed(disturbed)
        net = ZFNet(TINY)
        initialise(net, "default", torch.Generator().manual_seed(seed), torch.ones(2, 3, 48, 48) * torch.rand(1).sign())
        return torch.cat([weights.flatten() for weights in net.parameters()])

    assert torch.equal(drawn(0, 1), drawn(0, 2))
    assert not torch.equal(drawn(0, 1), drawn(1, 1))


def test_making_a_net_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    ZFNet(TINY)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_default_initialisation_wants_images():
    with pytest.raises(ValueError, match="give some"):
        initialise(ZFNet(TINY), "default", torch.Generator())


@pytest.mark.parametrize(("size", "said"), [(48, 48), ("48x72", "48x72")])
def test_its_file_says_one_number_of_a_square_and_two_of_an_oblong(
    tmp_path: Path, size: int | str, said: int | str
) -> None:
    """As the files of nets that were trained when all were square."""
    net = ZFNet(replace(TINY, input_size=size))
    for description in (None, described(net.architecture)):
        save_net(net, Preprocessing(net.architecture.input_size), tmp_path / "net.safetensors", description)
        document = own_document(tmp_path / "net.safetensors")
        assert (document["architecture"]["input_size"], document["preprocessing"]["crop"]) == (said, said)
        assert load_net(tmp_path / "net.safetensors")[0].architecture == net.architecture


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("first_padding", 10**6, "a net of [0-9,]+ numbers, which it does not hold"),
        ("first_padding", 10**12, "a net of [0-9,]+ numbers, which it does not hold"),
        ("input_size", 9_000, "a net of [0-9,]+ numbers, which it does not hold"),
        ("first_stride", 10**6, r"no net \(input size .* too small"),
    ],
)
def test_a_description_asks_for_no_more_than_its_file_holds(tmp_path: Path, field: str, value: int, said: str) -> None:
    net, path = ZFNet(replace(TINY, mean_image=True)), tmp_path / "net.safetensors"
    description = {"architecture": net.architecture.as_json() | {field: value}}
    save_net(net, Preprocessing(net.architecture.input_size), path, description)
    model = ModelSettings(name="zfnet", weights=str(path))
    with pytest.raises(UserError, match=rf"WEIGHTS={path}: it describes {said}.*: give a net.safetensors as reportgen"):
        loading.load(model, PreprocessingSettings(), net.architecture.input_size)
    with pytest.raises(UserError, match=rf"{path} is damaged \(it describes {said}"):
        load_net(path)


def test_its_file_says_how_images_were_scaled_and_what_its_outputs_are(tmp_path: Path) -> None:
    net, path = ZFNet(TINY), tmp_path / "net.safetensors"
    about = {"size": 52, "interpolation": "bilinear", "outputs": "sigmoid", "classes": ["a", "b"]}
    save_net(net, Preprocessing(net.architecture.input_size), path, described(net.architecture), **about)
    model = ModelSettings(name="zfnet", weights=str(path))
    assert sizes(model) == Scaled(Size.of(52), net.architecture.input_size, "bilinear")
    with pytest.raises(UserError, match="the net says each label by itself: give OUTPUTS=sigmoid"):
        loading.load(model, PreprocessingSettings(), net.architecture.input_size)


def test_what_is_shown_of_channels_is_among_them() -> None:
    with pytest.raises(UserError, match="are shown of 5 channels, counted from 0"):
        Preprocessing(Size.of(32), 1, "ALL", (0.5,) * 5, (0.25,) * 5, (0, 1, 5))
