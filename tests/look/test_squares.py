"""Squares: where they lie, and every place where one may lie, against looking everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.base.size import Size
from reportgen.look import squares


@pytest.mark.parametrize(
    ("x", "y", "side", "square"),
    [
        (5.0, 3.0, 2, (2, 4, 2)),  # pixels 4 and 5: as much left of 5.0 as right of it
        (5.5, 3.5, 3, (2, 4, 3)),  # 5.5 is the middle of pixel 5
        (5.0, 3.0, 1, (3, 5, 1)),
        (0.0, 0.0, 4, (-2, -2, 4)),
    ],
)
def test_a_square_lies_around_its_middle(x: float, y: float, side: int, square: tuple[int, int, int]) -> None:
    assert squares.around(np.array([[x, y]]), np.array([side])).tolist() == [list(square)]


@given(st.floats(2, 18), st.floats(2, 18), st.integers(1, 5))
def test_no_square_is_nearer_to_the_middle(x: float, y: float, side: int) -> None:
    [[top, left, _]] = squares.around(np.array([[x, y]]), np.array([side]))
    assert abs(left + side / 2 - x) <= 0.5 + 1e-9
    assert abs(top + side / 2 - y) <= 0.5 + 1e-9


def test_a_square_is_inside_when_all_of_it_is() -> None:
    tried = np.array([[0, 0, 10], [0, 1, 10], [-1, 0, 3], [7, 7, 3], [8, 7, 3]])
    assert squares.inside(tried, Size.of(10)).tolist() == [True, False, False, True, False]


def test_what_squares_cover_together() -> None:
    covered = squares.union(np.array([[0, 0, 2], [1, 1, 2], [-1, 3, 2], [9, 9, 1]]), Size.of(4))
    assert covered.astype(int).tolist() == [[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


@given(st.integers(0, 10_000), st.integers(1, 7))
def test_free_places_are_those_that_a_search_finds(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    on, taken = rng.random((6, 6)) < 0.9, rng.random((6, 6)) < 0.1
    searched = [
        [top, left, side]
        for top in range(6 - side + 1)
        for left in range(6 - side + 1)
        if on[top : top + side, left : left + side].all() and not taken[top : top + side, left : left + side].any()
    ]
    assert squares.free_places(side, on, taken).tolist() == searched
