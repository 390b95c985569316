"""Operations that pass a signal unchanged: contrast normalisation, dropout, copies; sums send it down every branch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.base import ByPlace, Sent, Step
from reportgen.probe.operations.calls import Signature


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
_OTHERS = (torch.clone, torch.detach, "torchvision.ops.stochastic_depth.stochastic_depth")
_COPIES = ("contiguous", "clone", "detach", "float", "to")
CALLS = [
    Signature(lambda call: Identity(call.what), (nn.LocalResponseNorm,), (F.local_response_norm,), leaf=True),
    Signature(
        lambda call: Identity(call.what), (nn.CrossMapLRN2d, nn.Identity, *_DROPOUTS), (*_DROPS, *_OTHERS), _COPIES
    ),
]
