"""The strongest activations of any net: what counts as dead, and what is said of a map."""

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from reportgen import probe
from reportgen.analyses.occlusion import square as covered
from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look import strongest
from reportgen.look.inputs import Inputs
from reportgen.look.strongest import Top


def top_of(values: np.ndarray) -> Top:
    places = np.zeros(values.shape, np.int64)
    return Top(values, places, places, places)


def inputs_of(net: nn.Module, images: np.ndarray) -> Inputs:
    split = Split(images, np.zeros(len(images), np.int64), tuple(f"a/{place}" for place in range(len(images))))
    return Inputs.of(
        net, Preprocessing(Size.of(images.shape[1])), Dataset("planted", ("a", "b"), "", split, split, split)
    )


def test_dead_maps_respond_with_less_than_a_twentieth_of_the_median() -> None:
    values = np.array([[1.0], [1.0], [1.0], [0.049], [0.0]])
    assert strongest.dead_share(top_of(values)) == pytest.approx(2 / 5)
    assert strongest.dead_share(top_of(np.zeros((2, 1)))) == 1


def test_what_a_map_sees_is_said_in_words() -> None:
    assert strongest.seen(("dog", "cat", "dog", "")) == "2 dog, 1 cat"
    assert strongest.seen(("dog", "cat", "")) == "dog, cat"
    assert strongest.seen(("", "dog")) == "1 dog"
    assert strongest.seen(("", "")) == "no activation"


def test_filters_that_read_three_maps_are_not_taken_for_filters_that_read_the_image() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 3, 1),
        nn.ReLU(),
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    inputs = inputs_of(net, np.zeros((2, 8, 8, 3), np.uint8))
    found = strongest.first_weights(inputs)
    assert found is not None
    assert found.shape == (3, 1, 1, 3)
    inputs = inputs_of(net, np.zeros((2, 8, 8, 3), np.uint8))
    inputs = replace(inputs, nodes=("2=3",))
    assert strongest.first_weights(inputs) is None


def test_an_activation_that_is_zero_after_all_is_shown_blank() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    nn.init.ones_(net[0].weight)
    images = np.zeros((2, 8, 8, 3), np.uint8)
    images[1, 2:5, 2:5] = 255
    inputs = inputs_of(net, images)
    units = [probe.Activation("1", 0, 2, 2), probe.Activation("1", 1, 5, 5)]
    nothing, nowhere = strongest.views(inputs, 1, inputs.data.val, 0, units)
    bright, dark = strongest.views(inputs, 1, inputs.data.val, 1, units)
    assert bright.projection.any()
    assert not any(view.projection.any() for view in (nothing, nowhere, dark))
    whole = covered.projection(inputs, covered.image_of(inputs, inputs.data.val, 1), covered.Unit(1, 5, 5))
    assert whole.shape == (8, 8, 3)
    assert not whole.any()


def test_how_many_images_were_searched_is_said_as_in_the_text() -> None:
    assert strongest.searched(1200, "scenes") == "all 1,200 validation images (scenes)"
