"""The stage of one comparison net: train it, and see what it says of validation, training and further images.

The further images (`reportgen.stages.judging`) are what it is judged on; a user's data has none, and there the test
images take their place.

A training that diverges does not end the report: the paper's recipe without clipping may. The net is then the one that
the last finished epoch left, and the artefact says in which epoch the loss was no longer finite.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from torch import nn

from reportgen.base.artifacts import DOCUMENT, digest_file, write_arrays, write_json
from reportgen.base.progress import say
from reportgen.data.dataset import open_judging
from reportgen.data.sampling import evenly
from reportgen.data.several import answerable, right
from reportgen.nets.snapshots import NET, save_net
from reportgen.nets.training import loop as training
from reportgen.pipeline.work import Work
from reportgen.settings.recipes import Architecture, plateaus
from reportgen.settings.sections import jsonable
from reportgen.settings.variants import BY_NAME, Variant
from reportgen.stages.net import accuracy, reading_of
from reportgen.stages.train import Chosen, planned, train, train_along

TRAIN_EVALUATED = 1_200  # of more training images, so many evenly spread are evaluated


def chosen(work: Work, classes: int) -> Chosen:
    """The comparison net."""
    settings, compare, variant = work.settings, work.settings.compare, _variant(work)
    base = settings.architecture(classes, variant.base)
    recipe = variant.training(settings.training, compare.epochs, compare.paper_epochs)
    return Chosen(variant.applied(base), recipe, work.stage.given["seed"], compare.images)


def _variant(work: Work) -> Variant:
    return BY_NAME[work.stage.given["variant"]["name"]]


def assist(work: Work) -> None:
    """Train along with the process that makes the stage."""
    train_along(work, chosen, validated=False)


def make(work: Work, folder: Path) -> None:
    """Write the net, its history, what it says of every validation image and of the training images, its numbers."""
    work.forget_others()
    data, plan = planned(work, chosen, validated=False)
    net, history, diverged = _trained(plan, folder)
    write_json(folder / training.HISTORY, history.as_json())
    net = net.to(plan.device)
    logits = training.evaluate(net, data.val, plan.preprocessing, plan.device)
    learned = _learned(plan, net)
    further = open_judging(work.input("judging"))
    judged = data.test if further is None else further
    known = np.flatnonzero(answerable(judged.targets))
    answers = training.evaluate(net, judged, plan.preprocessing, plan.device, chosen=known).astype(np.float32)
    true = judged.targets[known]
    arrays = {
        "logits": logits,
        "labels": data.val.targets,
        "train_right": learned,
        "judged_logits": answers,
        "judged_labels": true,
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
        "layers": [jsonable(shape._asdict()) for shape in architecture.shapes()],
        "train_error": float(1 - learned.mean()),
        "learned_from": len(plan.training.images),
        "judged_error": float(1 - right(answers.argmax(axis=1), true).mean()),
        "judged_images": len(true),
        "judged_on": "test images" if further is None else "further images",
        "reading": reading_of(work),
        **accuracy(logits, data.val.targets, reading_of(work)),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers})


def _learned(plan: training.Plan, net: nn.Module) -> Bool[np.ndarray, " image"]:
    """Whether the net, which is on the plan's device, is right about training images that show a class: some, evenly spread."""
    known = np.flatnonzero(answerable(plan.training.targets))
    some = known[evenly(len(known), TRAIN_EVALUATED)]
    guesses = training.evaluate(net, plan.training, plan.preprocessing, plan.device, chosen=some).argmax(axis=1)
    return right(guesses, plan.training.targets[some])


def _trained(plan: training.Plan, folder: Path) -> tuple[nn.Module, training.History, int | None]:
    """Train the net and keep it in the artefact's folder; with its history, and the epoch in which it diverged, if it did."""
    outcome = train(plan)
    diverged = outcome.epoch if isinstance(outcome, training.Diverged) else None
    if diverged is not None:
        say(f"  the loss is no longer finite in epoch {diverged}: the report goes on with the net of the epoch before")
    net, history = training.finished(plan)
    save_net(net, plan.preprocessing, folder / NET)
    return net, history, diverged
