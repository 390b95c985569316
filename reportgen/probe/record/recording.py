"""Running a net so that torch records every operation of it, with the paper's contrast normalisation as a pass."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from reportgen.probe.ignoring import ignoring
from reportgen.probe.layouts import copied
from reportgen.probe.operations.identity import normalises_contrast


class PassedOn(Function):
    """Contrast normalisation, the identity on the way down: gives the output that it is shown, and passes the signal on."""

    @staticmethod
    def forward(ctx: Any, beneath: Tensor, output: Tensor) -> Tensor:
        return output.clone()

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> tuple[Tensor, None]:
        return signals[0], None


class _OfFunctions(TorchFunctionMode):
    """Inside this mode ``F.local_response_norm`` is recorded as a pass, and activation functions do not work in place.

    In place on a view, they are recorded as a change of a part, without their name; on what another function keeps for its
    way down, that way is lost. `reportgen.probe.ways` sees to it that the net still gives the same.
    """

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        output = func(*args, **(given | {"inplace": False} if "inplace" in given else given))
        if func.__name__ in _SPELLINGS and (rectified := _rectified((*args, *given.values()), output)) is not None:
            return rectified
        return PassedOn.apply(args[0], output.detach()) if func is F.local_response_norm else output


_SPELLINGS = ("where", "mul", "__mul__", "__rmul__", "multiply", "masked_fill", "maximum", "max", "fmax")  # of a ReLU


_ONE_MAP = (slice(1), slice(1))


def _rectified(given: Sequence[Any], output: Any) -> Tensor | None:
    """What a function gives as a ReLU, if it is the ReLU of a tensor that it is given, such as ``x * (x > 0)``."""
    if isinstance(output, Tensor) and output.requires_grad:
        for one in given:
            signal = isinstance(one, Tensor) and one.requires_grad and one.shape == output.shape
            # One map first: nearly every product is seen to be no ReLU there.
            if signal and all(output[part].equal(one[part].clamp(min=0)) for part in (_ONE_MAP[: one.dim()], ())):
                return one.relu() if bool((one < 0).any()) else None
    return None


_MODULES = (nn.LocalResponseNorm, nn.CrossMapLRN2d)


@contextmanager
def recording(net: nn.Module, exactly: bool = False) -> Iterator[None]:
    """Meanwhile a forward pass of the net is recorded, operation by operation, if its image is a leaf that asks for it.

    Contrast normalisation is recorded as a pass, or ``exactly``.
    """

    def pass_on(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
        if not normalises_contrast(module, args[0].shape[1]):
            return output
        return PassedOn.apply(args[0], output.detach())

    with ExitStack() as stack:
        for module in net.modules():
            if isinstance(module, _MODULES) and not exactly:
                stack.callback(module.register_forward_hook(pass_on).remove)
        if not exactly:
            stack.enter_context(_OfFunctions())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # attention as products: fused, it takes one signal at a time
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in (
            torch.no_grad,
            torch.set_grad_enabled,
            torch.inference_mode,
        ):  # as around a backbone that is not trained
            stack.enter_context(ignoring(kind))
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings(
            "ignore", "Converting a tensor with requires_grad=True"
        )  # of nets that branch on values
        yield


def leaf(images: Tensor, device: torch.device) -> Tensor:
    """The images from which a record begins."""
    return copied(images.detach().to(device)).requires_grad_()
