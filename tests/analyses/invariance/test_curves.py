"""Literal cases and scipy as the oracle."""

import numpy as np
import pytest
import scipy.stats

from reportgen.analyses.invariance.curves import Curves, mean_band, mean_of_pairs, straightness


def test_a_line_is_straight_whatever_its_slope_and_intercept() -> None:
    x = np.array([1.0, 2, 3, 5])
    curves = np.stack([2 * x, 7 - 3 * x, np.array([1.0, -1, -1, 1])])
    np.testing.assert_allclose(straightness(x, curves)[:2], 1)  # type: ignore[index]
    assert np.isnan(straightness(x, np.ones(4)))


def test_straightness_is_what_scipy_says() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=20), rng.normal(size=(3, 20))
    expected = [scipy.stats.linregress(x, curve).rvalue ** 2 for curve in y]
    np.testing.assert_allclose(straightness(x, y), expected)


def test_an_images_own_straightness_is_the_mean_of_scipys_over_its_directions() -> None:
    rng = np.random.default_rng(0)
    values, origin = np.array([-9.0, -4, -1, 0, 1, 4, 9]), 0.0
    first, top = rng.random((2, 5, 7))
    first[0], top[1, :3], top[2] = 0.3, 2.0, 7.0  # one never moves at layer 1, one not upwards, one never at layer 7
    found = Curves(values, first, top, top).own_straightness(origin, (1e-9, 1e-9))
    for distance, straight in zip((first, top), found, strict=True):
        for image in range(5):
            fits = [
                scipy.stats.linregress(np.abs(values[way]), distance[image, way]).rvalue ** 2
                for way in (values < 0, values > 0)
                if np.ptp(distance[image, way]) > 0
            ]
            if fits:
                assert straight[image] == pytest.approx(np.mean(fits))
            else:
                assert np.isnan(straight[image])
    assert np.isnan(found[0]).tolist() == [True, False, False, False, False]
    assert np.isnan(found[1]).tolist() == [False, False, True, False, False]


def test_what_varies_by_no_more_than_rounding_has_no_line() -> None:
    values = np.array([1.0, 1.2, 1.4, 1.8])
    rising = np.array([[0, 1e-6, 2e-6, 3e-6], [0, 1.0, 2, 4]])
    first, top = Curves(values, rising, rising, rising).own_straightness(1.0, (1e-7, 1e-5))
    assert np.isfinite(first).tolist() == [True, True]
    assert np.isfinite(top).tolist() == [False, True]
    assert first[0] <= 1  # rounding does not lift a line above the range


def test_a_parabola_and_a_step_are_less_straight_than_a_line() -> None:
    x = np.arange(1.0, 13)
    assert float(straightness(x, x**2)) == pytest.approx(15 * 13**2 / (25 * 107))  # 0.948: R^2 is a mild judge
    assert float(straightness(x, np.minimum(x, 3))) < 0.5


def test_pairs_are_of_different_units_and_weigh_as_their_units_do() -> None:
    between = np.array([[9.0, 1, 2], [1, 9, 4], [2, 4, 9]])  # the diagonal must not count
    weights = np.array([[1.0, 1, 1], [2, 1, 0], [1, 0, 2], [3, 0, 0]])
    np.testing.assert_allclose(mean_of_pairs(between, weights), [7 / 3, 1, 2, np.nan])


def test_the_band_is_students() -> None:
    sample = np.random.default_rng(0).normal(size=(30, 4))
    mean, low, high = mean_band(sample)
    expected = scipy.stats.ttest_1samp(sample, 0).confidence_interval(0.95)
    np.testing.assert_allclose(mean, sample.mean(axis=0))
    np.testing.assert_allclose(low, expected.low)
    np.testing.assert_allclose(high, expected.high)
    assert np.isnan(mean_band(sample[:1])[1]).all()
