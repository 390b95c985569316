"""Which images are looked at."""

import re

import numpy as np
import pytest

from reportgen.analyses.occlusion import choose as examples
from reportgen.base.errors import UserError

NAMES = {"train": (), "test": ("dog/a.png", "dog/b.png"), "val": ("dog/a.png", "dog/v.png")}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dog/b.png", ("test", 1)),
        ("dog/v.png", ("val", 1)),
        ("dog/a.png", ("test", 0)),
        ("val/dog/a.png", ("val", 0)),
        ("test/dog/a.png", ("test", 0)),
    ],
)
def test_an_image_is_found_by_its_name(name: str, found: tuple[str, int]) -> None:
    assert examples.find_image(name, NAMES) == found


def test_a_name_that_there_is_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=re.escape("IMAGES=dgo/b.png: no test or validation image has that name")) as e:
        examples.find_image("dgo/b.png", NAMES)
    assert "did you mean 'dog/b.png'?" in str(e.value)


LABELS = np.repeat(np.arange(4), 5)


def squares(*sides: int, corner: int = 1) -> np.ndarray:
    """An object of each side, from a corner on."""
    masks = np.zeros((len(sides), 12, 12), bool)
    for mask, side in zip(masks, sides, strict=True):
        mask[corner : corner + side, corner : corner + side] = True
    return masks


def test_the_examples_are_of_different_classes_whole_and_of_median_size() -> None:
    objects = squares(*(2, 4, 5, 6, 8) * 4)
    correct = np.arange(20)
    chosen, rule = examples.choose(LABELS, correct, objects, 3, np.random.default_rng(0))
    assert len(set(LABELS[chosen])) == 3
    assert set(chosen % 5) == {2}  # the median of each class has a side of 5
    assert "wholly inside" in rule


def test_what_the_net_gets_wrong_or_the_edge_cuts_is_passed_over() -> None:
    objects = squares(*(2, 4, 5, 6, 8) * 4)
    objects[2::5, 0] = True  # the median ones now touch the upper edge
    chosen, _ = examples.choose(LABELS, np.flatnonzero(np.arange(20) % 5 != 1), objects, 3, np.random.default_rng(0))
    assert set(chosen % 5) == {3}


def test_another_seed_draws_other_classes_and_the_same_seed_the_same() -> None:
    drawn = [
        tuple(examples.choose(LABELS, np.arange(20), None, 3, np.random.default_rng(seed))[0]) for seed in (0, 0, 1, 2)
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_where_objects_are_not_known_or_all_cut_a_random_one_is_taken() -> None:
    for objects in (None, squares(*(5,) * 20, corner=0), squares(*(0,) * 20)):
        chosen, rule = examples.choose(LABELS, np.arange(20), objects, 3, np.random.default_rng(0))
        assert len(set(LABELS[chosen])) == 3
        assert rule.endswith("one of each at random")


def test_with_few_classes_or_nothing_right_there_are_fewer_or_the_rule_says_so() -> None:
    chosen, _ = examples.choose(LABELS, np.arange(5), None, 3, np.random.default_rng(0))
    assert len(chosen) == 1
    chosen, rule = examples.choose(LABELS, np.arange(0), None, 3, np.random.default_rng(0))
    assert len(chosen) == 3
    assert "the net gets none right" in rule


def test_the_sample_takes_known_objects_first() -> None:
    objects = squares(*(3,) * 20)
    objects[::2] = False
    for count in (4, 10, 14, 50):
        drawn = examples.sample(np.arange(20), objects, count, np.random.default_rng(0))
        assert len(set(drawn)) == min(count, 20)
        assert (np.diff(drawn) > 0).all()
        assert objects[drawn].any((1, 2)).sum() == min(count, 10)


def test_of_a_sample_the_image_at_the_median_drop_is_taken_in_each_class() -> None:
    images = np.arange(20)[::-1]
    drops = np.tile([0.0, 0.9, 0.31, 0.3, 1.0], 4)[::-1]  # the median is 0.31, in the third image of each class
    chosen, rule = examples.typical(LABELS, images, drops, 3, np.random.default_rng(0)) or ((), "")
    assert len(set(LABELS[np.array(chosen)])) == 3
    assert set(np.array(chosen) % 5) == {2}
    assert "median" in rule


def test_a_sample_of_too_few_classes_chooses_nothing() -> None:
    assert examples.typical(LABELS, np.arange(10), np.zeros(10), 3, np.random.default_rng(0)) is None
