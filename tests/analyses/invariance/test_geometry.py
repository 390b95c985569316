"""Transformations against closed forms and against scipy."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray

from reportgen.analyses.invariance import geometry
from reportgen.analyses.invariance.geometry import Transformation, filled, flat, resampled, transformed
from reportgen.base.size import Size
from reportgen.scenes.scene import wide_side

SIDE, CROP = 37, 21  # the window begins at pixel 8


def noise(side: int = SIDE, images: int = 2, seed: int = 0) -> ndarray:
    return np.random.default_rng(seed).integers(0, 256, (images, side, side, 3), dtype=np.uint8)


def shown(images: ndarray, crop: int = CROP, **transformation: float) -> ndarray:
    return transformed(Transformation(**transformation), images.shape[1], crop).of(flat(images))  # type: ignore[arg-type]


def by_scipy(image: ndarray, transformation: Transformation, crop: int) -> ndarray:
    """The same window by scipy's own interpolation, one colour at a time; scipy calls this edge "mirror"."""
    turn = np.deg2rad(transformation.degrees)
    # From the window to the picture, in (row, column): turning back, then shrinking.
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) / transformation.scale
    middle = (image.shape[0] - crop) // 2 + (crop - 1) / 2
    offset = middle - matrix @ np.array([(crop - 1) / 2 + transformation.down, (crop - 1) / 2])
    channels = [
        scipy.ndimage.affine_transform(channel.astype(float), matrix, offset, (crop, crop), order=1, mode="mirror")
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack(channels, axis=-1)


@pytest.mark.parametrize(("side", "crop"), [(37, 21), (37, 22), (36, 21), (36, 22), (21, 21)])
def test_the_untransformed_view_is_the_centre_crop_bit_for_bit(side: int, crop: int) -> None:
    images = noise(side)
    top = (side - crop) // 2
    for degrees in (0, 360, -360, 720):
        np.testing.assert_array_equal(
            shown(images, crop, degrees=degrees), images[:, top : top + crop, top : top + crop]
        )


@pytest.mark.parametrize("down", [-8, -3, 1, 8])
def test_a_shift_is_a_copy_and_positive_is_down(down: int) -> None:
    images = noise()
    np.testing.assert_array_equal(shown(images, down=down), images[:, 8 - down : 29 - down, 8:29])


@pytest.mark.parametrize(("side", "crop"), [(37, 21), (36, 22), (37, 22)])
def test_quarter_turns_are_copies_and_anticlockwise(side: int, crop: int) -> None:
    images = noise(side)
    still = shown(images, crop)
    for quarters in range(-4, 5):
        turned = np.rot90(still, quarters, axes=(1, 2))  # numpy's is anticlockwise, too
        np.testing.assert_array_equal(shown(images, crop, degrees=90 * quarters), turned)


@pytest.mark.parametrize(
    ("scale", "degrees", "along", "down"),
    [
        (2.0, 0, 1.0, 1.5),
        (1.0, 90, 3.0, -2.0),  # what rose to the right now rises upwards
        (1.25, 180, -1.6, -2.4),
        (1.0, 30, 2 * 0.75**0.5 + 3 * 0.5, 3 * 0.75**0.5 - 2 * 0.5),
    ],
)
def test_a_slope_stays_a_slope(scale: float, degrees: float, along: float, down: float) -> None:
    """Bilinear interpolation reproduces what is linear: here 100 + 2 x + 3 y, x and y from the window's middle."""
    offset = np.arange(SIDE) - (SIDE - 1) / 2
    picture = np.broadcast_to((100 + 2 * offset[None, :] + 3 * offset[:, None])[None, :, :, None], (1, SIDE, SIDE, 3))
    offset = np.arange(CROP) - (CROP - 1) / 2
    view = transformed(Transformation(scale=scale, degrees=degrees), SIDE, CROP)
    found = (view.weights @ flat(picture.astype(np.uint8)))[:, 0].reshape(CROP, CROP)
    np.testing.assert_allclose(found, 100 + along * offset[None, :] + down * offset[:, None], atol=1e-4)


def test_a_literal_case() -> None:
    """Twice as large about the middle of a 3 x 3 window: the middle pixel and the means of its neighbours."""
    picture = np.zeros((1, 3, 3, 3), np.uint8)
    picture[0, :, :, 0] = [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    larger = shown(picture, 3, scale=2)[0, :, :, 0]
    np.testing.assert_array_equal(larger, [[30, 35, 40], [45, 50, 55], [60, 65, 70]])


@given(
    st.integers(5, 24), st.integers(0, 9), st.integers(-12, 12), st.floats(0.6, 2.5), st.floats(-400, 400),
    st.integers(0, 5),
)  # fmt: skip
def test_it_equals_scipy(crop: int, more: int, down: int, scale: float, degrees: float, seed: int) -> None:
    [image] = noise(crop + more, 1, seed)
    transformation = Transformation(down, scale, degrees)
    view = transformed(transformation, crop + more, crop)
    found = (view.weights @ flat(image[None])).reshape(crop, crop, 3)
    # scipy does not round its places to a billionth of a pixel as we do
    np.testing.assert_allclose(found, by_scipy(image, transformation, crop), atol=2e-4)
    np.testing.assert_array_equal(view.of(flat(image[None]))[0], np.rint(found))
    np.testing.assert_allclose(view.weights.sum(axis=1), 1, atol=1e-6)


def test_what_a_move_exposes_is_known_and_mirrored() -> None:
    images = noise(6, 1)
    view = transformed(Transformation(down=3), 6, 4)  # the window is rows 1 to 4 of 6
    assert view.exposed.tolist() == [[True] * 4] * 2 + [[False] * 4] * 2
    rows = [2, 1, 0, 1]  # rows -2 and -1 are the mirror images of 2 and 1
    np.testing.assert_array_equal(view.of(flat(images)), images[:, rows, 1:5])
    assert not transformed(Transformation(down=1), 6, 4).exposed.any()
    assert transformed(Transformation(degrees=45), 6, 5).exposed.any()
    assert not transformed(Transformation(scale=1.8), 5, 5).exposed.any()


def test_indices_are_folded_at_the_outermost_pixels() -> None:
    assert geometry.mirrored(np.arange(-5, 9), 4).tolist() == [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert geometry.mirrored(np.arange(-2, 3), 1).tolist() == [0] * 5


@pytest.mark.parametrize("size", [48, 64, 96, 256])
def test_wide_scenes_show_scene_under_every_transformation_of_the_paper(size: int) -> None:
    crop, side = size * 11 // 12, wide_side(size)
    moves = [Transformation(down=sign * round(60 / 224 * crop)) for sign in (-1, 1)]
    moves += [Transformation(degrees=degrees) for degrees in range(0, 360, 10)]
    moves += [Transformation(degrees=45), Transformation(scale=1.8)]
    assert not any(transformed(move, side, crop).exposed.any() for move in moves)


@pytest.mark.parametrize("move", [Transformation(down=9), Transformation(degrees=40)])
def test_the_fill_control_changes_what_is_exposed_and_nothing_else(move: Transformation) -> None:
    images = noise(23)
    view, control = transformed(move, 23, CROP), filled(move, 23, CROP)
    assert 0.05 < view.exposed.mean() < 0.6
    np.testing.assert_array_equal(control.exposed, view.exposed)
    pixels = flat(images)
    expected = np.where(view.exposed[:, :, None], view.of(pixels), transformed(Transformation(), 23, CROP).of(pixels))
    np.testing.assert_array_equal(control.of(pixels), expected)


@pytest.mark.parametrize(("side", "crop"), [(37, 21), (36, 21), (36, 22), (21, 21)])
def test_there_and_back_blurs_and_leaves_things_in_place(side: int, crop: int) -> None:
    offset = np.arange(side) - side / 2
    slopes = np.broadcast_to((128 + 2 * offset[None, :] + 3 * offset[:, None])[None, :, :, None], (1, side, side, 3))
    inner = slice(None) if side > crop else slice(2, -2)  # at a mirror a slope has a kink
    for move in (Transformation(degrees=25), Transformation(scale=1.5), Transformation(scale=1.8, degrees=200)):
        still, again = (
            view.weights for view in (transformed(Transformation(), side, crop), resampled(move, side, crop))
        )
        pixels = flat(slopes.astype(np.uint8))
        found, expected = ((part @ pixels)[:, 0].reshape(crop, crop)[inner, inner] for part in (again, still))
        np.testing.assert_allclose(found, expected, atol=1e-3)  # a slope comes back as it was
        rough = flat(noise(side))
        assert (again @ rough).std() < 0.9 * (still @ rough).std()  # noise loses contrast
    for quarter in (0, 90, 180, 270):
        again = resampled(Transformation(degrees=quarter), side, crop).of(flat(noise(side)))
        np.testing.assert_array_equal(again, shown(noise(side), crop))


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_a_view_moves_all_channels_of_every_picture(channels: int) -> None:
    """Pixels of one and of three channels are put in order by OpenCV, others by numpy."""
    pictures = np.random.default_rng(0).integers(0, 256, (4, 9, 7, channels), dtype=np.uint8)
    found = transformed(Transformation(down=1), Size(9, 7), Size(5, 6)).of(flat(pictures), channels)
    np.testing.assert_array_equal(found, pictures[:, 1:6, :6])
    assert found.flags.c_contiguous


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="scale=0: use a ratio above 0"):
        Transformation(scale=0)
