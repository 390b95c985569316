"""Literal cases and scipy as the oracle."""

import numpy as np
import pytest
import scipy.stats

from reportgen.analyses.invariance.curves import mean_band, mean_of_pairs, straightness


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
