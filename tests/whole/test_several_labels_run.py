"""Nets whose images show several things at once, loaded and trained here, through the whole pipeline."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runs import here
from users_nets import numbers

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.look.inputs import Inputs
from reportgen.nets.sizes import sizes
from reportgen.stages.plan import pipeline as planned

COLOURS = ("blue", "green", "red")
CODE = """
import torch
from torch import nn

class Colours(nn.Module):
    "Says of each colour by itself whether some of the image has it; `sure` of how much."
    def __init__(self, sure=1.0, bias=0.0):
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()
        self.head = nn.Linear(3, 3)
        weights = torch.zeros(3, 3, 3, 3)
        for colour in range(3):
            weights[colour, :, 1, 1] = -0.5
            weights[colour, 2 - colour, 1, 1] = 1.0
        self.conv.weight.data, self.conv.bias.data = weights, torch.full((3,), -0.1)
        self.head.weight.data, self.head.bias.data = 100 * sure * torch.eye(3), torch.full((3,), bias - 4 * sure)
    def forward(self, images):
        return self.head(self.act(self.conv(images)).mean((2, 3)))

def modest(): return Colours(0.05, -3.0)  # the same order, and never more than a half
def labels(): return nn.Sequential(Colours(), nn.Sigmoid())
"""


def painted(folder: Path, count: int, seed: int = 0) -> None:
    """Grey pictures with patches of some of the colours, and a table of what each shows."""
    rng = np.random.default_rng(seed)
    lines = ["file,labels"]
    (folder / "images").mkdir()
    for place in range(count):
        shown = [colour for colour in range(3) if rng.random() < 0.45]
        picture = rng.integers(90, 110, (40, 40, 3))
        for turn, colour in enumerate(shown):
            top, left = (6, 6 + 0 * turn) if turn == 0 else (6 + 10 * (turn - 1), 20)
            picture[top : top + 9, left : left + 9] = [230 if channel == 2 - colour else 20 for channel in range(3)]
        Image.fromarray(picture.astype(np.uint8)).save(folder / "images" / f"{place:03}.png")
        lines.append(f"{place:03}.png,{'|'.join(COLOURS[colour] for colour in shown) or '[]'}")
    (folder / "labels.csv").write_text("\n".join(lines))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder: code, images, a table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "colours_net.py").write_text(CODE)
    painted(tmp_path, 60)
    return tmp_path


LOADED = {
    "PROFILE": "tiny",
    "MODEL": "colours_net:Colours",
    "WEIGHTS": "factory",
    "DATA": "images",
    "LABELS": "labels.csv",
    "OUTPUTS": "sigmoid",
    "DATA_SIZE": "40",
    "DATA_CROP": "36",
    "PREPROCESSING_MEAN": "0,0,0",
    "PREPROCESSING_DEVIATION": "1,1,1",
}


def made(home: Path, *names: str, **switches: str) -> None:
    planned(settings.load(LOADED | switches, sizes), home / "build", home / "report").make_due(list(names) or ["net"])


def test_a_loaded_net_is_judged_each_label_by_itself(home: Path) -> None:
    made(home, "trained", "features", "occlusion", "invariance", "claims")
    said, shows = numbers(home), Inputs.open(home / "build", "cpu").data.val.shows
    assert shows is not None
    truth = {line.split(",")[0]: line.split(",")[1] for line in (home / "labels.csv").read_text().splitlines()[1:]}
    for name, row in zip(read_json(home / "build" / "data" / DOCUMENT)["names"]["val"], shows, strict=True):
        assert {COLOURS[kind] for kind in np.flatnonzero(row)} == {*truth[name].split("|")} - {"[]"}
    assert (said["several"], said["map"], said["top1"], said["mapped"]) == (
        True,
        1.0,
        1.0,
        "by the order of their names, as ImageFolder counts them",
    )
    assert said["labels_an_image"] == shows[shows.any(axis=1)].sum(axis=1).mean()
    assert said["labelled_images"] == shows.any(axis=1).sum() < len(shows)
    found = read_json(home / "build" / "trained" / DOCUMENT)["numbers"]["several"]
    assert [entry["images"] for entry in found["classes"]] == shows.sum(axis=0).tolist()
    assert [entry["yes_or_no"]["estimate"] for entry in found["classes"]] == [1.0] * 3
    occluded = read_arrays(home / "build" / "occlusion" / "result.npz")
    images, labels = occluded["sweep.images"], occluded["sweep.labels"]
    pairs = np.argwhere(Inputs.open(home / "build", "cpu").data.test.shows == 1)
    assert (pairs[images][:, 1] == labels).all()
    assert len(np.unique(pairs[images][:, 0])) == min(len(images), len(np.unique(pairs[:, 0])))
    classes = read_json(home / "build" / "claims" / DOCUMENT)["numbers"]["by_class"]
    assert [(entry["name"], entry["right"], entry["images"]) for entry in classes] == [
        (name, count, count) for name, count in zip(COLOURS, shows.sum(axis=0).tolist(), strict=True)
    ]


def test_a_net_that_is_sure_of_nothing_is_judged_by_its_order(home: Path) -> None:
    made(home, "trained", MODEL="colours_net:modest")
    said = numbers(home)
    assert (said["map"], said["top1"]) == (1.0, 1.0)
    classes = read_json(home / "build" / "trained" / DOCUMENT)["numbers"]["several"]["classes"]
    assert all(entry["recalled"] == 0 for entry in classes)
    assert all(entry["yes_or_no"]["estimate"] < 0.8 for entry in classes)


def test_probabilities_of_labels_are_taken_as_they_are(home: Path) -> None:
    made(home, "net", MODEL="colours_net:labels")
    assert (numbers(home)["reading"], numbers(home)["map"]) == ("probabilities", 1.0)


@pytest.mark.slow
def test_a_net_is_trained_on_several_labels_and_its_report_says_how_good_it_is(home: Path) -> None:
    trained = ["PROFILE=tiny", "DATA=images", "LABELS=labels.csv", "OUTPUTS=sigmoid", "COMPARE_VARIANTS=zfnet"]
    done = here("run", *trained, "FAIL_ON=map>=0.01", cwd=home)
    assert done.returncode == 0, done.stderr
    model = read_json(home / "report" / "metrics.json")["model"]
    assert model["map_low"] < model["map"] < model["map_high"]
    page = " ".join((home / "report" / "index.html").read_text().split())
    assert f"mean average precision of <strong>{100 * model['map']:.1f}" in page
    assert "it takes each class that the image shows by itself" in page
    (home / "report").rename(home / "older")
    done = here("run", *trained, "BASE=older", "TRAINING_SEED=3", "HISTORY=history.jsonl", cwd=home, pdf=False)
    assert done.returncode == 0, done.stderr
    assert "Mean average precision" in (home / "report" / "index.html").read_text()


def test_a_single_label_net_may_be_trained_each_label_by_itself(home: Path) -> None:
    lines = [line for line in (home / "labels.csv").read_text().splitlines() if "|" not in line and "[]" not in line]
    (home / "labels.csv").write_text("\n".join(lines))
    switches = {"PROFILE": "tiny", "DATA": "images", "LABELS": "labels.csv", "OUTPUTS": "sigmoid"}
    planned(settings.load(switches, sizes), home / "build", home / "report").make_due(["trained"])
    assert (numbers(home)["several"], numbers(home)["reading"]) == (False, "sigmoid")
    shares = Inputs.open(home / "build", "cpu").probabilities.sum(axis=1)
    assert (abs(shares - 1) > 1e-3).any()
