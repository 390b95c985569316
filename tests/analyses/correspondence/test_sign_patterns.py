"""The paper's score: against scipy, by hand, and what a jackknife should give."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
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


def test_pairs_are_between_or_within_classes() -> None:
    groups = np.array([0, 1, 0, 1, 0])
    between, within = Pairing.between_classes(groups), Pairing.within_classes(groups)
    assert between.pairs[between.compared].tolist() == [[0, 1], [0, 3], [1, 2], [1, 4], [2, 3], [3, 4]]
    assert within.pairs[within.compared].tolist() == [
        [0, 2],
        [0, 4],
        [2, 4],
    ]  # of two images there is one pair, too few
    assert within.images.tolist() == [0, 2, 4]
    assert not (between.compared & within.compared).any()


@pytest.mark.parametrize(
    ("groups", "expected"),
    [("aab", False), ("aaab", False), ("aabb", True), ("abc", True), ("ab", False), ("aaaa", False), ("", False)],
)
def test_pairs_of_different_classes_need_one_that_stays_whichever_image_goes(groups: str, expected: bool) -> None:
    assert sign_patterns.can_differ(groups) == expected
    slowly = len(groups) > 0 and all(len(set(groups[:place] + groups[place + 1 :])) > 1 for place in range(len(groups)))
    assert slowly == expected


def test_each_pair_of_different_classes_counts_once_and_classes_weigh_alike_within() -> None:
    groups = np.array([0] * 10 + [1] * 3 + [2] * 3)
    between = Pairing.between_classes(groups)
    of_the_last = (groups[between.pairs] == 2).any(axis=1)
    assert between.mean(np.where(of_the_last, 1.0, 0.0)) == pytest.approx(3 * 13 / (10 * 3 + 10 * 3 + 3 * 3))
    within = Pairing.within_classes(groups)
    assert within.mean(np.where(groups[within.pairs[:, 0]] == 0, 1.0, 0.0)) == pytest.approx(1 / 3)


def test_five_breeds_of_one_image_each_are_the_papers_pairs() -> None:
    pairing = Pairing.between_classes(np.arange(5))
    assert pairing.compared.all()
    assert len(pairing.pairs) == 10
    assert pairing.freedom == pytest.approx(4)


@given(st.integers(0, 10_000), st.booleans())
@settings(deadline=None)  # a busy machine
def test_leaving_one_out_is_computing_without_it(seed: int, across: bool) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat([0, 1, 2], rng.integers(4, 7, 3)))
    make = Pairing.between_classes if across else Pairing.within_classes
    pairing = make(groups)
    values = rng.random(len(pairing.pairs))
    table = np.zeros((len(groups), len(groups)))
    table[tuple(pairing.pairs.T)] = values
    for image, found in enumerate(pairing.without_each(values)):
        kept = np.delete(np.arange(len(groups)), image)
        rest = make(groups[kept])
        again = table[np.ix_(kept, kept)][tuple(rest.pairs.T)]
        assert found == pytest.approx(rest.mean(again))


def test_an_image_that_is_in_no_pair_is_not_left_out_either() -> None:
    groups = np.array([0, 0, 0, 1, 1])
    pairing = Pairing.within_classes(groups)
    assert len(pairing.without_each(np.arange(10.0))) == 3
    assert pairing.freedom == pytest.approx(2)


def test_a_few_images_in_most_pairs_have_few_degrees_of_freedom() -> None:
    even = Pairing.between_classes(np.repeat([0, 1, 2], 20))
    assert even.freedom == pytest.approx(59)
    rare = Pairing.between_classes(
        np.array([0] * 100 + [1] * 3)
    )  # Satterthwaite's for two means, of 100 and of 3, is 2.1
    assert rare.freedom == pytest.approx(2.18, abs=0.01)


def test_the_order_of_the_images_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    groups, signs = np.repeat([0, 1], [4, 5]), rng.integers(-1, 2, (9, 50)).astype(np.int8)
    scores = []
    for order in (np.arange(9), rng.permutation(9)):
        for pairing in (Pairing.between_classes(groups[order]), Pairing.within_classes(groups[order])):
            found = sign_patterns.compare(signs[order], pairing.pairs)
            scores.append((pairing.mean(found.different / 50), pairing.deviation(found.different / 50)))
    assert scores[0] == pytest.approx(scores[2])
    assert scores[1] == pytest.approx(scores[3])


def test_the_deviation_is_that_of_a_pair_within_its_class() -> None:
    pairing = Pairing.within_classes(np.array([0, 0, 0, 1, 1, 1]))
    values = np.full(15, 99.0)
    values[pairing.stratum == 0], values[pairing.stratum == 1] = [1.0, 2.0, 3.0], 10.0
    assert pairing.deviation(values) == pytest.approx(np.sqrt((2 / 3 + 0) / 2))
    assert pairing.deviation(np.stack([values, values])) == pytest.approx(np.sqrt((2 / 3 + 0) / 2))


def test_where_one_image_is_all_of_a_class_there_is_nothing_to_leave_out() -> None:
    with pytest.raises(ValueError, match="no pair of different classes is left"):
        Pairing.between_classes(np.array([0, 0, 0, 1]))
