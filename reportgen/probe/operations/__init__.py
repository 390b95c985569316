"""The operations of a net's calls: one value for each operation, one file for each family of operations.

Modules (``nn.ReLU``), functions (``F.relu``), methods (``x.relu_()``) and operators (``x + y``) all become an
`Operation`, which gives its receptive field, its rule on the way down and its windows. An operation of no family still
runs forward; projections and windows that need its rule are refused by name.

To add one: a file here with a subclass of `Operation` and its ``CALLS``, a line in `KNOWN`, a test.
"""

from torch import nn

from reportgen.probe.operations import (
    activation,
    arithmetic,
    average_pool,
    concatenation,
    convolution,
    identity,
    linear,
    max_pool,
    padding,
    reshape,
    scale,
)
from reportgen.probe.operations.base import Image, Operation, Sent, Step
from reportgen.probe.operations.calls import Call, Signature, call_name

__all__ = ["KNOWN", "Call", "Image", "Operation", "Sent", "Signature", "Step", "call_name", "is_leaf", "recognise"]

KNOWN: list[Signature] = [
    *convolution.CALLS,
    *linear.CALLS,
    *activation.CALLS,
    *max_pool.CALLS,
    *average_pool.CALLS,
    *identity.CALLS,
    *scale.CALLS,
    *arithmetic.CALLS,
    *concatenation.CALLS,
    *reshape.CALLS,
    *padding.CALLS,
]


def recognise(call: Call) -> Operation:
    """The operation of a call that reads at least one signal; a plain `Operation` if it belongs to no family."""
    found = (signature.recognise(call) for signature in KNOWN)
    known = next((operation for operation in found if operation is not None), None)
    return known or activation.by_trial(call) or Operation(call.what)


def is_leaf(module: nn.Module) -> bool:
    """Whether a module counts as one operation, no matter how it computes it: following a net stops at it."""
    return any(isinstance(module, signature.modules) for signature in KNOWN if signature.leaf)
