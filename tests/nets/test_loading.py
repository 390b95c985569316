"""Nets that were trained elsewhere: what is read from files, what is refused, and what is said of it."""

import os
import pickle
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import safetensors.torch
import torch
import torchvision
from small_nets import TINY
from torch import nn

from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.data.classes import ClassName
from reportgen.data.transforms import Preprocessing
from reportgen.nets import checkpoints, loading
from reportgen.nets.build import build, make
from reportgen.nets.presets import download, preset
from reportgen.nets.sizes import sizes
from reportgen.nets.snapshots import load_net, save_net
from reportgen.nets.zfnet import ZFNet
from reportgen.settings.sections import ModelSettings, PreprocessingSettings, Scaled

NOTHING = PreprocessingSettings()


class Small(nn.Module):
    def __init__(self, maps: int = 4, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, maps, 3)
        self.norm = nn.BatchNorm2d(maps)
        self.head = nn.Linear(maps, classes)

    def forward(self, images):
        return self.head(torch.relu(self.norm(self.conv(images))).mean((2, 3)))


def small(**sizes: int) -> Small:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Small(**sizes)


def same_weights(net: nn.Module, other: nn.Module) -> bool:
    mine, theirs = net.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(value.equal(theirs[name]) for name, value in mine.items())


def saved(path: Path, content: Any) -> Path:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(content, path)
    else:
        torch.save(content, path)
    return path


def prefixed(state: dict, prefix: str) -> dict:
    return {prefix + name: value for name, value in state.items()}


# --- what is read ----------------------------------------------------------------------------------------------------

WRAPPINGS = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}},
    "model": lambda state: {"model": state, "args": {"arch": "small"}},
    "net": lambda state: {"net": state},
    "twice": lambda state: {"state_dict": {"model": state}},
    "DataParallel": lambda state: prefixed(state, "module."),
    "compile": lambda state: prefixed(state, "_orig_mod."),
    "compile of DataParallel": lambda state: prefixed(state, "_orig_mod.module."),
    "DataParallel of compile": lambda state: prefixed(state, "module._orig_mod."),
    "Lightning": lambda state: {"state_dict": prefixed(state, "model."), "epoch": 3},
    "a compiled part": lambda state: {name.replace("conv.", "conv._orig_mod."): value for name, value in state.items()},
    "without counters": lambda state: {
        name: value for name, value in state.items() if not name.endswith("num_batches_tracked")
    },
    "network": lambda state: {"network": state, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}},
    "weights": lambda state: {"weights": state, "loss": torch.tensor(0.3)},
    "params": lambda state: {"params": state},
    "a name of one's own": lambda state: {"epoch": 2, "generator_of_answers": {"weights": prefixed(state, "module.")}},
    "averaged by timm": lambda state: {"epoch": 3, "state_dict_ema": state},
    "averaged by torch": lambda state: {"n_averaged": torch.tensor(4), **prefixed(state, "module.")},
    "averaged by torchvision": lambda state: {
        "model_ema": {"n_averaged": torch.tensor(4), **prefixed(state, "module.")}
    },
    "a loss beside it": lambda state: {
        "state_dict": {
            **prefixed(state, "net."),
            "criterion.pos_weight": torch.ones(3),
            "criterion.weight": torch.ones(3, 4),
        }
    },
    "a metric beside it": lambda state: {**state, "val_accuracy.tp": torch.ones(3), "temperature": torch.ones(())},
    "a name for the net": lambda state: {"state_dict": prefixed(state, "backbone.body."), "epoch": 3},
    "named as torch wants it": lambda state: {"optimizer": {"conv.weight": torch.zeros(4, 3, 3, 3)}, "model": state},
    "half precision": lambda state: {
        name: value.half() if value.is_floating_point() else value for name, value in state.items()
    },
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_the_wrappings_of_training_scripts_come_off(wrapping: str, suffix: str, tmp_path: Path) -> None:
    original = small()
    content = WRAPPINGS[wrapping](original.state_dict())
    if suffix == ".safetensors" and any(not isinstance(value, torch.Tensor) for value in content.values()):
        pytest.skip("a safetensors file holds tensors alone")
    path = saved(tmp_path / f"net{suffix}", content)
    net = Small()
    checkpoints.fit(net, checkpoints.read_state(path, "here"), "small", "here")
    if wrapping == "half precision":
        assert torch.allclose(net.conv.weight, original.conv.weight, atol=1e-3)
    else:
        assert same_weights(net, original)


def fitted(net: nn.Module, state: dict, key: str = "") -> checkpoints.Fitted:
    return checkpoints.fit(net, state, "small", "WEIGHTS=x.pt", key)


def test_a_part_of_the_net_that_is_called_model_keeps_its_name() -> None:
    net, other = nn.Sequential(), nn.Sequential()
    net.add_module("model", small())
    other.add_module("model", Small())
    assert fitted(other, net.state_dict()).said == ()
    assert same_weights(net, other)


def test_the_old_names_of_densenets_are_known() -> None:
    net = torchvision.models.densenet121(num_classes=2)
    state = net.state_dict()
    old = {name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value for name, value in state.items()}
    assert old.keys() != state.keys()
    again = torchvision.models.densenet121(num_classes=2)
    fitted(again, old)
    assert same_weights(again, net)


def test_what_is_beside_the_net_is_named_and_left_out() -> None:
    state = small().state_dict()
    found = fitted(Small(), {**prefixed(state, "state_dict/net."), "state_dict/criterion.pos_weight": torch.ones(3)})
    assert found.said == ("WEIGHTS=x.pt: 1 of its tensors is not the net's and left out (criterion.pos_weight)",)
    assert "(n_averaged)" in fitted(Small(), {"n_averaged": torch.ones(()), **prefixed(state, "module.")}).said[0]


@pytest.mark.parametrize(
    "more",
    [{"conv2.weight": (4, 4, 3, 3)}, {"head.scale": (3,)}, {"cls_token": (1, 1, 4)}],
    ids=lambda more: next(iter(more)),
)
def test_a_part_of_another_net_is_not_left_out_as_if_it_were_beside_this_one(more: dict) -> None:
    state = small().state_dict() | {name: torch.ones(shape) for name, shape in more.items()}
    if "conv2.weight" in more:  # resnet18's weights are among resnet34's, with the same shapes
        net = nn.Sequential(small())
        state = {**net.state_dict(), "0.conv2.weight": torch.ones(4, 4, 3, 3)}
    else:
        net = small()
    with pytest.raises(UserError, match=r"1 of the file's \d+ is not the net's"):
        fitted(net, state)


def test_of_raw_and_averaged_weights_it_says_which_it_took_and_the_key_chooses() -> None:
    raw, averaged = (small().state_dict() for _ in range(2))
    averaged["head.bias"] += 1
    in_one = prefixed(raw, "net.") | prefixed(averaged, "ema_net.")
    forms = {
        "state_dict": prefixed(raw, "state_dict/") | prefixed(averaged, "state_dict_ema/"),
        "model": prefixed(averaged, "model_ema/module.") | prefixed(raw, "model/"),
        "state_dict.net": prefixed(in_one, "state_dict/"),
    }
    for key, state in forms.items():
        net = Small()
        found = fitted(net, state)
        assert net.head.bias.equal(averaged["head.bias"])
        assert found.said[0] == (
            f"WEIGHTS=x.pt: taken were its averaged weights {found.key}; it also has {key}: WEIGHTS_KEY= chooses"
        )
        assert fitted(net, state, key).key == ""
        assert net.head.bias.equal(raw["head.bias"])
        assert "only averaged weights" in fitted(net, state, found.key).said[0]
        assert net.head.bias.equal(averaged["head.bias"])
    with pytest.raises(
        UserError, match=r"WEIGHTS_KEY=ema: no such weights in it \(it has state_dict, state_dict_ema\)"
    ):
        fitted(Small(), forms["state_dict"], "ema")


class Wrapper(nn.Module):
    """What a user writes around a net that does not fit here, with weights of its own."""

    def __init__(self, learns: bool = False) -> None:
        super().__init__()
        self.net = Small()
        self.register_buffer("scale", torch.full((3, 1, 1), 2.0))
        self.mix = nn.Conv2d(3, 3, 1, bias=False).requires_grad_(learns)

    def forward(self, images):
        return self.net(self.mix(images * self.scale))


@pytest.mark.parametrize("form", ["bare", "state_dict", "DataParallel", "Lightning"])
def test_a_net_within_a_wrapper_takes_the_file_of_the_net_itself(form: str, tmp_path: Path) -> None:
    original, wrapper = small(), Wrapper()
    path = saved(tmp_path / "net.pt", WRAPPINGS[form](original.state_dict()))
    said = checkpoints.fit(wrapper, checkpoints.read_state(path, "here"), "wrapped", "here").said
    assert same_weights(wrapper.net, original)
    assert said == ("here: it has the weights of net; as the factory made them stay scale, mix.weight",)
    whole = Wrapper()
    assert fitted(whole, wrapper.state_dict()).said == ()  # and its own file, of course
    assert same_weights(whole, wrapper)


def test_a_part_around_the_net_that_was_to_be_learned_is_missing() -> None:
    with pytest.raises(
        UserError, match=r"1 of the net's 11 weights is missing \(mix.weight\), .*requires_grad_\(False\)"
    ):
        fitted(Wrapper(learns=True), small().state_dict())


# --- what is refused -------------------------------------------------------------------------------------------------


class Payload:
    """A pickle that creates a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("form", ["torch", "pickle", "beside weights"])
@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.ckpt"])
def test_a_checkpoint_that_carries_code_is_refused_and_nothing_of_it_runs(form: str, name: str, tmp_path: Path) -> None:
    trace, path = tmp_path / "it-ran", tmp_path / name
    payload = Payload(trace)
    if form == "pickle":
        path.write_bytes(pickle.dumps(payload))
    else:
        torch.save(payload if form == "torch" else {"state_dict": small().state_dict(), "callback": payload}, path)
    with pytest.raises(UserError) as caught:
        checkpoints.read_state(path, "WEIGHTS=net.pt")
    assert str(caught.value).startswith("WEIGHTS=net.pt: it holds more than weights")
    assert form == "pickle" or "system" in str(caught.value)
    assert "save the net's state dict alone" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not trace.exists()
    os.system(f"touch {trace}")  # the payload would have worked
    assert trace.exists()


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    torch.save(small(), tmp_path / "net.pt")
    with pytest.raises(UserError, match=r"it holds more than weights .*Small"):
        checkpoints.read_state(tmp_path / "net.pt", "here")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pt", b"", "here: an empty file"),
        ("a.pt", b"PK\x03\x04 and then nothing", "here: not a checkpoint of torch's"),
        ("a.pth", b"<html>404</html>", "here: not a checkpoint of torch's"),
        ("a.safetensors", b"", "here: an empty file"),
        ("a.safetensors", b"\xff" * 64, "here: not a safetensors file"),
    ],
)
def test_a_file_that_is_no_checkpoint(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        checkpoints.read_state(tmp_path / name, "here")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_truncated_file(tmp_path: Path) -> None:
    for suffix in (".pt", ".safetensors"):
        path = saved(tmp_path / f"net{suffix}", small().state_dict())
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(UserError, match=r"here: not a .*, or a damaged one"):
            checkpoints.read_state(path, "here")


def test_a_file_without_weights_and_one_with_numbers_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="here: the file holds no weights"):
        checkpoints.read_state(saved(tmp_path / "a.pt", {"epoch": 3}), "here")
    state = small().state_dict()
    state["conv.weight"][0, 0, 0, 0] = torch.nan
    with pytest.raises(UserError, match=r"here: conv\.weight is not finite"):
        checkpoints.fit(Small(), state, "small", "here")


def test_what_is_missing_or_not_the_nets_is_listed() -> None:
    state = small().state_dict()
    without = {name: value for name, value in state.items() if not name.startswith("norm")}
    with pytest.raises(UserError) as caught:
        checkpoints.fit(Small(), {**without, "neck.weight": torch.ones(1)}, "small", "WEIGHTS=x.pt")
    assert str(caught.value) == (
        "WEIGHTS=x.pt does not fit small: 4 of the net's 9 weights are missing (norm.weight, norm.bias, "
        "norm.running_mean and 1 more), 1 is not the net's (neck.weight)"
    )


def test_the_first_weight_of_another_shape_is_named_with_both_shapes() -> None:
    with pytest.raises(UserError) as caught:
        checkpoints.fit(Small(), small(maps=5).state_dict(), "small", "WEIGHTS=x.pt")
    assert str(caught.value) == (
        "WEIGHTS=x.pt does not fit small: conv.weight has shape 5x3x3x3 in the file, 4x3x3x3 in the net"
    )


def test_a_net_that_does_not_fit_is_left_as_it_was() -> None:
    net = small()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(UserError):
        checkpoints.fit(net, {**before, "head.bias": torch.zeros(7)}, "small", "x")
    assert all(value.equal(before[name]) for name, value in net.state_dict().items())


# --- torchvision ------------------------------------------------------------------------------------------------------


def test_a_torchvision_net_takes_as_many_classes_as_its_file_has(tmp_path: Path) -> None:
    original = torchvision.models.squeezenet1_1(num_classes=7)
    path = saved(tmp_path / "mine.safetensors", original.state_dict())
    found = loading.load(ModelSettings(name="squeezenet1_1", weights=str(path)), NOTHING, 224)
    assert found.description == {"model": {"name": "squeezenet1_1", "arguments": {"num_classes": 7}}}
    assert same_weights(found.net, original)
    assert found.weights == "mine.safetensors"
    assert not found.net.training
    assert found.preprocessing_from.startswith("nobody says so")


def test_weights_of_another_net_are_told_from_another_number_of_classes(tmp_path: Path) -> None:
    state = torchvision.models.squeezenet1_1().state_dict()
    other = {"features.0.weight": torch.zeros(96, 3, 7, 7), "features.0.bias": torch.zeros(96)}
    path = saved(tmp_path / "x.safetensors", state | other)
    with pytest.raises(UserError) as caught:
        loading.load(ModelSettings(name="squeezenet1_1", weights=str(path)), NOTHING, 224)
    assert str(caught.value) == (
        f"WEIGHTS={path} does not fit squeezenet1_1: features.0.weight has shape 96x3x7x7 in the file, 64x3x3x3 in the net"
    )


def test_torchvisions_own_weights_bring_their_preprocessing_and_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    state = torchvision.models.squeezenet1_1().state_dict()
    asked = {}

    def served(url: str, **more: Any) -> dict:
        asked.update(more, url=url)
        return state

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", served)
    found = loading.load(ModelSettings(name="squeezenet1_1", weights="DEFAULT"), NOTHING, 224)
    assert asked["weights_only"] is True
    assert asked["check_hash"] is True
    assert found.weights == "SqueezeNet1_1_Weights.IMAGENET1K_V1"
    assert found.preprocessing == Preprocessing(
        Size.of(224), mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)
    )
    assert len(found.classes.names) == 1000
    assert found.classes.names[0] == ClassName("tench")
    assert preset("inception_v3", "IMAGENET1K_V1").crop == Size.of(299)
    assert preset("vit_b_16", "IMAGENET1K_SWAG_E2E_V1").arguments == {"image_size": 384}


def test_a_file_of_torchvisions_own_is_known_by_its_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "squeezenet1_1-b8a52dc0.pth", torchvision.models.squeezenet1_1().state_dict())
    found = loading.load(ModelSettings(name="squeezenet1_1", weights=str(path)), NOTHING, 224)
    assert found.preprocessing_from == "SqueezeNet1_1_Weights.IMAGENET1K_V1 says so"
    assert (found.weights, found.classes.names[0]) == ("squeezenet1_1-b8a52dc0.pth", ClassName("tench"))
    ten = torchvision.models.squeezenet1_1(num_classes=10)
    saved(path, ten.state_dict())  # trained further
    found = loading.load(ModelSettings(name="squeezenet1_1", weights=str(path)), NOTHING, 224)
    assert (found.preprocessing_from[:20], found.classes.names) == ("nobody says so: Imag", ())
    assert sizes(ModelSettings(name="inception_v3", weights="inception_v3_google-0cc3c7bd.pth")) == Scaled(
        Size.of(342), Size.of(299), "bilinear"
    )
    assert sizes(ModelSettings(name="inception_v3", weights="mine-0cc3c7bd.pth")) == Scaled(Size.of(256), Size.of(224))


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(url: str, **more: Any) -> dict:
        raise URLError("[Errno -3] Temporary failure in name resolution")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UserError) as caught:
        loading.load(ModelSettings(name="squeezenet1_1", weights="DEFAULT"), NOTHING, 224)
    assert str(caught.value) == (
        "WEIGHTS=DEFAULT: squeezenet1_1-b8a52dc0.pth cannot be downloaded from download.pytorch.org ([Errno -3] Temporary failure "
        f"in name resolution): put it into {tmp_path}/checkpoints, or give WEIGHTS=path/to/squeezenet1_1-b8a52dc0.pth"
    )


def test_a_planted_file_in_the_hubs_folder_does_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    torch.save(Payload(tmp_path / "it-ran"), tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    with pytest.raises((UserError, pickle.UnpicklingError)):
        download("squeezenet1_1", "DEFAULT")
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("alexnt", "DEFAULT", "MODEL=alexnt: no such net; did you mean 'alexnet'?"),
        (
            "alexnet",
            "IMAGENET1K_V7",
            "WEIGHTS=IMAGENET1K_V7: no such weights of alexnet; did you mean 'IMAGENET1K_V1'?",
        ),
        ("alexnet", "nowhere.pt", "WEIGHTS=nowhere.pt: no such file"),
        ("zfnet", "nowhere.safetensors", "WEIGHTS=nowhere.safetensors: no such file"),
    ],
)
def test_names_that_there_are_not(name: str, weights: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        loading.load(ModelSettings(name=name, weights=weights), NOTHING, 224)
    assert str(caught.value).startswith(message)


# --- the user's own factory -------------------------------------------------------------------------------------------


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a user's code, which is the current folder."""
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def good(): return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))\n"
        "def plain(): return nn.Sequential(nn.Conv2d(3, 2, 3))\n"
        "def bad(): raise ValueError('width 7 is odd\\nand more')\n"
        "def leaves(): raise SystemExit('not today')\n"
        "def wrong(): return {'a': 1}\n"
        "ready = plain()\n"
    )
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "typo.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part not in ("", str(tmp_path))])
    for name in ("mine", "broken", "typo"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine:bad", "MODEL=mine:bad: the factory failed: ValueError: width 7 is odd"),
        ("mine:leaves", "MODEL=mine:leaves: the factory failed: SystemExit: not today"),
        ("mine:wrong", "MODEL=mine:wrong: the factory gave a dict, not a torch.nn.Module"),
        ("mine:goood", "MODEL=mine:goood: mine has no 'goood'; did you mean 'good'?"),
        (
            "broken:f",
            "MODEL=broken:f: importing broken failed: ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("typo:f", "MODEL=typo:f: importing typo failed: SyntaxError: "),
        ("absent:f", "MODEL=absent:f: importing absent failed: ModuleNotFoundError: No module named 'absent'"),
    ],
)
def test_a_factory_that_fails_shows_the_users_own_error(user: Path, name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make(name, {})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_factory_or_a_module_gives_the_net(user: Path) -> None:
    for name in ("mine:plain", "mine:ready"):
        assert isinstance(make(name, {}), nn.Sequential)
    found = loading.load(ModelSettings(name="mine:plain", weights="factory"), NOTHING, 32)
    assert found.weights == "the factory's own"
    assert str(user) not in sys.path


# --- preprocessing, and the file that is written ----------------------------------------------------------------------


def preprocessed(**given: Any) -> Preprocessing:
    return loading._preprocessing(None, PreprocessingSettings(**given), Size.of(224), channels=3, red_green_blue=())[0]


def test_preprocessing_from_the_settings() -> None:
    caffe = preprocessed(range=255, order="BGR", mean=(104, 117, 123), deviation=(1, 1, 1))
    assert caffe == Preprocessing(Size.of(224), 255, "BGR", (104, 117, 123), (1, 1, 1))
    turned = preprocessed(order="BGR")
    assert turned.mean == (0.406, 0.456, 0.485)
    scaled = preprocessed(range=255)
    pixels = torch.randint(0, 256, (2, 5, 5, 3), dtype=torch.uint8)
    usual = preprocessed()
    assert torch.allclose(scaled.normalise(pixels), usual.normalise(pixels), atol=1e-5)  # the same in other units
    assert torch.allclose(turned.normalise(pixels), usual.normalise(pixels).flip(1), atol=1e-6)


def test_a_net_is_written_and_made_again(tmp_path: Path) -> None:
    net = torchvision.models.resnet18(num_classes=3)
    description = {"model": {"name": "resnet18", "arguments": {"num_classes": 3}}}
    said = preprocessed(order="BGR")
    save_net(net, said, tmp_path / "net.safetensors", description)
    again, preprocessing = load_net(tmp_path / "net.safetensors")
    assert same_weights(again, net)
    assert preprocessing == said
    assert not again.training


def test_a_net_whose_weights_are_tied_is_written(tmp_path: Path) -> None:
    net = ZFNet(TINY)
    net.layer4.conv.weight = net.layer4.conv.weight
    net.layer6.linear.bias = nn.Parameter(net.layer6.linear.bias.data)
    net.register_parameter("again", net.layer1.conv.weight)
    save_net(net, preprocessed(), tmp_path / "net.safetensors", {"model": {"name": "x"}})
    kept = safetensors.torch.load_file(tmp_path / "net.safetensors")
    assert kept["again"].equal(kept["layer1.conv.weight"])


def test_building_leaves_the_global_generator_as_it_was() -> None:
    before = torch.random.get_rng_state()
    build({"model": {"name": "squeezenet1_1", "arguments": {"num_classes": 2}}})
    assert torch.random.get_rng_state().equal(before)


def test_a_net_that_reportgen_trained_says_everything_itself(tmp_path: Path) -> None:
    net = ZFNet(TINY)
    said = Preprocessing(Size.of(48), mean=(0.1, 0.2, 0.3))
    path = tmp_path / "net.safetensors"
    save_net(net, said, path, classes=["cat", "dog", "owl", "fox"], size=56)
    found = loading.load(ModelSettings(name="zfnet", weights=str(path)), NOTHING, 48)
    assert same_weights(found.net, net)
    assert found.preprocessing == said
    assert [entry.name for entry in found.classes.names] == ["cat", "dog", "owl", "fox"]
    with pytest.raises(UserError, match=r"DATA_CROP=40: the net in .* reads 48 px"):
        loading.load(ModelSettings(name="zfnet", weights=str(path)), NOTHING, 40)
    foreign = saved(tmp_path / "other.safetensors", small().state_dict())
    with pytest.raises(UserError, match="reportgen did not write this net: name its architecture"):
        loading.load(ModelSettings(name="zfnet", weights=str(foreign)), NOTHING, 48)
