"""The net stage: train the net, keep its snapshots, and see how good it is on the validation images."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reportgen.base.artifacts import DOCUMENT, digest_file, write_arrays, write_json
from reportgen.data.dataset import Dataset
from reportgen.data.sampling import evenly
from reportgen.data.transforms import Preprocessing
from reportgen.look.cost import cost
from reportgen.nets.others import OtherNet, other_net
from reportgen.nets.snapshots import NET, SNAPSHOTS, load_net, save_net, snapshot_path, snapshots
from reportgen.nets.training import loop as training
from reportgen.pipeline.work import Work
from reportgen.settings.recipes import Architecture
from reportgen.settings.sections import jsonable
from reportgen.stages.train import Chosen, planned, train, train_along

TOP = 5
TEN_CROPPED = 500  # of more validation images, so many evenly spread are also shown in the paper's ten crops


def chosen(work: Work, classes: int) -> Chosen:
    """The report's own net."""
    settings = work.settings
    if settings.model.of_the_paper:
        net: Architecture | OtherNet = settings.model.architecture(settings.data.crop, classes)
    else:
        net = other_net(settings.model.name, classes, settings.data.crop)
    return Chosen(net, settings.training, settings.training_seed)


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
    save_net(trained, preprocessing, folder / NET, training.described(plan.net), **about)
    write_json(folder / training.HISTORY, history.as_json())
    logits = training.evaluate(trained.to(plan.device), data.val, preprocessing, plan.device)
    write_arrays(folder / "predictions.npz", {"logits": logits, "labels": data.val.labels})
    numbers: dict[str, Any] = {
        **more_accuracy(trained, data, preprocessing, plan.device, logits),
        "recipe_settings": jsonable(asdict(plan.recipe)),
        "architecture": jsonable(asdict(plan.net)) if isinstance(plan.net, Architecture) else None,
        "name": work.settings.model.name,
        "weights": "trained here",
        "weights_digest": digest_file(folder / NET),
        "loaded": False,
        "warning": None,
        "unmapped": [],
        "recipe": plan.recipe.recipe,
        "precision": plan.recipe.precision,
        "epochs": len(history.epochs),
        **_cost(plan, trained),
        "preprocessing": preprocessing.as_json(),
        "snapshots": sorted(snapshots(folder)),
        "final_loss": history.epochs[-1].validation_loss,
        **accuracy(logits, data.val.labels),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers})


def _cost(plan: training.Plan, net: torch.nn.Module) -> dict[str, int]:
    if isinstance(plan.architecture, Architecture):
        return {"parameters": plan.architecture.parameters, "multiply_adds": plan.architecture.multiply_adds}
    return cost(net, plan.architecture.input_size)


def more_accuracy(
    net: torch.nn.Module, data: Dataset, preprocessing: Preprocessing, device: torch.device, logits: np.ndarray
) -> dict[str, Any]:
    """Accuracy of the test images, and of some validation images in ten crops and, for comparison, in one.

    The paper's accuracies are means over ten crops (section 3.1).
    """
    test = training.evaluate(net, data.test, preprocessing, device).argmax(axis=1) == data.test.labels
    some = evenly(len(data.val), TEN_CROPPED)
    labels = data.val.labels[some]
    crops = training.evaluate(net, data.val, preprocessing, device, ten_crops=True, chosen=some).argmax(axis=1)
    return {
        "test_top1": float(test.mean()),
        "test_images": len(test),
        "ten_crops_top1": float((crops == labels).mean()),
        "one_crop_top1": float((logits[some].argmax(axis=1) == labels).mean()),
        "ten_cropped_images": len(some),
    }


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
