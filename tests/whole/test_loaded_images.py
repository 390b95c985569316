"""Images and labels as people have them, before a loaded net: which class each shows, and what is said of the others."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen.analyses import settings
from reportgen.analyses.registry import BY_NAME
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
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
def grey(): return Levels(4, channels=1)
class Wrapped(nn.Module):
    "Reads colours, though its first convolution reads one channel."
    def __init__(self):
        super().__init__()
        self.net = grey()
    def forward(self, images): return self.net(images.mean(1, keepdim=True))
def wrapped(): return Wrapped()
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
        paint(home / "images" / WORDNET_IDS[index] / "a.png", index, 1000)
    made(home, "net", MODEL="levels_net:thousand")
    assert (numbers()["labelled_images"], numbers()["unmapped"]) == (3, [])
    assert numbers()["top1"] >= 1 / 3  # black is the first class; a picture of 8 bits is not every thousandth
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
    with pytest.raises(UserError, match=r"LABELS=images/train\.csv: lines 8 and 14 give light_0 two labels"):
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


def cut_out(number: int, hidden: int) -> Image.Image:
    """A picture of a level, most of which is transparent; `hidden` is the colour there."""
    pixels = np.full((40, 44, 4), 255, np.uint8)
    pixels[..., :3] = round(255 * number / 3)
    pixels[:, :33] = (hidden, hidden, hidden, 0)
    return Image.fromarray(pixels)


def test_cut_outs_are_read_as_torchvision_reads_them_and_another_ground_is_named(
    home: Path, capsys: pytest.CaptureFixture
) -> None:
    for number, kind in enumerate(("black", "dark", "light", "white")):
        for index in range(6):
            (home / "images" / kind).mkdir(parents=True, exist_ok=True)
            cut_out(number, round(255 * number / 3)).save(home / "images" / kind / f"{index}.png")
    made(home)
    assert (numbers()["top1"], numbers()["warning"]) == (1.0, None)
    said = "24 files are cut-outs: shown with the colours that are hidden in them, as torchvision's ImageFolder does (ALPHA=drop)"
    assert numbers("data")["readings"] == [said]
    assert said in capsys.readouterr().err
    made(home, ALPHA="white")
    assert numbers()["top1"] == 0.25
    assert numbers()["warning"].endswith("; with ALPHA=drop it would be 100%, not 25%")


def test_cut_outs_that_were_laid_on_white_are_named_where_torchvisions_reading_is_wrong(home: Path) -> None:
    for number, kind in enumerate(("middle", "nearly white", "white")):
        for index in range(6):
            pixels = np.full((40, 44, 4), 255, np.uint8)
            pixels[..., :3] = 255 * number // 2
            pixels[:, :22] = (0, 0, 0, 0)
            (home / "images" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(home / "images" / kind / f"{index}.png")
    Path("classes.json").write_text('["black", "middle", "other", "white"]')
    made(home, CLASSES="classes.json")
    assert numbers()["warning"].endswith("; with ALPHA=white it would be 100%, not 0%")


@pytest.mark.parametrize(
    ("dtype", "top", "white"),
    [(np.uint16, 4095, "4,095"), (np.uint16, 16_383, "16,383"), (np.float32, 1, "1"), (np.float32, 1000.0, "1,000")],
)
def test_deep_files_are_scaled_and_the_report_says_how(
    home: Path, dtype: type, top: float, white: str, capsys: pytest.CaptureFixture
) -> None:
    for number, kind in enumerate(("black", "dark", "light", "white")):
        for index in range(3):
            (home / "images" / kind).mkdir(parents=True, exist_ok=True)
            grey = (level(number, 4)[..., 0] / 255 * top).astype(dtype)
            Image.fromarray(grey).save(home / "images" / kind / f"{index}.tif")
    made(home)
    assert numbers()["top1"] == 1.0
    [said] = numbers("data")["readings"]
    assert f"0 is black, {white} white (measured: they run from 0 to {top:,.5g})" in said
    assert said in capsys.readouterr().err


def test_another_range_of_deep_files_is_named(home: Path) -> None:
    for number, kind in enumerate(("black", "dark", "light", "white")):
        for index in range(6):
            (home / "images" / kind).mkdir(parents=True, exist_ok=True)
            grey = (level(number, 4)[..., 0] / 255 * 4095).astype(np.uint16)
            Image.fromarray(grey).save(home / "images" / kind / f"{index}.png")
    made(home, DATA_RANGE="0,65535")
    assert numbers()["warning"].endswith("; with DATA_RANGE=0,4095 it would be 100%, not 25%")


def test_pictures_that_decode_to_one_flat_tone_are_an_error(home: Path) -> None:
    for index in range(4):
        (home / "images").mkdir(exist_ok=True)
        grey = (level(index, 4)[..., 0] / 255 * 100).astype(np.uint16)
        Image.fromarray(grey).save(home / "images" / f"{index}.tif")
    with pytest.raises(
        UserError, match=r"^DATA=images: once decoded, the pictures are nearly constant, from 0 to 0 of 255 "
    ) as said:
        made(home, DATA_RANGE="0,65535")
    assert "(4 files hold more than 8 bits a channel: 0 is black, 65,535 white (DATA_RANGE says so)): say which" in str(
        said.value
    )
    assert "\n" not in str(said.value)


def test_another_order_of_the_classes_is_named(home: Path) -> None:
    folders(sorted(str(number) for number in range(12)))  # as ImageFolder counts them
    made(home, MODEL="levels_net:twelve")
    warning = numbers()["warning"]
    assert warning is None or numbers()["top1"] > 0.1
    for order, top in (("names", 1.0), ("numbers", numbers()["top1"])):
        made(home, MODEL="levels_net:twelve", LABELS_ORDER=order)
        assert numbers()["top1"] == top


def test_near_chance_the_order_that_does_better_is_named(home: Path) -> None:
    names = [str(number) for number in range(1, 13)]
    folders(names)
    for name in ("12", "1"):  # without the last number, they seem to be counted from 0
        shutil.rmtree(f"images/{name}")
    made(home, MODEL="levels_net:twelve")
    assert numbers()["top1"] == 0.0
    assert numbers()["warning"].endswith("; with LABELS_ORDER=from-one it would be 100%, not 0%")


FLOWERS = json.dumps(
    {str(number): f"flower {number}" for number in range(1, 13)}
)  # as the cat_to_name.json of Flowers102


def test_a_list_of_classes_that_counts_from_one_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders([str(number) for number in range(1, 13)])
    Path("cat_to_name.json").write_text(FLOWERS)
    made(home, MODEL="levels_net:twelve", CLASSES="cat_to_name.json")
    assert numbers()["top1"] == 1.0
    assert read_json(Path("build/net/seen.json"))["classes"] == [f"flower {number}" for number in range(1, 13)]
    assert (
        numbers()["classes_read"] == "the numbers in CLASSES=cat_to_name.json count from 1: 1 is the net’s first class"
    )
    assert numbers()["classes_read"] in capsys.readouterr().err


def test_a_list_of_folders_from_one_names_the_classes_of_a_net_that_sorted_them(home: Path) -> None:
    """As ImageFolder does: 1, 10, 11, 12, 2, ..."""
    names = sorted(str(number) for number in range(1, 13))
    folders(names)
    Path("cat_to_name.json").write_text(FLOWERS)
    made(home, MODEL="levels_net:twelve", CLASSES="cat_to_name.json")
    assert numbers()["top1"] < 0.2
    made(home, MODEL="levels_net:twelve", CLASSES="cat_to_name.json", LABELS_ORDER="names")
    assert numbers()["top1"] == 1.0
    assert read_json(Path("build/net/seen.json"))["classes"] == [f"flower {number}" for number in names]
    assert "are those of folders, which the net counts in the order of their names" in numbers()["classes_read"]


def test_a_list_from_one_that_lacks_class_0_says_so(home: Path) -> None:
    folders([str(number) for number in range(4)])
    Path("classes.json").write_text('{"1": "a", "2": "b", "3": "c"}')
    message = (
        "CLASSES=classes.json: 3 classes, but the net levels_net:four has 4: they count from 1: name its class 0, too"
    )
    with pytest.raises(UserError, match=re.escape(message)):
        made(home, CLASSES="classes.json")


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"ALPHA": "grey"}, "ALPHA=grey: input should be '', 'white', 'black' or 'drop'"),
        ({"DATA_RANGE": "5"}, "DATA_RANGE=5: use two different numbers, black and white, as in 0,4095"),
        ({"DATA_RANGE": "5,5"}, "DATA_RANGE=5,5: use two different numbers, black and white, as in 0,4095"),
        ({"DATA_RANGE": "0,nan"}, "DATA_RANGE=0,nan: use two different numbers"),
        ({"DATA_RANGE": "0,high"}, "DATA_RANGE=0,high: input should be a valid number"),
    ],
)
def test_what_cannot_be_read_so_is_named(home: Path, switches: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        settings.load(USUAL | switches, sizes)
    assert "\n" not in str(caught.value)


GREY = {"MODEL": "levels_net:grey", "PREPROCESSING_MEAN": "0", "PREPROCESSING_DEVIATION": "1"}


def test_a_net_of_one_channel_reads_luminance_and_is_shown_in_grey(home: Path) -> None:
    """Red, green and blue differ, and their luminance is that of the class."""
    for number, kind in enumerate(("black", "dark", "light", "white")):
        for index in range(3):
            (home / "images" / kind).mkdir(parents=True, exist_ok=True)
            grey = level(number, 4).astype(float)[..., 0].clip(20, 235)
            colours = np.stack([grey + 20, grey - 20 * (0.299 - 0.114) / 0.587, grey - 20], axis=-1)
            Image.fromarray(colours.round().astype(np.uint8)).save(home / "images" / kind / f"{index}.png")
    made(home, *BY_NAME, **GREY)
    assert numbers()["top1"] == 1.0
    assert (
        numbers()["preprocessing"] | {"crop": 32, "order": "L", "mean": [0.0], "deviation": [1.0]}
        == numbers()["preprocessing"]
    )
    inputs = Inputs.open(home / "build", "cpu")
    [image] = next(inputs.batches(inputs.data.val, np.array([0])))
    assert image.shape == (1, 32, 32)
    stored = np.asarray(inputs.data.val.images[0])[2:34, 2:34]
    expected = np.asarray(Image.fromarray(stored).convert("L"))
    np.testing.assert_array_equal((image[0] * 255).round().numpy(), expected)
    assert np.ptp(stored, axis=-1).max() > 10
    for name, arrays in (("trained", ["gallery"]), ("invariance", ["pictures", "scenes"]), ("features", [])):
        found = read_arrays(home / "build" / name / "result.npz")
        for array in arrays or [key for key in found if "patches" in key or "projections" in key]:
            shown = found[array][..., :3]
            assert shown.size, (name, array)
            assert not np.ptp(shown.astype(float), axis=-1).any(), (name, array)


def test_a_grey_net_of_which_nobody_says_what_it_reads_gets_the_usual_values(home: Path) -> None:
    folders(["black", "dark", "light", "white"])
    switches = {name: value for name, value in USUAL.items() if not name.startswith("PREPROCESSING")}
    pipeline = planned(settings.load(switches | {"MODEL": "levels_net:grey"}, sizes), home / "build", home / "report")
    pipeline.make_due(["net"])
    assert numbers()["preprocessing"]["mean"] == [0.449]
    assert numbers()["preprocessing_from"] == (
        "nobody says so: ImageNet's usual values were taken, averaged over the colours"
    )


def test_a_net_that_makes_grey_of_colours_itself_reads_colours(home: Path) -> None:
    folders(["black", "dark", "light", "white"])
    made(home, MODEL="levels_net:wrapped")
    assert (numbers()["top1"], numbers()["preprocessing"]["order"]) == (1.0, "RGB")
