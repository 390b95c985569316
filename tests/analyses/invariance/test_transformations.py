"""The paper's ranges in proportion, and which controls there are."""

import numpy as np
import pytest

from reportgen.analyses.invariance.geometry import flat
from reportgen.analyses.invariance.transformations import (
    PAPER_SIDE,
    SCALES,
    TURNS,
    picture_views,
    plan_views,
    shifts,
    small_shift,
)


def test_at_the_papers_size_the_shifts_are_the_papers() -> None:
    assert shifts(PAPER_SIDE).tolist() == list(range(-60, 61, 5))
    assert small_shift(PAPER_SIDE) == 5
    assert (SCALES[0], SCALES[-1], len(SCALES)) == (1, 1.8, 17)
    assert TURNS.tolist() == list(range(0, 360, 10))


@pytest.mark.parametrize(("crop", "largest", "small"), [(88, 24, 2), (60, 16, 1), (44, 12, 1), (24, 6, 1)])
def test_at_other_sizes_they_are_in_proportion_and_whole(crop: int, largest: int, small: int) -> None:
    found = shifts(crop)
    assert (found[0], found[-1], small_shift(crop)) == (-largest, largest, small)
    np.testing.assert_array_equal(found, -found[::-1])
    assert {-small, 0, small} <= set(found.tolist())
    assert np.abs(found[:, None] - np.arange(-60, 61, 5) * crop / 224).min(axis=1).max() <= 0.5


def test_where_the_scene_is_known_nothing_is_filled() -> None:
    plan = plan_views(picture=77, crop=44)
    assert not any(view.exposed.any() for views in plan.values() for _, view in views)
    assert [name for name in plan if name.endswith("_filled")] == []
    assert len(picture_views(77, 44)) == 8


def test_where_it_is_not_there_is_a_control() -> None:
    plan = plan_views(picture=48, crop=44)
    assert {"translation_filled", "rotation_filled", "small_rotation_filled"} <= set(plan)
    assert {-1.0, 1.0} <= {value for value, _ in plan["translation_filled"]}
    assert list(picture_views(48, 44))[-2:] == ["fill: 12 px down", "fill: 40°"]


def test_a_curve_holds_the_image_as_it_is_once_and_its_control_never() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 48, 48, 3), dtype=np.uint8)
    for name, views in plan_views(48, 44).items():
        same = [value for value, view in views if (view.of(flat(images)) == images[:, 2:46, 2:46]).all()]
        expected = {"translation": [0.0], "scale": [1.0], "rotation": [0.0]}.get(name, [])
        if name.endswith("_filled"):
            expected = [value for value, view in views if not view.exposed.any()]
        assert same == expected, name
