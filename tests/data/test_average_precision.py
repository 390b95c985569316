"""Average precision by VOC 2012's rule: against a slow reading of the devkit's code, and rankings made by hand."""

import numpy as np
import pytest
from runs import examples
from sklearn.metrics import average_precision_score

from reportgen.claims import LEVEL
from reportgen.data.average_precision import average_precision
from reportgen.look.precisions import precisions


def slowly(scores: np.ndarray, labels: np.ndarray) -> float:
    """The devkit's ``VOCap`` line by line, with a threshold at each score in place of each image."""
    wanted = [label == 1 for label in labels]
    if not any(wanted):
        return float("nan")
    recalls, precisions = [0.0], [0.0]
    for threshold in sorted(set(scores), reverse=True):
        right = sum(1 for score, label in zip(scores, labels, strict=True) if score >= threshold and label == 1)
        wrong = sum(1 for score, label in zip(scores, labels, strict=True) if score >= threshold and label == 0)
        if right + wrong:  # above it may be images alone that count as neither
            recalls.append(right / sum(wanted))
            precisions.append(right / (right + wrong))
    recalls, precisions = [*recalls, 1.0], [*precisions, 0.0]
    for place in range(len(precisions) - 2, -1, -1):
        precisions[place] = max(precisions[place], precisions[place + 1])
    return sum(
        (recalls[place] - recalls[place - 1]) * precisions[place]
        for place in range(1, len(recalls))
        if recalls[place] != recalls[place - 1]
    )


def ranked(*labels: int, ties: tuple[int, ...] = ()) -> float:
    """Average precision of images in this order; those at `ties` have the score of the one before."""
    scores = -np.arange(float(len(labels)))
    for place in ties:
        scores[place] = scores[place - 1]
    return float(average_precision(scores, np.array(labels))[0])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((1, 1, 0, 0), 1.0),
        ((0, 1), 1 / 2),
        ((1, 0, 1), 1 / 2 * 1 + 1 / 2 * 2 / 3),
        ((0, 1, 1), 2 / 3),  # interpolated: at recall 1/2 precision is 2/3, too
        ((0, 0, 0, 1), 1 / 4),
        ((1, 0, 0, 1, 1), 1 / 3 + 2 / 3 * 3 / 5),
        ((-1, 1, 0), 1.0),  # difficult: as if it were not there
        ((-1, 0, -1, 1, -1), 1 / 2),
        ((1, 0, -1, 1), 1 / 2 + 1 / 2 * 2 / 3),
        ((1,), 1.0),
    ],
)
def test_rankings_made_by_hand(labels: tuple[int, ...], expected: float) -> None:
    assert ranked(*labels) == pytest.approx(expected)


def test_images_of_one_score_enter_together_whatever_their_order() -> None:
    assert ranked(1, 0, ties=(1,)) == ranked(0, 1, ties=(1,)) == pytest.approx(1 / 2)
    assert ranked(1, 0, 1, 0, ties=(1, 2, 3)) == pytest.approx(1 / 2)
    assert ranked(0, 1, 1, ties=(1,)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("labels", [(0, 0), (-1, 0), (-1, -1), ()])
def test_without_a_positive_there_is_none(labels: tuple[int, ...]) -> None:
    assert np.isnan(average_precision(np.arange(float(len(labels))), np.array(labels, dtype=int)))


def test_it_is_the_devkits_read_slowly() -> None:
    rng = np.random.default_rng(0)
    for trial in range(200):
        images = int(rng.integers(1, 30))
        labels = rng.choice([-1, 0, 0, 1], images)
        scores = rng.integers(0, 6, images).astype(float) if trial % 2 else rng.normal(size=images)
        np.testing.assert_allclose(average_precision(scores, labels)[0], slowly(scores, labels))


def test_it_is_no_less_than_the_area_without_interpolation() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 300), rng.normal(size=300)
    plain = average_precision_score(labels, scores)
    assert plain <= average_precision(scores, labels)[0] < plain + 0.05


def test_weights_are_images_drawn_so_often() -> None:
    rng = np.random.default_rng(2)
    labels, scores = rng.choice([-1, 0, 1], 40), rng.normal(size=40)
    weights = rng.multinomial(40, np.full(40, 1 / 40), 20)
    expected = [slowly(np.repeat(scores, row), np.repeat(labels, row)) for row in weights]
    np.testing.assert_allclose(average_precision(scores, labels, weights.astype(float)), expected)


def test_a_resample_without_a_positive_has_none() -> None:
    found = average_precision(np.array([3.0, 2.0]), np.array([1, 0]), np.array([[0.0, 2.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(found, [np.nan, 1.0])


def test_the_interval_covers_the_average_precision_of_other_test_sets() -> None:
    rng, images = np.random.default_rng(5), 200

    def drawn() -> tuple[np.ndarray, np.ndarray]:
        labels = (rng.random((images, 3)) < (0.2, 0.4, 0.5)).astype(int)
        values = labels * (1.5, 0.7, 0.0) + rng.normal(size=labels.shape)  # the last is ranked by chance
        return values, labels

    def of(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return np.array([average_precision(one, true)[0] for one, true in zip(values.T, labels.T, strict=True)])

    truth = np.mean([of(*drawn()) for _ in range(examples(2000))], axis=0)
    outside, repeats = np.zeros(4), examples(200)
    for _ in range(repeats):
        precision, mean = precisions(*drawn(), rng)
        ends, known = np.vstack([precision, mean]), np.append(truth, truth.mean())
        outside += (known < ends[:, 1]) | (known > ends[:, 2])
    level = repeats * (1 - LEVEL)
    assert (outside <= level + 3 * level**0.5).all()


def test_a_class_without_scores_or_images_has_none_and_the_mean_is_over_the_others() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((60, 4)) < 0.5).astype(int)
    labels[:, 1], labels[1:, 3] = 0, 0
    labels[0, 3] = 1
    scores = rng.normal(size=labels.shape)
    scores[:, 2] = np.nan
    precision, mean = precisions(scores, labels, rng)
    assert np.isnan(precision[[1, 2]]).all()
    assert mean[0] == precision[[0, 3], 0].mean()
    assert (
        mean[2] - mean[1]
    ) < 1  # the class of one image, which leaving that out leaves out, has no say in the interval


def test_a_mean_without_the_only_positives_is_left_out_of_the_interval() -> None:
    labels = np.zeros((5, 2), int)
    labels[0] = 1
    precision, mean = precisions(np.eye(5)[:, :2], labels, np.random.default_rng(0))
    assert mean[0] == precision[:, 0].mean()
