"""Figure 2 and its two claims: literal cases, planted truths, every verdict within reach."""

from dataclasses import replace

import numpy as np
import pytest

from reportgen.analyses.features import analysis as features
from reportgen.analyses.features.analysis import Layer, Result
from reportgen.look.strongest import Pictures, Top

NINE = 9


def top_of(images: np.ndarray, values: np.ndarray | None = None) -> Top:
    places = np.zeros(images.shape, np.int64)
    return Top(np.ones(images.shape) if values is None else values, images.astype(np.int64), places, places)


def test_the_share_of_same_class_pairs() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    top = top_of(np.array([[0, 1, 2], [0, 1, 3], [0, 3, 5]]))
    np.testing.assert_allclose(features.same_class_share(top, labels), [1, 1 / 3, 0])


def test_what_is_not_active_does_not_count() -> None:
    labels = np.array([0, 0, 1])
    values = np.array([[2.0, 1.0, 0.0], [1.0, 0.0, 0.0], [2.0, 1.0, -np.inf]])
    top = top_of(np.array([[0, 1, 2], [0, 1, 2], [0, 2, -1]]), values)
    shares = features.same_class_share(top, labels)
    np.testing.assert_array_equal(shares, [1, np.nan, 0])


def test_equal_patches_are_as_alike_as_can_be_and_black_is_far_from_white() -> None:
    rng = np.random.default_rng(0)
    patch = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    shape, colour = features.describe(patch)
    assert np.linalg.norm(shape) == pytest.approx(1)
    np.testing.assert_allclose(colour, patch.reshape(-1, 3).mean(0) / 255, atol=0.01)
    shapes = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    colours = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    within, between = features.compare(shapes, colours, np.array([0, 0, 1]), np.array([0, 1, 2]), 3)
    np.testing.assert_array_equal(within, [1, np.nan, np.nan])
    np.testing.assert_array_equal(between, [0, 0, np.nan])


def test_pairs_from_one_image_are_left_out() -> None:
    shapes, colours = np.ones((3, 1)), np.zeros((3, 3))
    colours[2] = 1
    within, _ = features.compare(shapes, colours, np.array([0, 0, 0]), np.array([5, 5, 6]), 1)
    assert within[0] == pytest.approx(0.5)  # only the pairs with image 6: equal gradients, opposite colours


def result(rng: np.random.Generator, deep: float, shallow: float, blank: float, gap: float, maps: int = 128) -> Result:
    """A result with planted shares of agreement at layers 5 and 1 and a planted gap of likeness."""

    def shares(mean: float) -> np.ndarray:
        return np.clip(rng.normal(mean, 0.15, maps), 0, 1)

    def layer(number: int, agreement: float) -> Layer:
        empty = np.zeros((0, NINE, 1, 1, 3), np.uint8)
        none = np.zeros(0, np.int64)
        pictures = Pictures(none, empty, np.zeros((0, NINE, 1, 1, 4), np.uint8), np.zeros((0, NINE), bool), (), ())
        between = rng.normal(0.6, 0.05, maps)
        top = top_of(np.zeros((maps, NINE)))
        within = between + rng.normal(gap, 0.05, maps)
        none_kept = np.zeros((maps, 1))
        return Layer(number, 7, 88, top, pictures, shares(agreement), shares(blank), within, between, none_kept)

    layers = {f"layer{number}": layer(number, deep if number == 5 else shallow) for number in range(1, 6)}
    return Result(layers, None, images_of_smallest_class=100, images=1200, classes=12)


@pytest.mark.parametrize(
    ("deep", "shallow", "blank", "verdict"),
    [
        (0.5, 0.2, 0.2, "holds"),
        (0.2, 0.5, 0.1, "contradicted"),
        (0.3, 0.2, 0.5, "contradicted"),
        (0.30, 0.29, 0.1, "undecided"),
    ],
)
def test_hierarchy_can_fall_either_way(deep: float, shallow: float, blank: float, verdict: str) -> None:
    planted = result(np.random.default_rng(0), deep, shallow, blank, gap=0.1)
    found = features.judge(planted, np.random.default_rng(1))[0]
    assert (found.id, found.verdict) == ("hierarchy", verdict)


@pytest.mark.parametrize(("gap", "verdict"), [(0.1, "holds"), (-0.1, "contradicted"), (0.003, "undecided")])
def test_grouping_can_fall_either_way(gap: float, verdict: str) -> None:
    planted = result(np.random.default_rng(0), 0.5, 0.2, 0.2, gap)
    found = features.judge(planted, np.random.default_rng(1))[1]
    assert (found.id, found.verdict) == ("grouping", verdict)
    assert [part.name for part in found.parts] == ["layer 2", "layer 3", "layer 4", "layer 5"]


def test_with_fewer_than_nine_images_a_class_hierarchy_is_not_tested() -> None:
    planted = replace(result(np.random.default_rng(0), 0.5, 0.2, 0.2, 0.1), images_of_smallest_class=8)
    found = features.judge(planted, np.random.default_rng(1))[0]
    assert found.verdict == "not tested"
    assert found.why.startswith("a class has only 8 validation images")
