"""What a user's net returns, in which type, and what it does to the process: read as it is, mended, or said."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import here
from users_nets import USUAL, made, numbers, planted, settle, words

from reportgen.analyses.invariance.distances import responses
from reportgen.analyses.occlusion import square
from reportgen.base.errors import UserError
from reportgen.look.inputs import Inputs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder: code, weights, images."""
    return settle(tmp_path, monkeypatch)


@pytest.mark.parametrize("kind", ["a_tuple", "a_list", "a_named_tuple", "a_dataclass", "a_dictionary"])
def test_the_outputs_among_several_things_are_read_with_the_file_that_there_is(home: Path, kind: str) -> None:
    made(home, "net", "occlusion", MODEL=f"brightness_net:{kind}", LAYERS="act,act2")
    assert numbers(home)["top1"] == 1.0
    assert numbers(home)["unfollowed"] == ""
    made(home, MODEL="brightness_net:two_rows", MODEL_ENTRY="b")
    assert numbers(home)["top1"] == 0.0


def test_outputs_are_read_as_what_they_are(home: Path) -> None:
    """The probabilities of a net do not depend on how much of a softmax or sigmoid it does itself."""
    found = {}
    weights = planted() | {"head.bias": torch.ones(2)}
    torch.save(weights, "net.pt")
    torch.save({name.replace("head.", "head.0."): value for name, value in weights.items()}, "heads.pt")
    for kind, asked in [
        *[
            ("brightness", ""),
            ("probabilities", ""),
            ("one_label", ""),
            ("one_label", "logit"),
            ("one_probability", ""),
        ],
        *[("labels", ""), ("labels", "sigmoid"), ("brightness", "sigmoid")],
    ]:
        made(
            home,
            MODEL=f"brightness_net:{kind}",
            OUTPUTS=asked,
            WEIGHTS="net.pt" if kind == "brightness" else "heads.pt",
        )
        assert numbers(home)["top1"] == 1.0
        inputs = Inputs.open(home / "build", "cpu")
        image = next(inputs.batches(inputs.data.val))[0]
        grid = square.slide(inputs, image, 8, 8)
        assert np.allclose(grid.clean, inputs.probabilities[0], atol=1e-6)
        seen = responses(inputs, inputs.data.val.images[:3, 2:34, 2:34], inputs.data.val.labels[:3])
        assert np.allclose(seen.probability, inputs.probabilities[range(3), inputs.data.val.labels[:3]], atol=0.02)
        found[kind, asked] = inputs.probabilities, numbers(home)["read_so"]
    for kind in ("probabilities", "one_label", "one_probability"):
        assert np.allclose(found[kind, ""][0], found["brightness", ""][0], atol=1e-6)
        assert found[kind, ""][1]
    assert np.allclose(found["labels", ""][0], found["brightness", "sigmoid"][0], atol=1e-6)
    assert not np.allclose(found["brightness", "sigmoid"][0].sum(axis=1), 1, atol=1e-3)
    assert found["labels", "sigmoid"][1] == found["labels", ""][1]
    assert "lie between 0 and 1, as behind a sigmoid" in found["labels", ""][1]


def test_images_that_would_influence_each_other_are_run_one_by_one(home: Path) -> None:
    made(home, MODEL="brightness_net:batch_norm", WEIGHTS="factory")
    said = numbers(home)
    assert said["alone"] == "batch norm on batch statistics ('act.0') mixes the images of a batch"
    inputs = Inputs.open(home / "build", "cpu")
    images = next(inputs.batches(inputs.data.val))
    with torch.no_grad():
        one_by_one = torch.cat([inputs.net(image[None]) for image in images])
        assert not torch.allclose(inputs.net(images), one_by_one, atol=1e-2)
        covered = images[0].clone()
        covered[:, :8, :8] = inputs.preprocessing.grey().view(3, 1, 1)
        expected = inputs.as_probabilities(inputs.net(covered[None]).numpy())[0]
    assert np.allclose(inputs.learned.logits, one_by_one.numpy(), atol=1e-5)
    grid = square.slide(inputs, images[0], 8, 8)
    assert np.allclose(grid.covered[0, 0], expected, atol=1e-6)
    assert "batch statistics" in grid.whole


@pytest.mark.parametrize("kind", ["under_autocast", "doubling"])
def test_a_net_that_computes_in_another_type_is_followed_all_the_same(home: Path, kind: str) -> None:
    made(home, "net", "occlusion", MODEL=f"brightness_net:{kind}", LAYERS="act,act2")
    assert (numbers(home)["top1"], numbers(home)["unfollowed"]) == (1.0, "")


def test_what_a_users_module_does_to_the_process_is_undone(home: Path) -> None:
    code = (
        "import os, torch, sys\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\nos.chdir('/')\n"
    )
    Path("rude.py").write_text(code + "sys.argv.append('--x')\nfrom brightness_net import brightness\n")
    made(home, MODEL="rude:brightness")
    assert numbers(home)["top1"] == 1.0
    assert (Path.cwd(), torch.get_default_dtype(), torch.is_grad_enabled()) == (home, torch.float32, True)
    sys.argv.remove("--x")


def test_lazy_layers_get_their_sizes_from_an_image(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("lazy.py").write_text(
        "from torch import nn\n"
        "def net(): return nn.Sequential(nn.LazyConv2d(2, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))\n"
    )
    monkeypatch.delitem(sys.modules, "lazy", raising=False)
    from importlib import import_module

    monkeypatch.syspath_prepend(str(home))
    net = import_module("lazy").net()
    net(torch.zeros(2, 3, 32, 32))
    torch.save(net.state_dict(), "lazy.pt")
    made(home, "net", "features", MODEL="lazy:net", WEIGHTS="lazy.pt")
    again = Inputs.open(home / "build", "cpu").net
    assert all(value.equal(again.state_dict()[name]) for name, value in net.state_dict().items())
    with pytest.raises(
        UserError, match=r"its lazy layers took their sizes from DATA_CROP=36: give that of its training"
    ):
        made(home, MODEL="lazy:net", WEIGHTS="lazy.pt", DATA_CROP="36")


def test_another_net_is_tried_before_any_image_is_read(home: Path) -> None:
    done = here("run", *words(USUAL | {"MODEL": "brightness_net:hangs", "WEIGHTS": "", "MODEL_PATIENCE": "0.5"}
        | dict.fromkeys(("PREPROCESSING_MEAN", "PREPROCESSING_DEVIATION"), "")), cwd=home)  # fmt: skip
    assert done.returncode == 2
    assert "MODEL=brightness_net:hangs: running one image did not end within 0.5 s: " in done.stderr
    assert not (home / "build" / "data").exists()
