"""Nets that read no squares, loaded and trained here: every analysis on them."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runs import here

from reportgen.analyses import settings
from reportgen.analyses.generalisation import from_scratch
from reportgen.analyses.registry import BY_NAME
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.look.inputs import Inputs
from reportgen.nets.sizes import sizes
from reportgen.stages.plan import pipeline as planned
from reportgen.stages.preflight import check_crop, check_net

CODE = """
import torch
from torch import nn

class Bands(nn.Module):
    "Tells in which third of a wide image it is bright; reads nothing but 30 x 60 px, through windows that are no squares."
    def __init__(self):
        super().__init__()
        self.conv1, self.act1, self.pool = nn.Conv2d(3, 4, (3, 5), bias=False), nn.ReLU(), nn.MaxPool2d(2)
        self.conv2, self.act2 = nn.Conv2d(4, 3, 3, padding=1, bias=False), nn.ReLU()
        self.head = nn.Linear(3 * 14 * 28, 3)
        torch.manual_seed(0)
        for conv in (self.conv1, self.conv2):
            nn.init.uniform_(conv.weight, 0, 0.1)
        maps = torch.zeros(3, 3, 14, 28)
        for third in range(3):
            maps[third, :, :, 9 * third : 9 * third + 10] = 0.3
        self.head.weight.data[:], self.head.bias.data[:] = maps.flatten(1), 0
    def forward(self, images):
        return self.head(self.act2(self.conv2(self.pool(self.act1(self.conv1(images))))).flatten(1))
"""
KINDS = ("left", "middle", "right")
OBLONG = ("PROFILE=tiny", "DATA=images", "DATA_SIZE=34x68", "DATA_CROP=30x60")
LOADED = ("MODEL=bands:Bands", "WEIGHTS=factory", "PREPROCESSING_MEAN=0,0,0", "PREPROCESSING_DEVIATION=1,1,1")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder: code, and wide images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "bands", raising=False)
    (tmp_path / "bands.py").write_text(CODE)
    rng = np.random.default_rng(0)
    for third, kind in enumerate(KINDS):
        (tmp_path / "images" / kind).mkdir(parents=True)
        for index in range(12):
            picture = rng.integers(0, 120, (40, 80, 3), dtype=np.uint8)
            picture[10:30, 4 + 26 * third : 24 + 26 * third] += 130
            Image.fromarray(picture).save(tmp_path / "images" / kind / f"{index:02d}.png")
    return tmp_path


def parsed(*switches: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in switches)


def numbers(stage: str) -> dict:
    return read_json(Path("build") / stage / DOCUMENT)["numbers"]


@pytest.mark.slow
def test_a_loaded_net_that_reads_no_squares_goes_through_every_analysis(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_scratch, "VIEWS", 16)
    done = here("run", *OBLONG, *LOADED, "TRANSFER=images", cwd=home, pdf=False)
    assert done.returncode == 0, done.stderr
    assert numbers("net")["top1"] == 1.0
    assert (numbers("data")["size"], numbers("data")["crop"]) == ("34x68", "30x60")
    assert numbers("net")["preprocessing"]["crop"] == "30x60"
    inputs = Inputs.open(home / "build", "cpu")
    assert inputs.graph.input_shape == (3, 30, 60)
    stored = np.asarray(inputs.data.val.images[0])
    assert stored.shape == (34, 68, 3)
    np.testing.assert_array_equal(inputs.pixels(inputs.data.val, 0), stored[2:32, 4:64])
    assert (read_arrays(Path("build/occlusion/result.npz"))["example1.image"].shape) == (30, 60, 3)
    page = " ".join((home / "report" / "index.html").read_text().split())
    assert "it just covers 34×68 px (rows by columns)" in page
    assert "30×60 px of it" in page
    assert not {"30x60 px", "34x68 px"} & set(re.findall(r"\d+x\d+ px", page))


def test_the_papers_net_is_trained_on_images_that_are_no_squares(home: Path) -> None:
    switches = parsed(*OBLONG) | {"DATA_SIZE": "48x72", "DATA_CROP": "44x66", "COMPARE_VARIANTS": "zfnet"}
    pipeline = planned(settings.load(switches, sizes), home / "build", home / "report")
    pipeline.make_due(list(BY_NAME))
    assert numbers("net")["architecture"]["input_size"] == "44x66"
    again = planned(settings.load(switches, sizes), home / "build", home / "report")
    assert not any(again.due(name) for name in ("data", "net", *BY_NAME))
    loaded = parsed(*OBLONG) | {"MODEL": "zfnet", "WEIGHTS": "build/net/net.safetensors"}
    del loaded["DATA_SIZE"], loaded["DATA_CROP"]
    data = settings.load(loaded, sizes).data
    assert (data.size, data.crop) == (Size(48, 72), Size(44, 66))


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"DATA_CROP": "30x"}, "DATA_CROP=30x: use a number of pixels, as in 88, or rows x columns, as in 64x128"),
        ({"DATA_CROP": "8x60"}, "DATA_CROP=8x60: use 24 pixels or more"),
        ({"DATA_CROP": "30x70"}, "DATA_CROP=30x70: larger than the stored images, DATA_SIZE=34x68: use 34x68 or less"),
        ({"DATA": "scenes"}, "DATA_SIZE=34x68: the scenes are square: give one number, as in 68"),
    ],
)
def test_sizes_that_cannot_be_are_refused_in_one_line(home: Path, switches: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        check_crop(settings.load(parsed(*OBLONG) | switches, sizes))
    assert "\n" not in str(caught.value)


def test_a_net_of_squares_is_refused(home: Path) -> None:
    oblong = settings.load(parsed(*OBLONG) | {"MODEL": "vit_b_16"}, sizes)
    with pytest.raises(UserError, match="DATA_CROP=30x60: MODEL=vit_b_16 reads squares alone: give one number"):
        check_net(oblong, home / "build", {"data", "net"})


def test_the_size_that_a_refusal_names_is_large_enough(home: Path) -> None:
    given = parsed(*OBLONG) | {"MODEL_SECOND_PADDING": "0"}
    with pytest.raises(UserError, match="DATA_CROP=30x60: too small for the nets that are trained") as caught:
        check_crop(settings.load(given, sizes))
    [least] = re.findall(r"use (\d+x60) or more", str(caught.value))
    check_crop(settings.load(given | {"DATA_CROP": least, "DATA_SIZE": "64x68"}, sizes))


def test_the_scenes_serve_for_a_net_that_reads_a_band_of_them(home: Path) -> None:
    data = settings.load({"PROFILE": "tiny", "DATA_CROP": "28x44"}, sizes).data
    assert (data.size, data.crop) == (Size(48, 48), Size(28, 44))
