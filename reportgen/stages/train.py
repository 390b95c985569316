"""What the stages that train a net share: that of the report's own net (`net`) and those of the comparison nets (`compare`).

Each of the two says what it trains (a `Choose`); opening the images and training are the same.
"""

from collections.abc import Callable
from dataclasses import replace

from reportgen.data.dataset import Dataset
from reportgen.nets.device import resolve_device
from reportgen.nets.others import OtherNet
from reportgen.nets.threads import prepare
from reportgen.nets.training import loop as training
from reportgen.nets.world import joined
from reportgen.pipeline.work import Work
from reportgen.settings.recipes import Architecture, TrainingSettings

# From a stage's work and the number of classes: the architecture, the recipe and the seed of what it trains.
Choose = Callable[[Work, int], tuple[Architecture | OtherNet, TrainingSettings, int]]


def planned(work: Work, choose: Choose, watched: bool = True) -> tuple[Dataset, training.Plan]:
    """The images, and the plan of a training on them that keeps its state in the stage's workshop.

    `watched`: whether the validation images are looked at after each epoch.
    """
    prepare(work.settings.compute)
    data, crop = Dataset.open(work.input("data")), work.settings.data.crop
    architecture, recipe, seed = choose(work, len(data.classes))
    plan = training.Plan(
        architecture=architecture,
        training=data.train,
        validation=data.val,
        preprocessing=training.input_preprocessing(recipe, data.train.images, crop),
        recipe=recipe,
        seed=seed,
        device=resolve_device(work.settings.compute.device),
        folder=work.workshop,
        watched=watched,
    )
    return data, plan


def train(plan: training.Plan) -> training.History | training.Diverged:
    """Train the net, together with the other processes where there are any; returns its history, or that it diverged.

    Divergence is returned, not raised: all processes meet it in the same step and must part in order.
    """
    with joined() as world:
        try:
            return training.train(replace(plan, world=world))
        except training.Diverged as stopped:
            return stopped


def train_along(work: Work, choose: Choose, watched: bool = True) -> None:
    """Train along with the process that makes the stage."""
    _, plan = planned(work, choose, watched)
    train(plan)
