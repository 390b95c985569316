"""When curves settle, on curves made by hand; and the short cut against the long way."""

import numpy as np
import pytest

from reportgen.analyses.evolution import cka, settling

EPOCHS = np.array([0.0, 0.5, 1.0, 2.0, 4.0])


def test_the_way_goes_from_the_first_to_the_last() -> None:
    np.testing.assert_allclose(settling.progress(np.array([0.2, 0.6, 1.0])), [0, 0.5, 1])
    assert settling.progress(np.array([0.5, 0.4, 1.0]))[1] == pytest.approx(-0.2)  # farther off than at the start


@pytest.mark.parametrize(
    ("curve", "epoch"),
    [
        ([0.0, 0.2, 0.8, 1.0, 1.0], 1.5),  # half-way between 0.8 at epoch 1 and 1.0 at epoch 2
        ([0.0, 0.8, 0.95, 0.99, 1.0], 0.5 + 0.5 * 0.1 / 0.15),
        ([0.0, 0.95, 0.5, 0.95, 1.0], 1 + 0.4 / 0.45),  # it has to stay: the first crossing does not count
        ([0.0, 0.1, 0.2, 0.3, 1.0], 2 + 2 * 0.6 / 0.7),  # above the mark at the last snapshot only
        ([0.0, 0.95, 0.9, 0.95, 1.0], 0.5 * 0.9 / 0.95),  # at the mark is enough
        ([0.5, 0.6, 0.9, 1.0, 1.0], 1.5),  # shares of the way that is left, not CKA itself
    ],
)
def test_where_a_curve_settles(curve: list[float], epoch: float) -> None:
    assert float(settling.settled(EPOCHS, np.array(curve))) == pytest.approx(epoch)


@pytest.mark.parametrize("first", [0.9995, 0.9999, 1.0, np.nan])
def test_what_hardly_changes_settles_nowhere(first: float) -> None:
    assert np.isnan(settling.settled(EPOCHS, np.array([first, 0.99, 1.0, 1.0, 1.0])))
    assert np.isfinite(settling.settled(EPOCHS, np.array([0.96, 0.99, 1.0, 1.0, 1.0])))


def test_a_mark_of_plain_likeness() -> None:
    """Without the untrained net's likeness taken off, a curve can lie above the mark from the beginning."""
    curves = np.array(
        [[0.91, 0.95, 0.97, 1.0, 1.0], [0.5, 0.6, 0.8, 1.0, 1.0], [0.95, 0.7, 0.95, 1.0, 1.0], [np.nan] * 5]
    )
    np.testing.assert_allclose(settling.stays(EPOCHS, curves), [0, 1.5, 0.9, np.nan])


def test_many_curves_settle_at_once() -> None:
    curves = np.array([[0.0, 0.2, 0.8, 1.0, 1.0], [0.9995, 1, 1, 1, 1], [0.0, 0.1, 0.2, 0.3, 1.0]])
    np.testing.assert_allclose(settling.settled(EPOCHS, curves), [1.5, np.nan, 2 + 2 * 0.6 / 0.7])


def wandering(images: int = 60, seed: int = 0) -> cka.Course:
    """Features that come closer to the last ones, to and fro around the mark."""
    rng = np.random.default_rng(seed)
    first, last = rng.normal(size=(2, images, 6))
    return cka.Course.of(np.stack([cka.gram(first * (1 - way) + last * way) for way in (0, 0.5, 0.78, 0.72, 1.0)]))


def test_following_curves_from_the_end_gives_the_same() -> None:
    course = wandering()
    weights = settling.draw(60, 400, np.random.default_rng(1))
    expected = settling.settled(EPOCHS, course.curves(weights))
    assert len(np.unique(np.searchsorted(EPOCHS, expected))) > 1  # some settle in one step, some in another
    np.testing.assert_allclose(settling.settled_under(course, EPOCHS, weights), expected, rtol=1e-6)


def test_a_layer_has_its_curve_a_band_around_it_and_its_epoch() -> None:
    course = wandering()
    found = settling.likeness(3, course, EPOCHS, np.random.default_rng(1))
    assert (found.low[1:4] < found.cka[1:4]).all()
    assert (found.cka[1:4] < found.high[1:4]).all()
    assert (found.cka[-1], found.low[-1], found.high[-1]) == (1, 1, 1)
    epoch, low, high = found.settled
    assert epoch is not None
    assert low is not None
    assert high is not None
    assert low < epoch < high
    flat = cka.Course.of(np.zeros((5, 60, 60)))
    assert settling.likeness(3, flat, EPOCHS, np.random.default_rng(1)).settled == (None, None, None)


def test_layers_are_resampled_together() -> None:
    course, other = wandering(), wandering(seed=2)
    drawn = list(settling.resamples(60, 2500, np.random.default_rng(3)))
    assert [len(weights) for weights in drawn] == [1000, 1000, 500]
    assert all((weights.sum(axis=1) == 60).all() for weights in drawn)
    found = settling.resampled([course, course, other], EPOCHS, drawn)
    assert found.shape == (3, 2500)
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
