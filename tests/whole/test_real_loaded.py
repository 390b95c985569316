"""Two nets that others trained, over real photographs: are pixels, channels, means and labels what they were trained on?"""

from pathlib import Path

import pytest

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.look.inputs import Inputs
from reportgen.nets.sizes import sizes
from reportgen.stages.plan import pipeline as planned

pytestmark = pytest.mark.real
CAFFE = {
    "DATA_CROP": "227",
    "PREPROCESSING_ORDER": "BGR",
    "PREPROCESSING_RANGE": "255",
    "PREPROCESSING_MEAN": "104,117,123",
    "PREPROCESSING_DEVIATION": "1,1,1",
}
WITHIN = 0.01  # one image in a hundred


@pytest.mark.parametrize(
    ("name", "file", "more", "top1", "top5"),
    [
        ("squeezenet1_1", "squeezenet1_1_torchvision.safetensors", {}, 0.635, 0.828),
        pytest.param(
            *("squeezenet1_0", "squeezenet1_0_caffe.safetensors", CAFFE, 0.597, 0.810), marks=pytest.mark.slow
        ),
    ],
)
def test_it_reaches_the_accuracy_that_it_is_known_for(
    name: str, file: str, more: dict[str, str], top1: float, top5: float, real_data: Path, tmp_path: Path
) -> None:
    switches = {
        "MODEL": name,
        "WEIGHTS": str(real_data / "weights" / file),
        "DATA": str(real_data / "imagenet"),
        "CLASSES": str(real_data / "imagenet" / "classes.csv"),
        **more,
    }
    planned(settings.load(switches, sizes), tmp_path / "build", tmp_path / "report").make_due(["net"])
    said = read_json(tmp_path / "build" / "net" / DOCUMENT)["numbers"]
    assert said["top1"] == pytest.approx(top1, abs=WITHIN)
    assert said["top5"] == pytest.approx(top5, abs=WITHIN)
    assert said["labelled_images"] == 499
    assert said["unmapped"] == []
    assert said["warning"] is None
    inputs = Inputs.open(tmp_path / "build", "cpu")
    assert inputs.data.classes[0] == "tench"
    assert inputs.layers[0].map == "features.1"
    if name == "squeezenet1_0":
        assert inputs.net.get_parameter("features.0.weight").shape == (96, 3, 7, 7)
