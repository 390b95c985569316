"""Folders of images as they come: every format, every defect."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL import ImageFile as PillowFile

from reportgen.base.errors import UserError
from reportgen.data.decoding import Unreadable, read_image
from reportgen.data.folders import ImageFile, Listing, list_classes, list_folder, list_for_loaded, read_images


def paint(path: Path, size: tuple[int, int] = (40, 30), colour: tuple[int, int, int] = (200, 100, 50)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def tree(root: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 10) -> Path:
    for kind in classes:
        for index in range(count):
            paint(root / kind / f"{index:02d}.png", colour=(index, 0, 0))
    return root


def odd(path: Path) -> Path:
    """A path whose last byte is a Latin-1 "é", which is no UTF-8."""
    return Path(os.fsdecode(os.fsencode(path) + b"\xe9"))


@pytest.mark.parametrize("lister", [lambda root: list_folder(root, 0.2, 0.2, 0), list_for_loaded])
def test_a_name_that_is_not_utf8_is_skipped_with_a_reason_and_of_a_class_refused(
    tmp_path: Path, lister: Callable[[Path], Listing]
) -> None:
    shutil.copy(tree(tmp_path / "images") / "cat" / "00.png", odd(tmp_path / "images" / "cat" / "caf"))
    files = [file for split in lister(tmp_path / "images").splits.values() for file in split]
    lost: list[tuple[str, str]] = []
    kept = list(read_images(files, 32, lambda file, why: lost.append((file.name, why))))
    assert len(kept) == 20
    assert lost == [("cat/caf\\xe9", "its name is not UTF-8: rename it")]
    odd(tmp_path / "images" / "b").mkdir()
    with pytest.raises(UserError, match=r"images/b\\xe9: the name of this folder is not UTF-8: rename it$"):
        lister(tmp_path / "images")


def test_images_without_classes_may_have_such_names_too(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", odd(tmp_path / "b"))
    assert [file.name for file in list_for_loaded(tmp_path).splits["val"]] == ["a.png", "b\\xe9"]


def test_images_behind_links_are_read(tmp_path: Path) -> None:
    tree(tmp_path / "elsewhere")
    (tmp_path / "images" / "dog").mkdir(parents=True)
    (tmp_path / "images" / "cat").symlink_to(tmp_path / "elsewhere" / "cat")
    (tmp_path / "images" / "dog" / "more").symlink_to(tmp_path / "elsewhere" / "dog")
    names = [file.name for file in list_for_loaded(tmp_path / "images").splits["val"]]
    assert (len(names), names[0], names[-1]) == (20, "cat/00.png", "dog/more/09.png")


def test_what_lies_in_hidden_folders_is_no_image(tmp_path: Path) -> None:
    root = tree(tmp_path / ".cache" / "images")  # what lies above does not count
    shutil.copytree(root / "cat", root / "cat" / ".ipynb_checkpoints")
    shutil.copytree(root / "cat", root / "cat" / "more" / ".thumbnails")
    assert len(list_for_loaded(root).splits["val"]) == 20
    assert sum(len(files) for files in list_folder(root, 0.2, 0.2, 0).splits.values()) == 20


def test_an_image_is_scaled_by_its_shorter_side_and_cut_in_the_centre(tmp_path: Path) -> None:
    picture = np.zeros((50, 100, 3), np.uint8)
    picture[:, :25] = picture[:, 75:] = 255  # white beside the centre square
    Image.fromarray(picture).save(tmp_path / "wide.png")
    square = read_image(tmp_path / "wide.png", 50)
    assert square.shape == (50, 50, 3)
    assert not square.any()


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 128, (128, 128, 128)),
        ("1", 1, (255, 255, 255)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("RGBA", (0, 0, 255, 0), (255, 255, 255)),
        ("LA", (0, 255), (0, 0, 0)),
        ("I;16", 32768, (128, 128, 128)),
        ("F", 51.0, (51, 51, 51)),
    ],
)
def test_any_mode_becomes_rgb(tmp_path: Path, mode: str, value: object, expected: tuple[int, int, int]) -> None:
    path = tmp_path / "image.tif"
    Image.new(mode, (32, 32), value).save(path)  # type: ignore[arg-type]
    assert tuple(read_image(path, 32)[16, 16]) == expected


def test_a_palette_becomes_rgb(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "p.gif")
    assert tuple(read_image(tmp_path / "p.gif", 32)[0, 0]) == (10, 200, 30)


def test_a_turned_photograph_is_set_upright(tmp_path: Path) -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:16] = 255  # white above
    image = Image.fromarray(picture)
    exif = image.getexif()
    exif[0x0112] = 3  # the camera stood on its head
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright = read_image(tmp_path / "turned.jpg", 32)
    assert upright[:12].max() < 30
    assert upright[20:].min() > 220


def test_a_gigantic_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "huge.png")
    with pytest.raises(Unreadable, match="12000x12000 pixels are more than 100,000,000"):
        read_image(tmp_path / "huge.png", 32)


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    Image.new("1", (40_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(Unreadable, match="more than 100,000,000"):
        read_image(tmp_path / "bomb.png", 32)


def test_a_truncated_file_and_a_text_are_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "empty.jpg").touch()
    monkeypatch.setattr(PillowFile, "LOAD_TRUNCATED_IMAGES", True)  # as WeasyPrint does on import
    for name, words in (("half.png", "truncated"), ("notes.txt", "not an image"), ("empty.jpg", "it is empty")):
        with pytest.raises(Unreadable, match=words):
            read_image(tmp_path / name, 32)


def test_unreadable_files_are_skipped_and_named(tmp_path: Path) -> None:
    good, bad = paint(tmp_path / "good.png"), tmp_path / "bad.png"
    bad.write_bytes(b"nothing")
    skipped: list[tuple[str, str]] = []
    files = [ImageFile(bad, "x/bad.png", 0), ImageFile(good, "x/good.png", 0)]
    read = list(read_images(files, 32, lambda file, why: skipped.append((file.name, why))))
    assert [file.name for file, _ in read] == ["x/good.png"]
    assert skipped == [("x/bad.png", "not an image")]


@pytest.mark.parametrize("name", ["two words", 'it\'s "quoted"', "<b>bold", "γάτα", "猫", "قط", "🐈"])
def test_any_name_of_class_and_file(tmp_path: Path, name: str) -> None:
    for kind in (name, "other"):
        for index in range(4):
            paint(tmp_path / kind / f"{name} {index}.png")
    listing = list_folder(tmp_path, 0.2, 0.2, seed=0)
    assert name in listing.classes
    assert {file.name.split("/")[0] for files in listing.splits.values() for file in files} == {name, "other"}


def test_a_tree_without_splits_is_split_by_class_and_seed(tmp_path: Path) -> None:
    tree(tmp_path, count=20)
    listing = list_folder(tmp_path, 0.15, 0.15, seed=0)
    assert {name: len(files) for name, files in listing.splits.items()} == {"train": 28, "val": 6, "test": 6}
    together = [file.name for files in listing.splits.values() for file in files]
    assert len(set(together)) == 40
    assert all(sum(file.label for file in files) * 2 == len(files) for files in listing.splits.values())
    assert list_folder(tmp_path, 0.15, 0.15, seed=0) == listing
    assert list_folder(tmp_path, 0.15, 0.15, seed=1) != listing


def test_a_tree_with_splits_keeps_them(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        tree(tmp_path / split, count=3)
    listing = list_folder(tmp_path, 0.5, 0.5, seed=0)
    assert {name: len(files) for name, files in listing.splits.items()} == {"train": 6, "val": 6, "test": 6}
    assert all("valid" in file.path.parts for file in listing.splits["val"])


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("Train", "Val", "TEST"), ("training", "Validation", "Testing"), ("Training", "dev", "test")],
)
def test_splits_are_known_by_their_usual_names_in_any_case(tmp_path: Path, train: str, val: str, test: str) -> None:
    for count, split in ((5, train), (4, val), (3, test)):
        tree(tmp_path / split, count=count)
    listing = list_folder(tmp_path, 0.5, 0.5, seed=0)
    assert listing.classes == ("cat", "dog")
    assert {name: len(files) for name, files in listing.splits.items()} == {"train": 10, "val": 8, "test": 6}
    loaded = list_for_loaded(tmp_path)
    assert (loaded.classes, len(loaded.splits["val"]), len(loaded.splits["test"])) == (("cat", "dog"), 8, 6)
    assert list_classes(tmp_path, "TRANSFER=x")[0] == ("cat", "dog")


def test_two_folders_of_one_split_and_splits_without_train_are_refused(tmp_path: Path) -> None:
    for name in ("train", "val", "valid"):
        tree(tmp_path / "twice" / name, count=3)
    for lister in (lambda root: list_folder(root, 0.2, 0.2, 0), list_for_loaded):
        with pytest.raises(UserError, match=r"twice: val/ and valid/ are both names of the val split: join them$"):
            lister(tmp_path / "twice")
    for name in ("Testing", "val"):
        tree(tmp_path / "none" / name, count=3)
    with pytest.raises(UserError, match=r"none: Testing/ and val/ but no train/: put the images to train on there"):
        list_folder(tmp_path / "none", 0.2, 0.2, 0)


def test_a_split_without_labels_or_images_is_refused_before_training_and_shown_by_a_loaded_net(tmp_path: Path) -> None:
    for split in ("train", "val"):
        tree(tmp_path / split, count=4)
    (tmp_path / "test").mkdir()
    way_out = "give it a folder for each class, or leave it out and a share of train/ is taken$"
    with pytest.raises(UserError, match=rf"test: no images in it: {way_out}"):
        list_folder(tmp_path, 0.25, 0.25, seed=0)
    for name in ("b.png", "a.png"):
        paint(tmp_path / "test" / name)
    with pytest.raises(UserError, match=rf"test: its images lie outside of class folders: {way_out}"):
        list_folder(tmp_path, 0.25, 0.25, seed=0)
    shown = list_for_loaded(tmp_path)
    assert shown.classes == ("cat", "dog")
    assert [(file.name, file.label) for file in shown.splits["test"]] == [("a.png", -1), ("b.png", -1)]
    assert len(shown.splits["val"]) == 8
    shutil.rmtree(tmp_path / "test")
    assert len(list_folder(tmp_path, 0.25, 0.25, seed=0).splits["test"]) == 2


def test_trains_among_other_classes_are_no_split(tmp_path: Path) -> None:
    tree(tmp_path, ("Bus", "bicycle", "train"))
    assert list_folder(tmp_path, 0.2, 0.2, seed=0).classes == ("Bus", "bicycle", "train")
    assert list_for_loaded(tmp_path).classes == list_classes(tmp_path, "TRANSFER=x")[0] == ("Bus", "bicycle", "train")


def test_a_tree_with_train_and_val_gets_its_test_images_from_train(tmp_path: Path) -> None:
    tree(tmp_path / "train", count=10)
    tree(tmp_path / "val", count=3)
    listing = list_folder(tmp_path, 0.5, 0.2, seed=0)
    assert {name: len(files) for name, files in listing.splits.items()} == {"train": 16, "val": 6, "test": 4}


def test_folders_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"DATA=.*nowhere: no such folder: give a folder"):
        list_folder(tmp_path / "nowhere", 0.1, 0.1, 0)
    with pytest.raises(UserError, match=r"no folders of images in it: put each class's images"):
        list_folder(tmp_path, 0.1, 0.1, 0)
    tree(tmp_path / "one", ("cat",))
    with pytest.raises(UserError, match=r"only one class \(cat\): a classifier needs two or more"):
        list_folder(tmp_path / "one", 0.1, 0.1, 0)
    tree(tmp_path / "hollow", ("cat", "dog"))
    paint(tmp_path / "hollow" / "elk" / "1.png")
    with pytest.raises(UserError, match=r"elk: 1 image in this class: put 3 or more there, or remove the folder$"):
        list_folder(tmp_path / "hollow", 0.1, 0.1, 0)
    tree(tmp_path / "split" / "train")
    tree(tmp_path / "split" / "val", ("cat", "elk"))
    with pytest.raises(UserError, match=r"val/elk: this class is not in"):
        list_folder(tmp_path / "split", 0.1, 0.1, 0)


BESIDE = ("Thumbs.db", ".DS_Store", "desktop.ini", "labels.csv", "notes", "model.pt", "annotations.json", "film.mpg")
HOLLOW = ("__MACOSX", "other", "Empty", "@eaDir", ".ipynb_checkpoints", "$RECYCLE.BIN")


def littered(root: Path) -> Path:
    """A tree of two classes with all that systems and people leave between images."""
    tree(root)
    for kind in ("cat", "dog"):
        for name in BESIDE:
            (root / kind / name).write_bytes(b"\xd0\xcf\x11\xe0 or any other bytes\n" * 40)
    for name in HOLLOW:
        (root / name / "deeper").mkdir(parents=True)
        (root / name / "._cat.png").write_bytes(b"\0\5\x16\7")
        (root / name / "readme.txt").write_text("no image")
    for name in HOLLOW[3:]:
        shutil.copy(root / "cat" / "00.png", root / name / "00.png")
    shutil.copy(root / "cat" / "00.png", root / "cat" / "no ending")
    return root


@pytest.mark.parametrize("lister", [lambda root: list_folder(root, 0.2, 0.2, 0), list_for_loaded])
def test_what_is_no_image_is_passed_over_and_named(tmp_path: Path, lister: Callable[[Path], Listing]) -> None:
    listing = lister(littered(tmp_path))
    assert listing.classes == ("cat", "dog")
    names = sorted(file.name for files in listing.splits.values() for file in files)
    assert names == sorted(
        [f"{kind}/{index:02d}.png" for kind in ("cat", "dog") for index in range(10)] + ["cat/no ending"]
    )
    assert listing.empty == ("Empty", "other")
    visible = [name for name in BESIDE if not name.startswith(".")]
    assert {name for name in listing.passed if name.startswith("cat/")} == {f"cat/{name}" for name in visible}
    assert list_classes(tmp_path, "TRANSFER=x")[0] == ("cat", "dog")


def test_images_beside_a_table_are_read_and_a_damaged_image_stays_one(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    (tmp_path / "b.JPG").write_bytes(b"damaged")
    (tmp_path / "train.csv").write_text("id,label\na.png,cat\n")
    listing = list_for_loaded(tmp_path)
    assert [file.name for file in listing.splits["val"]] == ["a.png", "b.JPG"]
    assert listing.passed == ("train.csv",)


def test_train_names_the_classes_of_a_val_that_lacks_one(tmp_path: Path) -> None:
    tree(tmp_path / "train", ("ant", "bee", "cat"))
    tree(tmp_path / "val", ("ant", "cat"))
    listing = list_for_loaded(tmp_path)
    assert listing.classes == ("ant", "bee", "cat")
    assert [file.label for file in listing.splits["val"]] == [0] * 10 + [2] * 10


def test_folders_of_numbers_are_in_numeric_order(tmp_path: Path) -> None:
    tree(tmp_path, ("10", "9", "0", "1"), count=3)
    assert list_for_loaded(tmp_path).classes == list_folder(tmp_path, 0.3, 0.3, 0).classes == ("0", "1", "9", "10")


@pytest.mark.parametrize("other", ["val", "test"])
def test_a_class_that_another_split_writes_with_capitals_is_told(tmp_path: Path, other: str) -> None:
    root = tmp_path / "images"
    tree(root / "train")
    tree(root / other)
    (root / "train" / "cat").rename(root / "train" / "Cat")
    said = rf"^{root}/(train/Cat and {root}/{other}|{other}/cat and {root}/train)/[Cc]at: their names differ in capitals alone: "
    for listing in (lambda: list_folder(root, 0.2, 0.2, 0), lambda: list_for_loaded(root)):
        with pytest.raises(UserError, match=said):
            listing()
    with pytest.raises(UserError, match=said):
        list_classes(root, f"DATA={root}")


def test_letters_of_one_split_may_differ_in_capitals(tmp_path: Path) -> None:
    root = tmp_path / "letters"
    tree(root / "train")
    shutil.copytree(root / "train" / "cat", root / "train" / "Cat")
    tree(root / "val")
    assert list_folder(root, 0.2, 0.2, 0).classes == ("Cat", "cat", "dog")
