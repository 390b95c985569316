"""Loading, cropping and flipping the training images, batch by batch."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from reportgen.data.decoding import Images
from reportgen.data.reading import stored
from reportgen.data.transforms import Preprocessing, as_tensor
from reportgen.nets.world import World
from reportgen.settings.recipes import TrainingSettings


@runtime_checkable
class Split(Protocol):
    """Images, and what a net is to say of them: `reportgen.nets.training.targets`."""

    @property
    def images(self) -> Images: ...
    @property
    def targets(self) -> Int[np.ndarray, "image *class"]: ...


class Batches:
    """The training images, batch by batch, as the net's input.

    On CUDA the stored pixels stay on the GPU if they fit in a quarter of its memory; otherwise each batch is read while
    the net is trained on the one before. Where several processes train together, each gets its part of every batch.
    """

    def __init__(
        self,
        split: Split,
        preprocessing: Preprocessing,
        settings: TrainingSettings,
        device: torch.device,
        world: World,
        least: int = 1,
    ) -> None:
        """`least`: images; a last batch of fewer joins the one before it."""
        self.preprocessing, self.settings, self.device, self.world = preprocessing, settings, device, world
        self.images, self.least = split.images, least
        self.targets = torch.from_numpy(np.array(split.targets, dtype=np.int64))
        self.resident: Tensor | None = None
        if device.type == "cuda" and split.images.nbytes <= torch.cuda.get_device_properties(device).total_memory / 4:
            self.resident = torch.empty(split.images.shape, dtype=torch.uint8, device=device)
            for start in range(0, len(split.images), 1024):  # in pieces: all together may exceed the host's memory
                self.resident[start : start + 1024] = as_tensor(split.images[start : start + 1024]).to(device)

    def __len__(self) -> int:
        return len(self._parts(len(self.images)))

    def _parts(self, images: int) -> list[range]:
        size = self.settings.batch_size
        found = [range(start, min(start + size, images)) for start in range(0, images, size)]
        if len(found) > 1 and len(found[-1]) < self.least:
            found[-2:] = [range(found[-2].start, images)]
        return found

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor, int]]:
        """Every image once: pixels, targets and the size of the whole batch; `generator` draws order, crops and flips."""
        order = torch.randperm(len(self.images), generator=generator)
        if self.settings.crops:
            views = self.preprocessing.random_views(self.images.shape[1:3], len(order), generator)
        else:
            views = self.preprocessing.centre_views(self.images.shape[1:3], len(order))
        # Moved for the whole epoch at once: moved batch by batch, a GPU would wait for them.
        views, targets = views.to(self.device), self.targets[order].to(self.device)
        if self.resident is not None:
            order = order.to(self.device)
        batches = self._parts(len(order))
        parts = [self._own(batch) for batch in batches]
        for batch, part, pixels in zip(batches, parts, self._stored([order[part] for part in parts]), strict=True):
            yield self.preprocessing.view(pixels, views.part(part)), targets[part], len(batch)

    def _own(self, batch: range) -> slice:
        """This process's part of a batch."""
        first, behind = (len(batch) * rank // self.world.size for rank in (self.world.rank, self.world.rank + 1))
        return slice(batch.start + first, batch.start + behind)

    def _stored(self, parts: list[Tensor]) -> Iterator[Tensor]:
        if self.resident is not None:
            return (self.resident[part] for part in parts)
        return stored(self.images, [part.numpy() for part in parts], self.device)
