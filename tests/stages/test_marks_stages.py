"""The stages that read what is marked in the images, and the images of other classes: right files, right splits."""

import shutil
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_files import annotation_of, document_of, dog, image_of, write
from PIL import Image

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_json, write_json
from reportgen.base.errors import UserError
from reportgen.data.annotations import Annotated, Annotations
from reportgen.data.dataset import Transfer
from reportgen.data.decoding import read_image
from reportgen.pipeline import work
from reportgen.stages import annotations, data, transfer
from reportgen.stages.plan import pipeline as planned
from reportgen.stages.plan import stages

SIZE = 48


def work_of(name: str, build: Path, **switches: str) -> work.Work:
    loaded = settings.load({"PROFILE": "tiny", "DATA_SIZE": str(SIZE), **switches})
    return work.Work(stages(loaded)[name], loaded, build, build.parent / "report", {"sources": {}})


def make(module: Any, name: str, build: Path, **switches: str) -> dict[str, Any]:
    (build / name).mkdir(parents=True)
    module.make(work_of(name, build, **switches), build / name)
    return read_json(build / name / DOCUMENT)


@pytest.fixture
def split_data(tmp_path: Path) -> Path:
    """Dogs and wheels in three splits whose files bear the same names; every picture has another shade of blue."""
    root = tmp_path / "photos"
    for number, split in enumerate(("train", "val", "test")):
        for kind in ("dog", "wheel"):
            for index in range(4):
                pixels = dog()
                pixels[..., 2] = 20 * (1 + index) + 5 * number
                place = root / split / kind / f"{index}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(place)
    return root


def marks_of(root: Path, split: str, numbers: range, **changes: Any) -> Path:
    """A COCO file in the data's folder that marks dogs of one split."""
    images = [image_of(number, f"{split}/dog/{number}.png") for number in numbers]
    return write(root, document_of(images, [annotation_of(number, **changes) for number in numbers]))


def opened(tmp_path: Path, root: Path, marks: Path) -> Annotations:
    build = tmp_path / "build"
    make(data, "data", build, DATA=str(root))
    make(annotations, "annotations", build, DATA=str(root), PARTS=str(marks))
    return Annotations.open(build / "annotations")


def test_parts_and_objects_of_the_test_images(tmp_path: Path, split_data: Path) -> None:
    found = opened(tmp_path, split_data, marks_of(split_data, "test", range(1, 4)))
    parts = found.parts
    assert parts is not None
    assert parts.names == ("dog/1.png", "dog/2.png", "dog/3.png")
    assert parts.groups == ("dog",) * 3
    assert parts.part_names == ("right_eye", "left_eye", "nose")
    np.testing.assert_allclose(parts.places[0, 0], [45 * 0.6 - 12, 30 * 0.6])  # 120x80 -> 72x48, 12 cut at the left
    np.testing.assert_allclose(parts.diameters[0], [4.8, 4.8, 6.0])
    for index, name in enumerate(parts.names):
        np.testing.assert_array_equal(parts.images[index], read_image(split_data / "test" / name, SIZE))
    assert parts.objects[:, 7:41, 7:41].all()
    assert parts.objects.sum(axis=(1, 2)).max() <= 37**2
    objects = found.objects
    assert objects is not None
    names = read_json(tmp_path / "build" / "data" / DOCUMENT)["names"]["test"]
    assert len(objects) == len(names) == 8
    for name, shown in zip(names, objects, strict=True):
        assert shown.any() == (name in parts.names)


def test_files_of_one_name_in_two_splits_are_told_apart(tmp_path: Path, split_data: Path) -> None:
    """train/dog/1.png was trained on, test/dog/1.png was not, and neither marks the other's object."""
    images = [image_of(1, "train/dog/1.png"), image_of(2, "val/dog/1.png")]
    marks = write(split_data, document_of(images, [annotation_of(1), annotation_of(2)]))
    found = opened(tmp_path, split_data, marks)
    assert found.objects is None
    assert found.parts is not None
    np.testing.assert_array_equal(found.parts.images[0], read_image(split_data / "val" / "dog" / "1.png", SIZE))
    assert found.parts.names == ("dog/1.png",)
    assert found.skipped == (("dog/1.png", "the net was trained on it"),)


def test_a_linked_folder_leads_to_the_same_file(tmp_path: Path, split_data: Path) -> None:
    (tmp_path / "link").symlink_to(split_data)
    images = [image_of(1, "link/train/dog/1.png"), image_of(2, "./photos/test//dog/2.png")]
    marks = write(tmp_path, document_of(images, [annotation_of(1), annotation_of(2)]))
    found = opened(tmp_path, tmp_path / "link", marks)
    assert found.parts is not None
    assert found.parts.names == ("dog/2.png",)


def test_what_is_split_here_is_told_apart_too(tmp_path: Path, split_data: Path) -> None:
    root = split_data / "train"
    marks = write(tmp_path, document_of([image_of(n, f"photos/train/dog/{n}.png") for n in range(4)],
                                        [annotation_of(n) for n in range(4)]))  # fmt: skip
    found = opened(tmp_path, root, marks)
    names = read_json(tmp_path / "build" / "data" / DOCUMENT)["names"]
    assert found.parts is not None
    assert set(found.parts.names) == {f"dog/{n}.png" for n in range(4)} - set(names["train"])
    assert found.skipped == tuple(
        (name, "the net was trained on it") for name in sorted(names["train"]) if "dog" in name
    )


def test_images_that_cannot_be_used_are_listed_with_the_reason(tmp_path: Path, split_data: Path) -> None:
    numbers = range(4)
    marks = [annotation_of(number) for number in numbers]
    marks[0]["keypoints"] = [45, 30, 2, 0, 0, 0, 60, 55, 2]
    marks[1]["keypoints"] = [5, 30, 2, 75, 30, 2, 60, 55, 2]
    images = [image_of(number, f"test/dog/{number}.png") for number in numbers]
    images[2]["width"] = 60
    (split_data / "test" / "dog" / "broken.png").write_text("no picture")
    images.append(image_of(4, "test/dog/broken.png"))
    document = document_of(images, [*marks, annotation_of(4)])
    build = tmp_path / "build"
    write_json(build / "data" / DOCUMENT, {"names": {"test": [], "train": [], "val": []}})
    found = make(
        annotations, "annotations", build, DATA=str(split_data), PARTS=str(write(split_data, document))
    )  # fmt: skip
    assert found["skipped"] == [
        {"file": "dog/2.png", "reason": "annotated at 60x80 px, but its file has 120x80"},
        {"file": "dog/broken.png", "reason": "not an image"},
        {"file": "dog/0.png", "reason": "its left eye is not marked"},
        {"file": "dog/1.png", "reason": "its right eye lies outside the part that is cut from the image"},
    ]
    assert found["parts"]["names"] == ["dog/3.png"]


def test_parts_of_other_names_are_left_out(tmp_path: Path, split_data: Path) -> None:
    images = [image_of(number, f"test/{kind}/0.png") for number, kind in enumerate(("dog", "wheel"))]
    document = document_of(images, [annotation_of(0), annotation_of(1, category_id=3)])
    document["categories"].append({"id": 3, "name": "wheel", "keypoints": ["hub", "rim", "valve"]})
    found = opened(tmp_path, split_data, write(split_data, document))
    assert found.parts is not None
    assert found.parts.names == ("dog/0.png",)
    assert found.skipped[-1] == ("wheel/0.png", "its parts are called hub, rim, valve, not right_eye, left_eye, nose")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"keypoints": [0] * 9}, "the first, dog/0.png: its right eye is not marked"),
        ({"category_id": 2, "keypoints": None, "part_sizes": None}, "it marks no parts"),
    ],
)
def test_a_file_of_which_no_image_can_be_used_is_an_error(
    tmp_path: Path, split_data: Path, changes: dict[str, Any], reason: str
) -> None:
    marks = marks_of(split_data, "test", range(2), **changes)
    build = tmp_path / "build"
    make(data, "data", build, DATA=str(split_data))
    with pytest.raises(UserError) as caught:
        make(annotations, "annotations", build, DATA=str(split_data), PARTS=str(marks))
    assert str(caught.value) == f"PARTS={marks}: no image of it can be used ({reason})"


def most_alive(reader: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many of the annotated images that a reader of the stage gave were alive whenever it gave one."""
    read, alive, found = getattr(annotations, reader), weakref.WeakSet(), []

    def watched(*arguments: Any) -> Any:
        for item in read(*arguments):
            alive.add(item)
            found.append(len(alive))
            yield item

    monkeypatch.setattr(annotations, reader, watched)
    monkeypatch.setattr(Annotated, "__hash__", object.__hash__)  # arrays have none
    return found


def test_masks_are_never_all_in_memory(tmp_path: Path, split_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "masks").mkdir()
    for index in range(4):
        Image.new("L", (120, 80), 255).save(tmp_path / "masks" / f"{index}.png")
    build, given = tmp_path / "build", {"DATA": str(split_data), "MASKS": str(tmp_path / "masks")}
    make(data, "data", build, **given)
    most = most_alive("read_masks", monkeypatch)
    assert make(annotations, "annotations", build, **given)["objects"]
    assert len(most) == 8
    assert max(most) <= 2
    objects = Annotations.open(build / "annotations").objects
    assert isinstance(objects, np.memmap)
    assert objects.dtype == bool
    assert objects.all()


def test_images_with_parts_are_never_all_in_memory(
    tmp_path: Path, split_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks, build = marks_of(split_data, "test", range(4)), tmp_path / "build"
    given = {"DATA": str(split_data), "PARTS": str(marks)}
    make(data, "data", build, **given)
    most = most_alive("read_coco", monkeypatch)
    arrays: weakref.WeakSet[np.ndarray] = weakref.WeakSet()
    decoded = []

    def read(*arguments: Any, **others: Any) -> np.ndarray:
        image = read_image(*arguments, **others).view(Held)
        arrays.add(image)
        decoded.append(len(arrays))
        return image

    monkeypatch.setattr(annotations, "read_image", read)
    make(annotations, "annotations", build, **given)
    assert (len(most), len(decoded)) == (4, 4)
    assert max(most) <= 2
    assert max(decoded) <= 2
    assert sorted(path.name for path in (build / "annotations").iterdir()) == [
        DOCUMENT,
        "objects.npy",
        "parts-images.npy",
        "parts.npz",
    ]


class Held(np.ndarray):
    """An array that a set can hold weakly."""

    __hash__ = object.__hash__  # type: ignore[assignment]


@pytest.mark.parametrize(("side", "fails"), [(32, True), (80, False)])
def test_masks_of_which_none_can_be_used_are_an_error(tmp_path: Path, split_data: Path, side: int, fails: bool) -> None:
    (tmp_path / "masks").mkdir()
    for index, rows in enumerate((32, side)):
        Image.new("L", (120, rows), 255).save(tmp_path / "masks" / f"{index}.png")
    build, given = tmp_path / "build", {"DATA": str(split_data), "MASKS": str(tmp_path / "masks")}
    make(data, "data", build, **given)
    reason = "annotated at 120x32 px, but its file has 120x80"
    if fails:
        with pytest.raises(UserError) as caught:
            make(annotations, "annotations", build, **given)
        assert (
            str(caught.value) == f"MASKS={given['MASKS']}: no mask of it can be used (the first, dog/0.png: {reason})"
        )
    else:
        found = make(annotations, "annotations", build, **given)
        assert found["objects"]
        assert found["skipped"] == [{"file": f"{kind}/0.png", "reason": reason} for kind in ("dog", "wheel")]


def test_a_folder_without_marks_has_none(tmp_path: Path, split_data: Path) -> None:
    build = tmp_path / "build"
    make(data, "data", build, DATA=str(split_data))
    make(annotations, "annotations", build, DATA=str(split_data))
    found = Annotations.open(build / "annotations")
    assert (found.objects, found.parts, found.skipped) == (None, None, ())


def test_the_stamp_of_the_annotations_follows_the_images_beside_the_file(
    tmp_path: Path, split_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    marks = write(elsewhere, document_of([image_of(1, "a.png")], [annotation_of(1)]), {"a.png": dog()})
    loaded = settings.load({"PROFILE": "tiny", "DATA": str(split_data), "PARTS": str(marks)})

    def fingerprint() -> str:
        return planned(loaded, tmp_path / "build", tmp_path / "report").stamps["annotations"]["fingerprint"]

    before = fingerprint()
    assert fingerprint() == before
    Image.fromarray(255 - dog()).save(elsewhere / "a.png")
    assert fingerprint() != before


def test_the_scenes_keep_their_objects_whatever_parts_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few = {"DATA_TRAIN": "1", "DATA_VAL": "1", "DATA_TEST": "1", "DATA_TRANSFER": "1"}
    build = tmp_path / "build"
    assert make(data, "data", build, **few)["numbers"]["notes"] == []
    make(annotations, "annotations", build, **few)
    own = Annotations.open(build / "annotations")
    assert own.objects is not None
    assert own.objects.any(axis=(1, 2)).all()
    assert own.parts is not None
    assert sorted(own.parts.groups) == ["bear", "cat", "dog", "fox", "owl", "panda"]
    assert own.skipped == ()
    shutil.rmtree(build / "annotations")
    marks = write(tmp_path / "mine", document_of([image_of(1, "a.png")], [annotation_of(1)]), {"a.png": dog()})
    make(annotations, "annotations", build, **few, PARTS=str(marks))
    given = Annotations.open(build / "annotations")
    np.testing.assert_array_equal(given.objects, own.objects)
    assert given.parts is not None
    assert given.parts.names == ("a.png",)


def test_the_transfer_set_is_read_whole_and_without_splits(tmp_path: Path, split_data: Path) -> None:
    found = make(transfer, "transfer", tmp_path / "build", TRANSFER=str(split_data))
    assert found["numbers"]["classes"] == ["dog", "wheel"]
    assert found["numbers"]["images_of_class"] == {"dog": 12, "wheel": 12}
    opened = Transfer.open(tmp_path / "build" / "transfer")
    assert opened is not None
    assert opened.images.images.shape == (24, SIZE, SIZE, 3)
    assert opened.images.labels.tolist() == [0] * 12 + [1] * 12
    np.testing.assert_array_equal(opened.images.images[0], read_image(split_data / "test" / "dog" / "0.png", SIZE))


def test_without_a_transfer_set_there_is_none(tmp_path: Path, split_data: Path) -> None:
    make(transfer, "transfer", tmp_path / "build", DATA=str(split_data))
    assert Transfer.open(tmp_path / "build" / "transfer") is None


def test_the_fingerprint_of_a_transfer_set_is_of_its_content(tmp_path: Path, split_data: Path) -> None:
    first = make(transfer, "transfer", tmp_path / "build", TRANSFER=str(split_data))["numbers"]["fingerprint"]
    again = make(transfer, "transfer", tmp_path / "again", TRANSFER=str(split_data))["numbers"]["fingerprint"]
    Image.fromarray(dog()[::-1]).save(split_data / "test" / "dog" / "0.png")
    other = make(transfer, "transfer", tmp_path / "other", TRANSFER=str(split_data))["numbers"]["fingerprint"]
    assert first == again != other


def one_class(root: Path) -> None:
    for split in ("train", "val", "test"):
        shutil.rmtree(root / split / "wheel")


def no_pictures(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.write_text("no picture")


def no_dogs(root: Path) -> None:
    for path in root.rglob("dog/*.png"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, ": no such folder: give a folder with one folder of images for each class"),
        (one_class, ": 1 folders of images in it: a classifier needs two or more"),
        (no_pictures, ": no image of the class dog can be used (the first, dog/0.png: not an image)"),
        (no_dogs, ": 1 folders of images in it: a classifier needs two or more"),
    ],
)
def test_a_transfer_set_that_cannot_be_used_is_an_error(
    tmp_path: Path, split_data: Path, spoil: Any, message: str
) -> None:
    spoil(split_data)
    with pytest.raises(UserError) as caught:
        make(transfer, "transfer", tmp_path / "build", TRANSFER=str(split_data))
    assert str(caught.value).startswith(f"TRANSFER={split_data}{message}")
    assert "\n" not in str(caught.value)


def test_a_few_broken_files_of_a_transfer_set_are_skipped(tmp_path: Path, split_data: Path) -> None:
    (split_data / "test" / "dog" / "0.png").write_text("no picture")
    found = make(transfer, "transfer", tmp_path / "build", TRANSFER=str(split_data))
    assert found["numbers"]["skipped"] == [{"file": "dog/0.png", "reason": "not an image"}]
    assert found["numbers"]["images_of_class"] == {"dog": 11, "wheel": 12}


def test_of_images_that_show_several_classes_it_is_not_said_which_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that shows a single class it is, also where a larger object of another category is marked."""
    monkeypatch.chdir(tmp_path)
    lines, images, marks = ["file,labels"], [], []
    for place in range(12):
        name = f"{place}.png"
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("RGB", (SIZE, SIZE), (place * 20, 0, 0)).save(tmp_path / "photos" / name)
        lines.append(f"{name},{'cat|dog' if place % 2 else 'cat'}")
        images.append(image_of(place, name, (SIZE, SIZE)))
        for kind, box in ((0, [4, 4, 8, 8]), (1, [20, 20, 20, 20])):
            marks.append(
                annotation_of(
                    place,
                    id=2 * place + kind,
                    category_id=kind,
                    bbox=box,
                    area=box[2] * box[3],
                    keypoints=None,
                    part_sizes=None,
                    segmentation=None,
                )
            )
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    document = document_of(images, marks) | {"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]}
    write(tmp_path / "photos", document)
    masks = next(str(path) for path in (tmp_path / "photos").glob("*.json"))
    asked = {"DATA": "photos", "LABELS": "labels.csv", "OUTPUTS": "sigmoid", "MASKS": masks, "DATA_TEST_SHARE": "0.4"}
    build = tmp_path / "build"
    names = make(data, "data", build, **asked)["names"]["test"]
    make(annotations, "annotations", build, **asked)
    objects = Annotations.open(build / "annotations").objects
    assert objects is not None
    sizes = dict(zip(names, objects.sum(axis=(1, 2)).tolist(), strict=True))
    assert sizes == {name: 0 if int(name.split(".")[0]) % 2 else 64 for name in names}
    assert {0, 64} == set(sizes.values())
