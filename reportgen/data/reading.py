"""Images on their way to the net: read from disk, or decoded, while the net is busy with those before."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from reportgen.data.decoding import Files, Images, Some
from reportgen.data.transforms import as_tensor

Item = TypeVar("Item")


def stored(
    images: Images, parts: Sequence[np.ndarray], device: torch.device
) -> Iterator[UInt8[Tensor, "_image row column channel"]]:
    """The images of each part, given by their numbers, on the device.

    Where they are mapped from disk, decoded, or go to a GPU (from pinned memory), a part is read while the one before it
    is in use. Memory holds no more than these two.
    """
    cuda = device.type == "cuda"
    read = (as_tensor(images[part]) for part in parts)
    if cuda:
        read = (pixels.pin_memory() for pixels in read)
    waits = len(parts) > 1 and (cuda or isinstance(images, np.memmap | Files | Some))
    for pixels in one_ahead(read) if waits else read:
        yield pixels.to(device, non_blocking=cuda)


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made in another thread while its predecessor is used."""
    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = worker.submit(next, items, None)
            yield item
