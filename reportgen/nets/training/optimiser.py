"""The optimisers of the recipes."""

import inspect
from collections.abc import Collection

import torch
from torch import Tensor, nn

from reportgen.settings.recipes import TrainingSettings

PLACES = (
    "pos_embed",
    "position_embedding",
    "pos_embedding",
    "relative_position",
    "token",
)  # in names: where and what a token is


def optimiser(net: nn.Module, recipe: TrainingSettings) -> torch.optim.Optimizer:
    """Stochastic gradient descent over all weights, or AdamW, whose weight decay spares biases, norms and places.

    The groups of AdamW are those that its users have agreed on: what has one axis (biases, the factors of norms and of
    residual branches), position embeddings and tokens do not decay, nor what the net itself names in ``no_weight_decay()``.
    """
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(
            net.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
    own = getattr(net, "no_weight_decay", None)
    named: Collection[str] = own() if inspect.ismethod(own) else ()
    decaying: list[Tensor] = []
    spared: list[Tensor] = []
    for name, weights in net.named_parameters():
        small = weights.dim() <= 1 or name in named or any(word in name for word in PLACES)
        (spared if small else decaying).append(weights)
    groups = [{"params": decaying, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=recipe.learning_rate)
