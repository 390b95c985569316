"""Loaded nets of unusual kinds: what cannot be known of them is left out, and the report is made all the same."""

import os
import re
import shutil
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import torch
from figure_samples import OWN_KINDS
from PIL import Image
from runs import here

from reportgen.analyses import settings
from reportgen.analyses.evolution.figure import Evolution
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.base.size import Size
from reportgen.figures.kinds import from_data
from reportgen.look.inputs import Inputs
from reportgen.look.sight import Sight, sight
from reportgen.look.strongest import view_size
from reportgen.nets.sizes import sizes
from reportgen.stages.plan import pipeline as planned

CODE = """
import torch
from torch import nn

def grouped():
    "Every unit behind the GroupNorm depends on the whole image."
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )

class Branching(nn.Module):
    "Its forward pass cannot be followed without an image."
    def __init__(self):
        super().__init__()
        self.conv, self.act, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2)
    def forward(self, images):
        sign = 1 if images.sum() > 0 else -1
        return self.head(self.act(self.conv(sign * images)).mean((2, 3)))

class Own(nn.BatchNorm2d):
    "A norm that rectifies."
    def forward(self, maps):
        return torch.relu(super().forward(maps))

class Watched(nn.Module):
    "It branches, and has a max pool."
    def __init__(self):
        super().__init__()
        self.conv1, self.norm1, self.pool = nn.Conv2d(3, 4, 5, stride=2), Own(4), nn.MaxPool2d(2)
        self.conv2, self.norm2, self.head = nn.Conv2d(4, 4, 3), Own(4), nn.Linear(4, 2)
    def forward(self, images):
        sign = 1 if images.sum() > 0 else -1
        maps = self.pool(self.norm1(self.conv1(sign * images)))
        return self.head(self.norm2(self.conv2(maps)).mean((2, 3)))
"""
CROP = 32
USUAL = {
    "PROFILE": "tiny",
    "WEIGHTS": "kept/epoch-2.pt",
    "SNAPSHOTS": "kept",
    "DATA": "images",
    "DATA_SIZE": "36",
    "DATA_CROP": str(CROP),
    "PREPROCESSING_MEAN": "0,0,0",
    "PREPROCESSING_DEVIATION": "1,1,1",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder: code, images, and a place for checkpoints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "unusual", raising=False)
    (tmp_path / "unusual.py").write_text(CODE)
    (tmp_path / "kept").mkdir()
    rng = np.random.default_rng(0)
    for place, kind in enumerate(("dark", "light")):
        (tmp_path / "images" / kind).mkdir(parents=True)
        for index in range(10):
            picture = rng.integers(10 + 130 * place, 110 + 130 * place, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "images" / kind / f"{index:02d}.png")
    return tmp_path


def made(home: Path, *goals: str, **switches: str) -> None:
    """The stages that are asked for, made in this process."""
    planned(settings.load(USUAL | switches, sizes), home / "build", home / "report").make_due(goals)


def kept(monkeypatch: pytest.MonkeyPatch, home: Path, maker: str) -> None:
    """Three checkpoints of one of the nets, as after epochs 0, 1 and 2."""
    monkeypatch.syspath_prepend(str(home))
    from importlib import import_module

    for epoch in range(3):
        torch.manual_seed(epoch)
        torch.save(getattr(import_module("unusual"), maker)().state_dict(), home / "kept" / f"epoch-{epoch}.pt")


@pytest.mark.parametrize(("maker", "layers"), [("grouped", [1, 2]), ("Branching", [1])])
def test_maps_that_see_the_whole_image_evolve_as_whole_images(
    home: Path, monkeypatch: pytest.MonkeyPatch, maker: str, layers: list[int]
) -> None:
    kept(monkeypatch, home, maker)
    made(home, "evolution", MODEL=f"unusual:{maker}")
    place = home / "build" / "evolution"
    said = read_json(place / DOCUMENT)["numbers"]
    figures = from_data(read_json(place / "figures.json"), read_arrays(place / "figures.npz"), OWN_KINDS)
    assert said["epochs"] == [1, 2]
    assert [layer["number"] for layer in said["layers"]] == layers
    assert not any(layer["cut"] for layer in said["layers"])
    for number in layers:
        assert view_size(Inputs.open(home / "build", "cpu"), number) == (CROP, CROP)
        figure = figures[f"layer{number}"]
        assert isinstance(figure, Evolution)
        assert figure.patches.shape[2:] == (CROP, CROP, 4)
        assert figure.shown.any()
        assert figure.projections is not None
        assert "Nothing is projected to pixels: " not in figure.caption


def words_of(page: str, section: str) -> str:
    """What a section of the page says, without its tags."""
    return " ".join(unescape(re.sub("<[^>]*>", "", page.split(f'id="{section}"')[1].split("</section>")[0])).split())


@pytest.mark.slow
def test_what_is_not_known_of_a_net_that_cannot_be_followed_is_not_told_as_known(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(monkeypatch, home, "Watched")
    switches = USUAL | {"MODEL": "unusual:Watched"}
    done = here("run", *(f"{name}={value}" for name, value in switches.items()), cwd=home, pdf=False)
    assert done.returncode == 0, done.stderr
    page = (home / "report" / "index.html").read_text()
    assert "This net’s layer cannot be drawn: the forward pass of Watched cannot be followed (" in words_of(
        page, "schematics"
    )
    features, evolution = words_of(page, "features"), words_of(page, "evolution")
    assert "How much of the image each value sees is not known." in features
    assert "the whole image is shown: the receptive field is not known" in features
    assert "Lower row: the whole image: the receptive field is not known." in evolution
    assert "No map of this net can be projected" not in words_of(page, "sanity")
    for wrong in ("covers the whole image", "can see the whole image", "followed by a max pool", "sees all"):
        assert wrong not in page


def test_a_norm_over_the_whole_map_is_known_to_see_everything(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(monkeypatch, home, "grouped")
    made(home, "features", MODEL="unusual:grouped")
    inputs = Inputs.open(home / "build", "cpu")
    assert [sight(inputs, number) for number in (1, 2)] == [Sight(Size.of(CROP), Size.of(CROP), 1.0, 1.0)] * 2
    said = read_json(home / "build" / "features" / DOCUMENT)["numbers"]["layers"]
    assert [(layer["receptive_field"], layer["cut"]) for layer in said] == [(CROP, False)] * 2


@pytest.mark.slow
def test_a_report_on_layers_3_and_5_speaks_of_layer_3_as_the_lowest(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(monkeypatch, home, "grouped")
    switches = USUAL | {"MODEL": "unusual:grouped", "LAYERS": "3=2,5=5,7=7"}
    done = here("run", *(f"{name}={value}" for name, value in switches.items()), cwd=home, pdf=False)
    assert done.returncode == 0, done.stderr
    page = (home / "report" / "index.html").read_text()
    features, invariance = words_of(page, "features"), words_of(page, "invariance")
    assert "filters of layer 3, which read the image directly" in features
    assert "filters of layer 3" in features
    assert "filters of layer 1" not in features
    assert "the feature vectors of layer 3 and of layer 7" in invariance
    assert "The net has no layer 1: the lowest that is named is layer 3." in invariance


def test_a_file_whose_name_is_not_utf8_ends_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(monkeypatch, home, "grouped")
    for index in range(10, 60):
        for kind in ("dark", "light"):
            shutil.copy(home / "images" / kind / "00.png", home / "images" / kind / f"{index}.png")
    shutil.copy(home / "images" / "dark" / "00.png", os.fsencode(home / "images" / "dark") + b"/caf\xe9.png")
    made(home, "net", MODEL="unusual:grouped")
    said = read_json(home / "build" / "data" / DOCUMENT)["numbers"]
    assert said["images"]["val"] == 120
    assert said["skipped"] == [{"file": "dark/caf\\xe9.png", "reason": "its name is not UTF-8: rename it"}]


def test_test_images_without_class_beside_classes_get_the_nets_predictions(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(monkeypatch, home, "grouped")
    (home / "images").rename(home / "val")
    shutil.copytree(home / "val" / "light", home / "images" / "test")
    shutil.move(home / "val", home / "images")
    made(home, "invariance", MODEL="unusual:grouped")
    said = read_json(home / "build" / "data" / DOCUMENT)["numbers"]
    assert said["classes"] == ["dark", "light"]
    assert said["images"] == {"train": 0, "val": 20, "test": 10}
    data = Inputs.open(home / "build", "cpu").data
    assert data.test.labelled is not None
    assert not data.test.labelled.any()
    assert data.val.labelled is not None
    assert data.val.labelled.all()
    assert set(data.test.labels) <= {0, 1}
