"""Nets trained from scratch on a few images, until they have nothing more to learn from them.

The "non-pretrained" column of tables 4 and 5 (Zeiler & Fergus 2013, section 5.2): the same architecture, which sees
only the images of the new data set. Several nets are trained at once, each by one thread: on two cores that is 1.7
times as fast as one net after another, and what a net becomes does not depend on the number of cores.
"""

import math
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from reportgen.analyses.generalisation.folds import Folds
from reportgen.base.progress import quiet, track
from reportgen.base.size import Size
from reportgen.data.dataset import Split, Transfer
from reportgen.look.inputs import Inputs
from reportgen.nets.others import OtherNet
from reportgen.nets.training import loop as training
from reportgen.nets.zfnet import ZFNet
from reportgen.settings.recipes import ADAMW, SMALL, UNTIL_LEARNED, Architecture, TrainingSettings, plateaus

VIEWS = 384  # images of one epoch, at the least: fewer images are seen several times in it, each time cropped anew
RECIPE = replace(
    UNTIL_LEARNED,  # without dropout, which would draw from torch's one generator: threads would share it
    batch_size=16,
    learning_rate=0.005,  # at 0.01 such small batches kept throwing back what was learned, and one training diverged
    patience=2,
    crops=True,
)
"""That of the comparison nets, but for its smaller batches, its crops and flips, and its shorter patience.

The values were chosen for how surely and quickly the training images are learned by heart.
"""
SMALL_SIDES = (40, 96)  # pixels, least and most: images for the small net, where the net itself cannot be trained anew
LEAST_CROP = 36  # pixels: smaller ones leave nothing of the small net's last maps
TRIES = 3  # a training that diverges begins again at a third of the learning rate


@dataclass(frozen=True)
class Task:
    """One net to train."""

    images: UInt8[np.ndarray, "image row column channel"]
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
    architecture: Architecture | OtherNet,
    tasks: Sequence[Task],
    test: Split,
    epochs: int,
    device: torch.device,
    recipe: TrainingSettings = RECIPE,
    at_once: int = 1,
) -> list[Trained]:
    """Train a net for each task and test it on the test images, which no decision of the training uses.

    `epochs`: the most that a net is trained for; `at_once`: how many are trained at the same time on the CPU.
    """
    threads = torch.get_num_threads()
    given_up = Event()

    def one(task: Task) -> Trained:
        with quiet():
            return train(architecture, task, test, epochs, device, given_up, recipe)

    # A net of the user's may draw random numbers, which threads would share.
    workers = at_once if device.type == "cpu" and isinstance(architecture, Architecture) else 1
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
    architecture: Architecture | OtherNet,
    task: Task,
    test: Split,
    epochs: int,
    device: torch.device,
    given_up: Event | None = None,
    recipe: TrainingSettings = RECIPE,
) -> Trained:
    """Train one net by `recipe`; its preprocessing is measured on its own images.

    Raises Diverged where it diverges at the lowest learning rate that is tried, too.
    """
    count = len(task.labels)
    settings = replace(recipe, epochs=epochs, batch_size=min(recipe.batch_size, count), snapshots=(float(epochs),))
    preprocessing = training.input_preprocessing(settings, task.images, architecture.input_size, architecture.channels)
    images = Split(task.images, task.labels, ("",) * count)
    again = np.tile(np.arange(count), max(1, round(VIEWS / count)))
    views = Split(task.images[again], task.labels[again], ("",) * len(again))
    for restarts in range(TRIES):
        settings = replace(settings, learning_rate=recipe.learning_rate / 3**restarts)
        folder = task.folder / f"try-{restarts + 1}"
        plan = training.Plan(
            architecture, views, images, preprocessing, settings, task.seed, device, folder, validated=False
        )
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


@dataclass(frozen=True)
class Scratch:
    """The nets trained from scratch."""

    same: bool  # of the architecture whose features are tried
    crop: Size  # pixels
    correct: Bool[np.ndarray, "count fold test"]
    updates: Int[np.ndarray, "count fold"]
    loss: Float[np.ndarray, "count fold"]  # of the last epoch, nats, on the crops that were trained on
    accuracy: Float[np.ndarray, "count fold"]  # of the last epoch, on the crops that were trained on
    settled: Bool[np.ndarray, "count fold"]  # False: still improving when its epochs were used up
    restarts: Int[np.ndarray, "count fold"]  # at a third of the learning rate, because training diverged


def train_folds(
    inputs: Inputs,
    transfer: Transfer,
    folds: Folds,
    counts: tuple[int, ...],
    epochs: int,
    seeds: Int[np.ndarray, " fold"],
) -> Scratch:
    """Train the net's architecture on each fold, for each count; the small net of `recipes` where the net is not ours.

    The small net's crops are as large a share of its images as those of the net itself.
    """
    same = isinstance(inputs.net, ZFNet) or inputs.untrained is not None
    stored, labels = transfer.images.images, transfer.images.labels
    whole, read = Size(*stored.shape[1:3]), inputs.preprocessing.crop
    size = whole if same else _smaller(whole, read)
    crop = Size(*(round(side * (part / full)) for side, part, full in zip(size, read, whole, strict=True)))
    channels = inputs.preprocessing.channels
    small = replace(SMALL, input_size=crop, channels=channels, second_padding=1 if min(size) > 64 else 2)
    net: Architecture | OtherNet
    recipe, classes = RECIPE, len(transfer.classes)
    if inputs.untrained:
        net = inputs.untrained(classes)
        if inputs.net_numbers["recipe_settings"]["optimiser"] == "adamw":
            recipe = replace(RECIPE, optimiser="adamw", **ADAMW)
    else:
        net = replace(inputs.net.architecture if isinstance(inputs.net, ZFNet) else small, classes=classes)

    def images(indices: np.ndarray) -> np.ndarray:
        chosen = np.asarray(stored[indices])
        if size == whole:
            return chosen
        wide = (size.columns, size.rows)
        return np.stack([cv2.resize(image, wide, interpolation=cv2.INTER_AREA) for image in chosen])

    test = Split(images(folds.test), labels[folds.test], ("",) * len(folds.test))
    with _room(inputs.workshop) as room:
        tasks = [
            Task(images(chosen), labels[chosen], int(seed), room / f"{count}-images-fold-{fold}")
            for count in counts
            for fold, seed in enumerate(seeds)
            for chosen in [folds.training(fold, count)]
        ]
        trained = train_all(net, tasks, test, epochs, inputs.device, recipe, inputs.cores)

    def table(name: str) -> np.ndarray:
        values = np.array([getattr(one, name) for one in trained])
        return values.reshape(len(counts), len(seeds), *values.shape[1:])

    return Scratch(same, net.input_size, *map(table, ("correct", "updates", "loss", "accuracy", "settled", "restarts")))


def _smaller(whole: Size, read: Size) -> Size:
    """The size to which images are scaled for the small net, given what is stored and what of it the net itself reads."""
    side = int(np.clip(min(whole), *SMALL_SIDES))
    side = max(side, *(math.ceil(LEAST_CROP / (part / min(whole))) for part in read))
    return whole.scaled(side / min(whole))


@contextmanager
def _room(workshop: Path | None) -> Iterator[Path]:
    """The folder that outlives a kill, or a temporary one."""
    if workshop is not None:
        yield workshop
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
