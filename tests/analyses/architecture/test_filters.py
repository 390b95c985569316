"""Filters: literal cases."""

import cv2
import numpy as np
import pytest

from reportgen.analyses.architecture import filters


def test_the_nearest_other_filter() -> None:
    given = np.zeros((4, 1, 1, 3))
    given[0, 0, 0] = (1, 0, 0)
    given[1, 0, 0] = (2, 0, 0)  # the same direction
    given[2, 0, 0] = (-1, 1, 0)
    found = filters.nearest_likeness(given)
    np.testing.assert_allclose(found, [1, 1, -1 / np.sqrt(2), np.nan])
    assert np.isnan(filters.nearest_likeness(given[:1])).all()


def test_stripes_in_and_outside_the_middle_band() -> None:
    along = np.arange(32)

    def stripes(frequency: float) -> np.ndarray:
        return np.broadcast_to(np.cos(2 * np.pi * frequency * along)[None, :, None], (32, 32, 3))

    found = filters.middle_share(np.stack([stripes(1 / 8), stripes(3 / 8), np.zeros((32, 32, 3))]))
    assert found[0] > 0.9
    assert found[1] < 0.1
    assert np.isnan(found[2])


def test_noise_has_the_middle_bands_area_whatever_the_filters_size() -> None:
    rng = np.random.default_rng(0)
    area = np.pi * (1 / 4**2 - 1 / 16**2)
    for side in (7, 11):
        assert filters.middle_share(rng.normal(size=(300, side, side, 3))).mean() == pytest.approx(area, abs=0.01)


def test_the_leading_filters_are_those_over_all_images() -> None:
    energy = np.array([[8.0, 1.0, 1.0, 0.0], [0.0, 3.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    leaders = filters.leading(energy, 0.05)
    assert leaders.tolist() == [0]
    np.testing.assert_allclose(filters.led_share(energy, leaders), [0.8, 0.0, np.nan])
    assert filters.leading(energy, 0.5).tolist() == [0, 1]
    assert len(filters.leading(np.ones((1, 96)), 0.05)) == 5
    assert len(filters.leading(np.ones((1, 48)), 0.05)) == 2


def test_filters_on_a_coarser_grid_are_means_over_areas() -> None:
    given = np.random.default_rng(0).normal(size=(5, 11, 11, 3)).astype(np.float32)
    expected = [cv2.resize(filter_, (7, 7), interpolation=cv2.INTER_AREA) for filter_ in given]
    np.testing.assert_allclose(filters.resized(given, 7), expected, atol=1e-5)
    np.testing.assert_allclose(filters.resized(given, 11), given, atol=1e-6)
    np.testing.assert_allclose(filters.resized(given, 1)[:, 0, 0], given.mean((1, 2)), atol=1e-6)


def test_the_likeness_without_each_filter_is_that_of_the_others() -> None:
    given = filters.comparable(np.random.default_rng(1).normal(size=(9, 11, 11, 3)))
    mean, without = filters.mean_likeness(given)
    assert mean == pytest.approx(filters.nearest_likeness(given).mean())
    slowly = [filters.nearest_likeness(np.delete(given, place, axis=0)).mean() for place in range(9)]
    np.testing.assert_allclose(without, slowly)


def test_comparable_filters_have_one_grid_no_mean_and_contrast() -> None:
    given = np.random.default_rng(2).normal(size=(5, 11, 11, 3)) + 3
    given[2] = 4.0  # of one value
    found = filters.comparable(given)
    assert found.shape == (4, 7, 7, 3)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), 0, atol=1e-12)
    assert filters.comparable(np.zeros((2, 7, 7, 3))).shape == (0, 7, 7, 3)


def test_random_filters_are_as_alike_as_other_random_filters_of_their_number_and_size() -> None:
    rng = np.random.default_rng(3)
    for side in (7, 11):
        again = [
            filters.nearest_likeness(filters.comparable(rng.normal(size=(48, side, side, 3)))).mean() for _ in range(20)
        ]
        assert filters.random_likeness(48, side) == pytest.approx(np.mean(again), abs=0.005)
    assert filters.random_likeness(48, 7) == pytest.approx(0.184, abs=0.005)  # docs/claims.md
