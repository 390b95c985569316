"""The stages of comparison nets: one that is the report's own net is not trained again, and all get the same batches."""

from pathlib import Path

import numpy as np
import pytest
from runs import here

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.stages.plan import stages

FEW = ("PROFILE=tiny", "EPOCHS=2", "DATA_TRAIN=6", "DATA_VAL=3", "COMPARE_VARIANTS=zfnet", "COMPARE_EPOCHS=2")


def reads_own(**switches: str) -> set[str]:
    """The comparison nets of a run that are its own net."""
    made = stages(settings.load({"PROFILE": "tiny", "COMPARE_EPOCHS": "2", **switches}))
    return {name for name, stage in made.items() if name.startswith("compare/") and "net" in stage.inputs}


def test_only_a_net_that_is_equal_is_the_reports_own() -> None:
    assert reads_own() == {"compare/zfnet"}
    assert reads_own(SEEDS="2") == {"compare/zfnet"}
    assert reads_own(MODEL="krizhevsky") == {"compare/krizhevsky"}
    assert reads_own(COMPARE_EPOCHS="1") == set()
    assert reads_own(TRAINING_RECIPE="paper") == set()
    assert reads_own(TRAINING_LEARNING_RATE="0.02") == {"compare/zfnet"}  # the comparison nets are trained alike


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The zfnet of a run that trains its own net once, and of one that trains it again for comparison."""
    home = tmp_path_factory.mktemp("compared")
    found = []
    for name, more in (("once", ()), ("twice", ("MODEL=krizhevsky",))):
        words = (*FEW, *more, f"BUILD={name}")
        planned = stages(settings.load(dict(word.split("=") for word in words if not word.startswith("BUILD"))))
        for stage in ("data", *planned["compare/zfnet"].inputs[1:], "compare/zfnet"):
            done = here("stage", stage, *words, cwd=home, pdf=False)
            assert done.returncode == 0, done.stderr
        found.append(home / name / "compare" / "zfnet")
    return found[0], found[1]


def test_the_own_net_is_to_the_bit_what_training_it_again_would_give(shared: tuple[Path, Path]) -> None:
    once, twice = shared
    arrays, again = (read_arrays(folder / "predictions.npz") for folder in shared)
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, again[name])
    numbers, others = (read_json(folder / DOCUMENT)["numbers"] for folder in (once, twice))
    numbers.pop("weights_digest"), others.pop("weights_digest")  # the own net's file also names its classes
    assert numbers == others
    epochs, others = (read_json(folder / "history.json")["epochs"] for folder in shared)
    alike = [{key: value for key, value in epoch.items() if "validation" not in key} for epoch in epochs]
    assert alike == [{key: value for key, value in epoch.items() if "validation" not in key} for epoch in others]
    assert epochs[-1] == others[-1]
    assert others[0]["validation_accuracy"] is None  # nobody watches a comparison net meanwhile
    assert (once / "net.safetensors").read_bytes() == (once.parents[1] / "net" / "net.safetensors").read_bytes()
