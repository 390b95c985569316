"""Likeness of two pictures, against scipy and scikit-image."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from reportgen.analyses.sanity.likeness import Compared, Likeness, likeness
from reportgen.look.pictures import grey_at_zero


def pictures(seed: int = 0, side: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, side, side, 3))
    first[rng.random(first.shape) < 0.3] = 0  # ties, as a projection has them
    return first, second + first


def alike(first: np.ndarray, second: np.ndarray) -> Likeness:
    return likeness(Compared(first), Compared(second))


def test_equal_pictures_are_exactly_alike() -> None:
    first, _ = pictures()
    assert alike(first, first.copy()) == (1.0, 1.0, 1.0)


@given(st.integers(0, 1000))
def test_the_rank_correlation_is_spearmans(seed: int) -> None:
    first, second = pictures(seed, side=5)
    expected = scipy.stats.spearmanr(first.ravel(), second.ravel()).statistic
    assert alike(first, second).rank == pytest.approx(expected)


def test_magnitudes_lose_the_sign_and_the_colour() -> None:
    first, _ = pictures()
    assert alike(first, -first)[:2] == pytest.approx((-1, 1))
    assert alike(first, first[..., ::-1]).magnitude_rank == pytest.approx(1)


def test_the_scale_is_no_matter() -> None:
    first, second = pictures()
    assert alike(first, 1e-6 * second) == pytest.approx(alike(first, second), abs=1e-6)


def test_structure_is_that_of_the_pictures_as_drawn() -> None:
    first, second = pictures(side=20)
    drawn = [grey_at_zero(picture[None, None])[0, 0] for picture in (first, second)]
    expected = structural_similarity(*drawn, channel_axis=-1, data_range=255)
    assert alike(first, second).structure == pytest.approx(expected)


def test_an_empty_picture_has_nothing_in_common_with_another() -> None:
    first, _ = pictures()
    empty = np.zeros_like(first)
    assert alike(first, empty)[:2] == (0.0, 0.0)
    assert alike(first, empty).structure < 0.5
    assert alike(empty, empty) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (3, 8), (6, 6), (8, 5)])
def test_small_windows_are_compared_too(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, *shape, 3))
    assert alike(first, first).structure == 1.0
    assert -1 <= alike(first, second).structure < 0.99


def test_an_original_is_ranked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pictures it is compared with: ranking takes most of the time of `sanity`."""
    ranked = []
    rankdata = scipy.stats.rankdata
    monkeypatch.setattr(scipy.stats, "rankdata", lambda *given, **more: ranked.append(1) or rankdata(*given, **more))
    first, second = pictures()
    original = Compared(first)
    for scale in (1, 2, 3):
        likeness(original, Compared(scale * second))
    assert len(ranked) == 2 + 3 * 2  # of the signed values and of the magnitudes
