"""Running nets in channels_last, where memory holds all maps of a pixel together; nets are written for whole maps in turn."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_COPYING: dict[Any, Callable] = {Tensor.view: Tensor.reshape, Tensor.view_as: Tensor.reshape_as}


def copied(images: Tensor) -> Tensor:
    """A copy of images, in the memory format that they have.

    torch takes a single image that was cut from a channels_last batch for one in the usual format, in which a CPU pools ten
    times more slowly.
    """
    last = images.dim() == 4 and images.stride(1) == 1
    return images.clone(memory_format=torch.channels_last if last else torch.preserve_format)


def method(name: str, *args: Any) -> str:
    """The method to call instead of a tensor's method: one that copies if memory has another order."""
    found = _COPYING.get(getattr(Tensor, name, None))
    return name if found is None or any(isinstance(item, torch.dtype) for item in args) else found.__name__


class AnyLayout(TorchFunctionMode):
    """Inside this mode ``x.view(len(x), -1)`` works in any memory format, as ``x.reshape(len(x), -1)`` does."""

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in _COPYING:
            func = getattr(Tensor, method(func.__name__, *args))
        return func(*args, **(kwargs or {}))
