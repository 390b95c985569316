"""What the instrument costs, as ratios within one run: against captum and the bare forward pass (occlusion: ``make bench``).

Each function interleaves the two and returns a ratio of medians. Run directly to print them all.
"""

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from probe_nets import paper_net

from reportgen.probe import Activation, activations, project, strongest, trace

LAYERS = {1: "1", 2: "5", 3: "9", 4: "11", 5: "13"}  # the paper's layers in `paper_net`


def seconds(calls: list[Callable[[], object]], rounds: int) -> list[float]:
    """The median duration of each call, the calls taking turns."""
    taken: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()  # the first run allocates and warms up
    for _ in range(rounds):
        for call, times in zip(calls, taken, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return [median(times) for times in taken]


def projection_against_captum(layer: int, maps: int = 9, rounds: int = 5) -> dict[str, float]:
    """How many times faster projections are than captum's ``NeuronDeconvolution``, one image, so many maps.

    ``alone``: this layer's activations with a forward pass of their own. ``shared``: with a fifth of it, as when the
    image's activations in five layers are projected in one call.
    """
    from captum.attr import NeuronDeconvolution

    net, image = paper_net(), torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(1))
    graph, name = trace(net, image[None]), LAYERS[layer]
    outputs = activations(graph, image[None], [name])[name][0]
    strong = outputs.flatten(1).max(1)
    columns = outputs.shape[2]
    chosen = torch.randperm(len(outputs), generator=torch.Generator().manual_seed(2))[:maps].tolist()
    units = [Activation(name, m, int(strong.indices[m]) // columns, int(strong.indices[m]) % columns) for m in chosen]
    other = NeuronDeconvolution(net, net.get_submodule(name))
    first = units[0]

    def captum() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return other.attribute(image[None].clone().requires_grad_(), (first.map, first.row, first.column))

    def forward() -> object:
        # A unit of value zero is not projected: what remains is the forward pass that records the switches.
        return project(graph, image, [Activation(name, *zero)])

    zero = tuple((outputs == 0).nonzero()[0].tolist())
    one, ours, up = seconds([captum, lambda: project(graph, image, units), forward], rounds)
    shared = max(ours - up, 1e-9) + up / len(LAYERS)
    return {"alone": maps * one / ours, "shared": maps * one / shared}


def strongest_against_forward(images: int = 32, batches: int = 4, rounds: int = 3, channels_last: bool = True) -> float:
    """What all maps of all ReLU layers cost, relative to the bare forward pass over the same batches."""
    net = paper_net()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    generator = torch.Generator().manual_seed(1)
    data = [torch.randn(images, 3, 224, 224, generator=generator).to(memory_format=layout) for _ in range(batches)]
    graph = trace(net, data[0])

    def bare() -> None:
        with torch.no_grad():
            for batch in data:
                net(batch)

    plain, ours = seconds([bare, lambda: strongest(graph, graph.relus, data)], rounds)
    return ours / plain


if __name__ == "__main__":
    for number in LAYERS:
        print(f"layer {number}: projection against captum", projection_against_captum(number))
    print("strongest against the bare forward pass", strongest_against_forward())
