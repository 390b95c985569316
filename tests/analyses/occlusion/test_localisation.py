"""Small cases with the answer written out."""

import numpy as np
import pytest
import scipy.special

from reportgen.analyses.occlusion import localisation as measure
from reportgen.look.squares import square_sums


def test_the_sum_under_every_square() -> None:
    values = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(square_sums(values, 2), [[8, 12], [20, 24]])
    np.testing.assert_array_equal(square_sums(values, 1), values)
    assert square_sums(values, 3).item() == 36


def test_how_much_of_a_square_lies_on_the_mask() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:2, :2] = True
    found = measure.coverage(mask, 2, np.array([0, 1, 2]), np.array([0, 2]))
    np.testing.assert_array_equal(found, [[1, 0], [0.5, 0], [0, 0]])


MASK = np.zeros((6, 6), bool)
MASK[0:3, 0:3] = True
STARTS = np.array([0, 2, 4])  # squares of 2 px; their centres: 1, 3, 5


def test_drops_on_the_object_and_clear_of_it() -> None:
    """The square at (0, 0) covers the object wholly; (0, 2), (2, 0) by a half; (2, 2) by a quarter, and so is neither."""
    drops = np.array([[0.9, 0.3, 0.1], [0.6, 0.5, 0.0], [0.0, 0.0, 0.1]])
    found = measure.pointing(drops, MASK, 2, STARTS, STARTS)
    assert found is not None
    assert found.on_object == pytest.approx((0.9 + 0.3 + 0.6) / 3)
    assert found.on_background == pytest.approx(0.2 / 5)
    assert (found.hit, found.share) == (1, pytest.approx(1 / 9))  # of the nine centres only (1, 1) lies on the object


def test_the_costliest_place_beside_the_object_is_no_hit() -> None:
    found = measure.pointing(np.eye(3)[::-1], MASK, 2, STARTS, STARTS)
    assert found is not None
    assert found.hit == 0


def test_where_nothing_drops_pointing_is_as_good_as_chance() -> None:
    rounding = np.random.default_rng(0).uniform(-4e-7, 4e-7, (3, 3))
    found = measure.pointing(rounding, MASK, 2, STARTS, STARTS)
    assert found is not None
    assert found.hit == found.share


@pytest.mark.parametrize("mask", [np.zeros((6, 6), bool), np.ones((6, 6), bool)])
def test_without_an_object_or_without_a_background_nothing_is_said(mask: np.ndarray) -> None:
    assert measure.pointing(np.ones((3, 3)), mask, 2, STARTS, STARTS) is None


def test_a_pixel_has_the_mean_of_the_squares_that_cover_it() -> None:
    values = np.array([[4.0, 8.0], [0.0, 0.0]])
    found = measure.pixel_map(values, 2, np.array([0, 1]), np.array([0, 1]), (4, 4))
    np.testing.assert_array_equal(found, [[4, 6, 8, 0], [2, 3, 4, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_the_strong_part_begins_at_half_the_largest_value() -> None:
    np.testing.assert_array_equal(measure.strong_part(np.array([[1.0, 0.5, 0.49, -2]])), [[True, True, False, False]])
    assert not measure.strong_part(np.array([[-1.0, 0.0]])).any()


def test_overlap_is_intersection_over_union() -> None:
    one, other = np.array([[True, True, False]]), np.array([[False, True, True]])
    assert measure.overlap(one, other) == pytest.approx(1 / 3)
    assert measure.overlap(one, one) == 1
    assert measure.overlap(one & ~one, one & ~one) == 0


def test_the_middle_square_has_the_area_and_the_middle() -> None:
    found = measure.middle_square(9, (7, 7))
    assert found.sum() == 9
    assert found[2:5, 2:5].all()
    assert measure.middle_square(100, (7, 7)).all()
    assert not measure.middle_square(0, (7, 7)).any()


def test_peak_and_emptiest_place_of_a_projection() -> None:
    energy = np.zeros((8, 8))
    energy[1:3, 1:3] = 5
    energy[5:7, 5:7] = 1
    # Of the empty places, those that touch the peak's square are nearest; the first of them lies to its right.
    assert measure.peak_and_empty(energy, 2, (0, 0, 8, 8)) == ((1, 1), (1, 3))


def test_the_emptiest_place_has_the_least_energy_and_not_just_little() -> None:
    energy = np.ones((8, 8))
    energy[0:2, 0:2] = 9
    energy[6:8, 6:8] = 0
    assert measure.peak_and_empty(energy, 2, (0, 0, 8, 8)) == ((0, 0), (6, 6))


def test_both_squares_lie_in_the_window_and_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        top, left = rng.integers(0, 6, 2)
        window = (int(top), int(left), int(top) + 7, int(left) + 9)
        found = measure.peak_and_empty(rng.random((14, 15)), 3, window)
        assert found is not None
        for row, column in found:
            assert top <= row <= top + 4
            assert left <= column <= left + 6
        assert max(abs(found[0][0] - found[1][0]), abs(found[0][1] - found[1][1])) >= 3


def test_a_window_without_room_or_energy_has_no_such_places() -> None:
    assert measure.peak_and_empty(np.ones((8, 8)), 5, (0, 0, 8, 8)) is None  # two of them do not fit
    assert measure.peak_and_empty(np.ones((8, 8)), 3, (0, 0, 2, 8)) is None
    assert measure.peak_and_empty(np.zeros((8, 8)), 2, (0, 0, 8, 8)) is None


def test_rank_correlation_and_what_does_not_vary() -> None:
    rising = np.array([1.0, 2, 3, 4])
    assert measure.rank_correlation(rising, rising**3) == pytest.approx(1)
    assert measure.rank_correlation(rising, -rising) == pytest.approx(-1)
    assert measure.rank_correlation(rising, np.ones(4)) == 0
    assert measure.rank_correlation(np.array([1e-9, 2e-9, 1]), np.array([2e-9, 1e-9, 1])) == 1  # rounding has no rank


def test_the_middle_the_corners_and_nearness_to_the_middle() -> None:
    rows, columns = np.indices((5, 7))
    hill = 10 - np.hypot(rows - 2, columns - 3)
    middle, corners, order = measure.middle_and_corners(hill)
    assert middle == 10
    assert corners == pytest.approx(10 - np.hypot(2, 3))
    assert order == pytest.approx(1)
    assert measure.middle_and_corners(-hill)[2] == pytest.approx(-1)
    assert measure.middle_and_corners(np.ones((4, 4))) == (1, 1, 0)


def test_log_odds_of_even_chances_are_zero_and_of_certainty_finite() -> None:
    found = measure.log_odds(np.array([0.5, 0.75, 0.25, 1.0, 0.0]))
    np.testing.assert_allclose(found[:3], [0, np.log(3), -np.log(3)])
    assert found[3] == pytest.approx(-found[4], rel=1e-6)
    assert found[3] == pytest.approx(np.log(1e9), rel=1e-6)
    np.testing.assert_allclose(measure.log_odds(np.array([0.2, 0.9])), scipy.special.logit([0.2, 0.9]))


@pytest.mark.parametrize(
    ("other", "together"), [((3, 3), True), ((5, 4), True), ((6, 3), False), ((3, 0), False), ((1, 5), True)]
)
def test_squares_overlap_as_their_pixels_do(other: tuple[int, int], together: bool) -> None:
    masks = np.zeros((2, 12, 12), bool)
    for mask, (top, left) in zip(masks, ((3, 3), other), strict=True):
        mask[top : top + 3, left : left + 3] = True
    assert measure.overlapping((3, 3), other, 3) == bool((masks[0] & masks[1]).any()) == together


def test_the_peak_of_all_energy_is_where_a_square_holds_most_of_it() -> None:
    energy = np.zeros((9, 9))
    energy[7, 7], energy[1, 1:3] = 3, 2
    assert measure.peak_of(energy, 2) == (0, 1)
    assert measure.peak_of(np.zeros((4, 4)), 2) is None
    assert measure.lies_inside((2, 3), 2, (2, 0, 4, 5))
    assert not measure.lies_inside((3, 3), 2, (2, 0, 4, 5))
