"""Crops, flips and scaling against versions written out pixel by pixel."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.data import transforms
from reportgen.data.transforms import Preprocessing, Views, as_tensor, measured

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 9, 9, 3), dtype=np.uint8)
RECIPES = [
    Preprocessing(crop=Size.of(6)),
    Preprocessing(crop=Size.of(6), mean=(0.4, 0.5, 0.3), deviation=(0.2, 0.3, 0.25)),
    Preprocessing(crop=Size.of(6), range=255, mean=(104, 117, 123), order="BGR"),
]


def slow(image: np.ndarray, top: int, left: int, mirrored: bool, recipe: Preprocessing) -> np.ndarray:
    """One crop as the net reads it, value by value."""
    net = np.empty((3, *recipe.crop))
    for channel, colour in enumerate(recipe.order):
        for row in range(recipe.crop.rows):
            for column in range(recipe.crop.columns):
                source = recipe.crop.columns - 1 - column if mirrored else column
                pixel = image[top + row, left + source, "RGB".index(colour)]
                value = pixel / 255 * recipe.range
                net[channel, row, column] = (value - recipe.mean[channel]) / recipe.deviation[channel]
    return net


def close(got: torch.Tensor, wanted: np.ndarray) -> None:
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), torch.from_numpy(wanted), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("recipe", RECIPES)
def test_centre_crop(recipe):
    close(recipe.centre(IMAGES), np.stack([slow(image, 1, 1, False, recipe) for image in IMAGES]))


@pytest.mark.parametrize("recipe", RECIPES)
def test_views_are_the_crops_they_name(recipe):
    views = Views(torch.tensor([0, 3, 2, 1]), torch.tensor([3, 0, 1, 1]), torch.tensor([False, True, True, False]))
    wanted = [slow(IMAGES[i], *(part[i].item() for part in views), recipe) for i in range(4)]
    got = recipe.view(torch.from_numpy(IMAGES), views)
    close(got, np.stack(wanted))
    assert got.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("recipe", RECIPES)
def test_ten_crops_are_four_corners_and_the_centre_with_their_mirrors(recipe):
    places = [(0, 0), (0, 3), (3, 0), (3, 3), (1, 1)]
    wanted = [
        [slow(image, top, left, mirrored, recipe) for mirrored in (False, True) for top, left in places]
        for image in IMAGES
    ]
    close(recipe.ten(IMAGES), np.array(wanted))


def test_views_as_literal_numbers():
    image = np.zeros((1, 3, 3, 3), dtype=np.uint8)
    image[0, :, :, 0] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    recipe = Preprocessing(crop=Size.of(2), range=255)
    plain = recipe.view(image, Views(torch.tensor([1]), torch.tensor([0]), torch.tensor([False])))
    mirrored = recipe.view(image, Views(torch.tensor([1]), torch.tensor([0]), torch.tensor([True])))
    assert plain[0, 0].tolist() == [[4, 5], [7, 8]]
    assert mirrored[0, 0].tolist() == [[5, 4], [8, 7]]


def test_random_views_reach_every_place_and_depend_on_the_generator_alone():
    recipe = Preprocessing(crop=Size.of(6))
    views = recipe.random_views((9, 9), 2000, torch.Generator().manual_seed(0))
    reached = set(zip(*(part.tolist() for part in views), strict=True))
    assert reached == {(top, left, flip) for top in range(4) for left in range(4) for flip in (False, True)}
    again = recipe.random_views((9, 9), 2000, torch.Generator().manual_seed(0))
    other = recipe.random_views((9, 9), 2000, torch.Generator().manual_seed(1))
    assert all(torch.equal(one, two) for one, two in zip(views, again, strict=True))
    assert not torch.equal(views.tops, other.tops)
    part = views.part(slice(5, 8))
    assert part.lefts.tolist() == views.lefts[5:8].tolist()


def test_centre_views_are_the_centre():
    recipe = RECIPES[1]
    assert torch.equal(recipe.view(IMAGES, recipe.centre_views((9, 9), 4)), recipe.centre(IMAGES))


@pytest.mark.parametrize("recipe", RECIPES)
def test_pixels_come_back(recipe):
    np.testing.assert_array_equal(recipe.pixels(recipe.centre(IMAGES)), IMAGES[:, 1:7, 1:7])
    np.testing.assert_array_equal(recipe.pixels(recipe.ten(IMAGES))[:, 0], IMAGES[:, :6, :6])


def test_pixels_out_of_range_are_clipped():
    recipe = Preprocessing(crop=Size.of(1), mean=(0.5, 0.5, 0.5))
    pixels = recipe.pixels(torch.tensor([9.0, -9.0, 0.0]).reshape(1, 3, 1, 1))
    assert pixels.reshape(-1).tolist() == [255, 0, 128]


@pytest.mark.parametrize("recipe", RECIPES)
def test_grey_is_what_a_grey_pixel_becomes(recipe):
    for level, pixel in ((0.0, 0), (0.2, 51), (1.0, 255)):
        flat = recipe.centre(np.full((1, 6, 6, 3), pixel, dtype=np.uint8))
        torch.testing.assert_close(recipe.grey(level), flat[0, :, 0, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_round_trip_through_json(recipe):
    assert Preprocessing.from_json(json.loads(json.dumps(recipe.as_json()))) == recipe


def test_measured_on_the_training_images():
    images = np.random.default_rng(1).integers(0, 256, (150, 4, 4, 3), dtype=np.uint8) // np.array([1, 2, 4], np.uint8)
    seen = measured(images, crop=4).centre(images)
    assert seen.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert seen.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    paper = measured(images, crop=4, range=255, divide=False)
    assert paper.deviation == (1, 1, 1)
    assert paper.mean == pytest.approx(images.reshape(-1, 3).mean(0))


def test_a_flat_channel_stays_finite():
    black = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    assert torch.equal(measured(black, crop=4).centre(black), torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("at_once", [64, 3, 0])
def test_every_pixel_counts_once_however_many_are_counted_together(at_once, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (130, 6, 6, 3), dtype=np.uint8)
    monkeypatch.setattr(transforms, "COUNTED", at_once * 36)
    pixels = images.reshape(-1, 3) / 255
    found = measured(images, crop=4)
    assert found.mean == pytest.approx(tuple(pixels.mean(0)), rel=1e-12)
    assert found.deviation == pytest.approx(tuple(pixels.std(0)), rel=1e-12)


def test_read_only_images_are_read(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert torch.equal(RECIPES[0].centre(mapped), RECIPES[0].centre(IMAGES))
    assert as_tensor(IMAGES).data_ptr() == IMAGES.ctypes.data


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"crop": 0}, "crop 0: use 1 pixel or more"),
        ({"crop": 1, "range": 100}, "range 100: use 1 or 255"),
        ({"crop": 1, "deviation": (1, 0, 1)}, r"deviation \(1, 0, 1\): use values above 0"),
        (
            {"crop": 1, "deviation": (1, 1e-300, 1)},
            r"some inputs would be as large as 1e\+300: use those of the training images",
        ),
        ({"crop": 1, "mean": (1, -1e300, 1), "deviation": (1, 1e-300, 1)}, "some inputs would be as large as inf"),
        ({"crop": 1, "size": 2}, "size is unknown: use crop, range"),
    ],
)
def test_impossible_preprocessing_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        Preprocessing.from_json(fields)


def test_images_smaller_than_the_crop_are_refused():
    recipe = Preprocessing(crop=Size.of(10))
    for crop in (recipe.centre, recipe.ten):
        with pytest.raises(UserError, match="images of 9x9 px are smaller than the net's crop of 10 px"):
            crop(IMAGES)
    with pytest.raises(UserError, match="smaller than the net's crop"):
        recipe.random_views((9, 9), 1, torch.Generator())


GREY = Preprocessing(Size.of(8), order="L", mean=(0.3,), deviation=(0.2,))


def test_a_net_of_one_channel_reads_the_luminance_as_pillow_rounds_it() -> None:
    """Every pixel of a picture of noise, and every grey level, which stays itself."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    pixels[0, :256] = np.arange(256)[:, None]
    expected = np.asarray(Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(GREY.shown(pixels), expected[..., None].repeat(3, axis=2))
    np.testing.assert_array_equal(expected[0, :256], np.arange(256))
    read = GREY.normalise(torch.from_numpy(pixels))
    assert read.shape == (1, 300, 300)
    np.testing.assert_allclose(read[0].numpy(), (expected / 255 - 0.3) / 0.2, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(GREY.pixels(read), GREY.shown(pixels))
    assert Preprocessing(Size.of(8)).shown(pixels) is pixels


def test_crops_and_greys_of_one_channel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 11, 12, 3), np.uint8)
    assert GREY.centre(pixels).shape == (2, 1, 8, 8)
    assert GREY.ten(pixels).shape == (2, 10, 1, 8, 8)
    assert GREY.grey(1).tolist() == pytest.approx([3.5])
    assert GREY.red_first(np.ones((4, 4, 1))).shape == (4, 4, 3)
    assert Preprocessing.from_json(GREY.as_json()) == GREY


@pytest.mark.parametrize("values", [{"order": "L"}, {"mean": (0.5,)}, {"order": "BGR", "deviation": (1.0, 1.0)}])
def test_there_is_a_number_for_each_channel(values: dict) -> None:
    with pytest.raises(UserError, match=r"^preprocessing: mean .*: use [13] numbers for (L|RGB|BGR)$"):
        Preprocessing(Size.of(8), **values)
