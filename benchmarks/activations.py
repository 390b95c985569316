"""The search for the strongest activations, and their projections, against the bare forward pass and captum."""

import gc
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
import torchvision
from torch import Tensor, nn

from benchmarks.measuring import Measurement, ratio_of, seconds
from reportgen import probe
from reportgen.base.progress import say
from reportgen.nets.layers import paper_layers
from reportgen.nets.zfnet import ZFNet, initialise
from reportgen.probe.record.walking import Record
from reportgen.probe.ways import record_of

SEARCH_BATCH = {"cpu": 32, "cuda": 256}  # images
SEARCH_BATCHES = 8
SLOWER = {"cpu": 1.06, "cuda": 1 / 0.9}  # than the bare forward pass, at most
MEMORY = 1.1  # times, at most: nothing may grow, but a GPU's allocator rounds
ACTIVATIONS = 9  # that captum, and the record of an image, are timed on
OF_RECORDS = ("efficientnet_b0", "convnext_tiny", "vit_b_32")  # torchvision's


def search_ratio(net: nn.Module, device: torch.device) -> Measurement:
    """Top-9 search over all maps of all layers against the bare forward pass, the paper's net."""
    # Different images, and enough of them: most of what the search adds is spent on those that enter the nine.
    size = SEARCH_BATCH.get(device.type, SEARCH_BATCH["cpu"])
    batches = [
        torch.randn(size, 3, 224, 224).to(memory_format=torch.channels_last).to(device) for _ in range(SEARCH_BATCHES)
    ]
    graph = probe.trace(net, batches[0][:1])
    layers = [f"layer{number}.relu" for number in range(1, 6)]

    @torch.no_grad()
    def bare() -> None:
        for images in batches:
            net(images)

    ratio = ratio_of(lambda: probe.strongest(graph, layers, batches), bare)
    name = f"top-9 search, all maps of layers 1-5 / bare forward, batch {size}"
    return Measurement(name, ratio, SLOWER.get(device.type, SLOWER["cpu"]), "lower")


def search_memory(net: ZFNet, device: torch.device) -> Measurement:
    """Most memory that a batch and the search hold over 32 batches against over 4: it must not grow with the images."""
    gc.collect()
    _held(device)  # what was measured before had its own peak: it is forgotten
    before, size = _held(device), net.architecture.input_size
    images = torch.randn(4, 3, *size).to(device)
    graph = probe.trace(net, images[:1])

    def most(batches: int) -> int:
        found: list[int] = []

        def watched() -> Iterator[Tensor]:
            for batch in range(batches):
                yield images
                if batch % 4 == 3:  # looking takes longer than a small batch
                    found.append(_held(device))  # while the search, which asks for more, holds what it holds

        probe.strongest(graph, ["layer1.relu", "layer5.relu"], watched())
        return max(found) - before

    most(4)  # warm up: what is made once is not the search's
    few, many = most(4), most(32)
    return Measurement("most memory held in the search, 128 images / 16 images", many / few, MEMORY, "lower")


def _held(device: torch.device) -> int:
    """Bytes of all tensors that live; on a GPU the most since the last time it was asked."""
    if device.type == "cuda":
        found = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        return found
    storages = [item.untyped_storage() for item in gc.get_objects() if type(item) is Tensor]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def projection_ratios(net: ZFNet, device: torch.device) -> list[Measurement]:
    """Seconds a projection against captum's NeuronDeconvolution, one forward shared.

    Ours: the strongest activation of every map of the layer, of one image, in one call. Captum's: nine of them, which
    cost it the same each. With nine activations of an image the forward pass is most of what ours takes in layers 1
    and 2, and the ratios are smaller: they are printed beside.
    """
    from captum.attr import NeuronDeconvolution

    plain = _without_normalisation(net).to(device)
    image = torch.randn(1, 3, 224, 224).to(device)
    graph = probe.trace(plain, image)
    found = []
    for number, target in ((1, 100), (2, 100), (3, 8), (4, 8), (5, 4)):
        name = f"layer{number}.relu"
        activations = _strongest_of(graph, image, name)
        captum = NeuronDeconvolution(plain, plain.get_submodule(name))

        def theirs(captum: NeuronDeconvolution = captum, units: list[probe.Activation] = activations) -> None:
            for unit in units[:ACTIVATIONS]:
                captum.attribute(image, (unit.map, unit.row, unit.column))

        def ours(units: list[probe.Activation] = activations) -> None:
            probe.project(graph, image[0], units)

        def nine(units: list[probe.Activation] = activations) -> None:
            probe.project(graph, image[0], units[:ACTIVATIONS])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # captum says at every call that it sets hooks
            ratio = ratio_of(theirs, ours, rounds=3) * len(activations) / ACTIVATIONS
            of_nine = ratio_of(theirs, nine, rounds=3)
        name = f"captum NeuronDeconvolution / projection, layer {number}, all maps"
        found.append(Measurement(name, ratio, target, "higher"))
        say(f"     layer {number}, nine activations of an image: {of_nine:.0f}x")
    return found


def record_ratios(device: torch.device) -> list[Measurement]:
    """Projections through the record of an image against plain gradients of as many activations, layers 3 and 5.

    Torch gives the gradients one by one or together: what takes less time is compared with.
    """
    found = []
    for name in OF_RECORDS:
        net = torchvision.models.get_model(name).eval().to(device)
        image = torch.randn(3, 224, 224, device=device)
        graph = probe.trace(net, image[None])
        for layer in (paper_layers(graph)[number - 1] for number in (3, 5)):
            record = record_of(graph, image, layer.map, "factor")
            seeds = torch.zeros(ACTIVATIONS, *record.output.shape, device=device)
            seeds.view(ACTIVATIONS, -1)[:, :: seeds[0].numel() // ACTIVATIONS].fill_diagonal_(1.0)

            def ours(record: Record = record, seeds: Tensor = seeds) -> None:
                record.project(seeds)

            def gradients(together: bool, record: Record = record, seeds: Tensor = seeds) -> None:
                for some in [seeds] if together else seeds:
                    torch.autograd.grad(
                        record.output, record.pixels, some, retain_graph=True, is_grads_batched=together
                    )

            ways = (partial(gradients, True), partial(gradients, False))
            ratio = ratio_of(ours, min(ways, key=seconds), rounds=3)
            label = f"projection by the record / plain gradient, {name}, layer {layer.number}"
            found.append(Measurement(label, ratio, 1.3, "lower"))
    return found


def _without_normalisation(net: ZFNet) -> nn.Module:
    """The paper's net without contrast normalisation, which captum would invert and the paper does not."""
    plain = ZFNet(replace(net.architecture, normalisation=False)).eval()
    initialise(plain, "paper", torch.Generator().manual_seed(0))
    return plain


def _strongest_of(graph: probe.Graph, image: Tensor, name: str) -> list[probe.Activation]:
    """The strongest activation of every map that has one, the strongest map first."""
    output = probe.activations(graph, image, [name])[name][0]
    largest, places = (found.cpu() for found in output.flatten(1).max(1))
    maps = [map_ for map_ in largest.argsort(descending=True).tolist() if largest[map_] > 0]
    width = output.shape[2]
    return [probe.Activation(name, map_, int(places[map_]) // width, int(places[map_]) % width) for map_ in maps]
