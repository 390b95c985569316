"""The paper's score: against scipy, by hand, and what a jackknife should give."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import distance

from reportgen.analyses.correspondence import sign_patterns
from reportgen.analyses.correspondence.sign_patterns import Pairing


def test_by_hand() -> None:
    """Entry by entry: rose in both, rose and fell, rose and stayed, stayed in both."""
    signs = np.array([[1, 1, 1, 0], [1, -1, 0, 0]], np.int8)
    found = sign_patterns.compare(signs, np.array([[0, 1]]))
    assert found.different.tolist() == [2]  # 1 against -1, 1 against 0; the equal zeros agree
    assert found.changed.tolist() == [2]
    assert found.opposite.tolist() == [1]


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 40))
def test_it_is_the_hamming_distance_of_scipy(seed: int, images: int, entries: int) -> None:
    signs = np.random.default_rng(seed).integers(-1, 2, (images, entries)).astype(np.int8)
    pairs = np.array(list(itertools.combinations(range(images), 2)))
    found = sign_patterns.compare(signs, pairs)
    np.testing.assert_allclose(found.different / entries, distance.pdist(signs, "hamming"), atol=1e-12)
    for (first, second), changed, opposite in zip(pairs, found.changed, found.opposite, strict=True):
        product = signs[first].astype(int) * signs[second]
        assert changed == np.count_nonzero(product)
        assert opposite == np.count_nonzero(product < 0)


def test_counts_stay_exact_in_long_vectors() -> None:
    signs = np.random.default_rng(0).integers(-1, 2, (2, 300_001)).astype(np.int8)
    found = sign_patterns.compare(signs, np.array([[0, 1]]))
    assert found.different[0] == np.count_nonzero(signs[0] != signs[1])


def test_what_is_rounding_is_no_change() -> None:
    original = np.array([[100.0, 5.0, 5.0, 5.0, 5.0]])
    masked = np.array([[100.0, 5.0009, 4.9991, 5.0011, 4.9989]])  # 1e-5 of 100 is 0.001
    assert sign_patterns.signs_of_change(original, masked).tolist() == [[0, 0, 0, -1, 1]]


def test_the_largest_feature_is_that_of_each_image_before_masking() -> None:
    original = np.array([[1.0, 1.0], [1000.0, 1.0]])
    masked = original - [[0.0, 0.001], [0.0, 0.001]]
    assert sign_patterns.signs_of_change(original, masked).tolist() == [[0, 1], [0, 0]]


def test_of_silent_features_any_change_counts() -> None:
    zeros = np.zeros((1, 2))
    assert sign_patterns.signs_of_change(zeros, zeros).tolist() == [[0, 0]]
    assert sign_patterns.signs_of_change(zeros, np.array([[1e-9, 0.0]])).tolist() == [[-1, 0]]


def test_pairs_are_within_groups() -> None:
    assert sign_patterns.pairs_within(np.array([0, 1, 0, 1, 0])).tolist() == [[0, 2], [0, 4], [1, 3], [2, 4]]


def test_classes_weigh_alike_whatever_their_size() -> None:
    groups = np.array([0] * 10 + [1] * 3)
    pairing = Pairing.of(groups)
    values = np.where(pairing.of_pair == 0, 1.0, 0.0)
    assert pairing.mean(values) == pytest.approx(0.5)


@given(st.integers(0, 10_000))
def test_leaving_one_out_is_computing_without_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat([0, 1, 2], rng.integers(4, 7, 3)))
    pairing = Pairing.of(groups)
    values = rng.random(len(pairing.pairs))
    table = np.zeros((len(groups), len(groups)))
    table[tuple(pairing.pairs.T)] = values
    for image, found in enumerate(pairing.without_each(values)):
        kept = np.delete(np.arange(len(groups)), image)
        rest = Pairing.of(groups[kept])
        again = table[np.ix_(kept, kept)][tuple(rest.pairs.T)]
        assert found == pytest.approx(rest.mean(again))


def test_the_order_of_the_images_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    groups, signs = np.repeat([0, 1], [4, 5]), rng.integers(-1, 2, (9, 50)).astype(np.int8)
    scores = []
    for order in (np.arange(9), rng.permutation(9)):
        pairing = Pairing.of(groups[order])
        found = sign_patterns.compare(signs[order], pairing.pairs)
        scores.append((pairing.mean(found.different / 50), pairing.deviation(found.different / 50)))
    assert scores[0] == pytest.approx(scores[1])


def test_the_deviation_is_that_of_a_pair_within_its_class() -> None:
    pairing = Pairing.of(np.array([0, 0, 0, 1, 1, 1]))
    values = np.array([1.0, 2.0, 3.0, 10.0, 10.0, 10.0])
    assert pairing.of_pair.tolist() == [0, 0, 0, 1, 1, 1]
    assert pairing.deviation(values) == pytest.approx(np.sqrt((2 / 3 + 0) / 2))


def test_a_class_of_two_has_no_pair_to_leave_out() -> None:
    with pytest.raises(ValueError, match="fewer than three"):
        Pairing.of(np.array([0, 0, 0, 1, 1]))
