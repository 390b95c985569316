"""Occlusion of real photographs by a real net: ten dogs whose faces are marked by a box, SqueezeNet 1.1 of ImageNet."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from oracles import occlusion_by_covering

from reportgen import probe
from reportgen.analyses.occlusion import analysis as occlusion
from reportgen.analyses.occlusion import square as covered
from reportgen.base.size import Size
from reportgen.data.annotations import Annotations
from reportgen.data.dataset import Dataset, Split
from reportgen.data.decoding import read_image
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs
from reportgen.nets.probabilities import probabilities

pytestmark = [pytest.mark.real, pytest.mark.slow]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def dogs(real_data: Path) -> Inputs:
    return dogs_of(real_data)


def dogs_of(real_data: Path) -> Inputs:
    """SqueezeNet 1.1 and ten dogs, all 1000 classes of ImageNet, the box of each dog's face as its object."""
    net = torchvision.models.squeezenet1_1()
    net.load_state_dict(safetensors.torch.load_file(real_data / "weights" / "squeezenet1_1_torchvision.safetensors"))
    root = real_data / "imagenet"
    with (root / "classes.csv").open() as file:
        classes = [(row["wnid"], row["name"]) for row in csv.DictReader(file)]
    marked = json.loads((root / "dog_face_keypoints.coco.json").read_text())
    names = [image["file_name"] for image in marked["images"]]
    boxes = {annotation["image_id"]: annotation["bbox"] for annotation in marked["annotations"]}
    faces = np.zeros((len(names), 256, 256), bool)
    for face, image in zip(faces, marked["images"], strict=True):
        left, top, width, height = (round(side) for side in boxes[image["id"]])
        face[top : top + height, left : left + width] = True
    numbers = [wnid for wnid, _ in classes]
    labels = np.array([numbers.index(name.split("/")[0]) for name in names])
    split = Split(np.stack([read_image(root / name, 256) for name in names]), labels, tuple(names))
    data = Dataset("dogs", tuple(name for _, name in classes), "", split, split, split)
    return Inputs.of(
        net, Preprocessing(Size.of(224), mean=MEAN, deviation=DEVIATION), data, Annotations(faces, None), batch=16
    )


def test_an_occlusion_map_of_a_photograph_equals_covering_it_square_by_square(dogs: Inputs) -> None:
    image = covered.image_of(dogs, dogs.data.test, 0)
    grid = covered.slide(dogs, image, 48, 59)
    layer, output = covered.watched(dogs).map, dogs.graph.output
    for name, found in ((output, grid.covered), (layer, grid.totals)):

        def outputs(batch: torch.Tensor, name: str = name) -> torch.Tensor:
            return probe.activations(dogs.net, batch, [name])[name]

        slow = occlusion_by_covering(outputs, image, 48, grid.tops, grid.lefts, dogs.preprocessing.grey()).numpy()
        wanted = probabilities(slow) if name == output else slow
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_covering_a_dogs_face_costs_more_than_covering_what_lies_beside_it(dogs: Inputs) -> None:
    settings = occlusion.Settings(size=48, stride=24, sample=10)
    result = occlusion.compute(dogs, settings, np.random.default_rng(0))
    found = result.localisation
    assert found is not None
    assert len(found.images) >= 5  # that the net gets right
    assert found.on_object.mean() > found.on_background.mean() + 0.1
    assert found.hit.mean() > found.share.mean()
    assert [verdict.verdict for verdict in occlusion.judge(result, np.random.default_rng(0))] == ["not tested"] * 2
    assert result.genuineness is not None
    assert result.genuineness.peak_drop.mean() > result.genuineness.empty_drop.mean()
