"""The code, weights, images and switches of a user who brings a net."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.nets.sizes import sizes
from reportgen.pipeline.run import Pipeline
from reportgen.stages.plan import pipeline as planned

CODE = """
import collections
import dataclasses
import time
import warnings

import torch
from torch import nn

class Brightness(nn.Module):
    "Tells dark from light images by the mean of what it reads."
    def __init__(self, activation=nn.ReLU):
        super().__init__()
        self.conv, self.act, self.pool = nn.Conv2d(3, 2, 3, bias=True), activation(), nn.MaxPool2d(2)
        self.conv2, self.act2 = nn.Conv2d(2, 2, 3), activation()
        self.head = nn.Linear(2, 2)
    def forward(self, images):
        return self.head(self.act2(self.conv2(self.pool(self.act(self.conv(images))))).mean((2, 3)))

def brightness(): return Brightness()
def waving():
    class Waving(Brightness):
        "Nothing of it can be projected: a sine has no way down."
        def forward(self, images): return super().forward(images.div(255).sin())
    return Waving()
def branching():
    class Branching(Brightness):
        def forward(self, images):
            return super().forward(images) if images.sum() > 0 else super().forward(-images)
    return Branching()
def viewing(branching=False):
    class Viewing(Brightness):
        "Flattens by view, as tutorials do: that asks for contiguous memory."
        def forward(self, images):
            if branching and images.sum() < 0:
                images = -images
            maps = self.act2(self.conv2(self.pool(self.act(self.conv(images)))))
            flat = maps.view(maps.size(0), -1)
            return self.head(flat.view(-1, 2, 13 * 13).mean(2))
    return Viewing()
def viewing_and_branching(): return viewing(branching=True)
def pair():
    class Pair(Brightness):
        def forward(self, images, more): return super().forward(images + more)
    return Pair()
def broken():
    class Broken(Brightness):
        def forward(self, images): return super().forward(nothing)
    return Broken()
def maps(): return nn.Conv2d(3, 2, 3)
def heads(*layers):
    net = Brightness()
    net.head = nn.Sequential(net.head, *layers)
    return net
def probabilities(): return heads(nn.Softmax(1))
def one_number(): return heads(nn.Linear(2, 1))
def nowhere():
    net = heads()
    nn.init.constant_(net.head[0].bias, float("nan"))
    return net
def squeezing():
    class Squeezing(Brightness):
        def forward(self, images): return super().forward(images).squeeze()
    return Squeezing()
def several():
    class Several(Brightness):
        def forward(self, images): return {"logits": super().forward(images)}
    return Several()
def two_rows():
    class TwoRows(Brightness):
        def forward(self, images): return {"a": super().forward(images), "b": 2 - super().forward(images)}
    return TwoRows()
def nothing_at_all():
    class Nothing(Brightness):
        def forward(self, images): return "light"
    return Nothing()
class Answer(collections.namedtuple("Answer", "maps logits")): pass
@dataclasses.dataclass
class Output:
    logits: torch.Tensor
    maps: torch.Tensor
def answering(give):
    class Answering(Brightness):
        def forward(self, images):
            maps = self.act2(self.conv2(self.pool(self.act(self.conv(images)))))
            return give(maps, self.head(maps.mean((2, 3))))
    return Answering()
def a_tuple(): return answering(lambda maps, logits: (maps, logits))
def a_list(): return answering(lambda maps, logits: [logits])
def a_named_tuple(): return answering(Answer)
def a_dataclass(): return answering(lambda maps, logits: Output(logits, maps))
def a_dictionary(): return answering(lambda maps, logits: {"aux": 0 * logits, "logits": logits, "maps": maps})
def leaves():
    class Leaves(Brightness):
        def forward(self, images): raise SystemExit("enough")
    return Leaves()
def hangs():
    class Hangs(Brightness):
        def forward(self, images):
            while True: time.sleep(1)
    return Hangs()
def dropping(): return heads(Always(0.1))
class Always(nn.Dropout):
    def forward(self, numbers): return nn.functional.dropout(numbers, self.p, True)
def remembering():
    class Remembering(Brightness):
        seen = 0
        def forward(self, images):
            self.seen = 0.5 * self.seen + images.mean()
            return super().forward(images) + self.seen
    return Remembering()
def batch_norm():
    torch.manual_seed(1)  # of some weights both maps are zero for every image
    net = heads()
    net.act = nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False), nn.ReLU())
    return net
def under_autocast():
    class Autocast(Brightness):
        def forward(self, images):
            with torch.autocast("cpu", torch.bfloat16): return super().forward(images)
    return Autocast()
def doubling():
    class Doubling(Brightness):
        def forward(self, images): return super().forward(images).double()
    return Doubling()
def labels(): return heads(nn.Sigmoid())
def one_label(): return heads(Difference())
def one_probability(): return heads(Difference(), nn.Sigmoid())
class Difference(nn.Module):
    def forward(self, logits): return logits[:, 1:] - logits[:, :1]
def grey(channels=1):
    net = heads()
    net.conv = nn.Conv2d(channels, 2, 3)
    return net
def four_channels(): return grey(4)
def silently(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls both deprecated
        return make(Brightness())
def scripted(): return silently(torch.jit.script)
def quantised(): return silently(torch.ao.quantization.quantize_dynamic)
def wrapped(): return torch.compile(nn.DataParallel(Brightness()))
def half(): return Brightness().half()
def double(): return Brightness().double()
the_one = Brightness()
def same(): return the_one
"""


def planted(white: float = 1.0) -> dict[str, torch.Tensor]:
    """Weights with which `Brightness` says "light" where the mean colour in 0..white is above a half."""
    one = torch.zeros(2, 3, 3, 3)
    one[0] = 1 / 27 / white  # the mean brightness, and its complement
    one[1] = -1 / 27 / white
    through = torch.zeros(2, 2, 3, 3)
    through[0, 0] = through[1, 1] = 1 / 9
    return {
        "conv.weight": one,
        "conv.bias": torch.tensor([0.0, 1.0]),
        "conv2.weight": through,
        "conv2.bias": torch.zeros(2),
        "head.weight": torch.tensor([[-5.0, 5.0], [5.0, -5.0]]),
        "head.bias": torch.zeros(2),
    }


def photographs(root: Path, kinds: tuple[str, ...] = ("dark", "light"), count: int = 10) -> Path:
    rng = np.random.default_rng(0)
    for index in range(count):
        for place, kind in enumerate(kinds):
            picture = rng.integers(10 + 130 * place, 110 + 130 * place, (40, 50, 3), dtype=np.uint8)
            (root / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(root / kind / f"{index:02d}.png")
    return root


def settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the user's folder, with code, weights and images, the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "brightness_net", raising=False)
    (tmp_path / "brightness_net.py").write_text(CODE)
    torch.save({"state_dict": {f"module.{name}": value for name, value in planted().items()}}, "net.pt")
    photographs(tmp_path / "images")
    return tmp_path


USUAL = {
    "PROFILE": "tiny",
    "MODEL": "brightness_net:brightness",
    "WEIGHTS": "net.pt",
    "DATA": "images",
    "DATA_SIZE": "36",
    "DATA_CROP": "32",
    "PREPROCESSING_MEAN": "0,0,0",
    "PREPROCESSING_DEVIATION": "1,1,1",
}


def made(home: Path, *goals: str, **switches: str) -> Pipeline:
    """The stages that are asked for, made in this process."""
    pipeline = planned(settings.load(USUAL | switches, sizes), home / "build", home / "report")
    pipeline.make_due(goals or ["net"])
    return pipeline


def numbers(home: Path, stage: str = "net") -> dict:
    return read_json(home / "build" / stage / DOCUMENT)["numbers"]


def words(switches: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in switches.items()]
