"""Decoded pixels of known tiles."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from figure_samples import WORDS, feature_maps
from PIL import Image

from reportgen.figures import draw
from reportgen.figures.draw import tiles
from reportgen.figures.kinds import ImageGrid


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def tile_of(block: np.ndarray, rank: int, side: int) -> np.ndarray:
    row, column = divmod(rank, 3)
    top, left = row * (side + tiles.GAP), column * (side + tiles.GAP)
    return block[top : top + side, left : left + side]


@pytest.mark.parametrize(("side", "shown"), [(1, 96), (7, 98), (12, 96), (13, 96), (88, 96), (100, 100), (224, 128)])
def test_small_fields_are_enlarged_to_whole_multiples_and_large_ones_reduced(side: int, shown: int):
    assert tiles.tile_side(side) == shown


def test_tiny_tiles_become_squares_of_one_colour():
    tile = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3) * 20
    large = tiles.enlarge(tile, 8)
    assert (large[:4, :4] == tile[0, 0]).all()
    assert (large[4:, :4] == tile[1, 0]).all()


def test_larger_tiles_are_smoothed():
    tile = np.zeros((20, 20, 3), np.uint8)
    tile[:, 10:] = 255
    assert len(np.unique(tiles.enlarge(tile, 96))) > 2


def test_nine_tiles_stand_in_rows_of_three_the_strongest_first(tmp_path: Path):
    figure = feature_maps(side=6, maps=1)
    for rank in range(9):
        figure.patches[0, rank, ..., :3] = rank * 25
        figure.projections[0, rank] = 200 - rank * 20
    drawn = draw.draw({"layer2": figure}, tmp_path)["layer2"]
    side = drawn["tile"]["side"]
    patches, projections = (pixels(tmp_path / drawn["maps"][0][part]["file"]) for part in ("patches", "projections"))
    for rank in range(9):
        assert abs(float(tile_of(patches, rank, side).mean()) - rank * 25) < 3
        assert abs(float(tile_of(projections, rank, side).mean()) - (200 - rank * 20)) < 3


def test_contrast_is_that_of_the_brightness_inside_the_image():
    patches = np.zeros((2, 4, 4, 4), np.uint8)
    patches[..., 3] = 255
    patches[0, :, 2:, :3] = 200  # half black, half light
    assert tiles.contrast(patches) == pytest.approx(50)
    patches[0, :, :2, 3] = 0  # the black half lies outside
    assert tiles.contrast(patches) == 0
    assert tiles.contrast(patches[:0]) == 0


def test_zero_stays_mid_grey_in_the_file(tmp_path: Path):
    drawn = draw.draw({"layer2": feature_maps()}, tmp_path)["layer2"]
    picture = pixels(tmp_path / drawn["maps"][0]["projections"]["file"])
    assert abs(int(tile_of(picture, 4, drawn["tile"]["side"])[20, 20, 0]) - 128) <= 1


def test_what_is_not_shown_is_an_empty_cell(tmp_path: Path):
    figure = feature_maps(maps=1)
    figure.shown[0, 5:] = False
    figure.projections[:] = 0
    drawn = draw.draw({"layer2": figure}, tmp_path)["layer2"]
    side = drawn["tile"]["side"]
    for part in ("projections", "patches"):
        block = pixels(tmp_path / drawn["maps"][0][part]["file"]).astype(float)
        inside = tile_of(block, 5, side)[8:-8, 8:-8]  # JPEG bleeds a little over the edge
        assert inside.min() > 195  # light, and hatched:
        assert inside.std() > 3
    assert drawn["maps"][0]["shown"] == 5


def test_what_lies_outside_the_image_is_hatched_and_the_rest_is_not():
    patch = np.full((40, 40, 4), 255, np.uint8)
    patch[..., :3] = (10, 20, 30)
    patch[:20, :, 3] = 0
    patch[:20, :, :3] = 0
    tile = tiles.patch_tile(patch, 96).astype(int)
    assert {tuple(colour) for colour in tile[:46].reshape(-1, 3)} == {tiles.HATCH, tiles.HATCH_LINE}
    assert np.abs(tile[50:] - (10, 20, 30)).max() <= 1  # no dark seam from the black outside


def test_the_two_hatches_differ():
    outside = tiles.hatch(40, tiles.HATCH, tiles.HATCH_LINE, rising=True)
    empty = tiles.hatch(40, tiles.EMPTY, tiles.EMPTY_LINE, rising=False)
    assert not (outside == empty).all(axis=2).any()


def test_the_whole_figure_has_every_map_left_to_right_with_room_for_its_number():
    dark, light = np.zeros((30, 30, 3), np.uint8), np.full((30, 30, 3), 90, np.uint8)
    sheet = tiles.compose_maps([(dark, light)] * 4, [3, 5, 8, 13])
    assert ((sheet == 0).all(axis=2).sum(), (sheet == 90).all(axis=2).sum()) >= (4 * 900, 4 * 900)
    first = np.argwhere((sheet == 0).all(axis=2))[0]
    assert (sheet[first[0], first[1] + 30 + 8] == 90).all()
    assert (sheet[first[0] + 30 : first[0] + 60, first[1] : first[1] + 68] < 80).any()  # the number below


def test_all_maps_of_a_layer_fit_into_one_picture():
    block = np.zeros((288, 288, 3), np.uint8)
    assert max(tiles.compose_maps([(block, block)] * 200, range(200)).shape) < 12_000


def test_filters_keep_their_pixels_and_nothing_lies_between_them(tmp_path: Path):
    filters = np.random.default_rng(0).integers(0, 256, (3, 5, 5, 3), dtype=np.uint8)
    drawn = draw.draw({"filters": ImageGrid(**WORDS, images=filters, columns=2, smooth=False)}, tmp_path)["filters"]
    sheet = pixels(tmp_path / drawn["picture"]["file"])
    factor = 8  # 5 px to about 40
    for place, filter_ in enumerate(filters):
        top, left = (place // 2) * (5 * factor + 5), (place % 2) * (5 * factor + 5)
        large = sheet[top : top + 5 * factor, left : left + 5 * factor]
        assert (large[::factor, ::factor, :3] == filter_).all()
        assert (large[factor - 1 :: factor, factor - 1 :: factor, :3] == filter_).all()
        assert (large[..., 3] == 255).all()
    assert (sheet[:, 5 * factor : 5 * factor + 5, 3] == 0).all()


def test_photographs_are_tiles_with_their_titles_and_rows(tmp_path: Path):
    images = np.zeros((4, 100, 100, 3), np.uint8)
    images[2] = 200
    grid = ImageGrid(**WORDS, images=images, columns=2, titles=("a", "b", "c", "d"), row_titles=("first", "second"))
    drawn = draw.draw({"grid": grid}, tmp_path)["grid"]
    assert [(tile["title"], tile["row"]) for tile in drawn["tiles"]] == [
        ("a", "first"),
        ("b", "first"),
        ("c", "second"),
        ("d", "second"),
    ]
    assert [round(float(pixels(tmp_path / tile["file"]).mean())) for tile in drawn["tiles"]] == [0, 0, 200, 0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grey_and_transparent_images_are_drawn(channels: int, tmp_path: Path):
    images = np.full((2, 30, 30, channels), 255, np.uint8)
    drawn = draw.draw({"grid": ImageGrid(**WORDS, images=images, columns=2)}, tmp_path)["grid"]
    assert pixels(tmp_path / drawn["tiles"][0]["file"]).mean() == 255


def test_a_layer_without_details_and_notes_is_drawn(tmp_path: Path):
    drawn = draw.draw({"maps": replace(feature_maps(), details=(), notes=())}, tmp_path)["maps"]
    assert [(entry["note"], entry["details"]) for entry in drawn["maps"]] == [("", []), ("", [])]


def test_noise_is_drawn(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (292, 292, 3), dtype=np.uint8)
    tiles.save_jpeg(noise, tmp_path, "noise.jpg")
    assert pixels(tmp_path / "noise.jpg").shape == noise.shape
