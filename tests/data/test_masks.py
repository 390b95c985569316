"""Where objects are, as the user marks them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.data.masks import read_masks


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("cat/a.jpg", "cat/b.png", "dog/a.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4)).save(path)
    return tmp_path / "images"


def files(images: Path) -> dict[Path, str]:
    return {images / name: name for name in ("cat/a.jpg", "cat/b.png", "dog/a.png")}


def test_a_folder_of_masks(images: Path, tmp_path: Path) -> None:
    shown = np.zeros((4, 6), np.uint8)
    shown[1:3, 2:5] = 1
    (tmp_path / "masks" / "cat").mkdir(parents=True)
    Image.fromarray(shown * 255).save(tmp_path / "masks" / "cat" / "a.png")
    Image.fromarray(np.stack([0 * shown, shown * 9, 0 * shown], 2)).save(tmp_path / "masks" / "b.png")
    found = list(read_masks(tmp_path / "masks", files(images), []))
    assert [item.name for item in found] == ["cat/a.jpg", "cat/b.png"]
    for item in found:
        assert item.object is not None
        np.testing.assert_array_equal(item.object, shown > 0)
        assert (item.width, item.height) == (6, 4)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_of_a_cut_out_what_is_not_transparent_is_the_object(images: Path, tmp_path: Path, mode: str) -> None:
    shown = np.zeros((4, 6), np.uint8)
    shown[1:3, 2:5] = 1
    cut_out = Image.new("L", (6, 4), 255)  # white all over
    cut_out = cut_out.convert("RGB") if mode == "RGBA" else cut_out
    cut_out.putalpha(Image.fromarray(shown * 255))
    (tmp_path / "masks").mkdir()
    (cut_out.convert("RGBA").quantize() if mode == "PA" else cut_out).save(tmp_path / "masks" / "b.png")
    [item] = read_masks(tmp_path / "masks", files(images), [])
    np.testing.assert_array_equal(item.object, shown > 0)


def test_a_mask_that_is_opaque_all_over_is_read_by_its_colours(images: Path, tmp_path: Path) -> None:
    shown = np.zeros((4, 6), np.uint8)
    shown[1:3, 2:5] = 255
    (tmp_path / "masks").mkdir()
    for mode, name in (("RGBA", "a.png"), ("LA", "b.png")):
        Image.fromarray(shown).convert(mode).save(tmp_path / "masks" / name)
    for item in read_masks(tmp_path / "masks", files(images), []):
        np.testing.assert_array_equal(item.object, shown > 0)


def test_boxes_of_a_coco_file(images: Path, tmp_path: Path) -> None:
    document = {
        "images": [{"id": 1, "file_name": "cat/a.jpg", "width": 6, "height": 4}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 0, 2, 3]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(document))
    [item] = read_masks(tmp_path / "boxes.json", files(images), [images])
    assert item.object is not None
    assert np.argwhere(item.object).min(0).tolist() == [0, 1]
    assert item.object.sum() == 6


def test_annotations_of_the_images_own_class_come_before_the_largest(images: Path, tmp_path: Path) -> None:
    def box(image: int, category: int, *place: int) -> dict[str, Any]:
        return {"image_id": image, "category_id": category, "bbox": place, "area": place[2] * place[3]}

    names = ("cat/a.jpg", "cat/b.png", "dog/a.png")
    document = {
        "images": [{"id": n, "file_name": name, "width": 6, "height": 4} for n, name in enumerate(names)],
        "annotations": [
            *(box(0, 1, 0, 0, 6, 4), box(0, 2, 0, 0, 1, 1), box(0, 2, 4, 2, 2, 2)),  # a sofa, and two cats on it
            *(box(1, 3, 0, 0, 1, 1), box(1, 1, 0, 0, 3, 2)),  # no cat: the larger of two others
            box(2, 2, 1, 1, 2, 2),
        ],
        "categories": [{"id": n, "name": name} for n, name in ((1, "sofa"), (2, "Cat"), (3, "vase"))],
    }
    (tmp_path / "marks.json").write_text(json.dumps(document))
    found = list(read_masks(tmp_path / "marks.json", files(images), [images]))
    assert [item.category for item in found] == ["Cat", "sofa", "Cat"]
    cats, sofa, other = (item.object for item in found)
    assert cats is not None
    assert np.argwhere(cats).tolist() == [[0, 0], [2, 4], [2, 5], [3, 4], [3, 5]]
    assert sofa is not None
    assert sofa.sum() == 6
    assert other is not None
    assert other.sum() == 4


def test_a_folder_without_masks_and_a_mask_that_is_no_picture(images: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    with pytest.raises(
        UserError, match=r"MASKS=.*: it holds no mask of any image: name each mask after its image, as in .*cat/a\.png"
    ):
        list(read_masks(tmp_path / "masks", files(images), [images]))
    for content, why in (
        (b"no", "not an image"),
        (b"", "it is empty"),
        (b"\0\0\0\x18ftypheic", "HEIC, which is not read: .*"),
    ):
        (tmp_path / "masks" / "b.png").write_bytes(content)
        with pytest.raises(UserError, match=rf"b\.png: not a picture \({why}\): mend it, or move it away"):
            list(read_masks(tmp_path / "masks", files(images), [images]))


@pytest.mark.parametrize("name", ["cat/a_mask.png", "a_segmentation.png", "cat/a.tif", "a_mask_1.bmp", "a.jpg"])
def test_a_mask_may_be_called_as_data_sets_call_it(images: Path, tmp_path: Path, name: str) -> None:
    shown = np.zeros((64, 64), np.uint8)
    shown[16:32, 16:48] = 255
    (tmp_path / "masks" / "cat").mkdir(parents=True)
    Image.fromarray(shown).save(tmp_path / "masks" / name, **({"quality": 40} if name == "a.jpg" else {}))
    named = {path: called for path, called in files(images).items() if called != "dog/a.png"}
    [item] = read_masks(tmp_path / "masks", named, [])
    assert item.name == "cat/a.jpg"
    np.testing.assert_array_equal(item.object, shown > 0)


def test_a_class_and_its_category_may_be_spelled_otherwise(tmp_path: Path) -> None:
    """The largest annotation is of another category."""
    images = tmp_path / "images"
    (images / "Golden_retriever").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(images / "Golden_retriever" / "1.png")
    marks = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2], "area": 4},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [0, 0, 8, 8], "area": 64},
    ]
    document = {
        "images": [{"id": 1, "file_name": "Golden_retriever/1.png", "width": 8, "height": 8}],
        "annotations": marks,
        "categories": [{"id": 1, "name": "golden retriever"}, {"id": 2, "name": "sofa"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    [item] = read_masks(tmp_path / "a.json", {images / "Golden_retriever/1.png": "Golden_retriever/1.png"}, [images])
    assert (item.category, item.object.sum()) == ("golden retriever", 4)
