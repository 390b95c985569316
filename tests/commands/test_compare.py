"""The stage of a comparison net, and how its artefact is opened."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs import Run

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json, write_json
from reportgen.data.sampling import evenly
from reportgen.look.inputs import Inputs
from reportgen.nets.snapshots import load_net
from reportgen.pipeline import holdings
from reportgen.pipeline.run import Pipeline
from reportgen.settings import variants
from reportgen.stages.plan import pipeline as planned


def pipeline(tiny: Run, folder: Path, **switches: str) -> Pipeline:
    """A pipeline whose images and net are those of the tiny run."""
    (folder / "build").mkdir()
    for name in ("data", "judging", "net"):
        (folder / "build" / name).symlink_to(tiny.build / name)
    shutil.copy(tiny.build / holdings.NAME, folder / "build")
    return planned(settings.load({"PROFILE": "tiny", **switches}), folder / "build", folder / "report")


def test_the_artefact_says_what_the_net_does(tiny: Run) -> None:
    folder = tiny.build / "compare" / "krizhevsky-without-3-4"
    numbers, arrays = read_json(folder / DOCUMENT)["numbers"], read_arrays(folder / "predictions.npz")
    net, _ = load_net(folder / "net.safetensors")
    assert net.architecture.removed == (3, 4)
    assert [layer["layer"] for layer in numbers["layers"]] == [1, 2, 5, 6, 7, 8]
    right = arrays["logits"].argmax(axis=1) == arrays["labels"]
    assert (numbers["top1"], numbers["correct"]) == (right.mean(), right.sum())
    assert numbers["train_error"] == pytest.approx(1 - arrays["train_right"].mean())
    assert (numbers["diverged"], numbers["finished_epochs"], numbers["learned_from"]) == (None, 1, 12 * 12)
    assert sum(weights.numel() for weights in net.parameters()) == numbers["parameters"]


def test_a_training_that_diverges_is_recorded_with_its_epoch(
    tiny: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = replace(variants.UNTIL_LEARNED, learning_rate=1e12, warm_up=0.0)
    monkeypatch.setattr(variants, "UNTIL_LEARNED", wild)
    made = pipeline(tiny, tmp_path, COMPARE_EPOCHS="3")
    made.make("compare/zfnet")
    folder = made.build / "compare" / "zfnet"
    numbers = read_json(folder / DOCUMENT)["numbers"]
    assert (numbers["diverged"], numbers["finished_epochs"]) == (1, 0)
    net, _ = load_net(folder / "net.safetensors")
    assert all(bool(weights.isfinite().all()) for weights in net.parameters())
    assert read_json(folder / "history.json") == {"epochs": []}
    assert np.isfinite(read_arrays(folder / "predictions.npz")["logits"]).all()


def test_the_seeds_differ_and_the_first_is_the_runs_own(tiny: Run, tmp_path: Path) -> None:
    made = pipeline(tiny, tmp_path, SEEDS="2")
    for name in ("compare/zfnet", "compare/zfnet-seed1"):
        made.make(name)
    seeds = [
        read_json(made.build / name / DOCUMENT)["numbers"]["seed"] for name in ("compare/zfnet", "compare/zfnet-seed1")
    ]
    assert seeds == [0, 1]
    weights = [
        (made.build / name / "net.safetensors").read_bytes() for name in ("compare/zfnet", "compare/zfnet-seed1")
    ]
    assert weights[0] != weights[1]
    assert weights[0] == (tiny.build / "compare" / "zfnet" / "net.safetensors").read_bytes()


def test_a_comparison_net_is_looked_at_like_the_reports_own(tiny: Run) -> None:
    inputs = Inputs.open(tiny.build, "cpu")
    other = inputs.compared("krizhevsky")
    assert other is not None
    assert (other.net.architecture.first_filter, inputs.net.architecture.first_filter) == (11, 7)
    assert other.layer(1).map == "layer1.relu"
    assert other.net_numbers["variant"] == "krizhevsky"
    assert len(other.learned.logits) == len(inputs.data.val)
    assert inputs.compared("zfnet-wider-double") is None
    assert inputs.compared("krizhevsky", 1) is None


def test_what_an_analysis_does_not_read_is_not_opened(tiny: Run) -> None:
    inputs = Inputs.open(tiny.build, "cpu", reads=("data", "net", "compare/zfnet"))
    assert inputs.compared("zfnet") is not None
    assert inputs.compared("krizhevsky") is None


def test_of_many_training_images_some_evenly_spread_are_evaluated() -> None:
    assert evenly(10, 10).tolist() == list(range(10))
    assert evenly(10, 99).tolist() == list(range(10))
    assert evenly(10, 4).tolist() == [0, 3, 6, 9]


def copied(tiny: Run, folder: Path, **switches: str) -> Pipeline:
    """A copy of the tiny run's build that can be changed."""
    shutil.copytree(tiny.build, folder / "build")
    return planned(settings.load({"PROFILE": "tiny", **switches}), folder / "build", folder / "report")


def remake(made: Pipeline) -> tuple[str, dict[str, dict[str, str]]]:
    """Make the two analyses and the page again; the page's text and the verdicts."""
    for name in ("architecture", "ablation", "drawn/architecture", "drawn/ablation", "claims", "page"):
        made.make(name)
    claims = read_json(made.report / "metrics.json")["claims"]
    return (made.report / "index.html").read_text(), {claim["id"]: claim for claim in claims}


def test_nets_that_diverged_do_not_end_the_report(tiny: Run, tmp_path: Path) -> None:
    made = copied(tiny, tmp_path)
    for name in ("krizhevsky", "paper-unclipped"):
        place = made.build / "compare" / name / DOCUMENT
        document = read_json(place)
        document["numbers"] |= {"diverged": 1, "finished_epochs": 0}
        write_json(place, document)
    page, claims = remake(made)
    assert "as is (diverged in epoch 1)" in page
    assert "was no longer finite in epoch 1" in page
    assert "training of paper-unclipped diverged in epoch 1" in claims["clipping"]["why"]
    for name in ("clipping", "fewer-dead-features", "less-aliasing", "better-architecture", "depth-matters"):
        assert claims[name]["verdict"] in ("undecided", "not tested"), name
        assert claims[name]["why"], name


def test_a_report_with_few_comparison_nets_says_what_it_cannot_test(tiny: Run, tmp_path: Path) -> None:
    page, claims = remake(copied(tiny, tmp_path, COMPARE_VARIANTS="zfnet"))
    assert "trains only some of the nets" in page
    assert "This run trains 1 of the paper" in page.replace("\n", " ")
    for name in ("clipping", "fewer-dead-features", "less-aliasing", "better-architecture", "depth-matters"):
        assert claims[name]["verdict"] == "not tested", name
        assert "COMPARE_VARIANTS" in claims[name]["why"], name
