"""Folders and lists of classes as people have them: other spellings, accents, signs, and folders that are no classes."""

import re
import time
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.data.class_lists import ClassList, _number_last, read_classes
from reportgen.data.classes import ClassName, map_folders
from reportgen.data.folders import list_classes, list_folder, list_for_loaded

COMPOSED, APART = (unicodedata.normalize(form, "épée") for form in ("NFC", "NFD"))


def tree(root: Path, *folders: str) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (4, 4)).save(root / folder / f"{number}.png")
    return root


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cat 3", (3, "cat")),
        ("cat : 3", (3, "cat")),
        ("big cat,3", (3, "big cat")),
        ("a: : 3", (3, "a:")),
        ("cat 3 4", (4, "cat 3")),
        ("cat3", None),
        ("cat", None),
        ("3", None),
        (":3", None),
    ],
)
def test_a_number_behind_a_name_is_told_from_its_end(line: str, found: tuple[int, str] | None) -> None:
    pattern = re.fullmatch(r"(.+?)(?:\s*[:,]\s*|\s+)(\d+)", line)
    assert _number_last(line) == found == (pattern and (int(pattern[2]), pattern[1]))


def test_lines_of_many_blanks_are_read_at_once(tmp_path: Path) -> None:
    """A pattern for a name and a number behind it tries every blank as the end of the name: minutes, of two megabytes."""
    (tmp_path / "a.txt").write_text(("a" + " " * 990 + "b\n") * 2_000)
    started = time.process_time()
    assert len(read_classes(tmp_path / "a.txt", "CLASSES=a.txt").names) == 2_000
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("folders", "names", "labels"),
    [
        (("C++", "C"), ("C", "C++"), (1, 0)),  # told apart by signs alone
        (("1.5", "15"), ("15", "1.5"), (1, 0)),
        (("😀", "😢"), ("😢", "😀"), (1, 0)),
        (("की", "का"), ("का", "की"), (1, 0)),  # by vowels that are marks
        ((APART, "b"), ("b", COMPOSED), (1, 0)),
        (("001.Black_footed_Albatross", "002.Laysan"), ("Laysan", "Black footed albatross"), (1, 0)),
        (("cat", "Cat Dog"), ("cat_dog", "CAT"), (1, 0)),
    ],
)
def test_a_folder_is_the_class_of_its_name(
    folders: tuple[str, ...], names: tuple[str, ...], labels: tuple[int, ...]
) -> None:
    found, _ = map_folders(folders, [ClassName(name) for name in names], len(names))
    assert (found.labels, found.how) == (labels, "by their names")


@pytest.mark.parametrize("folder", ["n02085620-Chihuahua", "n02085620_chihuahua", "n02085620 dog", "n02085620"])
@pytest.mark.parametrize(("count", "label"), [(1000, 151), (1001, 152)])  # 1001: a background comes first
def test_words_behind_a_wordnet_id_do_not_hide_it(folder: str, count: int, label: int) -> None:
    found, names = map_folders((folder, "n01440764-tench"), [], count)
    assert found.labels == (label, count - 1000)
    assert (names[label], len(names)) == ("Chihuahua", count)


def test_accents_that_are_stored_otherwise_make_no_other_class(tmp_path: Path) -> None:
    root = tree(tmp_path, f"train/{COMPOSED}", "train/b", f"val/{APART}", "val/b")
    for listing in (list_folder(root, 0.2, 0.2, 0), list_for_loaded(root)):
        assert listing.classes == ("b", COMPOSED)
        assert [file.label for file in listing.splits["val"]] == [0] * 4 + [1] * 4


@pytest.mark.parametrize("name", ["test", "dev", "Validation"])
def test_a_class_may_be_called_as_a_split_is(name: str, tmp_path: Path) -> None:
    root = tree(tmp_path, "control", name)
    for listing in (list_folder(root, 0.2, 0.2, 0), list_for_loaded(root)):
        assert set(listing.classes) == {"control", name}
        assert {file.label for file in listing.splits["val"]} == {0, 1}


@pytest.mark.parametrize(
    "folders",
    [("train_images", "val_images"), ("seg_train", "seg_test"), ("train2014", "val2014"), ("TrainSet", "TestSet")],
)
def test_folders_that_seem_splits_are_no_classes(folders: tuple[str, str], tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{folder}/{kind}" for folder in folders for kind in ("a", "b")))
    for call in (lambda: list_folder(root, 0.2, 0.2, 0), lambda: list_for_loaded(root)):
        with pytest.raises(
            UserError, match=r"and .*/ seem to be splits, not classes: rename them train/, val/ or test/"
        ):
            call()


def test_an_archive_that_was_unpacked_into_a_folder_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path, "data/a", "data/b")
    with pytest.raises(
        UserError, match=r"^TRANSFER=.*: its only folder is data/, with folders in it: give TRANSFER=.*/data$"
    ):
        list_classes(root, f"TRANSFER={root}")
    for call in (lambda: list_folder(root, 0.2, 0.2, 0), lambda: list_for_loaded(root)):
        with pytest.raises(UserError, match=r"its only folder is data/, with folders in it: give DATA=.*/data$"):
            call()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "index;name\n0;cat\n1;dog\n"),
        ("a.csv", "index\tname\n0\tcat\n1\tdog\n"),
        ("a.json", '{"names": {"0": "cat", "1": "dog"}}'),
        ("a.json", '{"names": ["cat", "dog"], "nc": 2}'),
        ("a.json", '[{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"}]'),
        ("a.json", '{"categories": [{"id": 90, "name": "dog"}, {"id": 7, "name": "cat"}]}'),
        ("a.json", '{"label2id": {"dog": 1, "cat": 0}}'),
        ("a.json", '{"cat": "0", "dog": "1"}'),
        ("a.json", '{"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}'),  # of datasets
        ("a.csv", "class_id,class_name\n1,dog\n0,cat\n"),
        ("a.csv", "label,code\ndog,1.0\ncat,0.0\n"),
        ("a.csv", "0,cat\n1,dog\n"),
        ("a.tsv", "index\tname\n0\tcat\n1\tdog\n"),
        ("a.txt", "{0: 'cat',\n 1: 'dog'}\n"),  # as the list of ImageNet's classes that is copied most
        ("a.txt", "['cat', 'dog']"),
        ("a.txt", "cat, dog\n"),
    ],
)
def test_lists_that_tools_write_are_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [entry.name for entry in read_classes(tmp_path / name, "CLASSES=a").names] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cat_to_name.json", '{"2": "dog", "1": "cat"}'),  # as of Flowers102
        ("a.json", '{"class_to_idx": {"dog": 2, "cat": 1}}'),
        ("a.json", '{"1": ["n1", "cat"], "2": ["n2", "dog"]}'),
        ("a.csv", "index,name\n1,cat\n2,dog\n"),
        ("a.csv", "2,dog\n1,cat\n"),
        ("a.txt", "2 dog\n1 cat\n"),
        ("a.txt", "cat: 1\ndog: 2\n"),
        ("a.txt", "{1: 'cat', 2: 'dog'}\n"),
    ],
)
def test_numbers_may_count_from_one(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_classes(tmp_path / name, "CLASSES=a")
    assert [entry.name for entry in found.names] == ["cat", "dog"]
    assert found.from_one


@pytest.mark.parametrize("text", ['{"1": "cat", "3": "dog"}', '{"2": "cat", "3": "dog"}', '{"1": "cat"}'])
def test_numbers_with_a_gap_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        UserError, match=r"class [012] is missing: count from 0 or from 1, without gaps\): give CLASSES= a text"
    ):
        read_classes(tmp_path / "a.json", "CLASSES=a")


def test_a_list_of_folders_from_one_in_the_order_of_imagefolder() -> None:
    listed = ClassList(tuple(ClassName(f"flower {number}") for number in range(1, 13)), from_one=True)
    names = [entry.name for entry in listed.as_folders_sort()]
    assert names == [f"flower {number}" for number in (1, 10, 11, 12, 2, 3, 4, 5, 6, 7, 8, 9)]


def test_yaml_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat, dog]\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"YAML is not read: copy the names into a text file"):
        read_classes(tmp_path / "data.yaml", "CLASSES=data.yaml")


def test_what_is_no_name_is_shown_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"title": "cat"}]', encoding="utf-8")
    with pytest.raises(UserError, match=r"an object without 'name' is no name of a class"):
        read_classes(tmp_path / "a.json", "CLASSES=a")
