"""Table 1 on real photographs: SqueezeNet 1.1 with ImageNet weights, ten dogs whose eyes and noses were marked by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from test_real import real_inputs

from reportgen import probe
from reportgen.analyses.correspondence import Settings
from reportgen.analyses.correspondence import analysis as correspondence
from reportgen.data.annotations import Annotations, Parts, check_parts, read_coco, stored
from reportgen.data.decoding import read_image
from reportgen.look.inputs import Inputs

pytestmark = pytest.mark.real
STORED = 256


@pytest.fixture(scope="module")
def inputs(real_data: Path) -> Inputs:
    path = real_data / "imagenet" / "dog_face_keypoints.coco.json"
    dogs = [stored(annotated, STORED) for annotated in read_coco(path, [path.parent], f"PARTS={path}")]
    for dog in dogs:
        check_parts(dog)
    found = real_inputs(real_data, 2)
    parts = Parts(
        images=np.stack([read_image(dog.path, STORED) for dog in dogs]),
        names=tuple(dog.name for dog in dogs),
        groups=tuple(dog.category for dog in dogs),
        part_names=dogs[0].part_names,
        places=np.stack([dog.places for dog in dogs]),
        diameters=np.stack([dog.diameters for dog in dogs]),
        objects=np.stack([dog.object for dog in dogs if dog.object is not None]),
    )
    return Inputs.of(found.net, found.preprocessing, found.data, Annotations(None, parts), batch=10)


def test_the_table_of_the_ten_dogs(inputs: Inputs) -> None:
    found = correspondence.compute(inputs, Settings(draws=2), np.random.default_rng(0))
    assert len(found.names) == 10
    assert found.left_out == ()
    assert len(found.pairing.pairs) == 45
    assert {name: layer.entries for name, layer in found.layers.items()} == {"layer5": 256 * 13 * 13, "layer7": 512}
    table = correspondence.figures(found)["table1"]
    assert [row[0] for row in table.rows[:3]] == ["right eye", "left eye", "nose"]
    assert all(len(row) == 7 for row in table.rows)

    # Once more for the noses, slowly: masks painted into the pixels, the net run as it is, scipy's distance.
    parts = inputs.annotations.parts
    assert parts is not None
    cut = slice(16, 240)
    names = [inputs.layer(number).features for number in (5, 7)]
    clean, masked = parts.images[:, cut, cut], parts.images[:, cut, cut].copy()
    for picture, (top, left, side) in zip(masked, found.masks.part[2, 0], strict=True):
        picture[top : top + side, left : left + side] = 128  # half a level beside mid-grey
    outputs = [probe.activations(inputs.net, inputs.preprocessing.centre(view), names) for view in (clean, masked)]
    for number, name in zip((5, 7), names, strict=True):
        before, after = (output[name].double().numpy() for output in outputs)
        if number == 7:
            before, after = before.mean((2, 3)), after.mean((2, 3))
        before, after = before.reshape(10, -1), after.reshape(10, -1)
        change = before - after
        change[np.abs(change) <= 1e-5 * before.max(axis=1, keepdims=True)] = 0
        expected = pdist(np.sign(change), "hamming").mean()
        measured = found.pairing.mean(found.layers[f"layer{number}"].hamming("part")[2, 0])
        assert measured == pytest.approx(expected, abs=0.005)
