"""Tensors on their way to a GPU, and from there, while it goes on computing."""

import torch
from torch import Tensor


class Fetched:
    """Tensors as the CPU sees them, asked for now and read later.

    Whoever reads them waits until they are computed, and not for what was asked of the GPU since, as after
    ``Tensor.cpu`` and ``Tensor.item``. Tensors of the CPU are themselves, and there at once.
    """

    def __init__(self, *tensors: Tensor) -> None:
        # Into pinned memory. On other devices than CUDA nothing here would wait for the copies.
        self._copies = [tensor.detach().to("cpu", non_blocking=tensor.is_cuda) for tensor in tensors]
        gpu = next((tensor.device for tensor in tensors if tensor.is_cuda), None)
        self._there = torch.cuda.current_stream(gpu).record_event() if gpu else None

    def read(self) -> list[Tensor]:
        """The tensors, in order."""
        if self._there is not None:
            self._there.synchronize()
        return self._copies


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on the device; nobody waits for what a GPU is doing."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.contiguous().pin_memory().to(device, non_blocking=True)  # another order would be copied first
