"""Looking into nets on a GPU, as far as a machine without one can tell: see tests/helpers/pretended_gpu.py."""

import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from agreement import in_batches, random_image
from captum.attr import NeuronDeconvolution
from families import FAMILIES, NAMES
from pretended_gpu import Seen, pretended_gpu
from small_nets import TINY
from torch import Tensor

from reportgen.nets.zfnet import ZFNet, initialise
from reportgen.probe import Activation, activations, occlude, project, strongest, trace
from reportgen.settings.recipes import ZEILER_FERGUS

LIKE_OTHERS = ("mobilenet_v1", "pre-activation without norms")  # they make no tensors that the others do not


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LIKE_OTHERS else name for name in NAMES]
)
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
        for layer in layers:
            graph.layout(layer)  # found once for a net, which waits as often as it has operations
        coming = [batch.to("cuda") for batch in in_batches(images, 4)]
        gpu.waits.clear()
        found = strongest(graph, layers, coming)
        assert gpu.waits.total() == 1  # in the end
        assert not gpu.coming
    expected = strongest(net, layers, in_batches(images, 4))
    for layer in layers:
        for part in ("values", "images", "rows", "columns"):
            assert torch.equal(getattr(found[layer], part), getattr(expected[layer], part)), (layer, part)


# --- How much a GPU is asked for: each operation costs some microseconds, however small it is ----------------------------


@pytest.fixture
def paper_net() -> Iterator[tuple[ZFNet, Tensor, Seen]]:
    """The paper's net with fewer maps, without contrast normalisation, and an image: on a pretended GPU."""
    thin = replace(ZEILER_FERGUS, widths=(32, 48, 64, 64, 64), fully_connected=(64, 64), normalisation=False)
    net = ZFNet(thin).eval()
    initialise(net, "paper", torch.Generator().manual_seed(0))
    with pretended_gpu() as gpu:
        yield net.to("cuda"), random_image(1, 3, 224, 224).to("cuda"), gpu


@pytest.mark.parametrize(("layer", "most"), [(1, 2), (2, 4), (3, 5), (4, 6), (5, 6)])
def test_operations_of_a_projection(layer: int, most: float, paper_net: tuple[ZFNet, Tensor, Seen]) -> None:
    net, image, gpu = paper_net
    name = f"layer{layer}.relu"
    graph = trace(net, image)
    values = activations(graph, image, [name])[name][0].cpu()
    places = [divmod(place, values.shape[2]) for place in values.flatten(1).argmax(1).tolist()]
    units = [Activation(name, map_, *place) for map_, place in enumerate(places) if values[map_].max() > 0]
    captum = NeuronDeconvolution(net, net.get_submodule(name))
    gpu.calls = 0
    found = project(graph, image[0], units)
    ours, gpu.calls = gpu.calls / len(found), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum says at every call that it sets hooks
        captum.attribute(image, (units[0].map, units[0].row, units[0].column))
    assert len(found) > 30
    assert ours <= most
    assert gpu.calls / ours >= 8


def test_operations_of_an_occlusion(paper_net: tuple[ZFNet, Tensor, Seen]) -> None:
    net, image, gpu = paper_net
    graph = trace(net, image)
    gpu.calls = 0
    gpu.waits.clear()
    found = occlude(graph, image[0], 32, 8, 0.0, [graph.output])
    positions = found.covered[graph.output].shape[:2].numel()
    assert positions == 625
    assert gpu.calls / positions <= 2
    assert gpu.waits.total() <= 1
    gpu.calls = 0
    net(image)
    assert gpu.calls >= 15  # for each position where covered images are forwarded one by one
