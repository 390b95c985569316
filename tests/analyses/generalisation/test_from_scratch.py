"""Nets trained from scratch on few images: to their end, alike on any number of threads, and resumed after a kill."""

import json
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from small_nets import TINY

from reportgen.analyses.generalisation import from_scratch as scratch
from reportgen.analyses.generalisation.from_scratch import Task, train_all
from reportgen.data.dataset import Split
from reportgen.nets.snapshots import snapshots
from reportgen.nets.training import loop as training

CPU = torch.device("cpu")
NET = replace(TINY, input_size=32, classes=3)
EPOCHS = 40
TRY = "try-1"


def tinted(of_class: int, seed: int) -> Split:
    """Noise with a tint that gives the class away."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), of_class)
    pixels = rng.integers(60, 140, (len(labels), 36, 36, 3))
    pixels[np.arange(len(labels)), :, :, labels] += 60
    return Split(pixels.astype(np.uint8), labels, ("",) * len(labels))


TEST = tinted(10, seed=9)


def task(folder: Path, of_class: int = 2, seed: int = 0, tint: bool = True) -> Task:
    images = tinted(of_class, seed)
    pixels = images.images if tint else np.repeat(images.images[:1], len(images.labels), axis=0)
    return Task(pixels, images.labels, seed, folder)


@pytest.fixture
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of 96 views instead of 384."""
    monkeypatch.setattr(scratch, "VIEWS", 96)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_it_learns_its_images_by_heart_and_ends_by_itself(tmp_path: Path) -> None:
    [found] = train_all(NET, [task(tmp_path)], TEST, EPOCHS, CPU)
    assert found.settled
    assert found.accuracy == 1
    assert found.loss < 0.2  # guessing: 1.39
    assert found.correct.mean() > 0.9
    history = training.History.from_json(json.loads((tmp_path / TRY / training.HISTORY).read_text()))
    assert 2 <= len(history.epochs) < EPOCHS
    assert [epoch.train_accuracy for epoch in history.epochs][-1] == 1
    annealed = scratch.RECIPE.learning_rate * scratch.RECIPE.anneal ** (scratch.RECIPE.plateaus - 1)
    assert history.epochs[-1].learning_rate == pytest.approx(annealed)
    assert found.updates == len(history.epochs) * 64  # 384 views of 6 images, 6 at a time
    assert list(snapshots(tmp_path / TRY)) == [0, len(history.epochs)]


@pytest.mark.usefixtures("short_epochs")
def test_what_cannot_be_learned_ends_too_or_is_said_to_be_unsettled(tmp_path: Path) -> None:
    alike = [task(tmp_path / name, tint=False) for name in ("long", "short")]
    [ends] = train_all(NET, alike[:1], TEST, EPOCHS, CPU)
    assert ends.settled
    assert ends.accuracy < 0.6
    [cut] = train_all(NET, alike[1:], TEST, 2, CPU)
    assert not cut.settled


@pytest.mark.usefixtures("short_epochs")
def test_the_number_of_threads_changes_nothing(tmp_path: Path, threads) -> None:
    found = {}
    for count in (1, 2):
        threads(count)
        tasks = [task(tmp_path / f"{count}-{seed}", seed=seed) for seed in range(3)]
        found[count] = train_all(NET, tasks, TEST, 1, CPU, at_once=count)
        assert torch.get_num_threads() == count
    for one, two in zip(found[1], found[2], strict=True):
        np.testing.assert_array_equal(one.correct, two.correct)
        assert (one.loss, one.updates) == (two.loss, two.updates)
    assert len({one.loss for one in found[1]}) == 3


@pytest.mark.usefixtures("short_epochs")
def test_torchs_generator_is_left_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    train_all(NET, [task(tmp_path / str(seed), seed=seed) for seed in range(2)], TEST, 1, CPU)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.usefixtures("short_epochs")
def test_a_training_that_was_given_up_is_gone_on_with(tmp_path: Path) -> None:
    [whole] = train_all(NET, [task(tmp_path / "whole")], TEST, 2, CPU)
    given_up = Event()
    given_up.set()
    with pytest.raises(IndexError):  # no epoch was finished, so there is none to speak of
        scratch.train(NET, task(tmp_path / "resumed"), TEST, 2, CPU, given_up)
    assert list(snapshots(tmp_path / "resumed" / TRY)) == [0]
    [resumed] = train_all(NET, [task(tmp_path / "resumed")], TEST, 2, CPU)
    assert (resumed.loss, resumed.updates) == (whole.loss, whole.updates)


@pytest.mark.usefixtures("short_epochs")
def test_an_error_in_one_training_ends_the_others(tmp_path: Path, monkeypatch) -> None:
    begun = []
    original = training.train

    def train(*arguments):
        begun.append(arguments[0].seed)
        if arguments[0].seed == 0:
            raise training.Diverged("the loss is no longer finite", 1)
        return original(*arguments)

    monkeypatch.setattr(training, "train", train)
    tasks = [task(tmp_path / str(seed), seed=seed) for seed in range(20)]
    with pytest.raises(training.Diverged):
        train_all(NET, tasks, TEST, 2, CPU, at_once=2)
    assert len(begun) < 20


@pytest.mark.usefixtures("short_epochs")
def test_a_training_that_diverges_begins_again_more_slowly(tmp_path: Path, monkeypatch) -> None:
    rates = []
    original = training.train

    def train(*arguments):
        rates.append(arguments[0].recipe.learning_rate)
        if len(rates) % 3:
            raise training.Diverged("the loss is no longer finite", 1)
        return original(*arguments)

    monkeypatch.setattr(training, "train", train)
    found = scratch.train(NET, task(tmp_path), TEST, 1, CPU)
    whole = scratch.RECIPE.learning_rate
    assert rates == pytest.approx([whole, whole / 3, whole / 9])
    assert found.restarts == 2
    monkeypatch.setattr(scratch, "TRIES", 2)
    with pytest.raises(training.Diverged):
        scratch.train(NET, task(tmp_path), TEST, 1, CPU)
