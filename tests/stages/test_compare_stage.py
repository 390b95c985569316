"""The stages of comparison nets: which images they learn from, and when they are trained out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import here
from small_trainings import TRAINING, planned
from torch import Tensor, nn

from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.data.dataset import Split
from reportgen.nets.training.targets import each_alone
from reportgen.stages.compare import _learned
from reportgen.stages.train import _some

FEW = ("PROFILE=tiny", "DATA_TRAIN=6", "DATA_VAL=3", "COMPARE_VARIANTS=krizhevsky", "BUILD=build")


def numbers(home: Path, *words: str) -> dict[str, Any]:
    for stage in ("data", "judging", "compare/krizhevsky"):
        done = here("stage", stage, *FEW, *words, cwd=home, pdf=False)
        assert done.returncode == 0, done.stderr
    folder = home / "build" / "compare" / "krizhevsky"
    found = read_json(folder / DOCUMENT)["numbers"]
    assert found["finished_epochs"] == len(read_json(folder / "history.json")["epochs"])
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


def showing(labels: np.ndarray, nothing: np.ndarray) -> Split:
    """Small training images, of which some show nothing."""
    shows = each_alone(labels, 3)
    shows[nothing] = 0
    return Split(TRAINING.images, labels, ("",) * len(labels), None, shows)


class First(nn.Module):
    """Says of every image that it shows the first class."""

    def forward(self, images: Tensor) -> Tensor:
        return images.new_tensor([1.0, 0.0, 0.0]).repeat(len(images), 1)


def test_training_images_that_show_nothing_are_no_errors(tmp_path: Path) -> None:
    split = showing(np.zeros(40, np.int64), np.arange(30))
    plan = replace(planned(tmp_path), training=split)
    assert _learned(plan, First()).tolist() == [True] * 10


def test_some_training_images_show_a_class_however_few_are_taken() -> None:
    few = _some(showing(TRAINING.labels, np.flatnonzero(np.arange(40) % 13 != 1)), 1)
    assert few.shows is not None
    assert few.shows.any(axis=1).tolist() == [True] * 3
    many = _some(showing(TRAINING.labels, np.arange(20)), 1)
    assert many.shows is not None
    assert many.shows.any(axis=1).tolist() == [False, True, True]


def test_a_net_that_used_up_its_epochs_is_not_trained_out(home: Path) -> None:
    found = numbers(home, "COMPARE_EPOCHS=2")
    assert (found["trained_out"], found["finished_epochs"]) == (False, 2)


def test_a_net_learns_from_some_images_of_each_class_until_its_error_no_longer_falls(home: Path) -> None:
    found = numbers(home, "COMPARE_EPOCHS=200", "COMPARE_IMAGES=2")
    assert found["learned_from"] == 2 * found["classes"]
    assert found["trained_out"]
    assert found["finished_epochs"] < 200
