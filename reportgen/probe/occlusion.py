"""Occlusion: the net's outputs when a square of the image is covered (Zeiler & Fergus 2013, section 4.2, figure 7).

They are computed incrementally: see `reportgen.probe.incremental`. After an operation that can only be computed whole, maps
are computed whole for every square. A net that incremental inference cannot handle at all runs on every covered image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from reportgen.probe.errors import ProbeError, Unsupported
from reportgen.probe.graph import Graph
from reportgen.probe.incremental import Incremental, summed
from reportgen.probe.memory import halved
from reportgen.probe.tracing import activations, trace


@dataclass(frozen=True)
class Occlusion:
    """The outputs of the named layers for the clean image and for every position of the covering square.

    Of a layer with rows and columns there is one number for each map, the sum of its values above zero: after a ReLU that is
    figure 7(b)'s sum of the map, and where a map has both signs, the plain sum could be next to nothing.
    """

    tops: Int[Tensor, " row"]  # first covered row of pixels, for each row of positions
    lefts: Int[Tensor, " column"]
    clean: dict[str, Tensor]  # layer -> (unit) or (map)
    covered: dict[str, Tensor]  # layer -> (row, column, unit) or (row, column, map)
    whole: str = ""  # why more was computed than the square changes, and after which operation; empty if it was not


@dataclass(frozen=True)
class OcclusionAt:
    """The outputs of the named layers for the clean image and for the square at each of some places, as in `Occlusion`."""

    places: Int[Tensor, "place 2"]  # first covered row and column of pixels
    clean: dict[str, Tensor]  # layer -> (unit) or (map)
    covered: dict[str, Tensor]  # layer -> (place, unit) or (place, map)
    whole: str = ""


def positions(length: int, size: int, stride: int) -> list[int]:
    """First pixels of the square along one axis: every ``stride`` pixels, and one position flush with the far edge."""
    starts = list(range(0, length - size + 1, stride))
    if starts[-1] != length - size:
        starts.append(length - size)  # else the margin would never be covered
    return starts


def occlude(
    net: nn.Module | Graph,
    image: Float[Tensor, "channel row column"],
    size: int,
    stride: int,
    fill: float | Float[Tensor, " value"],
    outputs: Sequence[str],
) -> Occlusion:
    """Slide a square over the image and compute the named layers for every position.

    ``size`` and ``stride`` are in pixels; ``fill`` is the square's value in the space of the net's input (mid-grey
    after normalisation), one number or one for each channel. Works for any net that can be traced. Only the part that the
    square changes is computed, as long as that part is known and is less work than whole maps (the result's ``whole``
    says where it is not known). Apart from the results, memory does not depend on the number of positions. Raises
    ProbeError for a square that does not fit, and Unsupported for a net that cannot be traced.
    """
    _check_size(size, image)
    if stride < 1:
        raise ProbeError(f"stride={stride}: use 1 pixel or more")
    tops, lefts = (torch.tensor(positions(length, size, stride)) for length in image.shape[1:])
    found = occlude_at(net, image, torch.cartesian_prod(tops, lefts), size, fill, outputs)
    grid = (len(tops), len(lefts))
    covered = {name: values.unflatten(0, grid) for name, values in found.covered.items()}
    return Occlusion(tops, lefts, found.clean, covered, found.whole)


def occlude_at(
    net: nn.Module | Graph,
    image: Float[Tensor, "channel row column"],
    places: Int[Tensor, "place 2"] | Sequence[tuple[int, int]],
    size: int,
    fill: float | Float[Tensor, " value"],
    outputs: Sequence[str],
) -> OcclusionAt:
    """Cover one square of the image at a time, its upper left pixel at each of the (row, column) places.

    Otherwise like `occlude`. Raises ProbeError if the square would reach beyond the image, and without places.
    """
    _check_size(size, image)
    corners = torch.as_tensor(places, dtype=torch.int64).cpu().reshape(-1, 2)
    _check_places(corners, size, image)
    square = torch.as_tensor(fill, dtype=image.dtype).flatten()
    if len(square) not in (1, len(image)):
        raise ProbeError(f"fill={square.tolist()}: use one value, or {len(image)}, one for each channel of the image")
    graph = trace(net, image[None])
    wanted = {name: graph.find(name).name for name in outputs}
    for why in map(graph.unknown, outputs):
        if why:
            raise Unsupported(why)
    patch = square.to(graph.device).view(-1, 1, 1).expand(len(image), size, size)
    with torch.inference_mode(False), torch.no_grad():
        try:
            clean, covered, whole = _in_windows(graph, image, list(wanted.values()), corners, patch)
        except torch.OutOfMemoryError:
            raise
        except (Unsupported, RuntimeError) as error:  # such as windows of attention, laid beside the images of a batch
            clean, covered = _one_by_one(graph, image, list(wanted.values()), corners, patch)
            whole = f"{_reason(error)}: whole images, one by one"
    return OcclusionAt(
        corners,
        {name: clean[node] for name, node in wanted.items()},
        {name: covered[node] for name, node in wanted.items()},
        whole,
    )


def _in_windows(
    graph: Graph, image: Tensor, nodes: Sequence[str], corners: Tensor, patch: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor], str]:
    """The outputs of the clean image and the covered ones, incrementally, and after which operation maps are whole.

    Raises Unsupported for a net whose images run alone, and whatever the net raises on parts of maps.
    """
    if graph.unfollowed or graph.alone:
        raise Unsupported(graph.unfollowed or graph.alone)
    run = Incremental(graph, image, nodes, corners, len(patch[0]))
    (clean, covered), _ = halved(partial(run.outputs, patch), run.most)
    return clean, covered, f"there is no rule for windows of {run.barrier}: after it, whole maps" if run.barrier else ""


def _reason(error: Exception) -> str:
    """An error in one line."""
    first = str(error).strip().split("\n")[0]
    return first if isinstance(error, Unsupported) else f"the net cannot be computed in parts ({first})"


def _one_by_one(
    graph: Graph, image: Tensor, nodes: Sequence[str], corners: Tensor, patch: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Like `Incremental.outputs`, but each covered image is forwarded whole and alone, since batches may mix images."""
    (rows, columns), clean = patch.shape[1:], image.to(graph.device)
    found = [_totals(graph, clean, nodes)]
    for top, left in corners.tolist():
        covered = clean.clone()
        covered[:, top : top + rows, left : left + columns] = patch
        found.append(_totals(graph, covered, nodes))
    return found[0], {name: torch.stack([one[name] for one in found[1:]]) for name in nodes}


def _totals(graph: Graph, image: Tensor, nodes: Sequence[str]) -> dict[str, Tensor]:
    return {name: summed(output)[0] for name, output in activations(graph, image[None], nodes).items()}


def _check_size(size: int, image: Tensor) -> None:
    rows, columns = image.shape[1:]
    if not 1 <= size <= min(rows, columns):
        raise ProbeError(f"size={size}: use 1 to {min(rows, columns)} pixels, the image is {rows} x {columns}")


def _check_places(corners: Tensor, size: int, image: Tensor) -> None:
    if not len(corners):
        raise ProbeError("places=[]: give at least one (row, column)")
    limits = torch.tensor(image.shape[1:]) - size
    outside = ((corners < 0) | (corners > limits)).any(1)
    if outside.any():
        row, column = corners[outside][0].tolist()
        raise ProbeError(
            f"place ({row}, {column}): use rows 0 to {limits[0]} and columns 0 to {limits[1]}, "
            f"else the square of {size} pixels leaves the image of {image.shape[1]} x {image.shape[2]}"
        )
