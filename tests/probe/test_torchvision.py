"""All of torchvision's classifiers are projected through all of their layers, as docs/your-own-net.md says."""

import pytest
import torch
import torchvision.models

from reportgen.nets.layers import convolutions, paper_layers
from reportgen.probe import Activation, Graph, project, refusal, trace

NAMES = torchvision.models.list_models(module=torchvision.models)
QUICK = ("squeezenet1_1", "resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5")  # families.py has narrow ones of more
HUGE = ("vit_h_14", "regnet_y_128gf", "vit_l_16", "vit_l_32")  # of a family of which another is tried here


def traced(name: str) -> Graph:
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = torchvision.models.get_model(name, weights=None, **options).eval()
    side = 224 if name.startswith(("vit", "maxvit")) else 96
    return trace(net, torch.zeros(1, 3, side, side))


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name not in HUGE],
)
def test_every_layer_is_projected(name: str) -> None:
    graph = traced(name)
    layers = convolutions(paper_layers(graph))
    assert [refusal(graph, layer.map) for layer in layers] == [""] * len(layers)
    [found] = project(graph, torch.rand(graph.input_shape), [Activation(layers[-1].map, 1, 1, 1)], [1.0])
    assert found is not None
    assert found.full().isfinite().all()
    assert found.full().abs().max() > 0
