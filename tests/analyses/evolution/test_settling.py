"""The area above curves and when they settle, on curves made by hand; and the interval of the area."""

import numpy as np
import pytest
from runs import examples

from reportgen.analyses.evolution import cka, settling
from reportgen.claims import resampled_part

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
    way = settling.progress(np.array(curve))
    assert float(settling.stays(EPOCHS, way, 0.9)) == pytest.approx(epoch)


@pytest.mark.parametrize("first", [0.9995, 0.9999, 1.0, np.nan])
def test_what_hardly_changes_has_no_area(first: float) -> None:
    assert np.isnan(settling.area(EPOCHS, np.array([first, 0.99, 1.0, 1.0, 1.0])))
    assert np.isfinite(settling.area(EPOCHS, np.array([0.96, 0.99, 1.0, 1.0, 1.0])))


@pytest.mark.parametrize(
    ("curve", "area"),
    [
        ([0.2, 1.0, 1.0, 1.0, 1.0], 0.25),  # a triangle up to the first snapshot
        ([0.2, 0.2, 0.2, 0.2, 1.0], 3.0),  # nothing until epoch 2, then a triangle
        ([0.5, 0.5 + 0.5 / 8, 0.625, 0.75, 1.0], 2.0),  # a straight line: half of the training
        ([0.5, 0.25, 0.5, 1.0, 1.0], 0.5 * 1.25 + 0.5 * 1.25 + 0.5),  # farther off than at the start: more than 1
    ],
)
def test_the_area_of_curves_made_by_hand(curve: list[float], area: float) -> None:
    assert float(settling.area(EPOCHS, np.array(curve))) == pytest.approx(area)


@pytest.mark.parametrize("rate", [0.3, 1.0, 4.0])
def test_the_area_is_that_of_the_closed_form(rate: float) -> None:
    """CKA = 1 - 0.7 (exp(-rate t) - exp(-rate T)) / (1 - exp(-rate T)), on snapshots as close as the trapezoid rule wants."""
    epochs, end = np.linspace(0, 12, 4001), np.exp(-rate * 12)
    curve = 1 - 0.7 * (np.exp(-rate * epochs) - end) / (1 - end)
    closed = ((1 - end) / rate - 12 * end) / (1 - end)
    assert float(settling.area(epochs, curve)) == pytest.approx(closed, rel=1e-4)
    coarse = np.array([0, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 12])
    few = settling.area(coarse, np.interp(coarse, epochs, curve))
    assert float(few) == pytest.approx(np.trapezoid(1 - settling.progress(np.interp(coarse, epochs, curve)), coarse))


def test_a_mark_of_plain_likeness() -> None:
    """Without the untrained net's likeness taken off, a curve can lie above the mark from the beginning."""
    curves = np.array(
        [[0.91, 0.95, 0.97, 1.0, 1.0], [0.5, 0.6, 0.8, 1.0, 1.0], [0.95, 0.7, 0.95, 1.0, 1.0], [np.nan] * 5]
    )
    np.testing.assert_allclose(settling.stays(EPOCHS, curves, 0.9), [0, 1.5, 0.9, np.nan])


def test_many_curves_are_measured_at_once() -> None:
    curves = np.array([[0.0, 0.2, 0.8, 1.0, 1.0], [0.9995, 1, 1, 1, 1], [0.0, 0.1, 0.2, 0.3, 1.0]])
    found = settling.measured(EPOCHS, curves)
    np.testing.assert_allclose(found[2], [1.5, np.nan, 2 + 2 * 0.6 / 0.7])  # progress of 0.9
    np.testing.assert_allclose(found[0], [0.5 * 0.9 + 0.5 * 0.5 + 0.1, np.nan, 0.5 * 0.95 + 0.5 * 0.85 + 0.75 + 0.7])
    np.testing.assert_allclose(found[4], [1.5, 0, 2 + 2 * 0.6 / 0.7])  # plain likeness
    assert len(found) == 2 + len(settling.MARKS)


def wandering(images: int = 60, seed: int = 0) -> cka.Course:
    """Features that come closer to the last ones, to and fro around the mark."""
    rng = np.random.default_rng(seed)
    first, last = rng.normal(size=(2, images, 6))
    return cka.Course.of(np.stack([cka.gram(first * (1 - way) + last * way) for way in (0, 0.5, 0.78, 0.72, 1.0)]))


def test_a_layer_has_its_curve_and_what_is_measured_on_it_with_bands() -> None:
    course = wandering()
    found = settling.likeness(3, course, EPOCHS, np.random.default_rng(1))
    assert (found.low[1:4] < found.cka[1:4]).all()
    assert (found.cka[1:4] < found.high[1:4]).all()
    assert (found.cka[-1], found.low[-1], found.high[-1]) == (1, 1, 1)
    assert found.area == found.measures[0]
    assert (found.ends[0] <= found.measures).all()
    assert (found.measures <= found.ends[1]).all()
    assert found.ends[0, 0] < found.area < found.ends[1, 0]
    flat = settling.likeness(3, cka.Course.of(np.zeros((5, 60, 60))), EPOCHS, np.random.default_rng(1))
    assert np.isnan(flat.area)
    assert np.isnan(flat.ends).all()


def test_layers_are_resampled_together() -> None:
    course, other = wandering(), wandering(seed=2)
    drawn = list(settling.resamples(60, 2500, np.random.default_rng(3)))
    assert [len(weights) for weights in drawn] == [1000, 1000, 500]
    assert all((weights.sum(axis=1) == 60).all() for weights in drawn)
    found = settling.resampled([course, course, other], EPOCHS, drawn)
    assert found.shape == (3, 2 + len(settling.MARKS), 2500)
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize("slower", [0.0, 0.3])
def test_the_interval_of_a_difference_of_areas_covers_at_its_level(slower: float) -> None:
    """Two layers that come from random features to others: at one pace (null), or the one later; images vary.

    Their paces are known, but not a closed form of the CKA of so few images: the truth is the mean over other images.
    """
    net, rng = np.random.default_rng(1), np.random.default_rng(2)
    mixing = net.normal(size=(2, 2, 10, 12))  # layer, first or last, what the images are, feature
    paces = (np.array([0, 0.3, 0.6, 0.8, 1.0]), np.array([0, 0.3, 0.6, 0.8, 1.0]) ** (1 + slower))

    def courses(images: int) -> list[cka.Course]:
        seen = rng.normal(size=(images, 10)) * np.geomspace(3, 0.3, 10)
        ends = [[np.maximum(seen @ one, 0) for one in layer] for layer in mixing]
        return [
            cka.Course.of(np.stack([cka.gram(first * (1 - way) + last * way) for way in pace]))
            for (first, last), pace in zip(ends, paces, strict=True)
        ]

    def difference(both: list[cka.Course], weights: np.ndarray) -> np.ndarray:
        one, other = (settling.area(EPOCHS, course.curves(weights)) for course in both)
        return other - one

    ones = np.ones((1, 60))
    truth = np.mean([difference(courses(60), ones)[0] for _ in range(examples(300))])
    reached, held, runs = [], [], examples(80)
    for _ in range(runs):
        both = courses(60)
        estimate = difference(both, ones)[0]
        part = resampled_part("x", estimate, difference(both, settling.draw(60, 300, rng)), 60)
        assert part.se is not None
        reached.append(abs(estimate - truth) <= 1.645 * part.se)
        held.append(part.low <= truth <= part.high)
    assert np.mean(reached) > 0.9 - 2.6 * np.sqrt(0.09 / runs)
    assert np.mean(reached) < 1
    assert held.count(False) <= max(1, 0.03 * runs)
