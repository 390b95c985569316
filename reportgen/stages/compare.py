"""The stage of one comparison net: train it, and see what it says of the validation and the training images.

A training that diverges does not end the report: the paper's recipe without clipping may. The net is then the one that
the last finished epoch left, and the artefact says in which epoch the loss was no longer finite.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from reportgen.base.artifacts import DOCUMENT, write_arrays, write_json
from reportgen.base.progress import say
from reportgen.data.dataset import Dataset
from reportgen.data.sampling import evenly
from reportgen.data.transforms import Preprocessing
from reportgen.nets.device import resolve_device
from reportgen.nets.snapshots import save_net
from reportgen.nets.threads import prepare
from reportgen.nets.training import loop as training
from reportgen.nets.world import joined
from reportgen.pipeline.work import Work
from reportgen.settings.recipes import Architecture, TrainingSettings
from reportgen.settings.variants import BY_NAME, Variant
from reportgen.stages.net import accuracy

TRAIN_EVALUATED = 10_000  # of more training images, so many evenly spread are evaluated


@dataclass(frozen=True)
class Plan:
    """What is trained, and how."""

    data: Dataset
    variant: Variant
    seed: int
    recipe: TrainingSettings
    net: Architecture
    preprocessing: Preprocessing
    device: torch.device

    @classmethod
    def of(cls, work: Work) -> "Plan":
        """The plan of a comparison net's stage."""
        settings, compare, data = work.settings, work.settings.compare, Dataset.open(work.input("data"))
        variant = BY_NAME[work.stage.given["variant"]["name"]]
        recipe = variant.training(settings.training, compare.epochs, compare.paper_epochs)
        return cls(
            data,
            variant,
            work.stage.given["seed"],
            recipe,
            variant.applied(settings.model.architecture(settings.data.crop, len(data.classes), variant.base)),
            training.input_preprocessing(recipe, data.train.images, settings.data.crop),
            resolve_device(settings.compute.device),
        )

    def train(self, folder: Path) -> int | None:
        """Train the net, together with the other processes where there are any; in which epoch it diverged, if it did."""
        data, how = self.data, (self.preprocessing, self.recipe, self.seed, self.device)
        with joined() as world:
            try:
                training.train(self.net, data.train, data.val, *how, folder, world=world)
            except training.Diverged as stopped:
                return stopped.epoch
            return None


def assist(work: Work) -> None:
    """Train along with the process that makes the stage."""
    prepare(work.settings.compute)
    Plan.of(work).train(work.workshop)


def make(work: Work, folder: Path) -> None:
    """Write the net, its history, what it says of every validation image and of the training images, its numbers."""
    prepare(work.settings.compute)
    work.forget_others()
    plan = Plan.of(work)
    data, variant, recipe, net, preprocessing = plan.data, plan.variant, plan.recipe, plan.net, plan.preprocessing
    diverged, device = plan.train(work.workshop), plan.device
    if diverged is not None:
        say(f"  the loss is no longer finite in epoch {diverged}: the report goes on with the net of the epoch before")
    trained, history = training.finished(net, recipe, work.workshop)
    save_net(trained, preprocessing, folder / "net.safetensors")
    write_json(folder / training.HISTORY, history.as_json())
    trained = trained.to(device)
    logits = training.evaluate(trained, data.val, preprocessing, device)
    some = evenly(len(data.train), TRAIN_EVALUATED)
    guesses = training.evaluate(trained, data.train, preprocessing, device, chosen=some).argmax(axis=1)
    right = guesses == data.train.labels[some]
    write_arrays(folder / "predictions.npz", {"logits": logits, "labels": data.val.labels, "train_right": right})
    numbers: dict[str, Any] = {
        "variant": variant.name,
        "seed": plan.seed,
        "recipe": recipe.recipe,
        "epochs": recipe.epochs,
        "finished_epochs": len(history.epochs),
        "diverged": diverged,
        "parameters": net.parameters,
        "multiply_adds": net.multiply_adds,
        "layers": [shape._asdict() for shape in net.shapes()],
        "train_error": float(1 - right.mean()),
        "train_images": len(some),
        **accuracy(logits, data.val.labels),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers})
