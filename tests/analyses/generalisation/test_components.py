"""Principal components: those of scikit-learn, no more than there are, and all of them change nothing."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from reportgen.analyses.generalisation.components import principal
from reportgen.analyses.generalisation.linear import classify, scaled


def features(images: int, count: int, seed: int = 0) -> np.ndarray:
    """Correlated features on scales of their own."""
    mixed = np.random.default_rng(1).normal(size=(count, count)) * np.geomspace(1, 100, count)
    return (np.random.default_rng(seed).normal(size=(images, count)) @ mixed + 7).astype(np.float32)


@pytest.mark.parametrize(("images", "count"), [(200, 30), (30, 200)])
def test_they_are_scikit_learns(images: int, count: int) -> None:
    fitted_on, others = features(images, count), features(15, count, seed=5)
    scaler = StandardScaler().fit(fitted_on.astype(np.float64))
    wanted = PCA(10).fit(scaler.transform(fitted_on.astype(np.float64)))
    expected = wanted.transform(scaler.transform(others.astype(np.float64)))
    found = principal(fitted_on, 10).of(others, 10)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-3, atol=1e-3)  # their signs are free


def test_there_are_no_more_than_features_or_images_minus_one() -> None:
    assert principal(features(50, 8), 256).count == 8
    assert principal(features(9, 40), 256).count == 8
    assert principal(features(50, 40), 12).count == 12
    assert principal(np.repeat(features(5, 40), 9, axis=0), 256).count == 4  # copies add nothing
    assert principal(np.ones((9, 40), np.float32), 256).count == 0


def test_features_that_never_vary_are_left_out() -> None:
    dead = np.hstack([features(50, 8), np.full((50, 2), 0.1, np.float32)])
    found = principal(dead, 256)
    assert found.count == 8
    moved = dead[:5] + np.array([0] * 8 + [1e6] * 2, np.float32)
    np.testing.assert_allclose(found.of(moved, 8), found.of(dead[:5], 8))


def test_components_that_a_layer_has_not_are_zero() -> None:
    found = principal(features(50, 8), 256).of(features(3, 8), 10)
    assert found.shape == (3, 10)
    assert not found[:, 8:].any()
    assert found[:, :8].all()


def test_all_of_them_are_the_standardised_features_turned() -> None:
    fitted_on, train, test = features(80, 12), features(30, 12, seed=2), features(40, 12, seed=3)
    labels, asked = np.arange(30) % 3, np.arange(40) % 3
    turned = principal(fitted_on, 256)
    scaler = StandardScaler().fit(fitted_on.astype(np.float64))
    whole = [scaler.transform(part.astype(np.float64)) for part in (train, test)]
    answers = [
        classify("softmax", points, labels, others, asked, seed=0).correct
        for points, others in (scaled(turned.of(train, 12), turned.of(test, 12)), scaled(*whole))
    ]
    np.testing.assert_array_equal(*answers)
