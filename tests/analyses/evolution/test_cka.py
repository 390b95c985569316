"""Debiased CKA against the textbook, and under weights against its definition."""

import numpy as np
import oracles
import pytest

from reportgen.analyses.evolution import cka


def pair(images: int = 9, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of features that share something."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(images, 3))
    return shared @ rng.normal(size=(3, 5)) + rng.normal(size=(images, 5)), shared @ rng.normal(size=(3, 4)) + 7


def course(*features: np.ndarray) -> cka.Course:
    return cka.Course.of(np.stack([cka.gram(one) for one in features]))


def test_the_two_oracles_agree() -> None:
    one, other = (features @ features.T for features in pair(6))
    assert oracles.hsic_by_tuples(one, other) == pytest.approx(oracles.hsic_by_formula(one, other))


@pytest.mark.parametrize("images", [4, 5, 9, 60])
def test_it_is_the_textbooks(images: int) -> None:
    one, other = pair(images)
    assert cka.cka(cka.gram(one), cka.gram(other)) == pytest.approx(oracles.debiased_cka(one, other))


def test_scalar_products_are_summed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = pair()
    monkeypatch.setattr(cka, "PIECE", 2)
    centred = one - one.mean(axis=0)
    np.testing.assert_allclose(cka.gram(one.astype(np.float32)), centred @ centred.T, rtol=1e-5, atol=1e-5)


def test_features_are_like_themselves_whatever_their_rotation_and_scale() -> None:
    one, _ = pair(40)
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    for same in (one, one @ turned, one[:, ::-1], 1e-4 * one, one - 12):
        assert cka.cka(cka.gram(one), cka.gram(same)) == pytest.approx(1)
    assert cka.cka(cka.gram(one), cka.gram(one @ np.diag([9.0, 1, 1, 1, 1]))) < 0.95  # a stretched axis is no rotation


def test_unrelated_features_are_unlike_however_wide_they_are() -> None:
    """Without the correction these would be at 0.97 (Kornblith et al. 2019 compare n images in d >> n dimensions)."""
    rng = np.random.default_rng(0)
    found = [cka.cka(*(cka.gram(rng.normal(size=(30, 900))) for _ in range(2))) for _ in range(40)]
    assert abs(np.mean(found)) < 0.02


def test_constant_features_and_too_few_images_have_none() -> None:
    one, _ = pair()
    flat = np.full((9, 4), 3.0)
    assert np.isnan(cka.cka(cka.gram(one), cka.gram(flat)))
    assert np.isnan(cka.cka(cka.gram(one[:3]), cka.gram(one[:3])))
    assert np.isnan(course(one, flat).curves(np.ones((1, 9)))).all()
    assert np.isnan(course(flat, one).curves(np.ones((1, 9)))[0]).tolist() == [True, False]


def test_with_equal_weights_it_is_the_textbooks() -> None:
    one, other = pair(30)
    expected = [oracles.debiased_cka(one, other), 1.0]
    for weight in (1.0, 3.0):
        np.testing.assert_allclose(course(one, other).curves(np.full((1, 30), weight))[0], expected, rtol=1e-5)


def test_an_image_of_weight_0_is_not_there() -> None:
    one, other = pair(20)
    weights = np.ones((1, 20))
    weights[0, [3, 7, 8]] = 0
    kept = weights[0] > 0
    expected = oracles.debiased_cka(one[kept], other[kept])
    assert course(one, other).curves(weights)[0, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_under_whole_weights_it_is_its_definition(seed: int) -> None:
    one, other = pair(12, seed)
    weights = np.random.default_rng(seed).multinomial(12, np.full(12, 1 / 12), 3).astype(float)
    expected = [oracles.weighted_cka(one, other, row) for row in weights]
    np.testing.assert_allclose(course(one, other).curves(weights)[:, 0], expected, rtol=1e-4)
    assert oracles.weighted_cka(one, other, np.ones(12)) == pytest.approx(oracles.debiased_cka(one, other))


@pytest.mark.parametrize("stripe", [1, 5, 12, 100])
def test_half_of_a_symmetric_matrix_is_enough(stripe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twelve images, whatever part of their columns is multiplied at once."""
    monkeypatch.setattr(cka, "STRIPE", stripe)
    one, other = pair(12)
    weights = np.random.default_rng(0).multinomial(12, np.full(12, 1 / 12), 3).astype(float)
    expected = [oracles.weighted_cka(one, other, row) for row in weights]
    np.testing.assert_allclose(course(one, other).curves(weights)[:, 0], expected, rtol=1e-4)


def test_hardly_more_than_half_of_them_is_multiplied() -> None:
    one, other = pair(500)
    assert sum(stripe[0, 0].size for stripe in course(one, other).stripes) <= 0.6 * 500**2


def test_resamples_of_too_few_images_have_none() -> None:
    one, other = pair(8)
    weights = np.array([[3.0, 3, 2, 0, 0, 0, 0, 0], [4, 1, 1, 1, 1, 0, 0, 0], [5, 1, 1, 1, 0, 0, 0, 0], np.ones(8)])
    found = course(one, other).curves(weights)
    assert np.isnan(found).any(axis=1).tolist() == [True, True, False, False]  # three images; half of all the weight
    assert found[2, 0] == pytest.approx(oracles.weighted_cka(one, other, weights[2]), rel=1e-4)


def test_an_image_drawn_twice_is_not_taken_for_two_that_are_alike() -> None:
    """Resamples of unrelated features stay around 0 as weights; copies of the images look alike in both sets."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(60, 200)), rng.normal(size=(60, 200))
    weights = rng.multinomial(60, np.full(60, 1 / 60), 100).astype(float)
    as_weights = course(one, other).curves(weights)[:, 0]
    copies = [np.repeat(np.arange(60), row.astype(int)) for row in weights[:10]]
    as_copies = [oracles.debiased_cka(one[rows], other[rows]) for rows in copies]
    plain = oracles.debiased_cka(one, other)
    assert abs(as_weights.mean() - plain) < 0.05
    assert np.mean(as_copies) > plain + 0.3


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_single_precision_is_enough(scale: float) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(50, 8)) + 1000  # a large mean, as layer 1 has
    features = [(base + step * rng.normal(size=(50, 8))) * scale for step in (1.0, 0.3, 0.0)]
    found = course(*features).curves(np.ones((1, 50)))[0]
    np.testing.assert_allclose(
        found[:2], [oracles.debiased_cka(one - one.mean(0), base - base.mean(0)) for one in features[:2]], rtol=1e-5
    )
