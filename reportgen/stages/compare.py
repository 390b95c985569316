"""The stage of one comparison net: train it, and see what it says of the validation and the training images.

A training that diverges does not end the report: the paper's recipe without clipping may. The net is then the one that
the last finished epoch left, and the artefact says in which epoch the loss was no longer finite.
"""

from pathlib import Path
from typing import Any

import numpy as np

from reportgen import training
from reportgen.artifacts import DOCUMENT, write_arrays, write_json
from reportgen.compute import prepare
from reportgen.data.dataset import Dataset, Split
from reportgen.device import resolve_device
from reportgen.nets.snapshots import save_net
from reportgen.pipeline import Work
from reportgen.progress import say
from reportgen.stages.net import accuracy, architecture
from reportgen.variants import BY_NAME

TRAIN_EVALUATED = 10_000  # of more training images, so many evenly spread are evaluated


def make(work: Work, folder: Path) -> None:
    """Write the net, its history, what it says of every validation image and of the training images, its numbers."""
    prepare(work.settings.compute)
    data = Dataset.open(work.input("data"))
    settings, compare = work.settings, work.settings.compare
    variant, seed = BY_NAME[work.stage.given["variant"]["name"]], work.stage.given["seed"]
    recipe = variant.training(settings.training, compare.epochs, compare.paper_epochs)
    net = variant.applied(architecture(settings, len(data.classes), variant.base))
    preprocessing = training.input_preprocessing(recipe, data.train.images, settings.data.crop)
    device = resolve_device(settings.compute.device)
    work.forget_others()
    diverged: int | None = None
    try:
        training.train(net, data.train, data.val, preprocessing, recipe, seed, device, work.workshop)
    except training.Diverged as stopped:
        diverged = stopped.epoch
        say(f"  the loss is no longer finite in epoch {diverged}: the report goes on with the net of the epoch before")
    trained, history = training.finished(net, recipe, work.workshop)
    save_net(trained, preprocessing, folder / "net.safetensors")
    write_json(folder / training.HISTORY, history.as_json())
    trained = trained.to(device)
    logits = training.evaluate(trained, data.val, preprocessing, device)
    some = evenly(data.train, TRAIN_EVALUATED)
    right = training.evaluate(trained, some, preprocessing, device).argmax(axis=1) == some.labels
    write_arrays(folder / "predictions.npz", {"logits": logits, "labels": data.val.labels, "train_right": right})
    numbers: dict[str, Any] = {
        "variant": variant.name,
        "seed": seed,
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


def evenly(split: Split, most: int) -> Split:
    """The split, or `most` of its images evenly spread over it."""
    if len(split) <= most:
        return split
    chosen = np.linspace(0, len(split) - 1, most).round().astype(np.int64)
    return Split(split.images[chosen], split.labels[chosen], tuple(split.names[place] for place in chosen))
