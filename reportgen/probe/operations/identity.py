"""Operations that pass a signal unchanged: contrast normalisation, dropout, copies; sums send it down every branch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.base import ByPlace, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature


class Identity(ByPlace):
    """The identity on the way down, like contrast normalisation and dropout; a shift is dropped, like a bias."""

    kind = "identity"

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        return [Sent(signal, step.frame)] * len(step.below)


class Sum(Identity):
    """``x + y``: the whole signal goes down both branches. `arithmetic` recognises it."""

    kind = "add"


_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_DROPS = (F.dropout, F.dropout1d, F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout)
_OTHERS = (torch.clone, "torchvision.ops.stochastic_depth.stochastic_depth")
_COPIES = ("contiguous", "clone", "float", "to")


def normalises_contrast(module: nn.Module, maps: int) -> bool:
    """Whether a module computes the contrast normalisation that torch does, be it by a class of the net's own."""
    if not isinstance(module, nn.LocalResponseNorm):
        return isinstance(module, nn.CrossMapLRN2d)
    device = next((one.device for one in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    values = torch.linspace(-3, 3, maps * 9, device=device).sin().view(1, maps, 3, 3) * 9
    expected = F.local_response_norm(values, module.size, module.alpha, module.beta, module.k)
    try:  # not by its call, which following a net takes for one of the net's
        with torch.no_grad():
            found = module.forward(values)
    except Exception:
        return False
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-3, atol=1e-5)


def _copy(call: Call) -> Operation:
    whole = any(
        isinstance(one, torch.dtype) and not one.is_floating_point for one in (*call.args, *call.kwargs.values())
    )
    return Operation(f"{call.what} whole numbers") if whole else Identity(call.what)


CALLS = [
    Signature(
        lambda call: Identity(call.what),
        (nn.LocalResponseNorm,),
        (F.local_response_norm,),
        leaf=True,
        computes=normalises_contrast,
    ),
    Signature(lambda call: Identity(call.what), (nn.CrossMapLRN2d, nn.Identity, *_DROPOUTS), (*_DROPS, *_OTHERS)),
    Signature(_copy, methods=_COPIES),
]
