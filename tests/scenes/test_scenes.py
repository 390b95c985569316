"""The drawn scenes: their ground truth, their determinism, and that nothing but the object depends on the class."""

import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from reportgen.scenes import (
    PARTS,
    SYMMETRIC_CLASSES,
    TRAINING_CLASSES,
    TRANSFER_CLASSES,
    clutter,
    draw_scene,
    faces,
    generate,
)
from reportgen.scenes.background import draw_background
from reportgen.scenes.clutter import FREE, draw_in_front
from reportgen.scenes.colour import draw_light, draw_palette
from reportgen.scenes.generate import _run_lengths
from reportgen.scenes.relief import Relief, blank
from reportgen.scenes.scene import extent, photograph, wide_side
from reportgen.scenes.space import Coat, View, turned

ALL = TRAINING_CLASSES + TRANSFER_CLASSES
FACES = ("dog", "cat", "owl", "panda", "fox", "bear", "rabbit", "pig", "mouse")
COUNTS = {"train": 1, "val": 1, "test": 1, "transfer": 1}
SIZE = 48


def scene(kind: str, seed: int, size: int = 96, wide: bool = False):
    return draw_scene(kind, size, np.random.default_rng(seed), wide)


def luminance(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float64) @ [0.299, 0.587, 0.114]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("scenes")
    generate(root, SIZE, COUNTS, seed=3)
    return root


# ----------------------------------------------------------------------------------------------------- pictures, truth


@pytest.mark.parametrize("size", [32, 96, 131])
@pytest.mark.parametrize("kind", ALL)
def test_every_class_is_drawn_with_its_mask(kind, size):
    found = scene(kind, 5, size)
    assert found.image.shape == (size, size, 3)
    assert found.image.dtype == np.uint8
    assert found.image.std() > 15
    assert found.mask.shape == (size, size)
    assert 0.04 < found.mask.mean() < 0.80
    assert found.box == extent(found.mask)
    assert set(found.parts) == (set(PARTS) if kind in FACES else set())
    assert found.wide is None


@pytest.mark.parametrize("kind", FACES)
def test_parts_lie_on_the_face_in_the_animals_own_order(kind):
    for seed in range(8):
        found = scene(kind, seed, 64)
        right, left, nose = (found.parts[name] for name in PARTS)
        for part in (right, left, nose):
            assert found.mask[int(part.y), int(part.x)]
            assert 1.5 < part.diameter < 0.4 * 64
        assert right.x < left.x
        assert nose.y > max(right.y, left.y)
        assert right.x < nose.x + left.diameter / 2
        assert nose.x < left.x + left.diameter / 2


@pytest.mark.parametrize("kind", FACES)
def test_parts_stay_in_the_frame_and_above_what_stands_in_front(kind):
    for seed in range(40):
        found = faces.draw_animal(kind, View(32, 32), np.random.default_rng(seed))
        pose = found.relief.pose
        for x, y, radius in found.parts.values():
            assert max(abs(x), abs(y)) + radius < 88 / 96  # the net's crop of the picture
            assert y + radius < pose.centre[1] + FREE * pose.scale


def test_what_stands_in_front_covers_nothing_above_its_bound():
    view, covered = View(64, 104), []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pose = turned(0, 0, 0, 0.5, (float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.4, 0.3))))
        cover = draw_in_front(np.ones((3, 104, 104), np.float32), view, draw_light(rng), pose, rng)
        bound = view.side / 2 + view.unit * (pose.centre[1] + FREE * pose.scale)
        assert cover.max(initial=0) <= 1
        assert not cover[: int(bound) - 1].any()
        covered.append(cover.any())
    assert 0.4 < np.mean(covered) < 0.9


def test_a_mask_holds_only_what_is_visible(monkeypatch):
    """Drawn without the things in front, the same picture has the larger mask; only what they cover is missing."""
    drawn = {(kind, seed): scene(kind, seed, 64) for kind in ("dog", "owl", "mouse") for seed in range(8)}
    monkeypatch.setattr(clutter, "IN_FRONT", (1.0, 0.0, 0.0))
    hidden = 0
    for (kind, seed), found in drawn.items():
        bare = scene(kind, seed, 64)
        lost = bare.mask & ~found.mask
        hidden += lost.sum()
        assert not (found.mask & ~bare.mask).any()
        assert (found.image[lost] != bare.image[lost]).any(axis=1).mean() > 0.95 if lost.any() else True
        assert found.parts == bare.parts
    assert hidden > 500


def how_much_darker(found, x: float, y: float, diameter: float) -> float:
    """Luminance around a place, on the object, minus luminance in the middle of it."""
    row, column = np.mgrid[: found.image.shape[0], : found.image.shape[1]] + 0.5
    away = np.hypot(row - y, column - x) / diameter
    light = luminance(found.image)
    return light[(away > 0.6) & (away < 1.0) & found.mask].mean() - light[away < 0.35].mean()


@pytest.mark.parametrize("kind", ["cat", "owl", "fox", "rabbit", "pig"])
def test_eyes_are_where_the_key_points_say(kind):
    """Eyes are darker than what is around them; so a key point half an eye beside its eye scores less."""
    on, beside = [], []
    for seed in range(8):
        found = scene(kind, 100 + seed, 96)
        for name in PARTS[:2]:
            eye = found.parts[name]
            on.append(how_much_darker(found, eye.x, eye.y, eye.diameter))
            beside.append(how_much_darker(found, eye.x + 0.7 * eye.diameter, eye.y, eye.diameter))
    assert np.mean(on) > 10
    assert np.mean(on) > np.mean(beside) + 10


def test_object_stands_out_from_what_lies_behind():
    """Colours just inside and just outside the outline differ: no class hides in its background."""
    kernel = np.ones((3, 3), np.uint8)
    for kind in ALL:
        steps = []
        for seed in range(4):
            found = scene(kind, 40 + seed, 64)
            mask = found.mask.astype(np.uint8)
            inner = cv2.erode(mask, kernel, iterations=2).astype(bool)
            inside = inner & ~cv2.erode(mask, kernel, iterations=5).astype(bool)
            outer = cv2.dilate(mask, kernel, iterations=5).astype(bool)
            outside = outer & ~cv2.dilate(mask, kernel, iterations=2).astype(bool)
            if inside.any() and outside.any():
                colours = found.image.astype(float)
                steps.append(np.abs(colours[inside].mean(0) - colours[outside].mean(0)).max())
        assert np.median(steps) > 12, kind


def test_classes_are_named_once():
    assert len(set(ALL)) == 18
    assert set(SYMMETRIC_CLASSES) < set(TRAINING_CLASSES)


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [("dragon", 96, "class 'dragon': use one of dog, cat"), ("dog", 20, "size=20: use 32 pixels or more")],
)
def test_what_cannot_be_drawn_is_refused(kind, size, message):
    with pytest.raises(ValueError, match=message):
        scene(kind, 0, size)


# ---------------------------------------------------------------------------------------------------------- wide views


@pytest.mark.parametrize(("size", "side"), [(32, 52), (96, 154), (100, 160), (131, 211), (256, 410)])
def test_wide_side_leaves_whole_pixels_on_both_sides(size, side):
    assert wide_side(size) == side
    assert (side - size) % 2 == 0
    assert side >= 1.6 * size - 1e-9


@pytest.mark.parametrize("size", [45, 96])
@pytest.mark.parametrize("kind", ["dog", "wheel", "sailboat"])
def test_centre_of_the_wide_view_is_the_picture(kind, size):
    found = scene(kind, 8, size, wide=True)
    margin = (wide_side(size) - size) // 2
    assert found.wide is not None
    assert found.wide.shape == (wide_side(size), wide_side(size), 3)
    np.testing.assert_array_equal(found.wide[margin : margin + size, margin : margin + size], found.image)


@pytest.mark.parametrize("kind", ALL)
def test_wide_view_shows_the_same_scene(kind):
    alone, within = scene(kind, 9), scene(kind, 9, wide=True)
    assert alone.parts == within.parts
    assert np.mean(alone.mask != within.mask) < 0.002
    # sensor noise is drawn anew for the larger canvas; the scene under it is the same
    assert np.abs(cv2.blur(alone.image, (5, 5)).astype(int) - cv2.blur(within.image, (5, 5))).mean() < 2


# ------------------------------------------------------------------------------------------- backgrounds, independence


def test_what_lies_behind_does_not_depend_on_the_class(monkeypatch):
    """With the same randomness, pictures of two classes are equal wherever neither object nor its shadow is.

    What stands in front of the object stands where the object is; the rest does not.
    """
    monkeypatch.setattr(clutter, "IN_FRONT", (1.0, 0.0, 0.0))
    size, compared = 64, 0
    reach = np.ones((2 * (size // 5) + 1, 2 * (size // 5) + 1), np.uint8)
    for seed in range(3):
        found = {kind: scene(kind, seed, size) for kind in ALL}
        free = {kind: cv2.dilate(one.mask.astype(np.uint8), reach) == 0 for kind, one in found.items()}
        for kind in ALL[1:]:
            both = free[ALL[0]] & free[kind]
            compared += both.sum()
            np.testing.assert_array_equal(found[ALL[0]].image[both], found[kind].image[both])
    assert compared > 3 * size * size  # of 51 pairs: something was compared


def test_backgrounds_have_the_spectrum_of_natural_images():
    """The mean power spectrum falls about as 1/f^2 between 4 cycles per picture and a quarter of the sampling rate."""
    size, power = 96, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        light = draw_light(rng)
        canvas = draw_background(View(size, size), draw_palette(rng), light, rng)
        light_part = luminance(photograph(canvas, size, rng))
        window = np.hanning(size)[:, None] * np.hanning(size)
        power = power + np.abs(np.fft.fft2((light_part - light_part.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) * size
    edges = np.geomspace(4, size / 4, 9)
    rings = [(frequency >= low) & (frequency < high) for low, high in pairwise(edges)]
    slope = np.polyfit([np.log(frequency[r].mean()) for r in rings], [np.log(power[r].mean()) for r in rings], 1)[0]
    assert -2.7 < slope < -1.8


def test_backgrounds_are_neither_dark_nor_purple_nor_acid_green():
    means = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        light = draw_light(rng)
        picture = photograph(draw_background(View(48, 48), draw_palette(rng), light, rng), 48, rng)
        means.append(picture.reshape(-1, 3).mean(0))
    red, green, blue = np.array(means).T
    assert np.mean(luminance(np.array(means))) > 110
    assert np.mean(green < np.minimum(red, blue) - 12) < 0.02
    assert np.mean(green > np.maximum(red, blue) + 25) < 0.02


# ------------------------------------------------------------------------------------------------------------- solids


def relief(pose, size: int = 64) -> Relief:
    return blank(View(size, size), pose, (-2, -2, 2, 2), np.random.default_rng(0))


@pytest.mark.parametrize(("yaw", "pitch", "tilt"), [(0, 0, 0), (0.4, -0.3, 0.2)])
def test_a_sphere_has_the_height_of_a_sphere_however_turned(yaw, pitch, tilt):
    one = relief(turned(yaw, pitch, tilt, 0.5, (0.1, -0.05)))
    one.ellipsoid((0, 0, 0), (1, 1, 1), Coat(np.ones(3, np.float32)))
    square = 0.25 - (one.x - 0.1) ** 2 - (one.y + 0.05) ** 2
    inside = square > 0.01
    np.testing.assert_allclose(one.height[inside], np.sqrt(square[inside]), atol=1e-4)
    assert one.cover.sum() / one.dot**2 == pytest.approx(np.pi * 0.25, rel=0.01)


def test_a_quarter_turn_swaps_an_ellipsoids_width_and_depth():
    one = relief(turned(np.pi / 2, 0, 0, 1.0, (0, 0)))
    one.ellipsoid((0, 0, 0), (0.6, 0.5, 0.2), Coat(np.ones(3, np.float32)))
    assert one.height.max() == pytest.approx(0.6, abs=1e-3)
    assert one.cover.sum() / one.dot**2 == pytest.approx(np.pi * 0.2 * 0.5, rel=0.02)


def test_a_solid_cylinder_seen_from_above_is_a_cylinder():
    """Its front covers, below the upper rim's ellipse, what projecting the cylinder's points says."""
    pitch = 0.4
    one = relief(turned(0, pitch, 0, 1.0, (0, 0)), 128)
    one.lathe((0, 0, 0), 0.0, (-0.5, 0.0, 0.5), (0.4, 0.4, 0.4), Coat(np.ones(3, np.float32)), solid=True)
    around, down = np.meshgrid(np.linspace(-1.5, 1.5, 201), np.linspace(-0.5, 0.5, 301))
    points = (
        np.stack([0.4 * np.sin(around), down, 0.4 * np.cos(around)], axis=-1)
        @ turned(0, pitch, 0, 1.0, (0, 0)).matrix.T
    )
    expected = np.zeros(one.cover.shape, bool)
    column, row = ((points[..., i] - start) * one.dot for i, start in ((0, one.left), (1, one.top)))
    expected[row.astype(int), column.astype(int)] = True
    assert np.mean(expected != (one.cover > 0.5)) < 0.008  # drawn with straight ends: 0.02


def test_run_lengths_go_down_the_columns_beginning_with_zeros():
    assert _run_lengths(np.array([[0, 1, 1], [0, 0, 1]], dtype=bool)) == [2, 1, 1, 2]
    assert _run_lengths(np.array([[1, 0], [1, 0]], dtype=bool)) == [0, 2, 2]


# --------------------------------------------------------------------------------------------------------------- files


def test_same_bytes_with_one_and_two_workers(drawn, tmp_path):
    generate(tmp_path, SIZE, COUNTS, seed=3, workers=2)
    one, two = files(drawn), files(tmp_path)
    assert list(one) == list(two)
    assert [name for name in one if one[name] != two[name]] == []


def test_further_images_are_pictures_alone_and_change_no_others(drawn, tmp_path):
    generate(tmp_path, SIZE, COUNTS | {"judging": 1}, seed=3)
    one, more = files(drawn), files(tmp_path)
    assert set(more) - set(one) == {f"judging/{kind}/{kind}_00000.png" for kind in TRAINING_CLASSES}
    assert [name for name in one if one[name] != more[name]] == ["about.json"]


def test_another_seed_draws_other_pictures(drawn, tmp_path):
    generate(tmp_path, SIZE, {"transfer": 1}, seed=4)
    for kind in TRANSFER_CLASSES:
        name = f"transfer/{kind}/{kind}_00000.png"
        assert (tmp_path / name).read_bytes() != (drawn / name).read_bytes()


def test_folders_hold_one_picture_per_class_and_count(drawn):
    written = set(files(drawn))
    expected = {"about.json"} | {f"annotations/{split}.json" for split in COUNTS}
    for split in COUNTS:
        for kind in TRANSFER_CLASSES if split == "transfer" else TRAINING_CLASSES:
            name = f"{split}/{kind}/{kind}_00000.png"
            expected |= {name, f"masks/{name}"}
            if split in ("val", "test"):
                expected.add(f"wide/{name}")
    assert written == expected


@pytest.mark.parametrize("split", list(COUNTS))
def test_coco_annotations_agree_with_the_files(drawn, split):
    coco = json.loads((drawn / "annotations" / f"{split}.json").read_text())
    images = {image["id"]: image for image in coco["images"]}
    categories = {category["id"]: category for category in coco["categories"]}
    assert len(images) == len(coco["annotations"]) == len(categories)
    assert [c["name"] for c in coco["categories"]] == list(
        TRANSFER_CLASSES if split == "transfer" else TRAINING_CLASSES
    )
    for annotation in coco["annotations"]:
        image, category = images[annotation["image_id"]], categories[annotation["category_id"]]
        assert image["file_name"].split("/")[1] == category["name"]
        picture = cv2.imread(str(drawn / image["file_name"]))
        mask = cv2.imread(str(drawn / "masks" / image["file_name"]), cv2.IMREAD_UNCHANGED)
        assert picture.shape[:2] == mask.shape == (image["height"], image["width"]) == (SIZE, SIZE)
        assert set(np.unique(mask)) == {0, 255}
        x, y, width, height = annotation["bbox"]
        rows, columns = np.nonzero(mask)
        assert (x, y, x + width - 1, y + height - 1) == (columns.min(), rows.min(), columns.max(), rows.max())
        assert annotation["area"] == len(rows)
        runs = annotation["segmentation"]["counts"]
        flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        np.testing.assert_array_equal(flat.reshape(SIZE, SIZE).T, mask == 255)
        assert ("keypoints" in annotation) == ("keypoints" in category) == (category["name"] in FACES)
        if "keypoints" in annotation:
            assert category["keypoints"] == list(PARTS)
            points = np.array(annotation["keypoints"]).reshape(3, 3)
            assert ((points[:, :2] >= 0) & (points[:, :2] <= SIZE)).all()
            assert annotation["num_keypoints"] == len(annotation["part_sizes"]) == 3


def test_written_pictures_are_what_draw_scene_draws(drawn):
    """A picture's randomness is its own: [seed, split, class, index]."""
    rng = np.random.default_rng(np.random.SeedSequence([3, 1, ALL.index("fox"), 0]))
    expected = draw_scene("fox", SIZE, rng, wide=True)
    stored = cv2.cvtColor(cv2.imread(str(drawn / "val/fox/fox_00000.png")), cv2.COLOR_BGR2RGB)
    wide = cv2.cvtColor(cv2.imread(str(drawn / "wide/val/fox/fox_00000.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(stored, expected.image)
    np.testing.assert_array_equal(wide, expected.wide)


def test_progress_sees_every_picture(tmp_path):
    seen = []

    def progress(items, what, total):
        assert total == 12
        for item in items:
            seen.append(item)
            yield item

    generate(tmp_path, 32, {"transfer": 2}, seed=0, progress=progress)
    assert len(seen) == 12


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"per_class names .'holdout'.: use train, val, test, transfer, judging"):
        generate(tmp_path, 32, {"holdout": 1}, seed=0)
