"""The stages of comparison nets: which images they learn from, and when they are trained out."""

from pathlib import Path
from typing import Any

import pytest
from runs import here

from reportgen.base.artifacts import DOCUMENT, read_json

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


def test_a_net_that_used_up_its_epochs_is_not_trained_out(home: Path) -> None:
    found = numbers(home, "COMPARE_EPOCHS=2")
    assert (found["trained_out"], found["finished_epochs"]) == (False, 2)


def test_a_net_learns_from_some_images_of_each_class_until_its_error_no_longer_falls(home: Path) -> None:
    found = numbers(home, "COMPARE_EPOCHS=200", "COMPARE_IMAGES=2")
    assert found["learned_from"] == 2 * found["classes"]
    assert found["trained_out"]
    assert found["finished_epochs"] < 200
