"""Folds: nothing is both trained on and tested on, classes are balanced, smaller sets lie within larger ones."""

import re

import numpy as np
import pytest

from reportgen.analyses.generalisation.folds import draw_folds
from reportgen.base.errors import UserError
from reportgen.data.dataset import Split, Transfer


def transfer(*sizes: int) -> Transfer:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    images = Split(np.zeros((len(labels), 4, 4, 3), np.uint8), labels, ("",) * len(labels))
    return Transfer("other", tuple(f"class {label}" for label in range(len(sizes))), "", images)


def test_test_images_are_in_no_fold_and_classes_are_balanced() -> None:
    given = transfer(20, 33, 21)
    folds = draw_folds(given, (2, 10), 5, 0.5, np.random.default_rng(1))
    assert (len(folds.test), folds.drawn.shape, folds.pool) == (30, (5, 3, 10), 10)
    assert not set(folds.test) & set(folds.drawn.ravel())
    assert np.bincount(given.images.labels[folds.test]).tolist() == [10, 10, 10]
    for fold in range(5):
        for count in (2, 10):
            chosen = folds.training(fold, count)
            assert len(set(chosen)) == 3 * count
            assert np.bincount(given.images.labels[chosen]).tolist() == [count] * 3
        assert set(folds.training(fold, 2)) < set(folds.training(fold, 10))
    assert len({tuple(folds.training(fold, 2)) for fold in range(5)}) == 5
    assert set(folds.used) == set(folds.test) | set(folds.drawn.ravel())


def test_a_class_of_the_smallest_size_that_is_enough_is_enough() -> None:
    for share in (0.1, 0.5, 0.8):
        with pytest.raises(UserError) as caught:
            draw_folds(transfer(30, 3), (5,), 2, share, np.random.default_rng(0))
        said = re.search(r"give at least (\d+) images of each", str(caught.value))
        assert said
        enough = int(said[1])
        draw_folds(transfer(30, enough), (5,), 2, share, np.random.default_rng(0))
        with pytest.raises(UserError):
            draw_folds(transfer(30, enough - 1), (5,), 2, share, np.random.default_rng(0))


def test_too_few_images_are_named_with_the_way_out() -> None:
    message = (
        "TRANSFER=other: class 'class 1' has 12 images, 6 of them kept for testing, but GENERALISATION_COUNTS=2,15 "
        "trains on 15 of each class: give at least 29 images of each, or ask for at most 6"
    )
    with pytest.raises(UserError, match=re.escape(message)):
        draw_folds(transfer(40, 12), (2, 15), 5, 0.5, np.random.default_rng(0))
    with pytest.raises(UserError, match=r"class 'class 1' has 1 image, 1 of them kept .* 3 images of each$"):
        draw_folds(transfer(40, 1), (2,), 5, 0.5, np.random.default_rng(0))
    with pytest.raises(UserError, match="class 'class 1' has 0 images"):
        draw_folds(transfer(40, 0), (2,), 5, 0.5, np.random.default_rng(0))


def test_folds_share_no_image_as_long_as_there_are_enough() -> None:
    folds = draw_folds(transfer(20, 33, 21), (2, 5), 2, 0.5, np.random.default_rng(1))
    assert folds.overlap(5) == folds.overlap(2) == 0
    assert not set(folds.training(0, 5)) & set(folds.training(1, 5))


def test_the_overlap_of_folds_is_the_share_that_two_have_in_common() -> None:
    folds = draw_folds(transfer(20, 20), (2, 10), 4, 0.5, np.random.default_rng(1))
    assert folds.overlap(10) == 1  # each fold takes the whole rest of each class
    sets = [set(folds.training(fold, 2)) for fold in range(4)]
    shared = [len(sets[a] & sets[b]) / 4 for a in range(4) for b in range(a)]
    assert folds.overlap(2) == pytest.approx(np.mean(shared))
