"""What became of a training, epoch by epoch: kept in its folder, and read by the learning rate and the report."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from reportgen.settings.recipes import TrainingSettings


@dataclass(frozen=True)
class Epoch:
    """The outcome of one pass over the training images."""

    epoch: int
    learning_rate: float  # after its last step
    train_loss: float  # mean over the epoch's steps, with dropout, on the crops it was trained on
    train_accuracy: float  # mean over the epoch's steps, as the loss
    validation_loss: float | None  # after the epoch, centre crops; None where nobody asked
    validation_accuracy: float | None
    clipped: dict[str, float]  # layer: share of its filters that were rescaled, mean over the epoch's updates


@dataclass(frozen=True)
class History:
    """The finished epochs, in order."""

    epochs: tuple[Epoch, ...] = ()

    def errors(self, settings: TrainingSettings) -> list[float]:
        """The error after each epoch that the settings watch; NaN where nobody watched it."""
        found = [getattr(epoch, f"{settings.watched}_accuracy") for epoch in self.epochs]
        return [math.nan if accuracy is None else 1 - accuracy for accuracy in found]

    def as_json(self) -> dict[str, Any]:
        """As a document for JSON: `epochs`, one object each."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "History":
        """Read what `as_json` wrote."""
        return cls(tuple(Epoch(**epoch) for epoch in document["epochs"]))
