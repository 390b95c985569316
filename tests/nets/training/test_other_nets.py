"""Nets that are not the paper's are trained here: as they are, with the number of classes, and to the same bytes."""

import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import CPU, PREPROCESSING, QUICK, TRAINING, Images, contents, planned, run
from test_resuming import Killed, killer_of
from torch import nn

from reportgen.analyses.generalisation import from_scratch
from reportgen.base.errors import UserError
from reportgen.data.dataset import Split
from reportgen.nets.others import OtherNet, other_net
from reportgen.nets.snapshots import load_net, snapshot_path
from reportgen.nets.training import loop as training
from reportgen.nets.training.batches import Batches
from reportgen.nets.training.optimiser import optimiser
from reportgen.nets.world import ALONE
from reportgen.settings.recipes import ADAMW

CODE = """
from torch import nn

class Small(nn.Module):
    def __init__(self, maps=4, classes=2, gives=lambda logits: logits):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, maps, 5, stride=2), nn.BatchNorm2d(maps), nn.ReLU(), nn.Dropout(0.2), nn.LazyConv2d(maps, 3)
        )
        self.head, self.gives = nn.Linear(maps, classes), gives
    def forward(self, images):
        return self.gives(self.head(self.body(images).mean((2, 3))))

def small(num_classes): return Small(classes=num_classes)
def whatever(**settings): return Small(classes=settings["num_classes"])
def three(): return Small(classes=3)
def dictionary(n_classes): return Small(classes=n_classes, gives=lambda logits: {"loss": 0, "logits": logits})
def broken(classes): raise ValueError("no such width")
"""
ADAM = replace(QUICK, optimiser="adamw", **ADAMW)


@pytest.fixture(autouse=True)
def user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "users_nets.py").write_text(CODE)
    monkeypatch.chdir(home)
    monkeypatch.delitem(sys.modules, "users_nets", raising=False)


@pytest.mark.parametrize("name", ["Small", "small", "whatever", "three", "dictionary"])
def test_the_factory_is_given_the_number_of_classes(name: str, tmp_path: Path) -> None:
    net = other_net(f"users_nets:{name}", 3, 32)
    before = run(tmp_path / "a", net=net).epochs[0]
    assert before.train_loss < 3
    made, _ = load_net(snapshot_path(tmp_path / "a", 3))
    with torch.no_grad():
        assert made(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize("recipe", [QUICK, ADAM], ids=["sgd", "adamw"])
def test_a_killed_training_of_another_net_ends_in_the_same_bytes(
    recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = other_net("users_nets:small", 3, 32)
    run(tmp_path / "whole", recipe, net=net)
    torch.rand(7)  # the global generator must not matter
    monkeypatch.setattr(training, "KEEPING", math.inf)
    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate", killer_of(training.evaluate, lambda count, *_: count == 2))
        with pytest.raises(Killed):
            run(tmp_path / "killed", recipe, net=net)
    run(tmp_path / "killed", recipe, net=net)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    run(tmp_path / "other", recipe, seed=1, net=net)
    first, other = (load_net(snapshot_path(tmp_path / name, 0))[0].state_dict() for name in ("whole", "other"))
    assert not first["head.weight"].equal(other["head.weight"])


def test_it_learns(tmp_path: Path) -> None:
    net = other_net("timm/test_resnet.r160_in1k", 3, 32) if _has_timm() else other_net("users_nets:small", 3, 32)
    history = run(tmp_path, replace(ADAM, epochs=8, learning_rate=1e-2), net=net)
    assert history.epochs[-1].train_loss < 0.7 * history.epochs[0].train_loss


def _has_timm() -> bool:
    try:
        import timm  # noqa: F401
    except ImportError:
        return False
    return True


def test_a_net_of_torchvision_is_made_for_these_classes_and_images() -> None:
    assert other_net("squeezenet1_1", 5, 64).description == {
        "model": {"name": "squeezenet1_1", "arguments": {"num_classes": 5}}
    }
    assert other_net("vit_b_32", 2, 64).description["model"]["arguments"] == {"num_classes": 2, "image_size": 64}


def test_weight_decay_of_adamw_spares_biases_norms_and_places() -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)
            self.pos_embed, self.table = nn.Parameter(torch.zeros(1, 4, 4)), nn.Parameter(torch.zeros(3, 3))

        def no_weight_decay(self) -> set[str]:
            return {"table"}

    net = Attending()
    decaying, spared = optimiser(net, ADAM).param_groups
    assert [id(one) for one in decaying["params"]] == [id(net.conv.weight), id(net.head.weight)]
    assert (decaying["weight_decay"], decaying["lr"], spared["weight_decay"]) == (0.05, 1e-3, 0.0)
    assert len(decaying["params"]) + len(spared["params"]) == len(list(net.parameters()))
    [group] = optimiser(net, QUICK).param_groups
    assert group["weight_decay"] == QUICK.weight_decay


def test_no_batch_is_a_single_image() -> None:
    images = Images(TRAINING.images[:33], TRAINING.labels[:33])
    batches = Batches(images, PREPROCESSING, QUICK, CPU, ALONE, least=2)
    assert len(batches) == 2
    assert [size for _, _, size in batches.epoch(torch.Generator())] == [16, 17]
    assert len(Batches(images, PREPROCESSING, QUICK, CPU, ALONE)) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "users_nets:three",
            "MODEL=users_nets:three: it gives 3 numbers for an image, but the images have 4 classes: let",
        ),
        ("users_nets:broken", "MODEL=users_nets:broken: the factory failed: ValueError: no such width"),
        ("resnet81", "MODEL=resnet81: no such net; did you mean 'resnet18'?"),
        ("inception_v3", "MODEL=inception_v3: it cannot read 32 px images, DATA_CROP=32 ("),
    ],
)
def test_what_cannot_be_trained_is_one_line(name: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        other_net(name, 4, 32)
    assert "\n" not in str(caught.value)


def test_this_very_net_is_trained_from_scratch_on_other_images(tmp_path: Path) -> None:
    net = other_net("users_nets:small", 3, 32)
    assert isinstance(net, OtherNet)
    task = from_scratch.Task(TRAINING.images[:6], TRAINING.labels[:6], 0, tmp_path / "a")
    test = Split(TRAINING.images, TRAINING.labels, ("",) * len(TRAINING.labels))
    tasks = [task, replace(task, seed=1, folder=tmp_path / "b")]
    found = from_scratch.train_all(net, tasks, test, 2, CPU)
    again = from_scratch.train_all(net, [replace(one, folder=one.folder / "x") for one in tasks], test, 2, CPU)
    assert [one.loss for one in found] == [one.loss for one in again]
    assert np.isfinite([one.loss for one in found]).all()
    trained, _ = training.finished(planned(tmp_path / "a" / "try-1", net=net))
    assert type(trained).__name__ == "Small"
