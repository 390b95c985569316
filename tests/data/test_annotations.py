"""COCO annotations: where a part lies in the stored image, held against where its dot is; and every way to be wrong."""

import json
import re
from pathlib import Path
from typing import Any

import coco_files
import numpy as np
import pytest
from coco_files import annotation_of, document_of, dog, image_of, picture, write
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.base.foreign import parsed
from reportgen.data.annotations import BOX_SHARE, Annotated, Unusable, check_parts, read_coco, stored
from reportgen.data.coco import CocoAnnotation
from reportgen.data.decoding import read_image


def read(path: Path, *roots: Path) -> list[Annotated]:
    return list(read_coco(path, roots or (path.parent,), f"PARTS={path.name}"))


def middle(pixels: np.ndarray) -> tuple[float, float]:
    """x and y of the middle of what is red, in pixels from the upper left corner."""
    red = (pixels[..., 0].astype(float) - pixels[..., 1] - 40).clip(0)  # resampling rings a little at other edges
    rows, columns = np.indices(red.shape) + 0.5
    return float((columns * red).sum() / red.sum()), float((rows * red).sum() / red.sum())


@pytest.mark.parametrize("size", [(240, 160), (160, 240), (195, 195), (601, 403), (200, 630)])
@pytest.mark.parametrize("side", [32, 48, 64])
def test_a_part_lies_where_its_dot_is(tmp_path: Path, size: tuple[int, int], side: int) -> None:
    """Scaling and cutting the annotation does to its numbers what reading the image does to its pixels."""
    unit = min(size) // 20
    x, y, radius = size[0] // 2 - 3 * unit, size[1] // 2 + 2 * unit, 2 * unit
    box = (size[0] // 2 - 7 * unit, size[1] // 2 - 5 * unit, 15 * unit, 11 * unit)
    shown = picture(size, box, [(x, y, radius)])
    one = annotation_of(1, bbox=list(box), keypoints=[x + 0.5, y + 0.5, 2] * 3, part_sizes=[2 * radius + 1] * 3)
    path = write(tmp_path, document_of([image_of(1, "a.png", size)], [one]), {"a.png": shown})
    [annotated] = read(path)
    found, pixels = stored(annotated, side), read_image(tmp_path / "a.png", side)
    assert found.places[0] == pytest.approx(middle(pixels), abs=0.15)
    assert found.diameters == pytest.approx([(2 * radius + 1) * side / min(size)] * 3)
    assert found.object is not None
    assert found.object.shape == (side, side)
    grey = np.ptp(pixels.astype(int), axis=2) < 30
    rim = found.object ^ ~grey
    assert rim.sum() <= 2 * (found.object.shape[0] + found.object.shape[1])  # half-covered pixels may fall either way
    inner = found.object[1:-1, 1:-1] & found.object[2:, 1:-1] & found.object[:-2, 1:-1]
    inner &= found.object[1:-1, 2:] & found.object[1:-1, :-2]
    assert not (inner & grey[1:-1, 1:-1]).any()


def test_a_photograph_that_lies_on_its_side_is_annotated_upright(tmp_path: Path) -> None:
    upright = dog()
    sideways = Image.fromarray(np.rot90(upright).copy())  # orientation 6: turn clockwise to see it upright
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    sideways.save(tmp_path / "images" / "a.jpg", exif=exif, quality=95)
    path = write(tmp_path, document_of([image_of(1, "images/a.jpg")], [annotation_of(1, keypoints=[45, 30, 2] * 3)]))
    [annotated] = read(path)
    places = stored(annotated, 40).places
    pixels = read_image(tmp_path / "images" / "a.jpg", 40)
    eye = pixels[int(places[0, 1]), int(places[0, 0])].astype(int)
    assert eye[0] - eye[1] > 60


def outlined(segmentation: Any, size: tuple[int, int] = (6, 4)) -> np.ndarray:
    """The object of a picture of 6 x 4 pixels, or of another size."""
    given = annotation_of(1, segmentation=segmentation, bbox=[1, 1, 3, 2], keypoints=[1, 1, 2] * 3)
    from reportgen.data import annotations

    found = annotations._marked([parsed(json.dumps(given).encode(), CocoAnnotation)], size[::-1], Path("a.png"))
    assert found is not None
    return found.astype(int)


BOX = [[0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]]


def test_runs_go_down_the_columns_and_begin_with_zeros() -> None:
    corner = {"size": [4, 6], "counts": [0, 1, 3, 2, 18]}
    assert outlined(corner).tolist() == [[1, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0] * 6, [0] * 6]


def test_polygons_are_filled_together() -> None:
    two = [[0, 0, 1, 0, 1, 1, 0, 1], [4, 2, 5, 2, 5, 3, 4, 3]]
    expected = [[1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1]]
    assert outlined(two).tolist() == expected


def test_polygons_that_overlap_do_not_cancel_out() -> None:
    found = outlined([[10, 10, 60, 10, 60, 60, 10, 60], [40, 40, 90, 40, 90, 90, 40, 90]], (100, 100))
    assert found[50, 50]
    assert found.sum() == 2 * 51**2 - 21**2  # edges belong to what they enclose


def test_compressed_runs_are_the_same_runs() -> None:
    assert outlined({"size": [4, 6], "counts": "0131?"}).tolist() == outlined({"counts": [0, 1, 3, 2, 18]}).tolist()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_runs_are_what_numpy_makes_of_them(runs: list[int]) -> None:
    runs = [*runs, 60 - sum(runs)]
    inside = np.arange(len(runs)) % 2 == 1
    assert outlined({"counts": runs}, (12, 5)).tolist() == np.repeat(inside, runs).reshape(12, 5).T.tolist()


SQUARE = [0, 0, 9999, 0, 9999, 9999, 0, 9999]


@pytest.mark.parametrize(
    "polygons",
    [
        [[value * 1e6 for value in (-1, -1, 1, -1, 1, 1, -1, 1)]] * 10_000,
        [SQUARE] * 1_000,
        [[float(7919 * at % 9973) for at in range(10_000)]] * 50,
    ],
    ids=["far", "large", "of many corners"],
)
def test_outlines_that_would_take_minutes_are_refused(
    polygons: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is of a size that is legal, and of a number that is: hours of filling in a file of a few megabytes."""
    from reportgen.data import annotations

    filled: list[Any] = []
    monkeypatch.setattr(annotations.cv2, "fillPoly", lambda mask, found, colour: filled.append(found))
    one = CocoAnnotation(1, 1, segmentation=polygons)
    with pytest.raises(ValueError, match=r"a.png: its outlines and boxes have too many corners, or are too large"):
        annotations._marked([one], (10_000, 10_000), Path("a.png"))
    assert len(filled) < 2_500


def test_a_thousand_objects_of_one_class_are_outlined_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a mask of its own, as large as the image, took half a minute of a hundred million pixels."""
    from reportgen.data import annotations

    made: list[Any] = []
    zeros = np.zeros
    monkeypatch.setattr(annotations.np, "zeros", lambda *of: made.append(of) or zeros(*of))
    boxes = [CocoAnnotation(1, 1, bbox=(at, at, 1, 1)) for at in range(3)]
    found = annotations._marked(boxes, (4, 6), Path("a.png"))
    assert found is not None
    assert found.sum() == 3
    assert len(made) == 1


def test_compressed_runs_are_no_longer_than_runs_can_be(tmp_path: Path) -> None:
    one = annotation_of(1, segmentation={"size": [80, 120], "counts": "0" * 6_000_001})
    path = write(tmp_path, document_of([image_of(1, "a.png")], [one]), {"a.png": dog()})
    with pytest.raises(UserError, match="6,000,001 characters of compressed runs in a mask are more than 6,000,000"):
        read(path)


def test_the_least_distance_of_a_thousand_parts_is_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pair by pair it took a second and a half for each image."""
    from reportgen.data import annotations

    calls: list[Any] = []
    norm = np.linalg.norm
    monkeypatch.setattr(annotations.np.linalg, "norm", lambda *of, **more: calls.append(of) or norm(*of, **more))
    points = np.array([[3.0 * at, 4.0 * at, 2] for at in range(50)])
    assert annotations._diameter(CocoAnnotation(1, 1), points) == 2.5
    assert len(calls) == 1


@pytest.mark.parametrize("unknown", [None, []])
def test_without_an_outline_that_can_be_read_the_box_is_the_object(unknown: Any) -> None:
    assert outlined(unknown).tolist() == BOX


def test_a_box_that_leaves_the_image_is_cut() -> None:
    from reportgen.data import annotations

    found = annotations._marked([CocoAnnotation(1, 1, bbox=(-2, -1, 4, 3))], (4, 6), Path("a.png"))
    assert found is not None
    assert found.astype(int).tolist() == [[1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0] * 6, [0] * 6]


def test_parts_without_sizes_are_a_share_of_the_box_or_half_the_least_distance(tmp_path: Path) -> None:
    boxed = annotation_of(1, part_sizes=None)
    bare = annotation_of(2, part_sizes=None, bbox=None)
    path = write(tmp_path, document_of([image_of(1, "a.png"), image_of(2, "b.png")], [boxed, bare]))
    for name in ("a.png", "b.png"):
        Image.fromarray(dog()).save(tmp_path / name)
    first, second = read(path)
    assert first.diameters == pytest.approx([BOX_SHARE * 60] * 3)
    assert second.diameters == pytest.approx([np.hypot(15, 25) / 2] * 3)  # the nose and either eye


def test_of_several_annotations_the_one_with_parts_counts_then_the_largest(tmp_path: Path) -> None:
    wheel = annotation_of(7, image_id=1, category_id=2, area=9000, keypoints=None, part_sizes=None)
    small = annotation_of(8, image_id=1, area=100, part_sizes=[1, 1, 1])
    large = annotation_of(9, image_id=1, area=200, part_sizes=[2, 2, 2])
    unmarked = annotation_of(10, image_id=1, area=8000, keypoints=[0] * 9, part_sizes=[9, 9, 9])
    path = write(
        tmp_path, document_of([image_of(1, "a.png")], [wheel, small, large, unmarked]), {"a.png": dog()}
    )  # fmt: skip
    [annotated] = read(path)
    assert (annotated.category, annotated.diameters.tolist()) == ("dog", [2, 2, 2])


def test_images_are_looked_for_in_every_root_and_those_without_annotation_are_no_matter(tmp_path: Path) -> None:
    document = document_of([image_of(1, "dog/a.png"), image_of(2, "nobody/has/it.png")], [annotation_of(1)])
    path = write(tmp_path / "marks", document)
    write(tmp_path / "data", {}, {"dog/a.png": dog()})
    [annotated] = read(path, tmp_path / "marks", tmp_path / "data")
    assert annotated.path == tmp_path / "data" / "dog" / "a.png"
    assert annotated.name == "dog/a.png"
    assert annotated.part_names == coco_files.PARTS


GOOD = document_of([image_of(1, "a.png")], [annotation_of(1)])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "PARTS=parts.json: not a COCO annotations file (Invalid JSON: "),
        ("[1, 2]", "PARTS=parts.json: not a COCO annotations file (input should be an object)"),
        ({"images": []}, "PARTS=parts.json: not a COCO annotations file ('annotations' is missing)"),
        (GOOD | {"annotations": [{"id": 1}]}, "not a COCO annotations file ('annotations.0.image_id' is missing)"),
        (
            GOOD | {"images": [{"id": 1, "file_name": "a.png"}]},
            "not a COCO annotations file ('images.0.height' is missing)",
        ),
        (GOOD | {"annotations": [annotation_of(1, category_id=9)]}, "(category 9 is not among its categories)"),
        (
            GOOD | {"annotations": [annotation_of(1, keypoints=[1, 2, 2])]},
            "(a.png: 3 numbers in 'keypoints', but 3 parts need three each)",
        ),
        (GOOD | {"annotations": [annotation_of(1, part_sizes=[4])]}, "(a.png: 1 'part_sizes' for 3 parts)"),
        (
            GOOD | {"annotations": [annotation_of(1, segmentation={"size": [80, 120], "counts": [5, 5]})]},
            "(runs of 10 pixels for an image of 120x80)",
        ),
        (
            GOOD | {"annotations": [annotation_of(1, segmentation={"size": [80, 120], "counts": "52203"})]},
            "(runs of 16 pixels for an image of 120x80)",
        ),
        (
            GOOD | {"annotations": [annotation_of(1, segmentation={"size": [80, 120], "counts": "compressed"})]},
            "('p' in the compressed runs of a mask)",
        ),
        (GOOD | {"images": [image_of(1, "b.png")]}, "PARTS=parts.json: b.png is not in "),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path, document: Any, message: str) -> None:
    path = write(tmp_path, document, {"a.png": dog()})
    with pytest.raises(UserError) as caught:
        read(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"PARTS=none\.json: no such file: give a COCO annotations file"):
        read(tmp_path / "none.json")


def usable(tmp_path: Path, size: tuple[int, int] = (120, 80), **changes: Any) -> None:
    path = write(tmp_path, document_of([image_of(1, "a.png", size)], [annotation_of(1, **changes)]), {"a.png": dog()})
    [annotated] = read(path)
    check_parts(stored(annotated, 40))


def test_a_whole_annotation_is_usable(tmp_path: Path) -> None:
    usable(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": (60, 40)}, "annotated at 60x40 px, but its file has 120x80"),
        ({"keypoints": [45, 30, 2, 75, 30, 1, 60, 55, 2]}, "its left eye is marked as not visible"),
        ({"keypoints": [45, 30, 2, 0, 0, 0, 60, 55, 2]}, "its left eye is not marked"),
        (
            {"keypoints": [5, 30, 2, 75, 30, 2, 60, 55, 2]},
            "its right eye lies outside the part that is cut from the image",
        ),
        (
            {"keypoints": [45, 30, 2, 75, 30, 2, 60, 80, 2]},
            "its nose lies outside the part that is cut from the image",
        ),
        ({"bbox": None}, "where the object lies is not known: give a segmentation or a box"),
        ({"bbox": [0, 0, 4, 4]}, "where the object lies is not known: give a segmentation or a box"),  # cut away
        (
            {"bbox": [30, 10, 60, 0], "keypoints": [45, 30, 2] * 3, "part_sizes": None},
            "how large its parts are is not known: give a box",
        ),
    ],
)
def test_an_image_that_cannot_be_used_says_why(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unusable) as caught:
        usable(tmp_path, **changes)
    assert str(caught.value) == reason


def test_a_file_that_is_no_image_is_unusable(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, {"a.png": dog()})
    (tmp_path / "a.png").write_text("not a picture")
    [annotated] = read(path)
    with pytest.raises(Unusable, match=r"^not an image$"):
        stored(annotated, 40)


@pytest.mark.parametrize(
    "name", ["../secret.png", "a/../../secret.png", "{absolute}", "..\\\\secret.png", "C:/secret.png"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.fromarray(picture((120, 80), (30, 10, 60, 60), [])).save(secret)
    name = name.format(absolute=secret)
    path = write(tmp_path / "marks", document_of([image_of(1, name)], [annotation_of(1)]))
    with pytest.raises(
        UserError, match=rf"^PARTS=x: .*{re.escape(name[-10:])} leads out of its folder: name files below it"
    ):
        list(read_coco(path, [path.parent, tmp_path], "PARTS=x"))


def test_a_link_that_leads_out_is_refused_beside_the_document_and_followed_in_the_users_own_data(
    tmp_path: Path,
) -> None:
    elsewhere, data = tmp_path / "secret.png", tmp_path / "data"
    Image.fromarray(picture((120, 80), (30, 10, 60, 60), [])).save(elsewhere)
    path = write(tmp_path / "marks", document_of([image_of(1, "a.png")], [annotation_of(1)]))
    data.mkdir()
    (path.parent / "a.png").symlink_to(elsewhere)
    with pytest.raises(
        UserError, match=r"^PARTS=x: a\.png is a link that leads out of .*marks: put the image itself there"
    ):
        list(read_coco(path, [path.parent, data], "PARTS=x"))
    (path.parent / "a.png").rename(data / "a.png")
    assert [item.path for item in read_coco(path, [path.parent, data], "PARTS=x")] == [data / "a.png"]
