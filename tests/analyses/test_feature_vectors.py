"""The feature vector of a layer is the same one in every analysis (docs/claims.md)."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from torchvision.models import squeezenet1_1

from reportgen.analyses.correspondence import analysis as correspondence
from reportgen.analyses.evolution import analysis as evolution
from reportgen.analyses.evolution import cka
from reportgen.analyses.generalisation import reading
from reportgen.analyses.invariance import distances
from reportgen.base.size import Size
from reportgen.data.annotations import Parts
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs

CROP, IMAGES = 64, 6


@pytest.fixture(scope="module")
def opened() -> Inputs:
    """A net with a 1x1 classifier, after no and after one epoch; what the classifier reads is 512 maps of 3 x 3."""
    nets = {}
    for epoch in (0.0, 1.0):
        torch.manual_seed(int(epoch))
        nets[epoch] = squeezenet1_1(num_classes=3)
        with torch.no_grad():
            for weights in nets[epoch].parameters():
                weights.copy_(torch.randn_like(weights) * (2 / weights[0].numel()) ** 0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, CROP, CROP, 3), dtype=np.uint8)
    split = Split(pixels, np.arange(IMAGES) % 3, tuple(f"a/{place}.png" for place in range(IMAGES)))
    data = Dataset("noise", ("a", "b", "c"), "", split, split, split)
    return Inputs.of(nets[1.0], Preprocessing(Size.of(CROP)), data, kept=nets)


def of_figure_5(inputs: Inputs) -> np.ndarray:
    val = inputs.data.val
    return distances.responses(inputs, np.asarray(val.images), val.labels).top.numpy()


def test_figure_4_reads_the_vectors_of_figure_5(opened: Inputs) -> None:
    vectors = [of_figure_5(opened.at_epoch(epoch)) for epoch in (0, 1)]
    assert vectors[0].shape == (IMAGES, 512)
    expected = cka.Course.of(np.stack([cka.gram(vector) for vector in vectors]))
    found = evolution.courses(opened, np.arange(IMAGES))[7]
    for part in fields(expected):
        np.testing.assert_allclose(getattr(found, part.name), getattr(expected, part.name), rtol=1e-6)


def test_the_tables_read_the_vectors_of_figure_5(opened: Inputs) -> None:
    val, expected = opened.data.val, of_figure_5(opened)
    wanted = reading.Wanted.of(opened)
    features, _ = reading.read(opened, wanted, val, np.arange(IMAGES), "")
    assert wanted.top.number == 7
    np.testing.assert_allclose(features[7], expected, rtol=1e-6)
    parts = Parts(
        val.images,
        names=val.names,
        groups=("a",) * IMAGES,
        part_names=("eye",),
        places=np.zeros((IMAGES, 1, 2)),
        diameters=np.ones((IMAGES, 1)),
        objects=np.ones((IMAGES, CROP, CROP), bool),
    )
    layers = [layer for layer in opened.layers if layer.number == 7]
    found = correspondence.features(opened, layers, parts, np.arange(IMAGES))
    np.testing.assert_allclose(found[7], expected, rtol=1e-6)
