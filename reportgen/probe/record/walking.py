"""Walking a record from a layer to the image: which operations lie between, and the rule of each that a signal reaches."""

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from reportgen.probe.errors import Unsupported
from reportgen.probe.memory import halved
from reportgen.probe.record import Recorded, Rule, Smooth, rule_of
from reportgen.probe.record.base import Node

# Values in the largest signal of a batch of units. On a CPU a batch that leaves its cache takes up to twice as long as its
# units one by one.
_TOGETHER = {"cpu": 1_000_000, "cuda": 24_000_000}


@dataclass(frozen=True)
class Record:
    """What one forward pass left behind between the image and a layer, with the rule of every operation on the way."""

    pixels: Float[Tensor, "1 channel row column"]  # a leaf
    output: Tensor  # the layer's, for this image alone
    rules: Sequence[tuple[Node, Rule]]  # the operations that a signal reaches, the layer's first
    through: tuple[str, ...]  # what the report has to name, in the order of the way up

    def project(self, seeds: Float[Tensor, "unit ..."]) -> Float[Tensor, "unit channel row column"]:
        """Send signals at the layer, each of the shape of ``output``, down to the pixels."""
        together = _TOGETHER.get(self.pixels.device.type, _TOGETHER["cuda"])
        most = max(1, min(len(seeds), together // max(self._largest(), 1)))
        with ExitStack() as hooks:
            for node, rule in self.rules:
                if not rule.is_gradient:
                    hooks.callback(node.register_hook(rule.hook).remove)
            found, _ = halved(partial(self._down, seeds), most)
        return found

    def _largest(self) -> int:
        return max(torch.Size(one.shape).numel() for node, _ in self.rules for one in node._input_metadata)

    def _down(self, seeds: Tensor, most: int) -> Tensor:
        return torch.cat([self._together(some) for some in seeds.split(most)])

    def _together(self, seeds: Tensor) -> Tensor:
        if len(seeds) > 1:
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "There is a performance drop")  # of operations that go one by one
                    return self._gradient(seeds, batched=True)[:, 0]
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:  # an operation of the net's own cannot take several signals at once
                pass
        return torch.cat([self._gradient(seed, batched=False) for seed in seeds])

    def _gradient(self, seeds: Tensor, batched: bool) -> Tensor:
        (found,) = torch.autograd.grad(
            self.output, self.pixels, seeds, retain_graph=True, is_grads_batched=batched, allow_unused=True
        )
        return self.pixels.new_zeros(*seeds.shape[:batched], *self.pixels.shape) if found is None else found


def read(layer: str, pixels: Tensor, output: Tensor, smooth: Smooth = "factor") -> Record:
    """The record between the image and a layer; raises Unsupported that names what has no rule, all of it in one line."""
    if output.grad_fn is None:
        raise Unsupported(f"layer {layer!r} cannot be projected: the net computes it without a record of gradients")
    below = _between(output.grad_fn, pixels)
    if not below:
        raise Unsupported(f"layer {layer!r} does not depend on the image")
    rules: list[tuple[Node, Rule]] = []
    refused: dict[str, None] = {}
    live = {output.grad_fn}
    for node in reversed(below):  # the layer first: what reads comes before what is read
        if node not in live:
            continue  # a gate's branch, queries and keys: no signal comes there
        recorded = Recorded(node, below, smooth)
        rule = rule_of(recorded)
        if rule is None:
            refused[recorded.kind.strip("<>")] = None
            continue
        rules.append((node, rule))
        live.update(node.next_functions[index][0] for index in recorded.reads if index not in rule.held)
    if refused:
        names = ", ".join(refused)
        raise Unsupported(
            f"layer {layer!r} cannot be projected: {names} {'has' if len(refused) == 1 else 'have'} no rule"
        )
    through = dict.fromkeys(rule.through for _, rule in reversed(rules) if rule.through)
    return Record(pixels, output, rules, tuple(through))


def _between(top: Node, pixels: Tensor) -> dict[Node, None]:
    """The operations between a layer and the image, those nearest to the image first; none if it does not depend on it."""
    order: list[Node] = []
    waiting, seen = [(top, False)], set()
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting += [
                (parent, False) for parent, _ in node.next_functions if parent is not None and parent not in seen
            ]
    below: dict[Node, None] = {}
    for node in order:
        leaf = getattr(node, "variable", None) is pixels
        if leaf or any(parent in below for parent, _ in node.next_functions):
            below[node] = None
    return below
