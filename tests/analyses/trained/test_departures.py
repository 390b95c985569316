"""Where a training departs from the paper's protocol: every difference is listed, and nothing else."""

from dataclasses import asdict, replace

from reportgen.analyses.trained.departures import departures
from reportgen.settings.recipes import PAPER_RECIPE, SMALL, ZEILER_FERGUS, TrainingSettings
from reportgen.settings.sections import jsonable

IMAGENET = 1_281_167


def test_the_papers_own_protocol_departs_in_what_this_program_cannot() -> None:
    recipe = asdict(replace(PAPER_RECIPE, mean="pixel"))
    found = [row.what for row in departures(recipe, jsonable(asdict(ZEILER_FERGUS)), 256, IMAGENET)]
    assert found == ["crops in training", "accuracy"]


def test_the_default_recipe_lists_what_it_changes() -> None:
    rows = {row.what: row for row in departures(asdict(TrainingSettings()), jsonable(asdict(SMALL)), 96, 3600)}
    assert {"input", "mean that is subtracted", "scale of the input", "epochs", "learning rate", "weight decay"} <= set(
        rows
    )
    assert rows["epochs"][1:] == ("70", "12")
    assert rows["padding of layer 2"].here.startswith("1 px")
    assert "momentum" not in rows
    assert rows["training images"].here == "3,600 of 12 classes"
