"""The net stage: train the net, keep its snapshots, and see how good it is on the validation images."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reportgen.base.artifacts import DOCUMENT, digest_file, write_arrays, write_json
from reportgen.data.average_precision import by_class, mean_of_classes
from reportgen.data.dataset import Dataset
from reportgen.data.sampling import evenly
from reportgen.data.several import answerable, chance, labels_an_image, right
from reportgen.data.transforms import Preprocessing
from reportgen.look.cost import cost
from reportgen.nets.others import OtherNet, other_net
from reportgen.nets.probabilities import Reading, probabilities
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
        net: Architecture | OtherNet = settings.architecture(classes)
    else:
        net = other_net(settings.model.name, classes, settings.data.crop, settings.channels)
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
    # its classes, how their images were scaled and what its outputs are, so that WEIGHTS= can load it elsewhere
    stored = work.settings.data
    about: dict[str, Any] = {
        "classes": list(data.classes),
        "size": stored.size.said,
        "interpolation": stored.interpolation,
        "outputs": "sigmoid" if work.settings.several else "softmax",
    }
    save_net(trained, preprocessing, folder / NET, training.described(plan.net), **about)
    write_json(folder / training.HISTORY, history.as_json())
    logits = training.evaluate(trained.to(plan.device), data.val, preprocessing, plan.device)
    write_arrays(folder / "predictions.npz", {"logits": logits, "labels": data.val.targets})
    reading = reading_of(work)
    numbers: dict[str, Any] = {
        **more_accuracy(trained, data, preprocessing, plan.device, logits, reading),
        "recipe_settings": jsonable(asdict(plan.recipe)),
        "architecture": plan.net.as_json() if isinstance(plan.net, Architecture) else None,
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
        "reading": reading,
        **accuracy(logits, data.val.targets, reading),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers})


def _cost(plan: training.Plan, net: torch.nn.Module) -> dict[str, int]:
    if isinstance(plan.architecture, Architecture):
        return {"parameters": plan.architecture.parameters, "multiply_adds": plan.architecture.multiply_adds}
    return cost(net, plan.architecture.input_size, plan.architecture.channels)


def more_accuracy(
    net: torch.nn.Module,
    data: Dataset,
    preprocessing: Preprocessing,
    device: torch.device,
    logits: np.ndarray,
    reading: Reading,
) -> dict[str, Any]:
    """Accuracy of the test images, and of some validation images in ten crops and, for comparison, in one.

    The paper's accuracies are means over ten crops (section 3.1).
    """
    test, val = np.flatnonzero(answerable(data.test.targets)), np.flatnonzero(answerable(data.val.targets))
    guesses = training.evaluate(net, data.test, preprocessing, device, chosen=test).argmax(axis=1)
    some = val[evenly(len(val), TEN_CROPPED)]
    true = data.val.targets[some]
    by_ten = training.evaluate(
        net, data.val, preprocessing, device, ten_crops=True, chosen=some, sigmoid=reading == "sigmoid"
    )
    crops = by_ten.argmax(axis=1)
    return {
        "test_top1": float(right(guesses, data.test.targets[test]).mean()),
        "test_images": len(test),
        "ten_crops_top1": float(right(crops, true).mean()),
        "one_crop_top1": float(right(logits[some].argmax(axis=1), true).mean()),
        "ten_cropped_images": len(some),
    }


def reading_of(work: Work) -> Reading:
    """How the outputs of a net that is trained here are read."""
    return "sigmoid" if work.settings.several else "softmax"


def accuracy(logits: np.ndarray, targets: np.ndarray, reading: Reading) -> dict[str, Any]:
    """Top-1 and top-5 accuracy over the images that are known to show a class, and the number of images they rest on.

    None where there are none. Where an image may show several classes, the first guess is right if it is one of them, and
    the mean of the classes' average precisions is there; its interval is the claims stage's to say.
    """
    several, known = targets.ndim > 1, np.flatnonzero(answerable(targets))
    shown, labels = logits[known], targets[known]
    hit = right(shown.argmax(axis=1), labels)
    top5 = None
    if not several and len(known) and logits.shape[1] > TOP:
        true = shown[np.arange(len(labels)), labels][:, None]
        before = np.arange(logits.shape[1]) < labels[:, None]  # of equal logits the first counts, as with argmax
        rank = ((shown > true) | ((shown == true) & before)).sum(axis=1)  # how many classes come before
        top5 = float((rank < TOP).mean())
    mean = None
    if several and len(known):
        ranked = by_class(probabilities(logits, reading), targets.astype(np.int64))
        mean = float(mean_of_classes(ranked)[0])
    return {
        "top1": float(hit.mean()) if len(known) else None,
        "top5": top5,
        "correct": int(hit.sum()),
        "labelled_images": len(known),
        "classes": int(logits.shape[1]),
        "several": several,
        "labels_an_image": labels_an_image(targets),
        "chance": chance(targets, logits.shape[1]),
        "map": mean,
    }
