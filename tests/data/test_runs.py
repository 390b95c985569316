"""COCO's compressed runs, held against pycocotools."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask

from reportgen.data.runs import uncompressed


def decoded(counts: str, rows: int, columns: int) -> np.ndarray:
    runs = uncompressed(counts)
    return np.repeat(np.arange(len(runs)) % 2, runs).reshape(columns, rows).T


@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=some.integers(0, 1)),
    some.integers(1, 60),
)
def test_every_mask_comes_back(pixels: np.ndarray, enlarged: int) -> None:
    """Enlarged, so that runs are long, and their differences large and of either sign."""
    pixels = np.asfortranarray(pixels.repeat(enlarged, axis=0))
    text = mask.encode(pixels)["counts"].decode()
    np.testing.assert_array_equal(decoded(text, *pixels.shape), pixels)


@given(some.text(some.characters(max_codepoint=200), max_size=30))
def test_any_text_is_runs_or_refused_in_one_line(text: str) -> None:
    try:
        assert all(run >= 0 for run in uncompressed(text))
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017
