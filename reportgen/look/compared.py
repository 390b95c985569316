"""What is asked of comparison nets before they are compared: that they are trained out (docs/claims.md)."""

from collections.abc import Mapping
from typing import Any

from reportgen.data.several import answerable
from reportgen.look.inputs import Inputs, Judged

ON_VALIDATION = "validation images"


def judged(net: Inputs) -> Judged:
    """What a comparison net says of the images that are there to judge it; of the validation images that
    show a class where there are none."""
    learned, targets = net.learned, net.data.val.targets
    known = answerable(targets)
    return learned.judged or Judged(learned.logits[known], targets[known], ON_VALIDATION, net.reading)


def not_comparable(nets: Mapping[str, Mapping[str, Any]]) -> str:
    """Why the errors of these nets are not compared; empty if they are. `nets`: what each one's stage wrote of it."""
    learning = [f"{name} (after {net['finished_epochs']})" for name, net in nets.items() if not net["trained_out"]]
    if not learning:
        return ""
    return f"the training error was still falling when the epochs were used up, in {', '.join(learning)}: COMPARE_EPOCHS gives more"
