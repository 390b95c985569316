"""The second road down: through torch's own record of one forward pass.

The net is run once, with gradients on, and nothing in it is replaced: whatever can be run can be projected, followed by
torch.fx or not. The record (``grad_fn``, operation by operation) is then walked from the layer to the image. Where the way
down is another than the gradient a hook on the operation puts the rule in its place; an operation without a rule is refused
by its name. Signals are the units' own: many go down together.

To add an operation: its kind and its rule in the family's file, a test. `base` says what a rule is.
"""

from reportgen.probe.record.activation import ACTIVATIONS
from reportgen.probe.record.base import Family, Recorded, Rule, Smooth
from reportgen.probe.record.linear import LINEAR
from reportgen.probe.record.norm import NORMS
from reportgen.probe.record.product import PRODUCTS

__all__ = ["KNOWN", "Recorded", "Rule", "Smooth", "rule_of"]

KNOWN: Family = {**LINEAR, **ACTIVATIONS, **NORMS, **PRODUCTS, "<CrossMapLRN2d>": lambda recorded: Rule()}


def rule_of(recorded: Recorded) -> Rule | None:
    """The way down through an operation; None: it has no rule."""
    made = KNOWN.get(recorded.kind)
    return None if made is None else made(recorded)
