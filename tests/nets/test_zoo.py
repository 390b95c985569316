"""Nets of timm and transformers: what they read is what their libraries say, and they give the same as there."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.data.classes import ClassName
from reportgen.data.transforms import Preprocessing
from reportgen.nets import loading, zoo
from reportgen.nets.build import build
from reportgen.nets.sizes import sizes
from reportgen.nets.snapshots import load_net, save_net
from reportgen.settings.sections import ModelSettings, PreprocessingSettings, Scaled

timm, transformers = pytest.importorskip("timm"), pytest.importorskip("transformers")
NOTHING = PreprocessingSettings()


def vit(folder: Path, **more: object) -> torch.nn.Module:
    """A small transformer in a folder, as `save_pretrained` writes it."""
    kind = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        id2label={0: "dark", 1: "light"}, label2id={"dark": 0, "light": 1},
    )  # fmt: skip
    net = transformers.ViTForImageClassification(kind).eval()
    net.save_pretrained(folder)
    said = {
        "do_rescale": True,
        "rescale_factor": 1 / 127.5,
        "do_normalize": True,
        "image_mean": [1, 1, 1],
        "image_std": [0.5] * 3,
        "resample": int(Image.Resampling.BILINEAR),
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(said | {"size": {"height": 32, "width": 32}} | more))
    return net


def test_a_transformer_in_a_folder_gives_here_what_it_gives_there(tmp_path: Path) -> None:
    net = vit(tmp_path / "vit")
    model = ModelSettings(name=f"hf/{tmp_path}/vit")
    assert sizes(model) == Scaled(Size.of(32), Size.of(32), "bilinear")
    found = loading.load(model, NOTHING, 32)
    assert found.classes.names == (ClassName("dark"), ClassName("light"))
    pixels = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    read = found.preprocessing.normalise(pixels)
    assert torch.allclose(read, (pixels.permute(0, 3, 1, 2) / 127.5 - 1) / 0.5, atol=1e-5)
    save_net(found.net, found.preprocessing, tmp_path / "net.safetensors", found.description)
    (tmp_path / "vit").rename(tmp_path / "elsewhere")  # the file explains itself
    again, _ = load_net(tmp_path / "net.safetensors")
    with torch.no_grad():
        expected = net(read).logits
        assert torch.allclose(found.net(read), expected, atol=1e-6)
        assert torch.allclose(again(read), expected, atol=1e-5)


PROCESSORS = {
    "ViT": {},
    "ConvNext": {"size": {"shortest_edge": 224}, "crop_pct": 0.8},
    "ConvNext, large": {"size": {"shortest_edge": 384}},
    "Levit": {},
    "EfficientNet": {"size": {"height": 64, "width": 64}},
    "EfficientNet, offset": {"size": {"height": 64, "width": 64}, "rescale_offset": True, "rescale_factor": 1 / 127.5},
    "PoolFormer": {},
    "MobileViT": {"size": {"shortest_edge": 288}},
    "MobileNetV2": {},
    "Pvt": {},
    "CLIP": {},
}  # fmt: skip


@pytest.mark.parametrize("name", PROCESSORS)
def test_pictures_are_read_as_transformers_own_class_reads_them(tmp_path: Path, name: str) -> None:
    kind = getattr(transformers, f"{name.partition(',')[0]}ImageProcessor")
    transformers.ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2).save_pretrained(tmp_path)
    kind(**PROCESSORS[name]).save_pretrained(tmp_path)
    pixels = np.random.default_rng(0).random((9, 9, 3)).repeat(40, 0).repeat(40, 1)
    picture = Image.fromarray((255 * pixels).astype(np.uint8))
    own = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    expected = own(picture, return_tensors="pt")["pixel_values"]
    told = zoo.preset(f"hf/{tmp_path}")
    how = getattr(Image.Resampling, str(told.interpolation or "bicubic").upper())
    stored = picture.resize((told.size.columns, told.size.rows), how)
    channels = {"mean": told.mean, "deviation": told.deviation, "range": told.range, "order": told.order}
    found = Preprocessing(told.crop, **channels).centre(np.asarray(stored)[None])
    assert found.shape == expected.shape
    assert (found - expected).abs().mean() < 0.01 * expected.std()


def test_a_net_of_timm_reads_what_timm_says(tmp_path: Path) -> None:
    original = timm.create_model("resnet10t", num_classes=3)
    torch.save({"epoch": 2, "state_dict_ema": original.state_dict()}, tmp_path / "best.pth.tar")
    model = ModelSettings(name="timm/resnet10t", weights=str(tmp_path / "best.pth.tar"))
    said = timm.get_pretrained_cfg("resnet10t")
    stored, crop = Size.of(round(said.input_size[-1] / said.crop_pct)), Size.of(said.input_size[-1])
    assert sizes(model) == Scaled(stored, crop, said.interpolation)
    found = loading.load(model, NOTHING, 64)
    assert found.description == {"model": {"name": "timm/resnet10t", "arguments": {"num_classes": 3}}}
    assert found.classes.names == ()
    assert (found.preprocessing.mean, found.preprocessing.deviation) == (said.mean, said.std)
    assert build(found.description).num_classes == 3
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(found.net(images), original.eval()(images))


def test_weights_in_the_words_of_their_publisher_are_translated_as_timm_does(tmp_path: Path) -> None:
    """ConvNeXt as its authors saved it: other names, and linear layers where timm has convolutions or the other way round."""
    original = timm.create_model("test_convnext").eval()
    renamed = {}
    for name, value in original.state_dict().items():
        for ours, theirs in (
            *((r"^stem\.", "downsample_layers.0."), (r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1.")),
            *(
                (r"\.blocks\.", "."),
                (r"conv_dw", "dwconv"),
                (r"mlp\.fc", "pwconv"),
                (r"^head\.norm", "norm"),
                (r"^head\.fc", "head"),
            ),
        ):
            name = re.sub(ours, theirs, name)
        renamed[name] = value
    assert not set(renamed) <= set(original.state_dict())
    torch.save({"model": renamed}, tmp_path / "convnext_theirs.pth")
    found = loading.load(
        ModelSettings(name="timm/test_convnext", weights=str(tmp_path / "convnext_theirs.pth")), NOTHING, 64
    )
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(found.net(images), original(images))
    assert build(found.description).num_classes == original.num_classes
    del renamed["norm.weight"]
    torch.save(renamed, tmp_path / "less.pth")
    with pytest.raises(
        UserError,
        match=r"WEIGHTS=.*less\.pth does not fit timm/test_convnext: 101 of the net's 101 weights are missing",
    ):
        loading.load(ModelSettings(name="timm/test_convnext", weights=str(tmp_path / "less.pth")), NOTHING, 64)


def test_the_published_weights_of_timm_bring_their_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    made, create = [], timm.create_model

    def offline(name: str, pretrained: bool = False, **more: object) -> torch.nn.Module:
        made.append((name, pretrained))
        return create(name, **more)

    monkeypatch.setattr(timm, "create_model", offline)
    found = loading.load(ModelSettings(name="timm/resnet10t.c3_in1k", weights="DEFAULT"), NOTHING, 64)
    assert ("resnet10t.c3_in1k", True) in made
    assert len(found.classes.names) == 1000
    assert found.classes.names[0].wnid == "n01440764"
    assert found.weights == "timm/resnet10t.c3_in1k"


@pytest.mark.parametrize(("key", "value"), [("hidden_size", 10**6), ("intermediate_size", 10**8)])
@pytest.mark.parametrize("alone", [False, True], ids=["with its weights", "alone"])
def test_a_configuration_cannot_ask_for_any_amount_of_memory(tmp_path: Path, key: str, value: int, alone: bool) -> None:
    vit(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(said | {key: value * (100 if alone else 1)}))
    if alone:
        (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"it describes a net of [0-9,]+ numbers, which its folder does not hold"):
        loading.load(ModelSettings(name=f"hf/{tmp_path}", weights="DEFAULT"), NOTHING, 32)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (10**9, "1,000,000,000 layers are more than 10,000"),
        (10**4, "it describes a net of more than 20,000 weights"),
    ],
)
def test_a_configuration_of_endless_layers_is_refused(tmp_path: Path, layers: int, said: str) -> None:
    vit(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": layers}))
    with pytest.raises(UserError, match=said):
        loading.load(ModelSettings(name=f"hf/{tmp_path}", weights="DEFAULT"), NOTHING, 32)


@pytest.mark.parametrize(
    ("said", "layers"),
    [
        ({"depths": [3, 10**8]}, 10**8),
        ({"backbone_config": {"num_stages": 10**8}}, 10**8),
        ({"label2id": {"a stage": 10**8}, "hidden_size": 10**8, "layer_norm_eps": 1e-12}, 0),
    ],
)
def test_numbers_of_layers_are_found_wherever_a_configuration_has_them(said: dict, layers: int) -> None:
    assert max(zoo._layers(said), default=0) == layers


def test_a_configuration_of_endless_labels_is_refused(tmp_path: Path) -> None:
    vit(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(said | {"num_labels": 10**9}))
    with pytest.raises(UserError, match=r"num_labels: 1,000,000,000 are more than 1,000,000"):
        loading.load(ModelSettings(name=f"hf/{tmp_path}", weights="DEFAULT"), NOTHING, 32)


def test_the_words_of_a_library_are_cut(tmp_path: Path) -> None:
    """Of a kind that transformers does not know it lists hundreds."""
    vit(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(said | {"model_type": "nobodys"}))
    with pytest.raises(UserError, match=r"transformers cannot make it: ValueError: Unrecognized") as caught:
        loading.load(ModelSettings(name=f"hf/{tmp_path}", weights="DEFAULT"), NOTHING, 32)
    assert len(str(caught.value)) < 600


def _changed(folder: Path, **more: object) -> None:
    vit(folder)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | more))


def _loaded(folder: Path) -> loading.Loaded:
    return loading.load(ModelSettings(name=f"hf/{folder}", weights="DEFAULT"), NOTHING, 32)


def _head(folder: Path) -> torch.Tensor:
    return next(value for name, value in _loaded(folder).net.state_dict().items() if name.endswith("classifier.weight"))


def _spread(folder: Path, name: str) -> None:
    """Put the weights of a folder into a file of that name, which an index names."""
    weights = folder / "model.safetensors"
    index = {"metadata": {}, "weight_map": dict.fromkeys(safetensors.torch.load_file(weights), name)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    weights.rename(folder / name)


def test_weights_in_several_files_are_read_and_none_elsewhere(tmp_path: Path) -> None:
    net = vit(tmp_path / "vit")
    _spread(tmp_path / "vit", "model-00001-of-00001.safetensors")
    assert torch.equal(_head(tmp_path / "vit"), net.classifier.weight)
    vit(tmp_path / "other")
    _spread(tmp_path / "other", "../elsewhere.safetensors")
    with pytest.raises(UserError, match=r"\.\./elsewhere\.safetensors leads out of its folder"):
        _loaded(tmp_path / "other")


@pytest.mark.parametrize(
    "more",
    [
        {"model_type": "timm_wrapper", "architecture": "local-dir:/home"},
        {"model_type": "timm_wrapper", "architecture": "resnet10t", "model_args": {"checkpoint_path": "net.pt"}},
        {"attn_implementation": {"": "somebody/kernel"}},
        {"_attn_implementation": "somebody/kernel"},
    ],
)
def test_a_configuration_leads_nowhere_else(tmp_path: Path, more: dict) -> None:
    _changed(tmp_path, **more)
    with pytest.raises(UserError, match=r"transformers cannot make it: ValueError: .*, which leads out of its folder"):
        _loaded(tmp_path)


def test_a_quantised_transformer_is_refused(tmp_path: Path) -> None:
    _changed(tmp_path, quantization_config={"quant_method": "bitsandbytes"})
    with pytest.raises(UserError, match="its weights are quantised: save it in single precision"):
        _loaded(tmp_path)


def test_a_pickle_in_a_folder_is_read_as_every_other(tmp_path: Path) -> None:
    net = vit(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    weights = net.state_dict()
    torch.save(weights, tmp_path / "pytorch_model.bin")
    assert torch.equal(_head(tmp_path), weights["classifier.weight"])
    torch.save(weights | {"notes": dict.fromkeys(map(str, range(400_000)), 0)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin: beside its tensors it holds too much"):
        _loaded(tmp_path)
    torch.save({key: value.to(torch.complex64) for key, value in weights.items()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="holds no ordinary numbers"):
        _loaded(tmp_path)


def test_what_a_transformer_leaves_out_is_one_line_that_steers_no_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    net = vit(tmp_path)
    weights = {key: value.contiguous() for key, value in net.state_dict().items()} | {"\x1b[2J\n": torch.zeros(2)}
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    capfd.readouterr()
    _loaded(tmp_path)
    said = capfd.readouterr().err
    assert r"1 of its tensors are not the net's and left out (\x1b[2J\n)" in said
    assert "\x1b" not in said
    assert "LOAD REPORT" not in said


def test_weights_of_another_shape_are_one_line(tmp_path: Path) -> None:
    _changed(tmp_path, num_attention_heads=2, intermediate_size=31)
    with pytest.raises(UserError, match=r"6 of its weights have other shapes than its config\.json says"):
        _loaded(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "timm/resnet10t.nobodys",
            r"MODEL=timm/resnet10t.nobodys: timm has no such weights; did you mean 'resnet10t\.",
        ),
        ("timm/resnet10", "MODEL=timm/resnet10: timm .* has no such net; did you mean 'resnet10t'"),
        (
            "timm/resnet10t",
            r"WEIGHTS=DEFAULT: the weights of resnet10t cannot be had from timm/.* \(OSError: no network\): download",
        ),
        ("hf/nowhere", "MODEL=hf/nowhere: no config.json in that folder: give one that save_pretrained"),
        ("hf/broken", "MODEL=hf/broken: .*config.json: not a JSON file"),
        ("hf/headless", r"MODEL=hf/headless: \d+ of its weights are missing \(classifier"),
    ],
)
def test_what_is_not_there_is_one_line(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = timm.create_model

    def unreachable(name: str, pretrained: bool = False, **more: object) -> torch.nn.Module:
        if pretrained:
            raise OSError("no network")
        return create(name, **more)

    monkeypatch.setattr(timm, "create_model", unreachable)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    transformers.ViTModel(vit(tmp_path / "whole").config).save_pretrained(tmp_path / "headless")
    with pytest.raises(UserError, match=message) as caught:
        loading.load(ModelSettings(name=name, weights="DEFAULT"), NOTHING, 64)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("library", "name"), [("timm", "timm/resnet10t"), ("transformers", "hf/folder")])
def test_a_library_that_is_not_installed(
    library: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vit(tmp_path / "folder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UserError, match=rf"MODEL={name}: {library} is missing \(.*\): pip install {library}, or write"):
        loading.load(ModelSettings(name=name, weights="DEFAULT"), NOTHING, 32)
