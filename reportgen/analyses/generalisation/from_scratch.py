"""Nets trained from scratch on a few images, until they have nothing more to learn from them.

The "non-pretrained" column of tables 4 and 5 (Zeiler & Fergus 2013, section 5.2): the same architecture, which sees
only the images of the new data set. Several nets are trained at once, each by one thread: on two cores that is 1.7
times as fast as one net after another, and what a net becomes does not depend on the number of cores.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8

from reportgen.base.progress import quiet, track
from reportgen.data.dataset import Split
from reportgen.nets.training import loop as training
from reportgen.settings.recipes import Architecture, TrainingSettings, plateaus

VIEWS = 384  # images of one epoch, at the least: fewer images are seen several times in it, each time cropped anew
RECIPE = TrainingSettings(
    batch_size=16,
    learning_rate=0.005,  # at 0.01 such small batches kept throwing back what was learned, and one training diverged
    dropout=0.0,  # it draws from torch's one generator, which threads would share
    schedule="plateau",
    watched="train",
    patience=2,
    anneal=0.3,
    plateaus=3,
    early_snapshots=(),
)
"""The default recipe, but for its smaller batches and its end.

An epoch's error is that of the crops it was trained on. The learning rate falls to 0.3 of it after an epoch without
error, or once two epochs in a row brought no lower one; when that has happened three times, training ends. The values
were chosen for how surely and quickly the training images are learned by heart.
"""
TRIES = 3  # a training that diverges begins again at a third of the learning rate


@dataclass(frozen=True)
class Task:
    """One net to train."""

    images: UInt8[np.ndarray, "image row column 3"]
    labels: Int[np.ndarray, " image"]
    seed: int
    folder: Path  # where it is kept meanwhile: training resumes from what a kill leaves there


@dataclass(frozen=True)
class Trained:
    """The outcome of a training."""

    correct: Bool[np.ndarray, " test"]  # of the test images
    updates: int
    loss: float  # of the last epoch, nats, on the crops it was trained on
    accuracy: float  # of the last epoch, on the crops it was trained on
    settled: bool  # False: it was still improving when its epochs were used up
    restarts: int  # at a third of the learning rate, because it diverged


def train_all(
    architecture: Architecture, tasks: Sequence[Task], test: Split, epochs: int, device: torch.device
) -> list[Trained]:
    """Train a net for each task and test it on the test images, which no decision of the training uses.

    `epochs`: the most that a net is trained for.
    """
    threads = torch.get_num_threads()
    given_up = Event()

    def one(task: Task) -> Trained:
        with quiet():
            return train(architecture, task, test, epochs, device, given_up)

    workers = threads if device.type == "cpu" else 1
    with torch.random.fork_rng(devices=[]), ThreadPoolExecutor(workers, initializer=_alone, initargs=(device,)) as pool:
        waiting = {pool.submit(one, task): place for place, task in enumerate(tasks)}
        try:
            done = track(as_completed(waiting), "train from scratch", len(tasks), unit="net")
            found = {waiting[future]: future.result() for future in done}
        except BaseException:  # also an interruption: running trainings stop after their epoch, the rest do not begin
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            torch.set_num_threads(threads)  # the last call counts for threads that are not born yet
    return [found[place] for place in range(len(tasks))]


def _alone(device: torch.device) -> None:
    """Let each of the threads that train on the CPU do its arithmetic by itself."""
    if device.type == "cpu":
        torch.set_num_threads(1)


def train(
    architecture: Architecture,
    task: Task,
    test: Split,
    epochs: int,
    device: torch.device,
    given_up: Event | None = None,
) -> Trained:
    """Train one net by `RECIPE`; its preprocessing is measured on its own images.

    Raises Diverged where it diverges at the lowest learning rate that is tried, too.
    """
    count = len(task.labels)
    settings = replace(RECIPE, epochs=epochs, batch_size=min(RECIPE.batch_size, count), snapshots=(float(epochs),))
    preprocessing = training.input_preprocessing(settings, task.images, architecture.input_size)
    images = Split(task.images, task.labels, ("",) * count)
    again = np.tile(np.arange(count), max(1, round(VIEWS / count)))
    views = Split(task.images[again], task.labels[again], ("",) * len(again))
    for restarts in range(TRIES):
        settings = replace(settings, learning_rate=RECIPE.learning_rate / 3**restarts)
        folder = task.folder / f"try-{restarts + 1}"
        plan = training.Plan(architecture, views, images, preprocessing, settings, task.seed, device, folder)
        try:
            training.train(plan, given_up)
            break
        except training.Diverged:
            if restarts == TRIES - 1:
                raise
    net, history = training.finished(plan)
    guesses = training.evaluate(net.to(device), test, preprocessing, device).argmax(axis=1)
    last = history.epochs[-1]
    return Trained(
        correct=guesses == test.labels,
        updates=len(history.epochs) * -(-len(again) // settings.batch_size),
        loss=last.train_loss,
        accuracy=last.train_accuracy,
        settled=plateaus(settings, history.errors(settings)) >= settings.plateaus,
        restarts=restarts,
    )
