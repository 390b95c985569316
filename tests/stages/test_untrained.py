"""A net that cannot be trained or looked into is told before images are drawn or decoded, and before anything is trained."""

import re
import sys
from pathlib import Path

import pytest
from runs import here
from users_nets import photographs

from reportgen.analyses import settings
from reportgen.nets.sizes import sizes
from reportgen.stages import untrained

CODE = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, classes, give=lambda answer: answer):
        super().__init__()
        self.conv, self.act, self.conv2 = nn.Conv2d(3, 4, 5, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 3)
        self.head, self.give = nn.Linear(4, classes), give
    def forward(self, images):
        return self.give(self.head(self.act(self.conv2(self.act(self.conv(images)))).mean((2, 3))))

def small(num_classes=2): return Small(num_classes)
def three(): return Small(3)
def one(): return Small(1)
def raising(num_classes): raise RuntimeError("no GPU here\\nsecond line")
def none(num_classes): return {"net": Small(num_classes)}
def silent(num_classes): return Small(num_classes, lambda answer: None)
def flat(num_classes):
    return nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 60 * 60, num_classes))
class Solid(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv, self.solid, self.head = nn.Conv2d(3, 4, 5), nn.Conv3d(4, 4, (1, 3, 3)), nn.Linear(4, classes)
    def forward(self, images):
        return self.head(self.solid(self.conv(images).relu()[:, :, None]).relu().mean((2, 3, 4)))
def solid(num_classes): return Solid(num_classes)
class Shifting(Small):
    def forward(self, images):
        before = self.act(self.conv(images)).permute(0, 2, 3, 1)
        moved = before.contiguous()
        moved[:, 1:, :, :2] = 3 * moved[:, :-1, :, :2].clone()
        return self.head((before + moved).mean((1, 2)))
def shifting(num_classes): return Shifting(num_classes)
def plain(num_classes): return nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, num_classes))
"""
SIZES = ("DATA_SIZE=32", "DATA_CROP=24")
FOLDER, TABLE = ("DATA=images",), ("DATA=images", "LABELS=labels.csv", "OUTPUTS=sigmoid")
LOADED = ("DATA=images", "WEIGHTS=factory")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "early_nets", raising=False)
    (tmp_path / "early_nets.py").write_text(CODE)
    photographs(tmp_path / "images", count=4)
    files = sorted((tmp_path / "images").rglob("*.png"))
    rows = [f"{file.relative_to(tmp_path / 'images')},{file.parent.name}|seen" for file in files]
    (tmp_path / "labels.csv").write_text("file,label\n" + "\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("net", "words", "said"),
    [
        ("three", (), "it gives 3 numbers for an image, but the images have 12 classes: let"),
        ("three", FOLDER, "it gives 3 numbers for an image, but the images have 2 classes: let the factory take"),
        ("one", TABLE, "it gives 1 numbers for an image, but the images have 3 classes: let the factory take"),
        ("raising", (), "the factory failed: RuntimeError: no GPU here"),
        ("none", (), "the factory gave a dict, not a torch.nn.Module"),
        ("silent", (), "it returns a NoneType without tensors: return a number for each class of each image"),
        ("flat", (), "it cannot read 24 px images, DATA_CROP=24 ("),
        ("plain", (), "the net has no maps below its classifier"),
        ("flat", LOADED, "the factory failed: TypeError"),
        (
            "solid",
            FOLDER,
            "MODEL=early_nets:solid: solid.weight has five axes, as a 3-d convolution's, and such nets are not trained here: ",
        ),
        ("shifting", FOLDER, "MODEL=early_nets:shifting: what it gives depends on how memory holds the images ("),
        (
            "one",
            (*LOADED, "OUTPUTS=softmax"),
            "OUTPUTS=softmax: MODEL=early_nets:one gives one number for an image: use logit",
        ),
        ("small", (*LOADED, "OUTPUTS=logit"), "OUTPUTS=logit: MODEL=early_nets:small gives 2 numbers for an image"),
        ("small", ("LAYERS=conv,ac",), "LAYERS=conv,ac: no layer 'ac' in this net: the nearest are act"),
        (
            "small",
            (*LOADED, "LAYERS=1=con2"),
            "LAYERS=1=con2: no layer 'con2' in this net: the nearest are conv2, conv",
        ),
        ("small", (*LOADED, "MODEL_ENTRY=logit"), "MODEL_ENTRY=logit: MODEL=early_nets:small returns one tensor"),
    ],
)
def test_a_net_is_tried_before_anything_else(net: str, words: tuple[str, ...], said: str, home: Path) -> None:
    done = here("run", "PROFILE=tiny", f"MODEL=early_nets:{net}", *SIZES, *words, cwd=home)
    error = done.stderr.splitlines()[-1]
    assert done.returncode == 2, done.stderr
    assert error.startswith("error: ")
    assert said in error
    assert not (home / "build" / "data").exists()
    assert not (home / "data").exists()  # no scenes


@pytest.mark.parametrize("words", [(), FOLDER, TABLE, ("LAYERS=conv,act_1",)])
def test_a_net_for_any_number_of_classes_passes(
    words: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    given = dict(word.split("=", 1) for word in ("PROFILE=tiny", "MODEL=early_nets:small", *SIZES, *words))
    untrained.check(settings.load(given, sizes), home / "build", {"data", "net"})
    assert not (home / "build").exists()


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (("MODEL=squeezenet1_1",), "LAYERS=featurs.0: no layer 'featurs.0' in this net: the nearest are features.0"),
        (("MODEL=timm/resnet10t",), "LAYERS=featurs.0: no layer 'featurs.0' in this net: the nearest are "),
        (("MODEL=zfnet",), "LAYERS=featurs.0: no layer 'featurs.0' in this net: the nearest are "),
    ],
)
def test_a_layer_that_no_such_net_has_is_told_before_images_are_read(
    net: tuple[str, ...], said: str, home: Path
) -> None:
    done = here(
        "run", "PROFILE=tiny", *net, "DATA=images", "DATA_SIZE=72", "DATA_CROP=64", "LAYERS=featurs.0", cwd=home
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert re.match(rf"error: {re.escape(said)}", done.stderr)
    assert not (home / "build" / "data").exists()


@pytest.mark.parametrize("words", [("LAYER=9",), ("LAYER=1", "MAPS=4")])
def test_a_layer_or_map_to_draw_is_looked_for_before_the_net_is_trained(words: tuple[str, ...], home: Path) -> None:
    done = here("figures", "PROFILE=tiny", "MODEL=early_nets:small", "DATA=images", *SIZES, *words, cwd=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert not (home / "build" / "net").exists()
