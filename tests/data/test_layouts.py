"""Folders as archives and tools lay them out: what is a class, what is a split, and what lies beside."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.data.classes import map_folders
from reportgen.data.decoding import Unreadable, read_image
from reportgen.data.folders import Listing, list_folder, list_for_loaded

Lister = Callable[[Path], Listing]
LISTERS = pytest.mark.parametrize("lister", [lambda root: list_folder(root, 0.2, 0.2, 0), list_for_loaded])


def tree(root: Path, *folders: str, names: tuple[str, ...] = ("1", "2", "3")) -> Path:
    """Some images in each folder."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            Image.new("RGB", (8, 8)).save(root / folder / f"{name}.png")
    return root


def names(listing: Listing) -> set[str]:
    return {file.name for files in listing.splits.values() for file in files}


@LISTERS
@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (
            ("fold_1/a", "fold_1/b", "fold_2/a", "fold_2/b"),
            r": fold_1/, fold_2/ seem to be folds, not classes: make train/",
        ),
        (("KFold 1/a", "KFold 2/a"), r"seem to be folds, not classes"),
        (("train", "test1"), r": test1/ and train/ seem to be splits, not classes: rename them train/, val/ or test/"),
        (
            ("seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b", "seg_pred"),
            r"seg_test/ and seg_train/ seem to be splits",
        ),
        (
            ("train/seg_train/a", "train/seg_train/b", "val/seg_val/a", "val/seg_val/b"),
            r"/train: its only folder is seg_train/, with folders in it: move these to .*/train$",
        ),
        (
            ("a/train", "a/val", "b/train", "b/val"),
            r"its classes hold the splits, as in .*/a/train: put the splits outside",
        ),
        (("images", "masks"), r": images/ and masks/ are no classes: give DATA=.*/images and MASKS=.*/masks$"),
        (("train/Images", "train/Masks", "val/Images", "val/Masks"), r": Images/ and Masks/ are no classes"),
    ],
)
def test_what_only_seems_a_class_is_refused(
    tmp_path: Path, lister: Lister, folders: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        lister(tree(tmp_path, *folders))
    assert "\n" not in str(caught.value)


@LISTERS
@pytest.mark.parametrize(
    "folders", [("part/a", "whole/a"), ("test_tube", "test_strip"), ("fold", "tear"), ("Bus", "train")]
)
def test_classes_that_have_such_names_stay_classes(tmp_path: Path, lister: Lister, folders: tuple[str, str]) -> None:
    assert set(lister(tree(tmp_path, *folders)).classes) == {folder.partition("/")[0] for folder in folders}


@LISTERS
def test_masks_beside_their_images_are_left_out_and_named(tmp_path: Path, lister: Lister) -> None:
    """As in BUSI (``benign (1)_mask_1.png``) and in the COVID-19 radiography database (``Normal/masks``)."""
    tree(tmp_path, "a", names=("1", "1_mask", "1_mask_1", "2", "2-seg", "2 masks", "3", "4_mask"))
    tree(tmp_path, "b/images", "b/masks")
    listing = lister(tmp_path)
    assert names(listing) == {
        *(f"a/{name}.png" for name in ("1", "2", "3", "4_mask")),
        *(f"b/images/{n}.png" for n in "123"),
    }
    assert len(listing.masks) == 7
    assert not lister(tree(tmp_path / "other", "c/masks", "d/hats")).masks  # nothing of which they are


@LISTERS
def test_a_folder_beside_the_splits_is_named(tmp_path: Path, lister: Lister) -> None:
    (tmp_path / "notes").mkdir()
    listing = lister(tree(tmp_path, "train/a", "train/b", "TEST_SIMPLE/a", "TEST_SIMPLE/b"))
    assert listing.notes == ("a folder beside the splits is left out: TEST_SIMPLE/",)
    assert not lister(tree(tmp_path / "usual", "train/a", "train/b", "holdout/a", "holdout/b")).notes
    assert len(lister(tmp_path / "usual").splits["test"]) == (6 if lister is not list_for_loaded else 0)


@LISTERS
def test_classes_that_all_hold_the_same_folders_are_told(tmp_path: Path, lister: Lister) -> None:
    """As domains do, in PACS."""
    listing = lister(tree(tmp_path, "photo/cat", "photo/dog", "sketch/cat", "sketch/dog"))
    assert listing.classes == ("photo", "sketch")
    assert listing.notes == (
        "the classes are photo/, sketch/, which all hold the same folders (cat, dog): if these are the classes, put them outside",
    )
    assert not lister(tree(tmp_path / "other", "a/x", "a/y", "b/x", "b/z")).notes


def test_a_test_split_of_one_folder_that_is_no_class_has_no_labels(tmp_path: Path) -> None:
    """As Kaggle's and Keras's ``test/unknown``: a class more than the net has would throw all labels away."""
    root = tree(tmp_path, *(f"{part}/{kind}" for part in ("train", "val") for kind in "abc"), "test/unknown")
    listing = list_for_loaded(root)
    assert listing.classes == ("a", "b", "c")
    assert [{file.label for file in listing.splits[part]} for part in ("val", "test")] == [{0, 1, 2}, {-1}]


PICTURES = [
    ("1.HEIC", b"", "HEIC, which is not read: save it as PNG or JPEG"),
    ("1.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC, which is not read"),
    ("1.jxl", b"\xff\n", "JPEG XL, which is not read"),
    ("IM0001", b"\0" * 128 + b"DICM", "DICOM, which is not read: save its values as .npy or TIFF"),
    ("1.nii.gz", b"\x1f\x8b", "a medical volume, which is not read"),
    ("1.NEF", b"MM\0*", "a camera's raw file, of which only a preview could be read"),
    ("1.exr", b"\x76\x2f\x31\x01", "OpenEXR, which is not read"),
    ("1.png", b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS: run git lfs pull"),
    ("1.jpg", b"<!DOCTYPE html><html>", "a web page, as a download that failed leaves"),
    ("1.jpg", b"", "it is empty"),
]


@pytest.mark.parametrize(("name", "content", "why"), PICTURES)
def test_a_picture_that_cannot_be_read_is_no_file_beside_the_images(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    (tree(tmp_path, "a", "b") / "a" / name).write_bytes(content)
    assert f"a/{name}" in names(list_for_loaded(tmp_path))
    with pytest.raises(Unreadable, match=rf"^{re.escape(why)}"):
        read_image(tmp_path / "a" / name, 8)


def test_what_only_begins_alike_is_read(tmp_path: Path) -> None:
    for name in ("1.avif", "2.dng"):  # AVIF is of HEIC's family; a JPEG may be called anything
        Image.new("RGB", (64, 64), "white").save(tmp_path / name, format="AVIF" if name == "1.avif" else "JPEG")
        assert read_image(tmp_path / name, 64).min() > 250


def test_numbers_that_are_the_same_are_no_numbers_of_classes() -> None:
    assert map_folders(("0", "00", "1"), (), 3)[0].labels == (0, 1, 2)


@LISTERS
def test_where_no_images_are_the_message_says_what_there_is(tmp_path: Path, lister: Lister) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"images in it, but 2 files that end in .parquet: "):
        lister(tmp_path)
    with pytest.raises(
        UserError, match=r"a.parquet: a file and no folder: unpack it, if it is an archive, and give a folder"
    ):
        lister(tmp_path / "a.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"images in it: "):
        lister(tmp_path / "empty")
