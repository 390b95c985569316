"""The stage of one comparison net: train it, and see what it says of validation, training and further images.

The further images (`reportgen.stages.judging`) are what it is judged on; a user's data has none, and there the test
images take their place.

A training that diverges does not end the report: the paper's recipe without clipping may. The net is then the one that
the last finished epoch left, and the artefact says in which epoch the loss was no longer finite.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.base.artifacts import DOCUMENT, write_arrays, write_json
from reportgen.base.progress import say
from reportgen.data.dataset import Dataset, open_judging
from reportgen.data.sampling import evenly
from reportgen.nets.device import resolve_device
from reportgen.nets.snapshots import save_net
from reportgen.nets.threads import prepare
from reportgen.nets.training import loop as training
from reportgen.nets.world import joined
from reportgen.pipeline.work import Work
from reportgen.settings.variants import BY_NAME, Variant
from reportgen.stages.net import accuracy

TRAIN_EVALUATED = 10_000  # of more training images, so many evenly spread are evaluated


def planned(work: Work, data: Dataset) -> training.Plan:
    """What a comparison net's stage trains, and how; in the work's workshop."""
    settings, compare, variant = work.settings, work.settings.compare, _variant(work)
    recipe = variant.training(settings.training, compare.epochs, compare.paper_epochs)
    return training.Plan(
        architecture=variant.applied(settings.model.architecture(settings.data.crop, len(data.classes), variant.base)),
        training=data.train,
        validation=data.val,
        preprocessing=training.input_preprocessing(recipe, data.train.images, settings.data.crop),
        recipe=recipe,
        seed=work.stage.given["seed"],
        device=resolve_device(settings.compute.device),
        folder=work.workshop,
    )


def _variant(work: Work) -> Variant:
    return BY_NAME[work.stage.given["variant"]["name"]]


def train(plan: training.Plan) -> int | None:
    """Train the net, together with the other processes where there are any; in which epoch it diverged, if it did."""
    with joined() as world:
        try:
            training.train(replace(plan, world=world))
        except training.Diverged as stopped:
            return stopped.epoch
        return None


def assist(work: Work) -> None:
    """Train along with the process that makes the stage."""
    prepare(work.settings.compute)
    train(planned(work, Dataset.open(work.input("data"))))


def make(work: Work, folder: Path) -> None:
    """Write the net, its history, what it says of every validation image and of the training images, its numbers."""
    prepare(work.settings.compute)
    work.forget_others()
    data = Dataset.open(work.input("data"))
    plan = planned(work, data)
    diverged = train(plan)
    if diverged is not None:
        say(f"  the loss is no longer finite in epoch {diverged}: the report goes on with the net of the epoch before")
    net, history = training.finished(plan)
    save_net(net, plan.preprocessing, folder / "net.safetensors")
    write_json(folder / training.HISTORY, history.as_json())
    net = net.to(plan.device)
    logits = training.evaluate(net, data.val, plan.preprocessing, plan.device)
    some = evenly(len(data.train), TRAIN_EVALUATED)
    guesses = training.evaluate(net, data.train, plan.preprocessing, plan.device, chosen=some).argmax(axis=1)
    right = guesses == data.train.labels[some]
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
    numbers: dict[str, Any] = {
        "variant": _variant(work).name,
        "seed": plan.seed,
        "recipe": plan.recipe.recipe,
        "epochs": plan.recipe.epochs,
        "finished_epochs": len(history.epochs),
        "diverged": diverged,
        "parameters": plan.architecture.parameters,
        "multiply_adds": plan.architecture.multiply_adds,
        "layers": [shape._asdict() for shape in plan.architecture.shapes()],
        "train_error": float(1 - right.mean()),
        "train_images": len(some),
        "judged_error": float((answers.argmax(axis=1) != judged.labels).mean()),
        "judged_images": len(judged),
        "judged_on": "test images" if further is None else "further images",
        **accuracy(logits, data.val.labels),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers})
