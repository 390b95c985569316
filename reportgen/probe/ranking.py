"""The strongest activations of every map of any layers, found in one pass (Zeiler & Fergus 2013, section 4, figure 2)."""

import copy
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from reportgen.probe.errors import NotFinite, ProbeError, Unsupported
from reportgen.probe.fetching import Fetched
from reportgen.probe.graph import Graph
from reportgen.probe.memory import halved
from reportgen.probe.tracing import trace

NOTHING = "no images were given: nothing to find the strongest activations in"


@dataclass(frozen=True)
class Strongest:
    """The k strongest activations of each map of a layer, strongest first; on the CPU.

    An image enters a map's list once, with its spatial maximum. Ties go to the lower image, then the lower location
    (row by row). With fewer than k images, the rest has value -inf and image, row and column -1.
    """

    values: Float[Tensor, "map k"]
    images: Int[Tensor, "map k"]  # running index over the batches
    rows: Int[Tensor, "map k"]
    columns: Int[Tensor, "map k"]

    def renumbered(self, numbers: Int[np.ndarray, " image"]) -> "Strongest":
        """The same with other image numbers: the i-th of the searched images gets the number ``numbers[i]``."""
        known = torch.from_numpy(numbers)[self.images.clamp(min=0)]
        return replace(self, images=torch.where(self.images < 0, self.images, known))


def merged(parts: Sequence[Strongest]) -> Strongest:
    """The k strongest of several searches of one layer, whose images have different numbers; ties as in `Strongest`."""
    if not parts:
        raise ProbeError(NOTHING)
    values, images, rows, columns = (
        torch.cat([getattr(part, name) for part in parts], dim=1) for name in ("values", "images", "rows", "columns")
    )
    # Sorted by image, then stably by value: equal values stay in the order of their images, missing entries come last.
    order = torch.where(images < 0, torch.iinfo(images.dtype).max, images).argsort(dim=1, stable=True)
    order = order.gather(1, values.gather(1, order).argsort(dim=1, descending=True, stable=True))
    best = order[:, : parts[0].values.shape[1]]
    return Strongest(*(part.gather(1, best) for part in (values, images, rows, columns)))


class _Ranking:
    """The k best of each map of one layer so far.

    numpy keeps and merges them on the CPU: the arrays are small, and starting torch's threads for each of a dozen
    operations would cost more than the operations.
    """

    def __init__(self, layer: str, k: int) -> None:
        self.layer = layer
        self.k = k
        self.seen = 0  # images before this batch
        self.width = 1  # columns of the maps
        self.values = np.empty(
            (0, 0), np.float32
        )  # map, up to k: descending; equal values in the order of their images
        self.places = np.empty((0, 0, 2), np.int64)  # map, up to k, (image, location)
        self._batch: Fetched | None = None  # what `update` left on the GPU
        self._before: Fetched | None = None  # the batch before it, not merged yet

    def update(self, output: Tensor) -> None:
        """Merge a batch's activations (image map row column, or image unit) into the k best."""
        if not isinstance(output, Tensor) or output.dim() not in (2, 4):
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise Unsupported(
                f"layer {self.layer!r} gives {shape}: its maps are found in (image, map, row, column) or (image, unit)"
            )
        self.width = output.shape[3] if output.dim() == 4 else 1
        if output.is_cuda:
            # The GPU finds every location: asking which images enter would make it wait.
            self._batch = Fetched(*(output.flatten(2).max(2) if output.dim() == 4 else (output,)))
        else:
            maxima = output.amax((2, 3)) if output.dim() == 4 else output  # image map
            self._merge(maxima, lambda images, maps: _locations(output, images, maps))

    def end_batch(self) -> None:
        """Merge the results of the previous batch while the GPU computes this one."""
        self._catch_up()
        self._before, self._batch = self._batch, None

    def _catch_up(self) -> None:
        if self._before is None:
            return
        maxima, *rest = self._before.read()
        locations = rest[0] if rest else torch.zeros_like(maxima, dtype=torch.int64)
        self._before = None
        self._merge(maxima, lambda images, maps: locations[images, maps])

    def _merge(self, maxima: Tensor, locate: Callable[[Tensor, Tensor], Tensor]) -> None:
        batch = maxima.detach().float().numpy().T  # map image
        if self.seen == 0:
            self.values = np.empty((len(batch), 0), np.float32)
            self.places = np.empty((len(batch), 0, 2), np.int64)
        full = self.seen >= self.k
        # An equal value does not enter: its image comes later than those kept. The test is written so that NaN enters.
        entering = ~(batch <= self.values[:, -1:]) if full else np.ones(batch.shape, bool)
        maps = np.flatnonzero(entering.any(1))
        batch = batch[maps]
        if np.isnan(batch).any():
            image = self.seen + int(np.isnan(batch).any(0).argmax())
            raise NotFinite(f"layer {self.layer!r} gives NaN for image {image}")
        if full:
            self.values[maps], self.places[maps] = self._merged(batch, maps, locate)
        else:  # with fewer than k images so far, every image enters
            self.values, self.places = self._merged(batch, maps, locate)
        self.seen += len(maxima)

    def _merged(
        self, batch: np.ndarray, maps: np.ndarray, locate: Callable[[Tensor, Tensor], Tensor]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k best values and places of the given maps, among those kept and this batch's maxima (map image)."""
        kept = self.values.shape[1]
        # Kept values first, then this batch's images in order: the stable sort gives ties to the lower image.
        candidates = np.concatenate([self.values[maps], batch], axis=1)
        order = np.argsort(-candidates, axis=1, kind="stable")[:, : self.k]
        entered = order >= kept
        row, place = entered.nonzero()
        image = order[row, place] - kept
        places = np.empty((*order.shape, 2), np.int64)
        places[row, place, 0] = self.seen + image
        places[row, place, 1] = locate(torch.from_numpy(image), torch.from_numpy(maps[row])).numpy()
        row, place = (~entered).nonzero()
        places[row, place] = self.places[maps[row], order[row, place]]
        return np.take_along_axis(candidates, order, axis=1), places

    def copy(self) -> "_Ranking":
        """An independent copy."""
        own = copy.copy(self)
        own.values, own.places = self.values.copy(), self.places.copy()
        return own

    def result(self) -> Strongest:
        """The k best of all batches."""
        self._catch_up()
        if self.seen == 0:
            raise ProbeError(NOTHING)
        missing = self.k - self.values.shape[1]
        values = np.pad(self.values, ((0, 0), (0, missing)), constant_values=-np.inf)
        places = np.pad(self.places, ((0, 0), (0, missing), (0, 0)), constant_values=-1)
        images, locations = places[..., 0], places[..., 1]
        rows = np.where(images < 0, -1, locations // self.width)
        columns = np.where(images < 0, -1, locations % self.width)
        found = (torch.from_numpy(array.copy()) for array in (values, images, rows, columns))
        return Strongest(*found)


def _locations(output: Tensor, images: Tensor, maps: Tensor) -> Tensor:
    """The first location (row by row) of the spatial maximum of each (image, map)."""
    if output.dim() == 2:
        return torch.zeros_like(images)
    return output[images, maps].flatten(1).argmax(1)  # argmax gives the first of equal ones


def strongest(
    net: nn.Module | Graph,
    layers: Sequence[str],
    batches: Iterable[Float[Tensor, "_image channel row column"]],
    k: int = 9,
) -> dict[str, Strongest]:
    """Find the ``k`` strongest activations of every map of every named layer, in one pass over the batches.

    Images are numbered in their order. Layers without rows and columns have row 0, column 0. Memory does not depend on
    the number of images. The batches keep their memory format: channels_last is faster from about 8 images up. If a batch
    does not fit into the GPU's memory, it and the batches after it are halved.

    Raises NotFinite, which names the layer, if an activation is NaN; UnknownLayer; Unsupported if a layer's output has no
    maps; ProbeError without batches. Source: Zeiler & Fergus 2013, section 4 ("the top 9 activations").
    """
    if k < 1:
        raise ProbeError(f"k={k}: ask for one activation or more")
    rankings = {layer: _Ranking(layer, k) for layer in layers}
    graph: Graph | None = net if isinstance(net, Graph) else None
    most = sys.maxsize  # images at once
    for batch in batches:
        if graph is None:
            graph = trace(net, batch[:1])
        for why in map(graph.unknown, layers):
            if why:
                raise Unsupported(why)
        tried = min(most, len(batch))
        rankings, fits = halved(partial(_ranked, graph, batch, rankings), tried)
        most = fits if fits < tried else most
    return {layer: ranking.result() for layer, ranking in rankings.items()}


def _update(graph: Graph, ranking: _Ranking, output: Tensor) -> None:
    ranking.update(graph.maps(ranking.layer, output))


def _ranked(graph: Graph, batch: Tensor, so_far: dict[str, _Ranking], most: int) -> dict[str, _Ranking]:
    """The rankings with this batch merged in, ``most`` images at once."""
    rankings = {layer: ranking.copy() for layer, ranking in so_far.items()}  # copies: memory may run out halfway
    for images in batch.split(most):
        graph.run(images, {layer: partial(_update, graph, ranking) for layer, ranking in rankings.items()})
        for ranking in rankings.values():
            ranking.end_batch()
    return rankings
