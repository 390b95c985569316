"""Lots are fair over the classes."""

import numpy as np
import pytest

from reportgen.data.sampling import of_different_classes, stratified, turns

LABELS = np.array([0] * 10 + [1] * 3 + [2] * 7)


@pytest.mark.parametrize(("count", "of_class"), [(3, [1, 1, 1]), (9, [3, 3, 3]), (15, [6, 3, 6]), (99, [10, 3, 7])])
def test_as_many_of_each_class_as_can_be(count: int, of_class: list[int]) -> None:
    drawn = stratified(LABELS, count, np.random.default_rng(0))
    assert np.bincount(LABELS[drawn]).tolist() == of_class
    assert (np.diff(drawn) > 0).all()


def test_which_images_are_drawn_is_by_lot() -> None:
    drawn = {tuple(stratified(LABELS, 3, np.random.default_rng(seed))) for seed in range(40)}
    assert len(drawn) > 20
    assert {image for part in drawn for image in part} == set(range(20))


def test_the_preferred_come_first_and_then_what_is_new() -> None:
    preferred = np.isin(np.arange(20), [0, 1, 2, 11, 12])
    for seed in range(20):
        drawn = of_different_classes(LABELS, preferred, 6, np.random.default_rng(seed))
        assert sorted(LABELS[drawn[:2]]) == [0, 1]
        assert set(drawn[:5]) == {0, 1, 2, 11, 12}
        assert LABELS[drawn[5]] == 2  # no preferred one is left: the class that was not drawn yet


def test_turns_count_those_before_of_the_own_class() -> None:
    labels, order = np.array([5, 5, 7, 5]), np.array([3, 2, 0, 1])
    assert turns(labels, order).tolist() == [1, 2, 0, 0]
