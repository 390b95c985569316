"""What docs/your-own-net.md says of torchvision's classifiers."""

import re
from pathlib import Path

import pytest
import torch
import torchvision.models

from reportgen.nets.layers import convolutions, paper_layers
from reportgen.probe import refusal, trace

GUIDE = Path(__file__).parents[2] / "docs" / "your-own-net.md"
ROWS = re.findall(r"^\| (.*?) \| ((?:yes|no).*?) \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
SAID = {name: says.startswith("yes") for families, says in ROWS for name in re.findall(r"`(\w+)`", families)}


@pytest.mark.parametrize("name", SAID)
def test_which_of_torchvisions_nets_are_projected(name: str) -> None:
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    net = torchvision.models.get_model(name, weights=None, **options).eval()
    side = 224 if name in ("maxvit_t", "swin_t", "vit_b_32") else 96
    graph = trace(net, torch.zeros(1, 3, side, side))
    found = [refusal(graph, layer.map) for layer in convolutions(paper_layers(graph))]
    assert (not any(found)) == SAID[name], found


def test_every_family_of_torchvisions_is_spoken_of() -> None:
    names = torchvision.models.list_models(module=torchvision.models)
    families = {re.sub(r"\d.*|_.*", "", name) for name in names}
    assert families <= {re.sub(r"\d.*|_.*", "", name) for name in SAID} | {"resnext"}
