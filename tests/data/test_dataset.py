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
        _check(Path("images"), listing, {"train": ["one", "two"]}, {"train": {"cat": 2, "dog": 0}}, [], trained=True)


def test_a_split_without_images_is_named() -> None:
    names = {"train": ["a"] * 99 + ["b"] * 99, "val": ["c"], "test": []}
    lost = [{"file": "cat/d.png", "reason": "not an image"}]
    with pytest.raises(UserError, match=r"DATA=images: no test image can be used: mend them, or leave test/ out$"):
        _check(Path("images"), Listing(("cat", "dog"), {}), names, {}, lost, trained=True)
    _check(Path("images"), Listing((), {}), {**names, "train": [], "test": ["d"]}, {}, [], trained=False)


def test_classes_that_are_no_folders_are_named_by_what_says_them() -> None:
    listing, names = Listing(("cat", "dog"), {}, several=True), {"train": ["a"], "val": ["b"]}
    for train, val, why in (
        (
            {"cat": 1, "dog": 0},
            {"cat": 1, "dog": 0},
            "dog: no image of this class can be used: .*, or leave the class out",
        ),
        ({"cat": 1, "dog": 1}, {"cat": 0, "dog": 0}, "no val image that shows a class can be used: mend them"),
    ):
        with pytest.raises(UserError, match=rf"^LABELS=a\.csv: {why}"):
            _check(Path("images"), listing, names, {"train": train, "val": val}, [], True, "LABELS=a.csv")
