"""What the stages that train a net share: that of the report's own net (`net`) and those of the comparison nets (`compare`).

Each of the two says what it trains (a `Choose`); opening the images and training are the same.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from reportgen.data.dataset import Dataset, Split
from reportgen.data.decoding import Some
from reportgen.data.sampling import evenly, evenly_of_each
from reportgen.data.several import answerable
from reportgen.nets.device import resolve_device
from reportgen.nets.others import OtherNet
from reportgen.nets.threads import prepare
from reportgen.nets.training import loop as training
from reportgen.nets.training.targets import each_alone
from reportgen.nets.world import joined
from reportgen.pipeline.work import Work
from reportgen.settings.recipes import Architecture, TrainingSettings


class Chosen(NamedTuple):
    """What a stage trains."""

    architecture: Architecture | OtherNet
    recipe: TrainingSettings
    seed: int
    images: int = 0  # training images of each class; 0: all


Choose = Callable[[Work, int], Chosen]  # from a stage's work and the number of classes


def planned(work: Work, choose: Choose, validated: bool = True) -> tuple[Dataset, training.Plan]:
    """The images, and the plan of a training on them, or on some, that keeps its state in the stage's workshop.

    `validated`: whether the net is asked about the validation images after each epoch, though nothing depends on them.
    """
    prepare(work.settings)
    data, crop = Dataset.open(work.input("data")), work.settings.data.crop
    chosen = choose(work, len(data.classes))
    images, validation = _some(data.train, chosen.images) if chosen.images else data.train, data.val
    if work.settings.several:
        images, validation = (_each_alone(split, len(data.classes)) for split in (images, validation))
    plan = training.Plan(
        architecture=chosen.architecture,
        training=images,
        validation=validation,
        preprocessing=training.input_preprocessing(
            chosen.recipe, images.images, crop, chosen.architecture.channels, work.settings.data.red_green_blue
        ),
        recipe=chosen.recipe,
        seed=chosen.seed,
        device=resolve_device(work.settings.compute.device),
        folder=work.workshop,
        validated=validated,
    )
    return data, plan


def _some(split: Split, of_each: int) -> Split:
    """At most so many images of each class; of images that show several, as many as if each showed one."""
    several = split.shows is not None
    if several:
        count = of_each * split.targets.shape[1]
        indices, shown = evenly(len(split), count), np.flatnonzero(answerable(split.targets))
        if not np.isin(indices, shown).any():  # nothing could be learned from these
            indices = shown[evenly(len(shown), count)]
    else:
        indices = evenly_of_each(split.labels, of_each)
    return replace(
        split,
        images=Some(split.images, indices),
        labels=split.labels[indices],
        names=tuple(split.names[index] for index in indices),
        shows=None if split.shows is None else split.shows[indices],
    )


def _each_alone(split: Split, classes: int) -> Split:
    """The split as a net learns it that says each class by itself."""
    return split if split.shows is not None else replace(split, shows=each_alone(split.labels, classes))


def train(plan: training.Plan) -> training.History | training.Diverged:
    """Train the net, together with the other processes where there are any; returns its history, or that it diverged.

    Divergence is returned, not raised: all processes meet it in the same step and must part in order.
    """
    with joined() as world:
        try:
            return training.train(replace(plan, world=world))
        except training.Diverged as stopped:
            return stopped


def train_along(work: Work, choose: Choose, validated: bool = True) -> None:
    """Train along with the process that makes the stage."""
    _, plan = planned(work, choose, validated)
    train(plan)
