"""Table 6: planted features are ranked as they must be, intervals cover, what cannot be ranked is said."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from reportgen.analyses.pascal import Settings, analysis
from reportgen.analyses.pascal.analysis import Result
from reportgen.analyses.pascal.one_against_rest import GRID, scores
from reportgen.base.size import Size
from reportgen.claims import paper
from reportgen.data.dataset import Dataset, Multilabel, MultiSplit, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs

CLASSES = ("red", "green", "blue")


def tinted(images: int, seed: int, tint: int = 8) -> MultiSplit:
    """Noise in which every channel is brighter where its class is present; some classes are marked as difficult alone."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (images, 3)).astype(np.int8)
    pixels = rng.integers(60, 140, (images, 36, 36, 3)) + tint * labels[:, None, None]
    labels[rng.random(labels.shape) < 0.1] = -1
    return MultiSplit(pixels.astype(np.uint8), labels, tuple(f"{place:03}.png" for place in range(images)))


def looking_at_means() -> nn.Module:
    """Its last layer is the image's mean colour."""
    first = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        first.weight.copy_(torch.eye(3)[:, :, None, None])
        first.bias.zero_()
    return nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))


def compute(train: MultiSplit | None, test: MultiSplit | None = None, classes: tuple[str, ...] = CLASSES) -> Result:
    some = Split(np.zeros((4, 36, 36, 3), np.uint8), np.arange(4), ("",) * 4)
    data = Dataset("base", tuple("abcd"), "", some, some, some)
    both = None if train is None or test is None else Multilabel("tinted noise", classes, "", train, test)
    inputs = Inputs.of(looking_at_means(), Preprocessing(Size.of(32)), data, multilabel=both, batch=9)
    return analysis.compute(inputs, Settings(gallery=5), np.random.default_rng(0))


@pytest.fixture(scope="module")
def seeing() -> Result:
    return compute(tinted(60, 0), tinted(80, 1))


def test_features_that_are_the_classes_rank_every_image_right(seeing: Result) -> None:
    assert seeing.ranking is not None
    np.testing.assert_allclose(seeing.ranking.precision[:, 0], 1, atol=0.02)
    assert seeing.ranking.mean[0] > 0.98
    said = analysis.numbers(seeing)
    assert (said["train"], said["test"], said["without"], said["unfinished"]) == (60, 80, [], 0)
    assert said["classes"][0]["test"] == int((tinted(80, 1).labels[:, 0] == 1).sum())
    json.dumps(said, allow_nan=False)


def test_features_that_say_nothing_rank_by_chance() -> None:
    found = compute(tinted(60, 0, tint=0), tinted(400, 1, tint=0)).ranking
    assert found is not None
    share = found.present[1] / (found.labels != -1).sum(axis=0)
    np.testing.assert_allclose(found.precision[:, 0], share, atol=0.12)


def test_a_class_in_no_training_or_no_test_image_has_no_precision_and_the_mean_leaves_it_out() -> None:
    train, test = tinted(60, 0), tinted(80, 1)
    train.labels[:, 0] = 0
    test.labels[:, 1] = np.where(test.labels[:, 1] == 1, -1, 0)
    result = compute(train, test)
    found = result.ranking
    assert found is not None
    assert np.isnan(found.precision[:, 0]).tolist() == [True, True, False]
    assert found.mean[0] == found.precision[2, 0]
    said = analysis.numbers(result)
    assert said["without"] == ["red", "green"]
    json.dumps(said, allow_nan=False)
    rows = analysis.figures(result)["table"].rows
    assert rows[0][4] == rows[1][4] == "none"
    assert rows[3][0] == "mean of 1 classes"
    test.labels[:, 2] = 0
    nothing = compute(train, test)
    assert analysis.numbers(nothing)["mean"] is None
    assert set(analysis.figures(nothing)) == {"gallery", "table"}


def test_difficult_images_are_not_learned_from() -> None:
    rng = np.random.default_rng(3)
    points, asked = rng.normal(size=(40, 4)), rng.normal(size=(30, 4))
    labels = (points[:, 0] > 0).astype(int)
    unclear = rng.random(40) < 0.3
    wild = points.copy()
    wild[unclear] = 100
    first, second = (scores(given, np.where(unclear, -1, labels), asked, seed=0) for given in (points, wild))
    np.testing.assert_array_equal(first.values, second.values)
    assert first.strength in GRID
    assert (first.fits, first.unfinished) == (len(GRID) * 3 + 1, 0)


def test_one_image_of_a_kind_leaves_nothing_out_and_none_teaches_nothing() -> None:
    points = np.random.default_rng(4).normal(size=(9, 3))
    one = scores(points, np.array([1] + [0] * 8), points, seed=0)
    assert (one.strength, one.fits) == (1.0, 1)
    assert one.values.argmax() == 0
    none = scores(points, np.zeros(9, int), points, seed=0)
    assert np.isnan(none.strength)
    assert not none.values.any()


def test_without_such_images_nothing_is_tested() -> None:
    result = compute(None)
    assert analysis.numbers(result) == {"tested": False}
    assert analysis.figures(result) == {}
    assert analysis.judge(result, np.random.default_rng(0)) == []


def test_the_papers_means_stand_below_and_are_said_to_be_of_other_images(seeing: Result) -> None:
    table = analysis.figures(seeing)["table"]
    assert [row[4] for row in table.rows[-2:]] == ["79.0", "74.3, 82.2"]
    assert "of other images and other classes" in table.caption
    assert len(paper.PASCAL_CLASSES) == len(set(paper.PASCAL_CLASSES)) == paper.PASCAL_BEST_OF[1]


def test_of_pascals_own_classes_what_differs_is_said() -> None:
    many = [tinted(12, seed) for seed in (0, 1)]
    parts = [MultiSplit(part.images, np.tile(part.labels, (1, 7))[:, :20], part.names) for part in many]
    result = compute(*parts, classes=paper.PASCAL_CLASSES)
    assert analysis.numbers(result)["pascal"]
    assert "here the validation images are for testing" in analysis.figures(result)["table"].caption


@pytest.mark.parametrize("value", ["0", "-3"])
def test_impossible_settings_are_named(value: str) -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Settings(gallery=int(value))
