"""Results on their way from a GPU, which goes on computing meanwhile."""

from torch import Tensor, cuda


class Fetched:
    """Tensors as the CPU sees them, asked for now and read later.

    Whoever reads them waits until they are computed, and not for what was asked of the GPU since, as after
    ``Tensor.cpu`` and ``Tensor.item``. Tensors of the CPU are themselves, and there at once.
    """

    def __init__(self, *tensors: Tensor) -> None:
        self._copies = [tensor.detach().to("cpu", non_blocking=True) for tensor in tensors]  # into pinned memory
        gpu = next((tensor.device for tensor in tensors if tensor.is_cuda), None)
        self._there = cuda.current_stream(gpu).record_event() if gpu else None

    def read(self) -> list[Tensor]:
        """The tensors, in order."""
        if self._there is not None:
            self._there.synchronize()
        return self._copies
