"""Cutting out receptive fields, and signed values around mid-grey."""

import numpy as np

from reportgen.look.pictures import cut, grey_at_zero


def test_a_box_that_leaves_the_picture_is_filled_with_zeros() -> None:
    picture = np.arange(1, 5, dtype=np.uint8).reshape(2, 2, 1)
    assert cut(picture, (-1, 0, 1, 3))[..., 0].tolist() == [[0, 0, 0], [1, 2, 0]]
    assert cut(picture, (0, 0, 2, 2)).tolist() == picture.tolist()
    assert not cut(picture, (5, 5, 7, 7)).any()


def test_zero_is_mid_grey_and_a_maps_nine_share_their_contrast() -> None:
    signed = np.zeros((2, 2, 1, 1, 3))
    signed[0, 0] = 4.0
    signed[0, 1] = -2.0
    signed[1, 0] = 1e-3
    drawn = grey_at_zero(signed)[..., 0, 0, 0]
    assert drawn.tolist() == [[255, 64], [255, 128]]


def test_nothing_at_all_is_grey() -> None:
    assert (grey_at_zero(np.zeros((1, 9, 2, 2, 3))) == 128).all()
