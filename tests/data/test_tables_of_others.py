"""Tables as people bring them: what pandas, Excel, fastai and COCO's tools write, beside what only looks like a table."""

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.data.classes import map_folders
from reportgen.data.folders import Listing
from reportgen.data.listing import list_labelled
from reportgen.data.tables import read_table
from reportgen.settings.sections import LabelSettings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures 1.png to 4.png."""
    monkeypatch.chdir(tmp_path)
    for number in range(1, 5):
        picture(f"images/{number}.png")
    return tmp_path


def picture(name: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(name)


def listed(text: str, name: str = "labels.csv", loaded: bool = True) -> Listing:
    Path(name).write_text(text, encoding="utf-8")
    return list_labelled(Path("images"), LabelSettings(file=name), {"val": 0.2, "test": 0.2}, 0, loaded)


def labels(listing: Listing) -> dict[str, str]:
    """The class of each file, by its name."""
    names = {-1: "", **dict(enumerate(listing.classes))}
    return {file.path.name: names[file.label] for file in listing.splits["val"]}


@pytest.mark.parametrize(
    "text",
    [
        ",photo,label\n1,2.png,a\n2,3.png,b\n",  # an index of pandas', whose numbers are names of other files
        "Unnamed: 0,photo,label\n1,2.png,a\n2,3.png,b\n",
        "id,name,label\n1,2.png,a\n2,3.png,b\n",
        "id,link,label\n1,https://x.org/2.png,a\n2,https://x.org/3.png,b\n",
        ",photo,kind\n0,2.png,a\n1,3.png,b\n",
        ",label\n2.png,a\n3.png,b\n",  # files as the index
        ",a,b\n2.png,1,0\n3.png,0,1\n",
        ",photo,a,b\n0,2,1,0\n1,3,0,1\n",
        "photo,a,b\n2.png,True,False\n3.png,False,True\n",  # as pandas.get_dummies writes it
        "sep=;\nfile;label\n2.png;a\n3.png;b\n",  # Excel's own first line
        "file,label,\n2.png,a,\n3.png,b,\n",
    ],
)
def test_the_file_and_its_label_are_found(home: Path, text: str) -> None:
    listing = listed(text)
    assert (listing.classes, labels(listing)) == (("a", "b"), {"2.png": "a", "3.png": "b"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2.png,a\n3.png,b\n", r"its first line names a file, '2.png', and no columns: write file,label above it"),
        ("file,label,label\n2.png,a,b\n", r"two of its columns are called 'label'"),
    ],
)
def test_a_line_that_would_be_lost_is_told(home: Path, text: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        listed(text)


def test_a_class_may_be_called_none_where_pandas_reads_it_as_text(home: Path) -> None:
    listing = listed("file,label\n1.png,none\n2.png,mild\n3.png,None\n4.png,NA\n")
    assert labels(listing) == {"1.png": "none", "2.png": "mild", "3.png": "", "4.png": ""}


@pytest.mark.parametrize("cells", [("False", "True"), ("0", "1"), ("0.0", "1.0")])
def test_a_flag_may_say_what_is_for_validation(home: Path, cells: tuple[str, str]) -> None:
    no, yes = cells
    assert labels(listed(f"name,label,is_valid\n1.png,a,{no}\n2.png,b,{yes}\n")) == {"2.png": "b"}
    assert labels(listed(f"name,label,is_train\n1.png,a,{no}\n2.png,b,{yes}\n")) == {"1.png": "a"}


def test_cocos_classes_are_in_the_order_of_its_numbers(home: Path) -> None:
    document = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 8, "height": 8} for n in (1, 2)],
        "annotations": [{"id": n, "image_id": n, "category_id": (90, 7)[n - 1]} for n in (1, 2)],
        "categories": [{"id": 90, "name": "ant"}, {"id": 7, "name": "zebra"}],
    }
    listing = listed(json.dumps(document), "instances.json")
    assert (listing.classes, labels(listing)) == (("zebra", "ant"), {"1.png": "ant", "2.png": "zebra"})


def test_letters_are_the_same_however_their_accents_are_stored(home: Path) -> None:
    picture("images/" + unicodedata.normalize("NFD", "é.png"))
    picture("images/" + unicodedata.normalize("NFC", "ü.png"))
    listing = listed(unicodedata.normalize("NFC", "file,label\né.png,a\n") + unicodedata.normalize("NFD", "ü.png,b\n"))
    assert sorted(labels(listing).values()) == ["a", "b"]


def test_a_name_in_another_folder_is_no_name_of_this_file(home: Path) -> None:
    for name in ("cats/5.png", "cats/6.png"):
        picture(f"images/{name}")
    listing = listed("file,label\ncats/5.png,cat\nbirds/6.png,bird\n")
    assert (labels(listing), listing.missing) == ({"5.png": "cat"}, ("birds/6.png",))
    assert labels(listed("file,label\nold/5.png,cat\nold/6.png,bird\n")) == {"5.png": "cat", "6.png": "bird"}
    assert labels(listed("file,label\n/home/x/images/cats/5.png,cat\ncats/6.png,bird\n")) == {
        "5.png": "cat", "6.png": "bird",
    }  # fmt: skip


@pytest.mark.parametrize("cells", [("['a']", "['b']"), ('"[""a""]"', '"[""b""]"')])
def test_a_list_of_one_label_is_that_label(home: Path, cells: tuple[str, str]) -> None:
    one, other = cells
    assert labels(listed(f"file,label\n1.png,{one}\n2.png,{other}\n")) == {"1.png": "a", "2.png": "b"}
    with pytest.raises(UserError, match=r"line 3: 2 labels, 'b' and 'c': OUTPUTS=sigmoid reads several"):
        listed(f"file,label\n1.png,{one}\n2.png,\"['b', 'c']\"\n")


@pytest.mark.parametrize("column", ["Usage", "phase", "what_for"])
def test_a_column_of_splits_is_known_by_what_it_holds(home: Path, column: str) -> None:
    for val, test in (("PublicTest", "PrivateTest"), ("valid", "holdout")):
        listing = listed(f"file,label,{column}\n1.png,a,Training\n2.png,b,{val}\n3.png,a,{test}\n")
        assert [[file.path.name for file in listing.splits[part]] for part in ("val", "test")] == [["2.png"], ["3.png"]]
    assert listing.said == f"the splits are those of its column {column}"
    assert len(listed(f"file,label,{column}\n1.png,a,train\n2.png,b,other\n").splits["val"]) == 2


@pytest.mark.parametrize(
    "document",
    [
        {"2.png": "a", "3.png": "b"},
        {"2": "a", "3": "b"},
        {"a": ["2.png"], "b": ["3.png"]},
        {"2.png": {"label": "a"}, "3.png": {"label": "b"}},
        {"data": [{"file": "2.png", "label": "a"}, {"file": "3.png", "label": "b"}]},
        {"file": ["2.png", "3.png"], "label": ["a", "b"]},
        {"file": {"0": "2.png", "1": "3.png"}, "label": {"0": "a", "1": "b"}},  # pandas' to_json()
        {"labels": [["2.png", "a"], ["3.png", "b"]]},  # StyleGAN's dataset.json
        [["2.png", "a"], ["3.png", "b"]],
    ],
)
def test_json_may_be_nested_as_people_write_it(home: Path, document: object) -> None:
    assert labels(listed(json.dumps(document), "labels.json")) == {"2.png": "a", "3.png": "b"}


def test_columns_of_yes_and_no_are_the_classes_in_their_order(home: Path) -> None:
    """As ``frame[columns].values.argmax(1)`` numbers them, which nets learn."""
    listing = listed("image,zebra,unknown,ant\n1.png,1,0,0\n2.png,0,0,1\n")
    assert (listing.classes, listing.counted) == (("zebra", "ant"), ("zebra", "unknown", "ant"))
    mapping, names = map_folders(listing.classes, (), 3, ("unknown",), counted=listing.counted)
    assert (mapping.labels, names) == ((0, 2), ("zebra", "unknown", "ant"))
    assert map_folders(listing.classes, (), 2)[0].labels == (0, 1)


def test_other_columns_beside_those_of_yes_and_no_are_named(home: Path) -> None:
    listing = listed("image,age,a,b\n1.png,34,1,0\n2.png,50,0,1\n")
    assert labels(listing) == {"1.png": "a", "2.png": "b"}
    assert listing.said == "the labels are its columns of yes and no, a, b, and not age"


def test_minus_one_is_no_where_no_cell_is_zero(home: Path) -> None:
    """As in CelebA's list_attr_celeba.csv."""
    listing = listed("image_id,a,b\n1.png,1,-1\n2.png,-1,1\n")
    assert labels(listing) == {"1.png": "a", "2.png": "b"}
    assert "all but 1 is no" in listing.said


def test_a_json_object_in_a_cell_names_the_labels(home: Path) -> None:
    """As Label Studio writes choices of several."""
    text = 'image,choice\n1.png,"{""choices"": [""a"", ""b""]}"\n2.png,b\n'
    Path("labels.csv").write_text(text)
    listing = list_labelled(Path("images"), LabelSettings(file="labels.csv"), {}, 0, True, several=True)
    assert (listing.classes, [file.shows for file in listing.splits["val"]]) == (("a", "b"), [(0, 1), (1,)])


def test_capitals_of_names_of_files_count_only_where_they_tell_two_apart(home: Path) -> None:
    picture("images/A.png")
    assert labels(listed("file,label\na.PNG,a\n1.PNG,b\n")) == {"A.png": "a", "1.png": "b"}
    picture("images/a.png")
    assert labels(listed("file,label\na.png,a\nA.png,b\n")) == {"a.png": "a", "A.png": "b"}


def test_files_that_were_turned_into_another_format_are_found(home: Path) -> None:
    listing = listed("file,label\n1.dcm,a\n2.dcm,b\n")
    assert (labels(listing), listing.said) == (
        {"1.png": "a", "2.png": "b"}, "its files have other endings than it says (the first: 1.dcm)",
    )  # fmt: skip
    assert listed("file,label\n1.png,a\n2.dcm,b\n").missing == ("2.dcm",)


def test_labels_that_differ_in_capitals_alone_are_told(home: Path) -> None:
    assert (
        listed("file,label\n1.png,Dog\n2.png,dog\n").said
        == "Dog and dog, which differ in capitals alone, are two classes"
    )
    assert not listed("file,label\n1.png,A\n2.png,a\n").said  # letters


def test_a_first_line_that_names_a_file_without_ending_is_told(home: Path) -> None:
    with pytest.raises(UserError, match=r"its first line names a file, '1', and no columns: write file,label above it"):
        listed("1,a\n2,b\n3,a\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.png 0\n3.png 1\n", {"2.png": "0", "3.png": "1"}),  # as Caffe and many ImageNet lists
        ("\ufeff2.png\t0\r\n\r\n  3.PNG   1\r\n", {"2.png": "0", "3.png": "1"}),
        (
            "2.png golden retriever\n3.png tabby, tabby cat\n",
            {"2.png": "golden retriever", "3.png": "tabby, tabby cat"},
        ),
        ("a b/2.png 10\na b/x.png.png 9\n", {"2.png": "10", "x.png.png": "9"}),
        ("2.png 0 1 0\n3.png 1 0 0\n", {"2.png": "1", "3.png": "0"}),  # a column for each class
        ("file,label\n2.png,a\n3.png,b\n", {"2.png": "a", "3.png": "b"}),  # a table of another name
        ("file\tlabel\n2.png\ta\n3.png\tb\n", {"2.png": "a", "3.png": "b"}),
    ],
)
def test_a_list_of_files_with_their_labels(home: Path, text: str, expected: dict[str, str]) -> None:
    for name in ("images/a b/2.png", "images/a b/x.png.png") if "a b" in text else ():
        picture(name)
    found = listed(text, "val.txt")
    assert labels(found) == expected
    assert found.missing == ()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2.png 0 3\n3.png 3\n4.png 1\n", {"2.png": {"0", "3"}, "3.png": {"3"}, "4.png": {"1"}}),
        ("2.png 1 1 0\n3.png 0 0 0\n", {"2.png": {"0", "1"}, "3.png": set()}),
    ],
)
def test_a_list_of_files_with_several_labels(home: Path, text: str, shown: dict[str, set[str]]) -> None:
    Path("val.txt").write_text(text, encoding="utf-8")
    found = {row.file: set(row.labels or ()) for row in read_table(Path("val.txt"), "LABELS=a", several=True).rows}
    assert found == shown


def test_a_list_of_very_long_lines_is_refused_in_one_line(home: Path) -> None:
    for text in ("." * 3_000_000, "a.jpg " + ".jpg " * 500_000, ("a" * 5_000 + ".jpg 0\n") * 100):
        with pytest.raises(UserError) as caught:
            listed(text, "val.txt")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 1_000
