"""The net stage: train the net, keep its snapshots, and see how good it is on the validation images."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.base.artifacts import DOCUMENT, write_arrays, write_json
from reportgen.nets.snapshots import SNAPSHOTS, load_net, save_net, snapshot_path, snapshots
from reportgen.nets.training import loop as training
from reportgen.pipeline.work import Work
from reportgen.settings.recipes import Architecture, TrainingSettings
from reportgen.stages.train import planned, train, train_along

TOP = 5


def chosen(work: Work, classes: int) -> tuple[Architecture, TrainingSettings, int]:
    """The architecture, the recipe and the seed of the report's own net."""
    settings = work.settings
    return settings.model.architecture(settings.data.crop, classes), settings.training, settings.run.seed


def assist(work: Work) -> None:
    """Train along with the process that makes the stage."""
    train_along(work, chosen)


def make(work: Work, folder: Path) -> None:
    """Write the net, its snapshots, its history, what it says of every validation image, and its numbers."""
    work.forget_others()
    data, plan = planned(work, chosen)
    history = train(plan)
    if isinstance(history, training.Diverged):
        raise history
    shutil.copytree(work.workshop / SNAPSHOTS, folder / SNAPSHOTS)
    last = snapshot_path(folder, len(history.epochs))
    trained, preprocessing = load_net(last)
    # its classes and their images' size, so that WEIGHTS= can load it elsewhere
    about: dict[str, Any] = {"classes": list(data.classes), "size": work.settings.data.size}
    save_net(trained, preprocessing, folder / "net.safetensors", **about)
    write_json(folder / training.HISTORY, history.as_json())
    logits = training.evaluate(trained.to(plan.device), data.val, preprocessing, plan.device)
    write_arrays(folder / "predictions.npz", {"logits": logits, "labels": data.val.labels})
    numbers: dict[str, Any] = {
        "name": work.settings.model.name,
        "weights": "trained here",
        "loaded": False,
        "warning": None,
        "unmapped": [],
        "recipe": plan.recipe.recipe,
        "precision": plan.recipe.precision,
        "epochs": len(history.epochs),
        "parameters": plan.architecture.parameters,
        "multiply_adds": plan.architecture.multiply_adds,
        "preprocessing": preprocessing.as_json(),
        "snapshots": sorted(snapshots(folder)),
        "final_loss": history.epochs[-1].validation_loss,
        **accuracy(logits, data.val.labels),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers})


def accuracy(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Top-1 and top-5 accuracy, and the number of images they rest on."""
    true = logits[np.arange(len(labels)), labels][:, None]
    before = np.arange(logits.shape[1]) < labels[:, None]  # of equal logits the first counts, as with argmax
    rank = ((logits > true) | ((logits == true) & before)).sum(axis=1)  # how many classes come before
    return {
        "top1": float((rank == 0).mean()),
        "top5": float((rank < TOP).mean()) if logits.shape[1] > TOP else None,
        "correct": int((rank == 0).sum()),
        "labelled_images": len(labels),
        "classes": int(logits.shape[1]),
    }
