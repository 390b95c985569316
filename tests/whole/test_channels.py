"""Images of more than three channels, or two, and nets that read them."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from users_nets import numbers

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.data.decoding import Files, Reading, Unreadable, read_image
from reportgen.data.transforms import Preprocessing, measured
from reportgen.look.inputs import Inputs
from reportgen.nets.sizes import sizes
from reportgen.stages.plan import pipeline as planned

CODE = """
from torch import nn

def five(classes=2, channels=5):
    return nn.Sequential(
        nn.Conv2d(channels, 4, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes),
    )
"""
USUAL = {
    "PROFILE": "tiny",
    "DATA": "images",
    "DATA_CHANNELS": "5",
    "DATA_SHOWN": "5,2,1",
    "DATA_SIZE": "48",
    "DATA_CROP": "44",
}


def values(seed: int, light: bool = False, kind: type = np.uint16) -> np.ndarray:
    """Noise of five channels, the last of which says the class."""
    found = np.random.default_rng(seed).integers(0, 3000, (50, 52, 5))
    found[..., 4] += 1000 * light
    return found.astype(kind)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of arrays, and of TIFFs whose pages are channels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "five_net.py").write_text(CODE)
    for place in range(16):
        light = place % 2 == 1
        folder = tmp_path / "images" / ("light" if light else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        if place % 4 < 2:
            np.save(folder / f"{place}.npy", values(place, light))
        else:
            tifffile.imwrite(
                folder / f"{place}.tif", np.moveaxis(values(place, light), -1, 0), photometric="minisblack"
            )
    return tmp_path


def made(home: Path, *names: str, **switches: str) -> None:
    planned(settings.load(USUAL | switches, sizes), home / "build", home / "report").make_due(list(names))


@pytest.mark.parametrize("whole", [False, True])
def test_each_channel_is_read_as_a_grey_picture_of_its_own(tmp_path: Path, whole: bool) -> None:
    given = values(0, kind=np.uint8)
    np.save(tmp_path / "a.npy", given)
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(given, -1, 0), photometric="minisblack")
    found = read_image(tmp_path / "a.npy", Size(40, 36), whole, Reading(channels=5))
    assert (found == read_image(tmp_path / "a.tif", Size(40, 36), whole, Reading(channels=5))).all()
    for number in range(5):
        Image.fromarray(given[..., number]).save(tmp_path / "grey.png")
        assert (found[..., number] == read_image(tmp_path / "grey.png", Size(40, 36), whole)[..., 0]).all()
    files = Files([str(tmp_path / "a.npy")] * 2, Size(40, 36), Reading(channels=5))
    assert files.shape == (2, 40, 36, 5)
    assert (files[1] == read_image(tmp_path / "a.npy", Size(40, 36), reading=Reading(channels=5))).all()


def test_what_has_other_channels_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", values(0))
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    with pytest.raises(Unreadable, match=r"^5 channels, not 4 \(DATA_CHANNELS\)$"):
        read_image(tmp_path / "a.npy", 32, reading=Reading(channels=4))
    with pytest.raises(Unreadable, match=r"\.npy and TIFF files alone$"):
        read_image(tmp_path / "a.png", 32, reading=Reading(channels=4))


def test_three_of_the_channels_are_shown() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 8, 5), dtype=np.uint8)
    found = measured(images, Size(6, 5), order="ALL", red_green_blue=(4, 1, 0))
    assert found.channels == 5
    assert found.mean == pytest.approx(tuple(images.reshape(-1, 5).mean(axis=0) / 255))
    assert found.deviation == pytest.approx(tuple(images.reshape(-1, 5).std(axis=0) / 255))
    seen = found.centre(images)
    assert seen.shape == (4, 5, 6, 5)
    assert (found.shown(images) == images[..., [4, 1, 0]]).all()
    assert (found.pixels(seen) == images[:, 1:7, 1:6, [4, 1, 0]]).all()
    assert Preprocessing.from_json(found.as_json()) == found
    assert measured(images[..., :2], Size(6, 5), order="ALL").red_green_blue == (0, 1, 1)


ANALYSES = ("features", "invariance")


def test_a_net_is_trained_on_five_channels_and_loaded_again(home: Path) -> None:
    made(home, *ANALYSES, COMPARE_VARIANTS="zfnet", EPOCHS="1")
    said = numbers(home)["preprocessing"]
    assert (said["order"], len(said["mean"]), said["red_green_blue"]) == ("ALL", 5, [0, 1, 2])
    inputs = replace(Inputs.open(home / "build", "cpu"), shown=(4, 1, 0))
    assert inputs.graph.input_shape == (5, 44, 44)
    raw = np.asarray(inputs.data.val.images[0])
    assert raw.shape == (48, 48, 5)
    assert (inputs.pixels(inputs.data.val, 0) == raw[2:46, 2:46][..., [4, 1, 0]]).all()
    assert (
        "16 files hold more than 8 bits a channel: 0 is black, 4,095 white"
        in read_json(home / "build" / "data" / DOCUMENT)["numbers"]["readings"][0]
    )
    pictures = read_arrays(home / "build" / "features" / "result.npz")
    assert all(array.shape[-1] == 3 for name, array in pictures.items() if "projections" in name)
    made(home, "features", COMPARE_VARIANTS="zfnet", EPOCHS="1", DATA_SHOWN="1,2,5")
    otherwise = read_arrays(home / "build" / "features" / "result.npz")
    for name in (name for name in pictures if "patches" in name):
        assert (otherwise[name][..., :3] == pictures[name][..., [2, 1, 0]]).all(), name
    again = USUAL | {"MODEL": "zfnet", "WEIGHTS": "build/net/net.safetensors"}
    planned(settings.load(again, sizes), home / "again", home / "report").make_due(["model"])
    assert read_json(home / "again" / "model" / DOCUMENT)["numbers"]["preprocessing"] == said
    wrong = planned(
        settings.load(again | {"DATA_CHANNELS": "4", "DATA_SHOWN": ""}, sizes), home / "wrong", home / "report"
    )
    with pytest.raises(UserError, match="reads images of 5 channels: give that"):
        wrong.make_due(["model"])


def test_a_loaded_net_of_five_channels_is_examined(home: Path) -> None:
    made(
        home,
        "trained",
        "features",
        "occlusion",
        MODEL="five_net:five",
        WEIGHTS="factory",
        PREPROCESSING_MEAN="0.1,0.2,0.3,0.4,0.5",
    )
    said = numbers(home)
    assert (said["labelled_images"], said["preprocessing"]["mean"]) == (16, [0.1, 0.2, 0.3, 0.4, 0.5])
    with pytest.raises(UserError, match=r"takes 5 channels, images have 3: .* DATA_CHANNELS=5 reads them"):
        made(home, "model", MODEL="five_net:five", WEIGHTS="factory", DATA_CHANNELS="3", DATA_SHOWN="")


@pytest.mark.parametrize(
    "net", [{}, {"MODEL": "five_net:five"}, {"MODEL": "five_net:five", "WEIGHTS": "factory"}, {"REPEATS": "2"}]
)
def test_which_channels_are_shown_makes_due_what_shows_them_and_no_net(home: Path, net: dict[str, str]) -> None:
    def fingerprints(shown: str) -> dict[str, str]:
        opened = planned(settings.load(USUAL | net | {"DATA_SHOWN": shown}, sizes), home / "build", home / "report")
        return {name: stamp["fingerprint"] for name, stamp in opened.stamps.items()}

    one, other = fingerprints("5,2,1"), fingerprints("1,2,3")
    changed = {name for name in one if one[name] != other[name]}
    kept = {"data", "annotations", "transfer", "multilabel", "judging", "model", "net", "ablation"}
    assert not {name for name in changed if name.split("/")[0] == "compare" or name.split("/")[-1] in kept}
    assert {"features", "drawn/features", "occlusion", "atlas", "page", "pdf"} <= changed
    assert fingerprints("")["net"] == one["net"]


@pytest.mark.parametrize(
    ("switches", "why"),
    [
        ({"DATA_SHOWN": "6,2,1"}, "DATA_SHOWN=6,2,1: there is no channel 6 (DATA_CHANNELS=5): count from 1"),
        ({"DATA_SHOWN": "2,1"}, "DATA_SHOWN=2,1: use the numbers of three channels, counted from 1, as in 4,3,2"),
        ({"DATA_CHANNELS": "3"}, "DATA_SHOWN=5,2,1: of images of three channels all are shown: give DATA_CHANNELS="),
        ({"DATA": "scenes"}, "DATA_CHANNELS=5: the images of DATA=scenes have three: give a folder"),
        (
            {"PREPROCESSING_ORDER": "L"},
            "PREPROCESSING_ORDER=L: DATA_CHANNELS=5 are read in their own order: leave it out",
        ),
    ],
)
def test_settings_that_do_not_fit_are_one_line(switches: dict[str, str], why: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(why)}"):
        settings.load(USUAL | switches, sizes)
