"""Running nets in channels_last, where memory holds all maps of a pixel together; nets are written for whole maps in turn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


def method(name: str, args: Sequence[Any], named: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The method to call instead of a tensor's method, and its named arguments: one that copies if memory has another order."""
    found = _COPYING.get(getattr(Tensor, name, None)) if isinstance(args[0], Tensor) else None
    if found is None or any(isinstance(item, torch.dtype) for item in (*args, *named.values())):
        return name, named
    return found.__name__, {"shape" if key == "size" else key: value for key, value in named.items()}


class AnyLayout(TorchFunctionMode):
    """Inside this mode ``x.view(len(x), -1)`` works in any memory format, as ``x.reshape(len(x), -1)`` does."""

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func in _COPYING:
            name, named = method(func.__name__, args, named)
            func = getattr(Tensor, name)
        return func(*args, **named)


@contextmanager
def attention_by_its_parts() -> Iterator[None]:
    """Meanwhile ``nn.TransformerEncoderLayer`` and ``nn.MultiheadAttention`` run operation by operation, not as one of torch's own."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
