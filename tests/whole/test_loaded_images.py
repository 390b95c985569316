"""Images and labels as people have them, before a loaded net: which class each shows, and what is said of the others."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.base.errors import UserError
from reportgen.data.wordnet_ids import WORDNET_IDS
from reportgen.look.inputs import Inputs
from reportgen.nets.sizes import sizes
from reportgen.pipeline.run import Pipeline
from reportgen.stages.plan import pipeline as planned

CODE = """
import torch
from torch import nn

class Levels(nn.Module):
    "Tells images apart by their mean level: class c of n where it is nearest to c / (n - 1)."
    def __init__(self, classes, channels=3):
        super().__init__()
        self.conv, self.act, self.head = nn.Conv2d(channels, 1, 1, bias=False), nn.ReLU(), nn.Linear(1, classes)
        levels = torch.linspace(0, 1, classes)
        self.conv.weight.data[:] = 1 / channels
        self.head.weight.data[:, 0], self.head.bias.data = 200 * levels, -100 * levels ** 2
    def forward(self, images):
        return self.head(self.act(self.conv(images)).mean((2, 3)))

def four(): return Levels(4)
def twelve(): return Levels(12)
def thousand(): return Levels(1000)
"""
USUAL = {
    "PROFILE": "tiny",
    "MODEL": "levels_net:four",
    "WEIGHTS": "factory",
    "DATA": "images",
    "DATA_SIZE": "36",
    "DATA_CROP": "32",
    "PREPROCESSING_MEAN": "0,0,0",
    "PREPROCESSING_DEVIATION": "1,1,1",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with the code of the nets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "levels_net", raising=False)
    (tmp_path / "levels_net.py").write_text(CODE)
    return tmp_path


def level(number: int, of: int) -> np.ndarray:
    """A picture of one of the levels that the net tells apart, with some noise."""
    rng = np.random.default_rng(number)
    noise = rng.integers(-8, 9, (40, 44, 3)) * (of < 64)
    return (255 * number / (of - 1) + noise).clip(0, 255).astype(np.uint8)


def paint(path: Path, number: int, of: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(level(number, of)).save(path)


def folders(names: list[str], root: Path = Path("images"), count: int = 3) -> None:
    """A folder of each name; the net takes the images of the first for class 0, of the second for class 1, ..."""
    for number, name in enumerate(names):
        for index in range(count):
            paint(root / name / f"{index}.png", number, len(names))


def made(home: Path, *goals: str, **switches: str) -> Pipeline:
    """The stages that are asked for, made in this process."""
    pipeline = planned(settings.load(USUAL | switches, sizes), home / "build", home / "report")
    pipeline.make_due(goals or ["net"])
    return pipeline


def numbers(stage: str = "net") -> dict[str, Any]:
    return read_json(Path("build") / stage / DOCUMENT)["numbers"]


@pytest.mark.parametrize("names", [[str(number) for number in range(12)], [f"{number:05d}" for number in range(12)]])
def test_folders_that_are_class_numbers_need_no_list(home: Path, names: list[str]) -> None:
    folders(names)
    made(home, MODEL="levels_net:twelve")
    assert (numbers()["top1"], numbers()["labelled_images"]) == (1.0, 36)
    assert numbers()["mapped"] == "by their numbers, counted from 0"
    shutil.rmtree("images/" + names[3])
    made(home, MODEL="levels_net:twelve")
    assert (numbers()["top1"], numbers()["labelled_images"]) == (1.0, 33)


def test_a_folder_that_holds_no_image_loses_no_label(home: Path, capsys: pytest.CaptureFixture) -> None:
    folders(["black", "dark", "light", "white"])
    for name in ("__MACOSX", "empty", "texts"):
        (home / "images" / name).mkdir()
    (home / "images" / "texts" / "a.txt").write_text("no image")
    (home / "images" / "dark" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 200)
    made(home)
    assert (numbers()["top1"], numbers()["labelled_images"], numbers()["unmapped"]) == (1.0, 12, [])
    said = capsys.readouterr().err
    assert "2 folders without an image are no classes: empty/, texts/" in said
    assert "2 files beside the images are no images: dark/Thumbs.db, texts/a.txt" in said
    assert numbers("data")["skipped"] == []


def test_a_val_that_lacks_a_class_is_counted_as_train_counts(home: Path) -> None:
    for split in ("train", "val"):
        folders(["black", "dark", "light", "white"], Path("images") / split)
    shutil.rmtree("images/val/dark")
    made(home)
    assert (numbers()["top1"], numbers()["labelled_images"]) == (1.0, 9)


def test_a_part_of_imagenet_needs_no_list(home: Path) -> None:
    for index in (0, 217, 701):
        paint(home / "images" / WORDNET_IDS[index] / "a.png", 0, 1000)
    made(home, "net", MODEL="levels_net:thousand")
    assert (numbers()["labelled_images"], numbers()["unmapped"]) == (3, [])
    assert numbers()["top1"] == 1 / 3  # black is the first class
    data = Inputs.open(home / "build", "cpu").data
    assert [data.classes[label] for label in data.val.labels] == ["tench", "English springer", "parachute"]


def test_a_table_labels_images_in_one_folder(home: Path, capsys: pytest.CaptureFixture) -> None:
    lines = ["id,label"]
    for number, kind in enumerate(("black", "dark", "light", "white")):
        for index in range(3):
            paint(home / "images" / f"{kind}_{index}.png", number, 4)
            lines.append(f"{kind}_{index},{kind}")
    paint(home / "images" / "other.png", 0, 4)
    (home / "images" / "train.csv").write_text("\n".join([*lines, "gone_1,black"]))
    made(home, LABELS="images/train.csv")
    assert (numbers()["top1"], numbers()["labelled_images"]) == (1.0, 12)
    said = capsys.readouterr().err
    assert "1 files of the table are not there: gone_1" in said
    assert "1 images are not in the table of labels: they are left out" in said
    (home / "images" / "train.csv").write_text("\n".join([*lines, "light_0,white"]))
    with pytest.raises(UserError, match=r"LABELS=images/train\.csv: light_0 has two labels, in lines 8 and 14"):
        made(home, LABELS="images/train.csv")


def test_without_the_table_the_images_are_shown_unlabelled(home: Path) -> None:
    paint(home / "images" / "a.png", 0, 4)
    (home / "images" / "train.csv").write_text("id,label\na.png,black\n")
    made(home)
    assert (numbers()["labelled_images"], numbers("data")["passed"]) == (0, ["train.csv"])


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"LABELS": "none.csv"}, "LABELS=none.csv: no such file or folder: give a table of files and labels"),
        (
            {"LABELS": "a.csv", "DATA": "scenes"},
            "LABELS=a.csv: DATA=scenes brings its own labels: give a folder, DATA=",
        ),
        ({"LABELS": "a.csv", "DATA": "CIFAR10"}, "LABELS=a.csv: DATA=CIFAR10 brings its own labels: give a folder"),
        ({"LABELS_ORDER": "alphabet"}, "LABELS_ORDER=alphabet: input should be '', 'names', 'natural', 'numbers' or"),
        ({"LABELS_ORDER": "numbers"}, "LABELS_ORDER=numbers: not every folder is a number from 0 to 3 (black, dark,"),
        ({"LABELS_ORDER": "names", "WEIGHTS": "", "MODEL": "zfnet"}, "LABELS_ORDER=names: this is for a net that is"),
    ],
)
def test_mistakes_are_named(home: Path, switches: dict[str, str], message: str) -> None:
    folders(["black", "dark", "light", "white"])
    asked = {name: value for name, value in (USUAL | switches).items() if value or name in switches}
    if not asked["WEIGHTS"]:
        asked = {name: value for name, value in asked.items() if not name.startswith("PREPROCESSING")}
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        planned(settings.load(asked, sizes), home / "build", home / "report").make_due(["net"])
    assert "\n" not in str(caught.value)
