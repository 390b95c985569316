"""A data set as the stages read it: its classes, counted."""

from pathlib import Path

import numpy as np
import pytest

from reportgen.base.errors import UserError
from reportgen.data.dataset import count_images
from reportgen.data.folders import Listing
from reportgen.stages.data import _check


def test_images_are_counted_by_class_and_those_without_label_in_none() -> None:
    found = count_images(("a", "b", "c"), {"train": [2, 0, 2, -1], "val": [], "test": np.array([1])})
    assert found == {
        "train": {"a": 1, "b": 0, "c": 2},
        "val": {"a": 0, "b": 0, "c": 0},
        "test": {"a": 0, "b": 1, "c": 0},
    }
    assert count_images((), {"val": [-1, -1]}) == {"val": {}}


def test_a_class_without_images_is_named() -> None:
    listing = Listing(("cat", "dog"), {})
    with pytest.raises(UserError, match="dog: no image of this class can be used"):
        _check(Path("images"), listing, {"train": ["one", "two"]}, {"train": [0, 0]}, [], trained=True)


def test_a_split_without_images_is_named() -> None:
    names = {"train": ["a"] * 99 + ["b"] * 99, "val": ["c"], "test": []}
    labels = {"train": [0] * 99 + [1] * 99, "val": [0], "test": []}
    lost = [{"file": "cat/d.png", "reason": "not an image"}]
    with pytest.raises(UserError, match=r"DATA=images: no test image can be used: mend them, or leave test/ out$"):
        _check(Path("images"), Listing(("cat", "dog"), {}), names, labels, lost, trained=True)
    _check(Path("images"), Listing((), {}), {**names, "train": [], "test": ["d"]}, labels, [], trained=False)
