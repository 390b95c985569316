"""Nets that are trained here on grey images."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from users_nets import numbers, photographs, settle

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.data.transforms import measured
from reportgen.look.inputs import Inputs
from reportgen.nets.others import other_net
from reportgen.nets.sizes import sizes
from reportgen.settings.recipes import ZEILER_FERGUS
from reportgen.stages.plan import pipeline as planned
from reportgen.stages.plan import stages
from reportgen.stages.preflight import check_net

GREY = {"PROFILE": "tiny", "DATA": "images", "PREPROCESSING_ORDER": "L", "COMPARE_VARIANTS": "zfnet"}


def test_mean_and_deviation_are_those_of_the_luminance() -> None:
    """Against Pillow, on images of which no channel is the luminance."""
    images = np.random.default_rng(0).integers(0, 256, (7, 9, 8, 3), dtype=np.uint8)
    images[..., 2] //= 3
    grey = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])
    found = measured(images, Size(6, 5), order="L")
    assert found.order == "L"
    assert found.mean == pytest.approx((grey.mean() / 255,))
    assert found.deviation == pytest.approx((grey.std() / 255,))
    seen = found.view(images, found.centre_views((9, 8), 7))
    assert seen.shape == (7, 1, 6, 5)


def test_the_papers_net_is_trained_on_luminance_and_seen_in_grey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photographs(tmp_path / "images", ("dark", "light"), count=8)
    pipeline = planned(settings.load(GREY | {"TRAINING_MEAN": "pixel"}, sizes), tmp_path / "build", tmp_path / "report")
    pipeline.make_due(["features", "schematics"])
    said = numbers(tmp_path)
    assert (said["preprocessing"]["order"], len(said["preprocessing"]["mean"])) == ("L", 1)
    with safe_open(tmp_path / "build" / "net" / "net.safetensors", "pt") as file:
        assert file.get_tensor("layer1.conv.weight").shape[1] == 1
        assert file.get_tensor("mean_image.mean").shape == (1, 44, 44)
    assert Inputs.open(tmp_path / "build", "cpu").graph.input_shape == (1, 44, 44)
    found = read_arrays(tmp_path / "build" / "features" / "result.npz")
    shown = [array for name, array in found.items() if "projections" in name]
    assert shown
    assert not any(np.ptp(array.astype(int), axis=-1).any() for array in shown)
    loaded = {"PROFILE": "tiny", "DATA": "images", "MODEL": "zfnet", "WEIGHTS": "build/net/net.safetensors"}
    planned(settings.load(loaded, sizes), tmp_path / "again", tmp_path / "report").make_due(["model"])
    assert read_json(tmp_path / "again" / "model" / DOCUMENT)["numbers"]["preprocessing"] == said["preprocessing"]


def test_what_is_due_follows_the_channels_and_colours_stay_as_they_were() -> None:
    """The stamp of nets that read colours says nothing of channels, so that no trained net is lost."""
    for order, known in (("L", 1), ("RGB", None)):
        found = stages(settings.load(GREY | {"PREPROCESSING_ORDER": order}, sizes))
        for name in ("net", "compare/zfnet"):
            assert found[name].given["architecture"].get("channels") == known
    assert "channels" not in ZEILER_FERGUS.as_json()


def test_other_nets_are_trained_on_grey_where_they_take_one_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, monkeypatch)
    assert other_net("brightness_net:grey", 2, 32, 1).channels == 1
    with pytest.raises(UserError, match=re.escape("takes 3 channels: leave PREPROCESSING_ORDER=L out")):
        other_net("brightness_net:brightness", 2, 32, 1)
    with pytest.raises(UserError, match=re.escape("takes 1 channel: PREPROCESSING_ORDER=L shows it the luminance")):
        other_net("brightness_net:grey", 2, 32)
    grey = settings.load({"MODEL": "squeezenet1_1", "DATA": "images", "PREPROCESSING_ORDER": "L"}, sizes)
    with pytest.raises(UserError, match="leave PREPROCESSING_ORDER=L out"):
        check_net(grey, tmp_path / "build", {"data", "net"})


@pytest.mark.parametrize(("name", "value"), [("ORDER", "BGR"), ("MEAN", "0.5"), ("RANGE", "255")])
def test_the_rest_is_measured_and_cannot_be_said(name: str, value: str) -> None:
    with pytest.raises(UserError, match=f"PREPROCESSING_{name}={value}: this is for a net that is loaded"):
        settings.load(GREY | {f"PREPROCESSING_{name}": value}, sizes)
