"""Which of a net's classes a folder shows."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import Imagenette

from reportgen.base.errors import UserError
from reportgen.data.class_lists import read_classes
from reportgen.data.classes import ClassName, map_folders, plain
from reportgen.data.dataset import Dataset, Split
from reportgen.data.labels import as_seen, write_seen
from reportgen.data.wordnet_ids import WORDNET_IDS

CLASSES = (
    ClassName("great white shark, white shark", "n01484850"),
    ClassName("crane", "n02012849"),
    ClassName("crane", "n03126707"),
    ClassName("jack-o'-lantern", "n03590841"),
)


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("n01484850", 0),
        ("great_white_shark", 0),
        ("White Shark", 0),
        ("Jack O Lantern", 3),
        ("n03126707", 2),
        ("crane", -1),
        ("dog", -1),
    ],
)
def test_a_folder_is_known_by_name_or_wordnet_id(folder: str, label: int) -> None:
    mapping, names = map_folders(["zebra", folder], CLASSES, 4)
    assert mapping.labels == (-1, label)
    assert names == ("great white shark, white shark", "crane (1)", "crane (2)", "jack-o'-lantern")
    assert [entry["folder"] for entry in mapping.unmapped] == ["zebra", folder][: 2 if label < 0 else 1]


def test_an_ambiguous_name_is_said_to_be_one() -> None:
    mapping, _ = map_folders(["crane", "dog"], CLASSES, 4)
    assert [entry["reason"] for entry in mapping.unmapped] == [
        "several of the net's classes bear this name",
        "no class of the net",
    ]


def test_as_many_folders_as_classes_are_taken_in_order() -> None:
    mapping, names = map_folders(["cat", "dog"], (), 2)
    assert (mapping.labels, names) == ((0, 1), ("cat", "dog"))
    assert "order" in mapping.how
    ordered, _ = map_folders(["white shark", "crane", "crane", "n03590841"], CLASSES, 4)
    assert ordered.labels == (0, 1, 2, 3)
    assert map_folders(["a", "b", "c", "d"], CLASSES, 4)[0].labels == (0, 1, 2, 3)
    assert map_folders(["a", "b", "c", "n03590841"], CLASSES, 4)[0].labels == (-1, -1, -1, 3)
    against, _ = map_folders(["n03590841", "b", "c", "d"], CLASSES, 4)  # in another order than the net's
    assert against.labels == (3, -1, -1, -1)


@pytest.mark.parametrize(
    ("folders", "count", "labels"),
    [
        (["0", "1", "2", "10", "11"], 12, (0, 1, 2, 10, 11)),
        (["00000", "00014", "00042"], 43, (0, 14, 42)),
        (["1", "2", "102"], 102, (0, 1, 101)),  # the last class would be missing, counted from 0
        (["7", "9"], 1000, (7, 9)),
        (["3", "12"], 2, (0, 1)),  # two of other numbers, for a net of two
        (["5", "20"], 3, (-1, -1)),
        (["1", "1a"], 3, (-1, -1)),
        (["²", "٣"], 3, (-1, -1)),  # numbers to Python, but no digits that people write there
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_folders_that_are_numbers_are_the_nets_indices(
    folders: list[str], count: int, labels: tuple[int, ...], named: bool
) -> None:
    classes = [ClassName(f"sign {index}") for index in range(count)] if named else []
    assert map_folders(folders, classes, count)[0].labels == labels


def test_numbers_that_are_names_are_names() -> None:
    classes = [ClassName(name) for name in ("0", "1", "10", "11", "2")]  # as ImageFolder sorts them
    assert map_folders(["0", "2", "11"], classes, 5)[0].labels == (0, 4, 3)
    assert map_folders(["1", "2"], (), 4)[1] == ("class 0", "1", "2", "class 3")


def test_an_empty_folder_counts_where_the_net_counts_it() -> None:
    assert map_folders(["a", "c"], (), 2, ["b"])[0].labels == (0, 1)
    assert map_folders(["a", "c"], (), 3, ["b"])[0].labels == (0, 2)
    assert map_folders(["a", "c"], (), 4, ["b"])[0].labels == (-1, -1)


@pytest.mark.parametrize(
    ("order", "folders", "labels"),
    [
        ("names", ["1", "2", "10"], (0, 2, 1)),
        ("natural", ["s1", "s2", "s10"], (0, 1, 2)),
        ("names", ["s1", "s2", "s10"], (0, 2, 1)),
        ("numbers", ["2", "1", "0"], (2, 1, 0)),
        ("from-one", ["3", "1"], (2, 0)),
    ],
)
def test_an_order_that_is_given_is_taken(order: str, folders: list[str], labels: tuple[int, ...]) -> None:
    assert map_folders(folders, [ClassName(name) for name in "xyz"], 3, order=order)[0].labels == labels


@pytest.mark.parametrize(
    ("order", "folders", "why"),
    [
        ("names", ["a", "b"], "2 folders, but the net has 3 classes"),
        ("numbers", ["0", "3"], "not every folder is a number from 0 to 2 (0, 3, ...)"),
        ("from-one", ["a"], "not every folder is a number from 1 to 3 (a, ...)"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(order: str, folders: list[str], why: str) -> None:
    with pytest.raises(UserError, match=rf"^LABELS_ORDER={order}: {re.escape(why)}: leave it out, or use another$"):
        map_folders(folders, (), 3, order=order)


def imagenet(names: bool = True) -> list[ClassName]:
    from torchvision.models import ResNet18_Weights

    return [ClassName(name) for name in ResNet18_Weights.DEFAULT.meta["categories"]] if names else []


@pytest.mark.parametrize("names", [True, False])
def test_a_net_of_imagenets_thousand_classes_knows_wordnet_ids(names: bool) -> None:
    folders = ["n01440764", "n02102040", "n03888257", "n99999999"]
    mapping, called = map_folders(folders, imagenet(names), 1000)
    assert mapping.labels == (0, 217, 701, -1)
    assert [called[index] for index in mapping.labels[:3]] == ["tench", "English springer", "parachute"]


def test_ids_are_those_that_torchvision_lists() -> None:
    assert len(set(WORDNET_IDS)) == 1000
    assert list(WORDNET_IDS) == sorted(WORDNET_IDS)
    for wnid, names_ in Imagenette._WNID_TO_CLASS.items():
        label = map_folders([wnid], imagenet(), 1000)[0].labels[0]
        assert plain(imagenet()[label].name) in {plain(name) for name in names_}


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize(
    ("name", "ids"), [("crane", ("n02012849", "n03126707")), ("maillot", ("n03710637", "n03710721"))]
)
def test_a_name_that_imagenet_gives_two_classes_is_said_to_be_ambiguous(
    names: bool, name: str, ids: tuple[str, str]
) -> None:
    found = map_folders(["tench", name], imagenet(names), 1000)[0]
    assert found.labels == (0, -1)
    assert found.unmapped[0]["reason"] == "several of the net's classes bear this name"
    assert len(set(map_folders(ids, imagenet(names), 1000)[0].labels) - {-1}) == 2


def test_other_thousand_classes_are_not_imagenets() -> None:
    others = [ClassName(f"thing {index}") for index in range(1000)]
    assert map_folders(["n01440764"], others, 1000)[0].labels == (-1,)
    assert map_folders(["tench", "thing"], (), 1000)[0].labels == (-1, -1)


def test_without_names_the_classes_are_numbered() -> None:
    mapping, names = map_folders(["cat"], (), 3)
    assert names == ("class 0", "class 1", "class 2")
    assert mapping.labels == (-1,)


def test_a_table_and_json_files_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('index,wnid,name\n1,n2,dog\n0,n1,"cat, kitty"\n')
    (tmp_path / "b.json").write_text(json.dumps({"0": ["n1", "cat, kitty"], "1": ["n2", "dog"]}))
    (tmp_path / "c.json").write_text(json.dumps(["cat", "dog"]))
    (tmp_path / "d.csv").write_text("﻿index, name\n0,cat\n1,dog\n")
    assert read_classes(tmp_path / "a.csv", "") == read_classes(tmp_path / "b.json", "")
    assert read_classes(tmp_path / "a.csv", "").names[0] == ClassName("cat, kitty", "n1")
    assert read_classes(tmp_path / "c.json", "") == read_classes(tmp_path / "d.csv", "")


TWO = (ClassName("cat"), ClassName("dog"))


@pytest.mark.parametrize(
    ("name", "text", "classes"),
    [
        ("a.txt", "cat\ndog\n\n", TWO),
        ("classes", "cat\r\ndog", TWO),
        ("a.names", "1 dog\n0 cat", TWO),
        ("a.txt", "0: 'cat'\n1: 'dog'", TWO),
        ("a.txt", "cat 0\ndog 1", TWO),
        ("a.txt", "7 up\n10 cc", (ClassName("7 up"), ClassName("10 cc"))),
        (
            "a.txt",
            "n02123045 tabby, tabby cat\nn02085620 Chihuahua",
            (ClassName("tabby, tabby cat", "n02123045"), ClassName("Chihuahua", "n02085620")),
        ),
        ("a.txt", "n02123045\nn02085620", (ClassName("n02123045", "n02123045"), ClassName("n02085620", "n02085620"))),
        ("a.json", '{"dog": 1, "cat": 0}', TWO),
        ("a.json", '{"class_to_idx": {"dog": 1, "cat": 0}, "epoch": 3}', TWO),
        (
            "config.json",
            '{"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0, "dog": 1}}',
            TWO,
        ),
        ("a.json", '{"classes": ["cat", "dog"]}', TWO),
    ],
)
def test_lists_of_classes_as_people_have_them(name: str, text: str, classes: tuple, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_classes(tmp_path / name, "here") == (classes, False)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "index,name\n0,cat\n0,dog\n", "here: not a list of classes (class 0 is given twice)"),
        ("a.json", '{"0": "cat", "0": "dog"}', "here: not a list of classes (class 0 is given twice)"),
        ("a.json", '{"0": "cat", "00": "dog"}', "here: not a list of classes (class 0 is given twice)"),
        ("a.json", '{"cat": 0, "dog": 0}', "here: not a list of classes (class 0 is given twice)"),
        ("a.json", '{"cat": 0, "dog": true}', "here: not a list of classes"),
        ("a.txt", "cat\n\ndog", "here: not a list of classes (line 2 is empty)"),
        ("a.txt", "", "here: not a list of classes (it is empty)"),
        ("a.json", "[" * 5000, "here: not a list of classes"),
        ("a.csv", "wnid,name\nn1,cat\n", "here: not a list of classes (no column 'index')"),
        ("a.csv", "index,name\n0,cat\n2,dog\n", "here: not a list of classes (class 1 is missing"),
        ("a.csv", "index,name\nx,cat\n", "here: not a list of classes (invalid literal"),
        ("a.csv", "", "here: not a list of classes (it is empty)"),
        ("a.json", "{", "here: not a list of classes"),
        ("a.json", '{"cat": 1}', "here: not a list of classes (class 0 is missing"),
        ("a.json", "3", "here: not a list of classes"),
    ],
)
def test_a_file_that_is_no_list_of_classes(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_classes(tmp_path / name, "here")
    assert "\n" not in str(caught.value)


def test_a_data_set_as_the_net_sees_it(tmp_path: Path) -> None:
    """Labels become the net's classes; where nobody knows one, its own prediction; the splits may differ."""
    images = np.zeros((4, 2, 2, 3), np.uint8)
    val = Split(images, np.array([0, 1, 1, -1]), ("a", "b", "c", "d"))
    test = Split(images[:2], np.array([1, 0]), ("e", "f"))
    data = Dataset("d", ("zebra", "n03126707"), "", val, val, test)
    mapping, names = map_folders(data.classes, CLASSES, 4)
    write_seen(tmp_path / "seen.json", mapping, names, {"val": np.array([3, 0, 0, 1]), "test": np.array([0, 3])})
    seen = as_seen(data, tmp_path)
    assert seen.classes == names
    assert seen.val.labels.tolist() == [3, 2, 2, 1]
    assert seen.val.known.tolist() == [False, True, True, False]
    assert seen.test.labels.tolist() == [2, 3]
    assert seen.test.known.tolist() == [True, False]
    assert as_seen(data, tmp_path / "trained here") is data
    assert data.val.known.all()
