"""The same code on a real net: torchvision's SqueezeNet 1.1 with ImageNet weights, over real photographs."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision

from reportgen import probe
from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.decoding import read_image
from reportgen.data.transforms import Preprocessing
from reportgen.look import strongest
from reportgen.look.inputs import Inputs

pytestmark = pytest.mark.real
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COUNT = 120  # photographs


@pytest.fixture(scope="module")
def inputs(real_data: Path) -> Inputs:
    return real_inputs(real_data, COUNT)


def real_inputs(real_data: Path, count: int) -> Inputs:
    """SqueezeNet 1.1 and `count` photographs of different classes, as an analysis reads them."""
    net = torchvision.models.squeezenet1_1()
    net.load_state_dict(safetensors.torch.load_file(real_data / "weights" / "squeezenet1_1_torchvision.safetensors"))
    folders = sorted(path for path in (real_data / "imagenet").iterdir() if path.is_dir())[:count]
    files = [next(iter(sorted(folder.glob("*.jpg")))) for folder in folders]
    images = np.stack([read_image(path, 256) for path in files])
    split = Split(images, np.arange(len(files)), tuple(f"{path.parent.name}/{path.name}" for path in files))
    data = Dataset("photographs", tuple(path.stem for path in files), "", split, split, split)
    return Inputs.of(net, Preprocessing(Size.of(224), mean=MEAN, deviation=DEVIATION), data, batch=32)


def test_its_layers_spread_over_the_depth(inputs: Inputs) -> None:
    layers = {layer.number: layer for layer in inputs.layers}
    assert list(layers) == [1, 2, 3, 4, 5, 7, 8]
    assert layers[1].map == "features.1"
    assert layers[5].map.startswith("features.12.")
    assert layers[8].weights == "classifier.1"
    sizes = [strongest.field_of(inputs, number).size[0] for number in range(1, 6)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 3


def test_the_strongest_activations_equal_a_brute_force_search(inputs: Inputs) -> None:
    tops = strongest.search(inputs, [1, 3, 5])
    for number, top in tops.items():
        name = next(layer.map for layer in inputs.layers if layer.number == number)
        maxima, places = [], []
        for batch in inputs.batches(inputs.data.val):
            output = probe.activations(inputs.net, batch, [name])[name]
            maxima.append(output.flatten(2).max(2).values)
            places.append(output.flatten(2).argmax(2))
        values, located = torch.cat(maxima).T, torch.cat(places).T
        order = values.argsort(dim=1, descending=True, stable=True)[:, :9]
        np.testing.assert_array_equal(top.images, order.numpy())
        np.testing.assert_allclose(top.values, values.gather(1, order).numpy(), rtol=1e-6)
        width = output.shape[3]
        np.testing.assert_array_equal(top.rows * width + top.columns, located.gather(1, order).numpy())


@pytest.mark.slow
def test_what_a_projection_shows_is_what_the_activation_hangs_on(inputs: Inputs) -> None:
    """Grey out what the projections show, and the activation falls; grey out as much elsewhere, and it falls less."""
    top = strongest.search(inputs, [4])[4]
    receptive = strongest.field_of(inputs, 4)
    name = next(layer.map for layer in inputs.layers if layer.number == 4)
    rng = np.random.default_rng(0)
    shown, elsewhere = [], []
    for map_ in rng.choice(len(top.values), 12, replace=False):
        index, row, column = (int(part[map_, 0]) for part in (top.images, top.rows, top.columns))
        [image] = next(inputs.batches(inputs.data.val, np.array([index])))
        [projection] = probe.project(inputs.graph, image, [probe.Activation(name, int(map_), row, column)])
        assert projection is not None
        energy = projection.full().square().sum(0)
        above, left, below, right = receptive.inside(row, column)
        window = torch.zeros_like(energy, dtype=torch.bool)
        window[above:below, left:right] = True
        bright = energy >= energy[window].median()
        for mask, drops in ((window & bright, shown), (window & ~bright, elsewhere)):
            covered = torch.where(mask, torch.zeros(()), image)  # zero is the mean colour
            value = probe.activations(inputs.net, covered[None], [name])[name][0, map_, row, column]
            drops.append(1 - float(value) / projection.value)
    assert np.mean(shown) > np.mean(elsewhere) + 0.1


def test_layer_1_shows_filters_that_are_smoother_than_noise(inputs: Inputs) -> None:
    filters = strongest.first_filters(inputs)
    assert filters is not None
    assert filters.shape == (64, 3, 3, 3)

    def likeness(pictures: np.ndarray) -> float:
        centred = pictures.astype(float) - 127.5
        return float((centred[:, 1:] * centred[:, :-1]).mean() / (centred**2).mean())

    noise = np.random.default_rng(0).integers(0, 256, filters.shape)
    assert likeness(filters) > likeness(noise) + 0.05


def test_pictures_are_cut_at_the_receptive_field(inputs: Inputs) -> None:
    top = strongest.search(inputs, [2])[2]
    pictures = strongest.picture_maps(inputs, 2, top, np.array([0, 5]))
    side = strongest.field_of(inputs, 2).size[0]
    assert pictures.projections.shape == (2, 9, side, side, 3)
    assert pictures.patches.shape == (2, 9, side, side, 4)
    for place, rank in np.argwhere(pictures.active):
        outside = pictures.patches[place, rank, :, :, 3] == 0
        assert (pictures.projections[place, rank][outside] == 128).all()
