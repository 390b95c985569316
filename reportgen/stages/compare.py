"""The stage of one comparison net: train it, and see what it says of validation, training and further images.

The further images (`reportgen.stages.judging`) are what it is judged on; a user's data has none, and there the test
images take their place.

A training that diverges does not end the report: the paper's recipe without clipping may. The net is then the one that
the last finished epoch left, and the artefact says in which epoch the loss was no longer finite.
"""

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from reportgen.base.artifacts import DOCUMENT, digest_file, write_arrays, write_json
from reportgen.base.progress import say
from reportgen.data.dataset import open_judging
from reportgen.data.sampling import evenly
from reportgen.nets.snapshots import NET, save_net
from reportgen.nets.training import loop as training
from reportgen.pipeline.work import Work
from reportgen.settings.recipes import Architecture, plateaus
from reportgen.settings.variants import BY_NAME, Variant
from reportgen.stages.net import accuracy
from reportgen.stages.train import Chosen, planned, train, train_along

TRAIN_EVALUATED = 1_200  # of more training images, so many evenly spread are evaluated


def chosen(work: Work, classes: int) -> Chosen:
    """The comparison net."""
    settings, compare, variant = work.settings, work.settings.compare, _variant(work)
    base = settings.model.architecture(settings.data.crop, classes, variant.base)
    recipe = variant.training(settings.training, compare.epochs, compare.paper_epochs)
    return Chosen(variant.applied(base), recipe, work.stage.given["seed"], compare.images)


def _variant(work: Work) -> Variant:
    return BY_NAME[work.stage.given["variant"]["name"]]


def assist(work: Work) -> None:
    """Train along with the process that makes the stage."""
    train_along(work, chosen, watched=False)


def make(work: Work, folder: Path) -> None:
    """Write the net, its history, what it says of every validation image and of the training images, its numbers."""
    work.forget_others()
    data, plan = planned(work, chosen, watched=False)
    net, history, diverged = _trained(plan, folder)
    write_json(folder / training.HISTORY, history.as_json())
    net = net.to(plan.device)
    logits = training.evaluate(net, data.val, plan.preprocessing, plan.device)
    some = evenly(len(plan.training.labels), TRAIN_EVALUATED)
    guesses = training.evaluate(net, plan.training, plan.preprocessing, plan.device, chosen=some).argmax(axis=1)
    right = guesses == plan.training.labels[some]
    further = open_judging(work.input("judging"))
    judged = data.test if further is None else further
    answers = training.evaluate(net, judged, plan.preprocessing, plan.device).astype(np.float32)
    arrays = {
        "logits": logits,
        "labels": data.val.labels,
        "train_right": right,
        "judged_logits": answers,
        "judged_labels": judged.labels,
    }
    write_arrays(folder / "predictions.npz", arrays)
    architecture = plan.architecture
    assert isinstance(architecture, Architecture)
    numbers: dict[str, Any] = {
        "variant": _variant(work).name,
        "seed": plan.seed,
        "weights_digest": digest_file(folder / NET),
        "recipe": plan.recipe.recipe,
        "epochs": plan.recipe.epochs,
        "finished_epochs": len(history.epochs),
        "trained_out": 0 < plan.recipe.plateaus <= plateaus(plan.recipe, history.errors(plan.recipe)),
        "diverged": diverged,
        "parameters": architecture.parameters,
        "multiply_adds": architecture.multiply_adds,
        "layers": [shape._asdict() for shape in architecture.shapes()],
        "train_error": float(1 - right.mean()),
        "learned_from": len(plan.training.labels),
        "judged_error": float((answers.argmax(axis=1) != judged.labels).mean()),
        "judged_images": len(judged),
        "judged_on": "test images" if further is None else "further images",
        **accuracy(logits, data.val.labels),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers})


def _trained(plan: training.Plan, folder: Path) -> tuple[nn.Module, training.History, int | None]:
    """Train the net and keep it in the artefact's folder; with its history, and the epoch in which it diverged, if it did."""
    outcome = train(plan)
    diverged = outcome.epoch if isinstance(outcome, training.Diverged) else None
    if diverged is not None:
        say(f"  the loss is no longer finite in epoch {diverged}: the report goes on with the net of the epoch before")
    net, history = training.finished(plan)
    save_net(net, plan.preprocessing, folder / NET)
    return net, history, diverged
