"""When nets may be compared."""

import numpy as np
from planted import facts
from torch import nn

from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look import compared
from reportgen.look.inputs import Inputs, Learned


def test_nets_that_were_still_learning_are_named() -> None:
    done, learning = facts(5, 10), facts(5, 10, trained_out=False, finished_epochs=100)
    assert compared.not_comparable({}) == ""
    assert compared.not_comparable({"a": done, "b": done | {"finished_epochs": 13}}) == ""
    said = compared.not_comparable({"a": done, "b": learning, "c": learning})
    assert "in b (after 100), c (after 100)" in said
    assert "COMPARE_EPOCHS" in said


def test_images_that_show_nothing_are_not_counted_as_wrong() -> None:
    shows = np.array([[1, 0], [0, 0], [-1, -1], [1, 1]], np.int8)
    split = Split(np.zeros((4, 2, 2, 3), np.uint8), np.array([0, -1, -1, -1]), tuple("abcd"), None, shows)
    learned = Learned({}, np.array([[2.0, 1.0]] * 4), [])
    data, preprocessing = Dataset("d", ("x", "y"), "", split, split, split), Preprocessing(crop=Size.of(2))
    net = Inputs.of(nn.Linear(1, 1), preprocessing, data, learned=learned)
    assert compared.judged(net).wrong.tolist() == [0, 0]
