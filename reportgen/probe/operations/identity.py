"""What a signal passes unchanged: contrast normalisation, dropout, copies; and sums, which send it down every branch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.probe.operations.base import ByPlace, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature


@dataclass(frozen=True)
class Identity(ByPlace):
    """The identity on the way down, as contrast normalisation and dropout are; a shift, like a bias, has no way down."""

    kind = "identity"
    refusal = ""

    def down(self, signal: Tensor, step: Step) -> Sequence[Sent]:
        return [Sent(signal, step.frame)] * len(step.below)


@dataclass(frozen=True)
class Sum(Identity):
    """``x + y``: the whole signal goes down both branches. Recognised in `arithmetic`."""

    kind = "add"


def _of(call: Call) -> Operation:
    return Identity(call.what)


CALLS = [
    # A subclass of nn.LocalResponseNorm is one, however it computes it.
    Signature(_of, modules=[nn.LocalResponseNorm], functions=[F.local_response_norm], leaf=True),
    Signature(
        _of,
        modules=[
            *(nn.CrossMapLRN2d, nn.Identity),
            *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout),
        ],
        functions=[
            *(F.dropout, F.dropout1d, F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout),
            *(torch.clone, torch.detach, "torchvision.ops.stochastic_depth.stochastic_depth"),
        ],
        methods=["contiguous", "clone", "detach", "float", "to"],
    ),
]
