"""What the section says of which nodes are the layers, of nets other than the paper's."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from fake_build import NET, content_of, section, source_of
from planted_results import schematics
from torch import nn

from reportgen import probe
from reportgen.analyses.schematics.analysis import Named, _filters, _gives, _operations
from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs
from reportgen.nets.layers import paper_layers

NETS = {
    "activation": nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.LazyLinear(3)),
    "convolution": nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.LazyLinear(3)),
    "block": torchvision.models.VisionTransformer(32, 8, 2, 2, 12, 16, num_classes=3),
}


@pytest.mark.parametrize("gives", NETS)
def test_of_what_layers_are_the_outputs(gives: str) -> None:
    graph = probe.trace(NETS[gives].eval(), torch.zeros(1, 3, 32, 32))
    found = [_gives(graph, layer) for layer in paper_layers(graph)]
    assert found == [gives] * (len(found) - 2) + ["", ""]


def test_blocks_of_attention_have_no_filters_of_their_own_and_none_are_said() -> None:
    split = Split(np.zeros((1, 32, 32, 3), np.uint8), np.zeros(1, np.int64), ("a",))
    data = Dataset("tiny", ("one",), "", split, split, split)
    inputs = Inputs.of(NETS["block"].eval(), Preprocessing(Size.of(32)), data)
    filters = _filters(inputs.layers)
    assert filters == ["conv_proj", "", "heads.head", "heads.head"]
    found = [_operations(inputs, *pair) for pair in zip(inputs.layers, filters, strict=True)]
    assert found[0] == ("12 filters 8x8, stride 8", "attention", "units by place", "GELU")
    assert found[1:] == [("attention", "units by place", "GELU"), ("features",), ("3 units", "softmax")]


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (("activation", "activation"), "For them stand two outputs of this net’s activation functions: the last of each resolution;"),
        (("activation", "block"), "For them stand two outputs of this net’s activation functions and blocks: the last of each"),
    ],
)  # fmt: skip
def test_the_section_names_the_layers_of_nets_that_are_not_the_papers(
    of: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    nodes = [Named(number, f"node{number}", "", "", (4, 8, 8), gives) for number, gives in enumerate(of, 1)]
    result = replace(schematics.result(), named=(*nodes, Named(7, "fc", "fc", "fc", (9,))))
    content = content_of(tmp_path, section(tmp_path, "schematics", result))

    def words(net: dict) -> str:
        return " ".join(unescape(re.sub("<[^>]*>", " ", source_of(replace(content, net=net)))).split())

    assert "For them stand" not in words(NET)
    for net in (NET | {"architecture": None}, NET | {"loaded": True}):
        assert said in words(net)
        assert "node2" in words(net)
