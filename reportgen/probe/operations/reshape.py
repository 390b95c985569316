"""Flattening, and other changes of each image's shape that keep its values in row-major order."""

import torch
from torch import Tensor, nn

from reportgen.probe.operations.base import Everywhere, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature
from reportgen.probe.spans import place, whole


class Reshape(Everywhere):
    """Undone on the way down."""

    kind = "reshape"

    def down(self, signal: Tensor, step: Step) -> list[Sent]:
        [below] = step.below
        frame = whole(below, len(signal)) if len(below) == 3 else None
        if step.frame is not None:  # the whole map goes down
            signal = place(signal, step.frame, whole(step.shape, len(signal)))
        return [Sent(signal.reshape(len(signal), *below), frame)]


def _of(call: Call) -> Operation | None:
    by_image = len(call.shapes) == 1 and call.shapes[0][0] == call.output[0] and len(call.output) in (2, 4)
    return Reshape(call.what) if by_image else None


_FUNCTIONS = (torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze, torch.unflatten)
_METHODS = ("flatten", "view", "reshape", "squeeze", "squeeze_", "unsqueeze", "unsqueeze_", "unflatten")
CALLS = [Signature(_of, (nn.Flatten, nn.Unflatten), _FUNCTIONS, _METHODS)]
