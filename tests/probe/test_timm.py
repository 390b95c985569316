"""The families of nets that timm has: layers, projections and occlusion of one narrow or small net of each."""

from typing import Any

import pytest
import timm
import torch
from agreement import assert_close
from frozen_oracle import frozen_projections
from oracles import covered_one_by_one, forward_with_hooks

from reportgen.nets.layers import convolutions, paper_layers
from reportgen.probe import Activation, Graph, activations, occlude, project, strongest, trace, way_down

SMALL: dict[str, tuple[str, int, dict[str, Any]]] = {  # family -> a net, the side of its image, what makes it small
    "resnet": ("resnet10t", 64, {}),
    "resnetv2": ("resnetv2_50", 64, {"layers": (1, 1, 1, 1), "channels": (32, 48, 64, 96)}),
    "convnext": ("convnext_atto", 64, {"depths": (1, 1, 2, 1)}),
    "convnextv2": ("convnextv2_atto", 64, {"depths": (1, 1, 2, 1)}),
    "efficientnet": ("efficientnet_b0", 64, {}),
    "tf_efficientnet": ("tf_efficientnet_lite0", 64, {}),
    "mobilenetv3": ("mobilenetv3_small_050", 64, {}),
    "mobilenetv4": ("mobilenetv4_conv_small_035", 64, {}),
    "ghostnet": ("ghostnet_050", 64, {}),
    "regnety": ("regnety_002", 64, {}),
    "res2net": ("res2net50_48w_2s", 64, {"layers": (1, 1, 1, 1)}),
    "nfnet": ("nf_resnet26", 64, {}),
    "hrnet": ("hrnet_w18_small", 64, {}),
    "seresnet": ("seresnet18", 64, {}),
    "cspdarknet": ("cspdarknet53", 64, {}),
    "vit": ("vit_tiny_patch16_224", 64, {"img_size": 64, "depth": 6}),
    "deit": ("deit_tiny_distilled_patch16_224", 64, {"img_size": 64, "depth": 6}),
    "swin": (
        "swin_tiny_patch4_window7_224",
        56,
        {"img_size": 56, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 16},
    ),
    "maxvit": ("maxvit_rmlp_pico_rw_256", 64, {"img_size": 64}),
    "levit": ("levit_128s", 224, {}),
    "mixer": ("mixer_s32_224", 224, {}),
    "efficientformer": ("efficientformer_l1", 224, {}),
    "fastvit": ("fastvit_t8", 64, {}),
    "edgenext": ("edgenext_xx_small", 64, {}),
    "pit": ("pit_ti_224", 64, {"img_size": 64}),
    "gcvit": ("gcvit_xxtiny", 64, {"img_size": 64}),
    "coatnet": ("coatnet_nano_rw_224", 64, {"img_size": 64}),
}
QUICK = ("resnet", "convnextv2", "seresnet", "vit", "swin")  # the others are slow
FAMILIES = [family if family in QUICK else pytest.param(family, marks=pytest.mark.slow) for family in SMALL]
ONE_RESOLUTION = ("vit", "deit", "mixer")


def small(family: str) -> tuple[torch.nn.Module, torch.Tensor]:
    name, side, options = SMALL[family]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = timm.create_model(name, pretrained=False, num_classes=7, **options).eval()
        for module in net.modules():  # statistics and layer scales of their own: at their start they hide what is wrong
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.normal_(module.bias, 0, 0.1)
            if isinstance(module, torch.nn.Linear) and not module.weight.any():  # a Mixer's classifier
                torch.nn.init.normal_(module.weight)
        return net, torch.randn(3, side, side)


def layers_of(graph: Graph) -> list[str]:
    return [layer.map for layer in convolutions(paper_layers(graph))]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_is_found_and_projected(family: str) -> None:
    net, image = small(family)
    graph = trace(net, image[None])
    layers = layers_of(graph)
    shapes = [graph.shape(layer) for layer in layers]
    assert len(layers) >= (2 if family == "swin" else 4)
    assert len({shape[1:] for shape in shapes}) == 1 if family in ONE_RESOLUTION else shapes[0][1] > shapes[-1][1]
    assert [way_down(graph, layer).refusal for layer in layers] == [""] * len(layers)
    found = activations(graph, image[None], layers)
    best = strongest(graph, layers, [image[None]], 1)
    for layer, shape in zip(layers, shapes, strict=True):
        assert found[layer].shape == (1, *shape)
        map_ = int(best[layer].values[:, 0].argmax())
        unit = Activation(layer, map_, int(best[layer].rows[map_, 0]), int(best[layer].columns[map_, 0]))
        assert best[layer].values[map_, 0] == found[layer].max()
        [projection] = project(graph, image, [unit])
        assert projection is not None
        assert projection.value == pytest.approx(float(found[layer].max()), rel=1e-3)
        assert projection.full().isfinite().all()
        assert projection.full().abs().max() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_classifier_is_projected_as_with_factors_that_are_held_fast(family: str) -> None:
    net, image = small(family)
    net, image = net.double(), image.double()
    graph = trace(net, image[None])
    outputs = activations(graph, image[None], [graph.output])[graph.output][0]
    units = [(int(outputs.argmax()),), (int(outputs.argmin()),)]
    found = project(graph, image, [Activation(graph.output, *unit) for unit in units])
    for one, expected in zip(found, frozen_projections(net, "", image, units), strict=True):
        assert one is not None
        assert_close(one.full(), expected, 1e-5)


@pytest.mark.parametrize("family", ["swin", pytest.param("maxvit", marks=pytest.mark.slow), "convnext"])
def test_squares_cover_it_as_one_by_one(family: str) -> None:
    net, image = small(family)
    graph = trace(net, image[None])
    layer, side = layers_of(graph)[-1], image.shape[1] // 3
    found = occlude(graph, image, side, side, 0.2, [graph.output, layer])
    places = torch.cartesian_prod(found.tops, found.lefts).tolist()
    expected = covered_one_by_one(forward_with_hooks(net, [""]), image, side, places, 0.2)[""]
    assert_close(found.covered[graph.output].flatten(0, 1), expected, 1e-4)
    maps = activations(graph, image[None], [layer])[layer][0].relu().sum((1, 2))
    assert_close(found.clean[layer], maps, 1e-4)
