"""Intervals over test images and draws of the training images: they cover a known truth about as often as they say."""

import numpy as np
import pytest
from runs import examples
from scipy.stats import norm, spearmanr

from reportgen import claims
from reportgen.analyses.generalisation.verdict import crossed_covariances, rank_correlation, rank_part

IMAGES, DRAWS = 120, 5


def missed(repeats: int) -> float:
    """The most misses of so many intervals that are as likely as three deviations of chance."""
    return repeats * (1 - claims.LEVEL) + 3 * (repeats * (1 - claims.LEVEL) * claims.LEVEL) ** 0.5


def answers(levels: np.ndarray, rng: np.random.Generator, by_draw: float = 0.15) -> np.ndarray:
    """ "layer test fold": right where an image is easier than a classifier is bad; images and draws are common to layers."""
    images = rng.normal(0, 0.8, (1, IMAGES, 1))
    draws = rng.normal(0, by_draw, (1, 1, DRAWS)) + rng.normal(0, by_draw, (len(levels), 1, DRAWS))
    rest = rng.normal(0, 0.6, (len(levels), IMAGES, DRAWS))
    return images + draws + rest < norm.ppf(levels)[:, None, None] * (0.64 + 0.36 + 2 * by_draw**2) ** 0.5


def test_the_rank_correlation_is_spearmans_and_zero_without_differences() -> None:
    rng = np.random.default_rng(0)
    accuracy = rng.integers(0, 5, (30, 6)) / 5
    wanted = [spearmanr(row, np.arange(6)).statistic for row in accuracy]
    np.testing.assert_allclose(rank_correlation(accuracy), wanted)
    np.testing.assert_array_equal(rank_correlation(np.array([[0.3] * 6, [0.3, *([0.3 + 1e-13] * 5)]])), [0, 0])


@pytest.mark.parametrize(
    ("levels", "truth"),
    [
        ((0.6, 0.6, 0.6, 0.6, 0.6, 0.6), 0.0),
        ((0.4, 0.5, 0.6, 0.7, 0.8, 0.85), 1.0),
        ((0.4, 0.55, 0.7, 0.8, 0.7, 0.55), None),
        ((0.55, 0.6, 0.55, 0.6, 0.55, 0.6), None),
    ],
)
def test_the_interval_of_the_rank_correlation_covers(levels: tuple[float, ...], truth: float | None) -> None:
    rng, outside, repeats = np.random.default_rng(1), 0, examples(100)
    known = rank_correlation(np.array([levels]))[0]
    assert truth is None or known == pytest.approx(truth)
    for _ in range(repeats):
        part = rank_part("x", answers(np.array(levels), rng), 0.0, rng)
        outside += not part.low <= known <= part.high
    assert outside <= missed(repeats)


def test_the_accuracies_covariance_is_that_of_many_repetitions() -> None:
    rng, levels = np.random.default_rng(2), np.array([0.4, 0.6, 0.7])
    found = [answers(levels, rng).astype(float) for _ in range(1500)]
    true = np.cov(np.array([one.mean(axis=(1, 2)) for one in found]).T)
    said = np.mean([np.add(*crossed_covariances(one, 0.0)) for one in found[:200]], axis=0)
    np.testing.assert_allclose(said, true, rtol=0.15, atol=5e-5)


def test_of_one_layer_it_is_the_variance_of_the_mean() -> None:
    rng = np.random.default_rng(3)
    values = answers(np.array([0.5, 0.7]), rng).astype(float)
    for overlap in (0.0, 0.4):
        covariance = np.add(*crossed_covariances(values, overlap))
        for layer in range(2):
            part = claims.crossed_part("x", values[layer], overlap)
            assert part.se == pytest.approx(covariance[layer, layer] ** 0.5, rel=0.05)


def drawn_from_pool(rng: np.random.Generator, pool: int, count: int) -> tuple[np.ndarray, float]:
    """ "test fold" of numbers whose draws are means of `count` training images, taken from a pool that is drawn, too."""
    worth = rng.normal(0, 1, pool)
    folds = [rng.choice(pool, count, replace=False) for _ in range(DRAWS)]
    draws = np.array([worth[fold].mean() for fold in folds])
    shared = [len(set(folds[a]) & set(folds[b])) / count for a in range(DRAWS) for b in range(a)]
    return rng.normal(0, 1, (IMAGES, 1)) + draws + rng.normal(0, 0.5, (IMAGES, DRAWS)), float(np.mean(shared))


@pytest.mark.parametrize(("pool", "count"), [(1000, 10), (30, 10), (15, 10)])
def test_draws_that_share_images_are_allowed_for(pool: int, count: int) -> None:
    rng, repeats, outside, careless = np.random.default_rng(4), examples(2000), 0, 0
    for _ in range(repeats):
        sample, overlap = drawn_from_pool(rng, pool, count)
        for allowed in (overlap, 0.0):
            part = claims.crossed_part("x", sample, allowed)
            if allowed == overlap:
                outside += not part.low <= 0 <= part.high
            else:
                careless += not part.low <= 0 <= part.high
    assert outside <= missed(repeats)
    if pool == 15:
        assert careless > 3 * missed(repeats)  # it is needed


def test_draws_that_are_all_the_same_say_nothing() -> None:
    sample = np.random.default_rng(5).normal(size=(40, 5))
    assert claims.crossed_part("x", sample, 1.0).outcome == "not tested"
    rng = np.random.default_rng(6)
    assert rank_part("x", answers(np.array([0.4, 0.9]), rng), 1.0, rng).outcome == "not tested"
    assert rank_part("x", answers(np.array([0.4, 0.9]), rng)[:, :, :1], 0.0, rng).outcome == "not tested"
