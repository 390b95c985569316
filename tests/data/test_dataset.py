"""A data set as the stages read it: its classes, counted."""

import time
from pathlib import Path

import numpy as np
import pytest

from reportgen.data.dataset import count_images
from reportgen.data.folders import Listing
from reportgen.errors import UserError
from reportgen.stages.data import _check

MANY, CLASSES = 1_500_000, 1000  # about as many as ImageNet has: a pass for each class takes many seconds
SECONDS = 1.5


def test_images_are_counted_by_class_and_those_without_label_in_none() -> None:
    found = count_images(("a", "b", "c"), {"train": [2, 0, 2, -1], "val": [], "test": np.array([1])})
    assert found == {
        "train": {"a": 1, "b": 0, "c": 2},
        "val": {"a": 0, "b": 0, "c": 0},
        "test": {"a": 0, "b": 1, "c": 0},
    }
    assert count_images((), {"val": [-1, -1]}) == {"val": {}}


def test_many_images_of_many_classes_are_counted_in_one_pass() -> None:
    labels = np.sort(np.arange(MANY) % CLASSES).tolist()
    classes = tuple(f"class{index}" for index in range(CLASSES))
    started = time.perf_counter()
    found = count_images(classes, {"train": labels})
    assert time.perf_counter() - started < SECONDS
    assert set(found["train"].values()) == {MANY // CLASSES}


def test_a_class_without_images_is_found_in_one_pass() -> None:
    labels = np.sort(np.arange(MANY) % CLASSES).tolist()
    listing = Listing((*(f"class{index}" for index in range(CLASSES)), "last"), {})
    names = {"train": [""] * MANY}
    started = time.perf_counter()
    with pytest.raises(UserError, match="last: no image of this class can be used"):
        _check(Path("images"), listing, names, {"train": labels}, [], trained=True)
    assert time.perf_counter() - started < SECONDS
