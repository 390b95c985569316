"""Looking into nets on a GPU, as far as a machine without one can tell: see tests/pretended_gpu.py."""

from dataclasses import replace

import pytest
import torch
from agreement import in_batches, random_image
from families import FAMILIES
from pretended_gpu import pretended_gpu

from reportgen.nets.zfnet import ZFNet, initialise
from reportgen.probe import Activation, occlude, project, strongest, trace
from reportgen.recipes import TINY


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_nets(name: str) -> None:
    family = FAMILIES[name]
    images = random_image(5, 3, family.rows, family.columns)
    weights = family.make().state_dict()
    fill = torch.tensor([0.3, -0.2, 0.1])

    def look(device: torch.device) -> list[torch.Tensor]:
        net = family.make()
        net.load_state_dict(weights)
        net.to(device)
        graph = trace(net, images[:1].to(device))
        tops = strongest(graph, family.modules, (batch.to(device) for batch in in_batches(images, 2)), 3)
        found = [part for top in tops.values() for part in (top.values, top.images, top.rows, top.columns)]
        for layer in family.modules:
            top = tops[layer]
            units = [Activation(layer, 0, int(top.rows[0, k]), int(top.columns[0, k])) for k in (0, 1)]
            found += [each.pixels.cpu() for each in project(graph, images[0].to(device), units) if each]
        covered = occlude(graph, images[0].to(device), 9, 31, fill, [graph.output, *family.modules])
        return found + [values.cpu() for values in covered.covered.values()]

    with pretended_gpu():
        found = look(torch.device("cuda"))
    for there, here in zip(found, look(torch.device("cpu")), strict=True):
        assert torch.equal(there, here)


@pytest.mark.parametrize("batches", [3, 7])
def test_the_search_keeps_no_gpu_waiting(batches: int) -> None:
    net = ZFNet(replace(TINY, input_size=32, classes=3)).eval()
    images = random_image(4 * batches, 3, 32, 32)
    initialise(net, "default", torch.Generator().manual_seed(0), images)
    layers = [f"layer{number}.relu" for number in range(1, 8)]
    with pretended_gpu() as gpu:
        there = ZFNet(net.architecture).eval().to("cuda")
        there.load_state_dict(net.state_dict())
        graph = trace(there, images[:1].to("cuda"))
        coming = [batch.to("cuda") for batch in in_batches(images, 4)]
        gpu.waits.clear()
        found = strongest(graph, layers, coming)
        assert gpu.waits == {}
    expected = strongest(net, layers, in_batches(images, 4))
    for layer in layers:
        for part in ("values", "images", "rows", "columns"):
            assert torch.equal(getattr(found[layer], part), getattr(expected[layer], part)), (layer, part)
