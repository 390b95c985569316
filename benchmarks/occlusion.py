"""Incremental occlusion against covering images and forwarding them whole, at best, and against captum's."""

import torch
import torchvision
from torch import Tensor, nn

from benchmarks.measuring import Measurement, ratio_of, seconds
from reportgen import probe
from reportgen.base.progress import say
from reportgen.probe.occlusion import positions

SIDE = 224  # of the image, pixels
SQUARE = 32  # of the grey square
LARGE = 160
STRIDE = 8
CAPTUM_STRIDE = 24  # its time per position is the same, and at the paper's stride a call takes half a minute
BATCHES = {"cpu": (8, 16, 32), "cuda": (32, 128, 512)}  # the largest says how many positions covering is timed on
LAYOUTS = (torch.channels_last, torch.contiguous_format)
ROUNDS = 5


def ratios(net: nn.Module, device: torch.device) -> list[Measurement]:
    """Covering over ours with a small square, ours over covering with a large one, captum over ours."""
    image = torch.randn(3, SIDE, SIDE).to(device)
    makers = (torchvision.models.alexnet, torchvision.models.vgg11)
    alexnet, vgg = (make(weights=None).eval().to(device) for make in makers)
    found = [
        Measurement(
            f"covered images whole / occlusion, {SQUARE} px: {name}", _gain(one, image, SQUARE), target, "higher"
        )
        for name, one, target in (("the paper's net", net, 3.5), ("VGG-11", vgg, 6.0), ("AlexNet", alexnet, 2.0))
    ]
    found += [
        Measurement(
            f"occlusion / covered images whole, {LARGE} px: {name}", 1 / _gain(one, image, LARGE), 1.05, "lower"
        )
        for name, one in (("the paper's net", net), ("AlexNet", alexnet))
    ]
    return [*found, captum_ratio(net, image)]


def _gain(net: nn.Module, image: Tensor, size: int) -> float:
    """Seconds a position of the best batched forward pass over those of ours."""
    starts = torch.tensor(positions(SIDE, size, STRIDE))
    places = torch.cartesian_prod(starts, starts)
    batches = BATCHES.get(image.device.type, BATCHES["cpu"])
    sample = places[: batches[-1]]  # covering takes the same for each
    batch, layout = min(
        ((batch, layout) for layout in LAYOUTS for batch in batches),
        key=lambda way: _trial(net, image, size, sample, *way),
    )
    net.to(memory_format=layout)
    graph = probe.trace(net, image[None])
    gain = ratio_of(
        lambda: _covering(net, image, size, sample, batch, layout),
        lambda: probe.occlude(graph, image, size, STRIDE, 0.0, [graph.output]),
        ROUNDS,
    )
    say(f"     {size} px on {type(net).__name__}: whole images are fastest in batches of {batch}, {layout}")
    return gain * len(places) / len(sample)


def _trial(net: nn.Module, image: Tensor, size: int, places: Tensor, batch: int, layout: torch.memory_format) -> float:
    net.to(memory_format=layout)
    _covering(net, image, size, places[:batch], batch, layout)  # warm up
    return seconds(lambda: _covering(net, image, size, places, batch, layout))


@torch.no_grad()
def _covering(
    net: nn.Module, image: Tensor, size: int, places: Tensor, batch: int, layout: torch.memory_format
) -> None:
    """The outputs for covered images, forwarded whole."""
    for some in places.split(batch):
        covered = image.expand(len(some), *image.shape).clone(memory_format=layout)
        for one, (top, left) in zip(covered, some.tolist(), strict=True):
            one[:, top : top + size, left : left + size] = 0.0
        net(covered)


def captum_ratio(net: nn.Module, image: Tensor) -> Measurement:
    """Captum's ``Occlusion`` at its defaults over ours, the same positions of the same square."""
    from captum.attr import Occlusion

    theirs, graph = Occlusion(net), probe.trace(net, image[None])
    window, strides = (3, SQUARE, SQUARE), (3, CAPTUM_STRIDE, CAPTUM_STRIDE)
    ratio = ratio_of(
        lambda: theirs.attribute(image[None], window, strides, target=0),
        lambda: probe.occlude(graph, image, SQUARE, CAPTUM_STRIDE, 0.0, [graph.output]),
        rounds=3,
    )
    return Measurement(f"captum Occlusion / occlusion, {SQUARE} px: the paper's net", ratio, 6.0, "higher")
