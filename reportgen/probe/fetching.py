"""Copying tensors to a GPU and back while the GPU goes on computing."""

import torch
from torch import Tensor


class Fetched:
    """Copies of tensors on the CPU, requested now and read later.

    Reading waits until these tensors are computed, but not for later operations on the GPU, as ``Tensor.cpu`` and
    ``Tensor.item`` do. Tensors that are on the CPU are not copied.
    """

    def __init__(self, *tensors: Tensor) -> None:
        # Into pinned memory, on CUDA only: on other devices nothing here would wait for the copies.
        self._copies = [tensor.detach().to("cpu", non_blocking=tensor.is_cuda) for tensor in tensors]
        gpu = next((tensor.device for tensor in tensors if tensor.is_cuda), None)
        self._there = torch.cuda.current_stream(gpu).record_event() if gpu else None

    def read(self) -> list[Tensor]:
        """The tensors, in order."""
        if self._there is not None:
            self._there.synchronize()
        return self._copies


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from the CPU to the device, without waiting for the GPU's other work."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.contiguous().pin_memory().to(device, non_blocking=True)  # another order would be copied first
