"""Schedules, snapshots and recipes, as values."""

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reportgen.settings.recipes import (
    PAPER_RECIPE,
    RECIPES,
    TrainingSettings,
    ended,
    learning_rate,
    plateaus,
    snapshot_epochs,
)


def test_plateau_is_torchs():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        errors = np.round(rng.uniform(0, 1, 40) * np.linspace(1, 0.2, 40), 1).tolist()
        patience = int(rng.integers(1, 5))
        settings = replace(PAPER_RECIPE, patience=patience, anneal=0.5)
        optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=settings.learning_rate)
        oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, factor=0.5, patience=patience - 1, threshold=0, threshold_mode="abs", eps=0
        )
        for epoch, error in enumerate(errors, start=1):
            oracle.step(error)
            rate = learning_rate(settings, epoch * 10 + 1, 10, errors[:epoch])
            assert rate == pytest.approx(optimiser.param_groups[0]["lr"])


def test_plateau_a_literal_case():
    settings = replace(PAPER_RECIPE, patience=2)
    errors = [0.9, 0.8, 0.8, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7]
    rates = [learning_rate(settings, 1, 1, errors[:epoch]) for epoch in range(len(errors) + 1)]
    tens = [round(math.log10(rate)) for rate in rates]
    assert tens == [-2, -2, -2, -2, -3, -3, -3, -4, -4, -5]


def test_cosine_a_literal_case():
    settings = TrainingSettings(epochs=2, warm_up=0.5, learning_rate=1.0)
    rates = [learning_rate(settings, step, 4, []) for step in range(1, 9)]
    falling = [0.5 * (1 + math.cos(math.pi * step / 6)) for step in range(6)]
    assert rates == pytest.approx([0.5, 1.0, *falling])
    assert falling[0] == 1


def test_warm_up_of_half_a_step_is_none():
    settings = TrainingSettings(epochs=1, warm_up=0.5, learning_rate=1.0)
    assert learning_rate(settings, 1, 1, []) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("epochs", "kept"),
    [
        (64, (1, 2, 5, 10, 20, 30, 40, 64)),
        (70, (1, 2, 5, 10, 20, 30, 40, 64, 70)),
        (32, (1, 2, 3, 5, 10, 15, 20, 32)),
        (12, (1, 2, 3, 4, 5, 6, 8, 12)),
        (5, (1, 2, 3, 4, 5)),
        (1, (1,)),
    ],
)
def test_snapshot_epochs(epochs, kept):
    assert snapshot_epochs(epochs) == kept


def test_named_recipes():
    assert list(RECIPES) == ["default", "paper"]
    paper = RECIPES["paper"]
    assert (paper.batch_size, paper.learning_rate, paper.momentum, paper.dropout) == (128, 1e-2, 0.9, 0.5)
    assert (paper.clip_rms, paper.initialisation, paper.inputs, paper.schedule) == (0.1, "paper", "paper", "plateau")


@pytest.mark.parametrize(
    ("field", "value"), [("epochs", 0), ("learning_rate", 0.0), ("momentum", 1.0), ("schedule", "step"), ("epoch", 3)]
)
def test_impossible_settings_are_refused(field, value):
    with pytest.raises((ValueError, TypeError), match=field):
        TrainingSettings(**{field: value})


def test_settings_are_read_without_torch():
    code = "import sys, reportgen.settings.recipes; sys.exit('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(root)}).returncode == 0


def test_training_ends_at_the_plateau_that_was_asked_for():
    settings = replace(PAPER_RECIPE, epochs=20, patience=2, plateaus=2)
    errors = [
        0.9,
        0.5,
        0.6,
        0.5,
        0.7,
        0.7,
        0.6,
        0.6,
        0.7,
    ]  # after 0.5 nothing lower twice; at the lower rate, after 0.6
    assert [ended(settings, errors[:epoch]) for epoch in range(10)] == [False] * 9 + [True]
    assert not ended(replace(settings, plateaus=0), errors)
    assert ended(replace(settings, plateaus=0, epochs=9), errors)
    assert ended(replace(settings, plateaus=9, epochs=9), errors)


def test_without_any_error_there_is_nothing_to_wait_for():
    settings = replace(PAPER_RECIPE, patience=5, plateaus=2)
    errors = [0.5, 0.0, 0.1, 0.0]
    assert [plateaus(settings, errors[:epoch]) for epoch in range(5)] == [0, 0, 1, 1, 2]
    assert [learning_rate(settings, 9, 1, errors[:epoch]) for epoch in (1, 2, 4)] == pytest.approx([1e-2, 1e-3, 1e-4])
    assert plateaus(replace(settings, plateaus=0), errors) == 0  # the paper's recipe waits as it always did


def test_a_plateau_schedule_can_warm_up():
    settings = replace(PAPER_RECIPE, warm_up=1.0, patience=1)
    rates = [learning_rate(settings, step, 4, [0.5, 0.5]) for step in range(1, 7)]
    assert rates == pytest.approx([2.5e-3, 5e-3, 7.5e-3, 1e-2, 1e-3, 1e-3])
    assert PAPER_RECIPE.warm_up == 0
