"""Which of the two roads down a layer's activations take: by windows (`reportgen.probe.deconvnet`), or by the record.

Where both have all rules they give the same picture, and the windows take less time. The record (`reportgen.probe.record`) has
more rules, and needs no net that can be followed.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from reportgen.probe.errors import Unsupported
from reportgen.probe.graph import Graph
from reportgen.probe.record import Smooth
from reportgen.probe.record.walking import Record, read
from reportgen.probe.tracing import alike

_OF_THE_SIGNAL = {
    "LeakyReLU",
    "PReLU",
    "RReLU",
}  # functions of the signal alone: whatever else the report names depends on the image


@dataclass(frozen=True)
class Way:
    """How a layer's activations are projected to the pixels."""

    by: Literal["windows", "record", "none"]
    through: tuple[str, ...] = ()  # operations on the way that the paper's nets do not have, as the report names them
    refusal: str = ""  # why there is no way, naming the operation without a rule
    alike: bool = False  # the same for every image: nothing on it has switches, so a unit has one picture (Springenberg et al. 2015)


def way_down(graph: Graph, layer: str, smooth: Smooth = "factor") -> Way:
    """The way for a layer; known once for a graph. Raises UnknownLayer."""
    name = graph.find(layer).name
    known: dict[tuple[str, Smooth], Way] = graph.ways
    if (name, smooth) not in known:
        known[name, smooth] = _found(graph, layer, smooth)
    return known[name, smooth]


def _found(graph: Graph, layer: str, smooth: Smooth) -> Way:
    below = [] if graph.unfollowed else graph.below(layer)
    if below and below[0].is_image:
        return Way("none", refusal=f"layer {layer!r} is the image itself")
    if below and not any(node.operation.refusal or graph.rewritten(node) for node in below):
        if any(node.is_image for node in below):
            through = dict.fromkeys(node.operation.through for node in reversed(below) if node.operation.through)
            return Way("windows", tuple(through), alike=not any(node.operation.records for node in below))
        return Way("none", refusal=f"layer {layer!r} does not depend on the image")
    image = graph.noise()[0]
    try:
        record = record_of(graph, image, layer, smooth)
        _, exact = graph.record(image[None], layer, exactly=True)
        if not alike(record.output.detach(), exact.detach()):
            raise Unsupported(f"layer {layer!r} cannot be projected: the net reads again what it has changed in place")
        _check_passable(layer, record)
        return Way("record", record.through, alike=_alike(graph, image, layer, smooth, record))
    except Unsupported as error:
        return Way("none", refusal=str(error))


def _check_passable(layer: str, record: Record) -> None:
    """Raise Unsupported if torch itself cannot go back through what it recorded, as where a ReLU's output was changed later."""
    try:
        record.project(torch.zeros_like(record.output)[None])
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = str(error).strip().split("\n")[0].partition("; ")[0]
        raise Unsupported(f"layer {layer!r} cannot be projected: {reason}") from error


def _alike(graph: Graph, image: Tensor, layer: str, smooth: Smooth, record: Record) -> bool:
    """Whether other images, one of them strong, give the same picture of the same signal."""
    if not set(record.through) <= _OF_THE_SIGNAL:
        return False
    seed = torch.rand(record.output.shape, generator=torch.Generator().manual_seed(0)).to(record.output)[None]
    for other in (1 - image.flip(-1), image.flip(-2) * 10 - 5, image.flip(-1, -2) / 10, image.roll(1, 0) ** 3):
        found = record_of(graph, other, layer, smooth)
        if found.output.shape != record.output.shape or not alike(found.project(seed), record.project(seed)):
            return False
    return True


def record_of(graph: Graph, image: Tensor, layer: str, smooth: Smooth) -> Record:
    """The record of one image (channel row column) up to a layer; raises Unsupported where it cannot be made or read."""
    try:
        pixels, output = graph.record(image[None], layer)
    except RuntimeError as error:
        reason = str(error).strip().split("\n")[0]
        raise Unsupported(f"layer {layer!r} cannot be projected: torch cannot record the net ({reason})") from error
    return read(layer, pixels, output, smooth)
