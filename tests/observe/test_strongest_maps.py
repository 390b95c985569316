"""The strongest activations of any net: what counts as dead, and what is said of a map."""

import numpy as np
import pytest

from reportgen.observe import strongest
from reportgen.observe.strongest import Top


def top_of(values: np.ndarray) -> Top:
    places = np.zeros(values.shape, np.int64)
    return Top(values, places, places, places)


def test_dead_maps_respond_with_less_than_a_twentieth_of_the_median() -> None:
    values = np.array([[1.0], [1.0], [1.0], [0.049], [0.0]])
    assert strongest.dead_share(top_of(values)) == pytest.approx(2 / 5)
    assert strongest.dead_share(top_of(np.zeros((2, 1)))) == 1


def test_what_a_map_sees_is_said_in_words() -> None:
    assert strongest.seen(("dog", "cat", "dog", "")) == "2 dog, 1 cat"
    assert strongest.seen(("dog", "cat", "")) == "dog, cat"
    assert strongest.seen(("", "dog")) == "1 dog"
    assert strongest.seen(("", "")) == "no activation"
