"""Labels from a table: as Kaggle, Hugging Face and pandas write it, and every way to be wrong."""

import csv
import json
import re
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.data.listing import list_images, list_labelled
from reportgen.data.tables import read_table
from reportgen.settings.sections import DataSettings, LabelSettings

SHARES = {"val": 0.2, "test": 0.2}
NAMES = [f"{kind}_{index}" for kind in ("cat", "dog") for index in range(5)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten pictures in one folder, two levels below the data's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images" / "train").mkdir(parents=True)
    for name in NAMES:
        Image.new("RGB", (40, 40)).save(tmp_path / "images" / "train" / f"{name}.png")
    return tmp_path


def listed(text: str, name: str = "labels.csv", columns: tuple[str, ...] = (), loaded: bool = True, **more: object):
    Path(name).write_text(text, encoding="utf-8")
    return list_labelled(Path("images"), LabelSettings(file=name, columns=columns), SHARES, 0, loaded)


def table(header: str, line: str) -> str:
    return "\n".join([header, *(line.format(name=name, kind=name[:3], number=int(name[0] == "d")) for name in NAMES)])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (table("id,label", "{name},{kind}"), "train.csv"),  # without the ending, as Kaggle's
        (table("image_id,breed", "{name}.png,{kind}"), "labels.csv"),
        (table("file_name,text,label", 'train/{name}.png,"a {kind}, sitting",{kind}'), "metadata.csv"),
        (table("file_name;label;split", "images/train/{name}.png;{kind};train"), "labels.csv"),
        (table("path\tclass", "/home/somebody/train/{name}.png\t{kind}"), "labels.tsv"),
        (table(",Filename,Category", "7,train\\{name}.png,{kind}"), "labels.csv"),  # an index of pandas'
        (table("image,cat,dog", "{name}.png,{kind}"), "onehot.csv"),
        (table("what,which", "{name}.png,{kind}"), "labels.csv"),
        ("\ufeff" + table("file, label", "{name}.png, {kind}\n"), "labels.csv"),
        (table("file,label", "{name}.png,{kind}").replace("\n", "\r\n"), "labels.csv"),
        (table("", '{{"file_name": "{name}.png", "label": "{kind}"}}').strip(), "metadata.jsonl"),
        (table("", '{{"file_name": "{name}.png", "labels": ["{kind}"]}}').strip(), "metadata.jsonl"),
        (json.dumps([{"image": f"{name}.png", "label": name[:3]} for name in NAMES]), "labels.json"),
    ],
)
def test_every_way_of_writing_it_says_the_same(home: Path, text: str, name: str) -> None:
    if name == "onehot.csv":
        text = text.replace(",cat\n", ",1,0\n").replace(",dog", ",0,1.0").replace("image,cat,0,1.0", "image,cat,dog")
    listing = listed(text, name)
    assert listing.classes == ("cat", "dog")
    assert [(file.path.stem, file.label) for file in listing.splits["val"]] == [
        (name, int(name[0] == "d")) for name in NAMES
    ]
    assert listing.splits["val"][0].name == "cat/train/cat_0.png"
    assert (listing.same, listing.missing, listing.unnamed) == ({"test": "val"}, (), 0)


def test_numbers_are_classes_in_numeric_order(home: Path) -> None:
    text = "\n".join(["file,label", *(f"{name},{number}.0" for name, number in zip(NAMES, range(2, 12), strict=True))])
    assert listed(text).classes == tuple(map(str, range(2, 12)))


def test_a_column_of_splits_is_kept_and_a_missing_split_taken_from_train(home: Path) -> None:
    splits = ["train", "Train", "training", "valid", "train"] * 2
    lines = [f"{name},{name[:3]},{part}" for name, part in zip(NAMES, splits, strict=True)]
    text = "\n".join(["file,label,split", *lines])
    listing = listed(text, loaded=False)
    assert {name: len(files) for name, files in listing.splits.items()} == {"train": 6, "val": 2, "test": 2}
    assert [file.path.stem for file in listing.splits["val"]] == ["cat_3", "dog_3"]
    loaded = listed(text)
    assert [file.path.stem for file in loaded.splits["val"]] == ["cat_3", "dog_3"]
    assert loaded.same == {"test": "val"}


def test_what_has_no_row_or_no_file_is_left_out_and_told(home: Path) -> None:
    listing = listed(table("file,label", "{name},{kind}") + "\nelk_0.png,elk\ncat_0,cat")
    assert (listing.missing, listing.unnamed, len(listing.splits["val"])) == (("elk_0.png",), 0, 10)
    assert listing.classes == ("cat", "dog", "elk")  # the class of a file that is not there counts all the same
    assert listed("file,label\ncat_0,cat\ndog_0,dog").unnamed == 8


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "None", "null"])
def test_an_image_without_a_label_has_none(home: Path, nothing: str) -> None:
    listing = listed(f"file,label\ncat_0,cat\ndog_0,{nothing}\n")
    assert [(file.name, file.label) for file in listing.splits["val"]] == [
        ("cat/train/cat_0.png", 0), ("train/dog_0.png", -1)
    ]  # fmt: skip


def test_the_columns_may_be_named(home: Path) -> None:
    text = table("label,where,kind", "x,{name},{kind}")
    assert listed(text, columns=("where", "kind")).classes == ("cat", "dog")


def test_a_folder_without_a_table_is_listed_as_ever(home: Path) -> None:
    listing = list_images(DataSettings(), LabelSettings(), home / "images" / "train", 0, loaded=True)
    assert listing.classes == ()
    assert len(listing.splits["val"]) == 10


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("", "a.csv", "it is empty"),
        ("file,label\n", "a.csv", "it is empty"),
        ("file,label\ncat_0,cat", "a.xml", "its name ends in none of .csv, .tsv, .jsonl, .json, .txt"),
        (
            "",
            "a.parquet",
            ".parquet is not read: save it as a .csv, pandas.read_parquet('a.parquet').to_csv('labels.csv', index",
        ),
        ("", "a.XLSX", ".xlsx is not read: save it as a .csv, pandas.read_excel('a.XLSX').to_csv('labels.csv', index"),
        ("a.jpg 0\nb.jpg", "a.txt", "line 2: no name of an image with its label behind it, as in photo_1.png 0"),
        ("a.jpg 0\nsome words\n", "a.txt", "line 2: no name of an image with its label behind it, as in photo_1.png 0"),
        ("a.jpg 0 3", "a.txt", "line 1: 2 labels, '0' and '3': OUTPUTS=sigmoid reads several"),
        (
            "a.jpg,0\nb.jpg,1",
            "a.txt",
            "its first line names a file, 'a.jpg', and no columns: write file,label above it",
        ),
        ("Read this first.", "a.txt", "it is empty"),
        ("", "a.txt", "it is empty"),
        ("file,size,age\ncat_0,3,4", "a.csv", "which of its columns is the label is not known (file, size, age)"),
        ("file,label\ncat_0", "a.csv", "line 2 has fewer cells than the header"),
        ("file,label\ncat_0,cat,1", "a.csv", "line 2 has more cells than the header"),
        ("file,label\n,cat", "a.csv", "line 2: no file in the column file"),
        ("{", "a.jsonl", "Expecting property name"),
        ("3", "a.jsonl", "entry 1 is a int where an object with a file should be"),
        ("[" * 100_000, "a.json", ""),
        (
            '{"file": "cat_0", "labels": ["cat", "dog"]}',
            "a.jsonl",
            "line 1: 2 labels, 'cat' and 'dog': OUTPUTS=sigmoid reads several",
        ),
        ('{"file": "cat_0", "label": {"is": "cat"}}', "a.jsonl", "line 1: an object where a name should be"),
        ("file,a,b,c\ncat_0,1,1,0", "a.csv", "line 2: 2 labels, 'a' and 'b': OUTPUTS=sigmoid reads several"),
        ("file,label\ncat_0,cat\ncat_0,dog", "a.csv", "lines 2 and 3 give cat_0 two labels, 'cat' and 'dog': leave"),
        (
            "file,label,split\ncat_0,cat,train\ncat_0,cat,test",
            "a.csv",
            "lines 2 and 3 give cat_0 two splits, 'train' and 'test': leave",
        ),
        ("file,label,split\ncat_0,cat,first", "a.csv", "line 2: 'first' is no split: write train, val or test"),
        ("file,label\n../images/train/cat_0,cat", "a.csv", "line 2: ../images/train/cat_0 leads out of the folder"),
        (
            "file,label\ncat_0,cat\ncat_0.png,dog",
            "a.csv",
            "cat_0.png two labels, 'cat' and 'dog': leave one of them out, or give OUTPUTS=sigmoid",
        ),
        ("file,label\nelk,elk", "a.csv", "none of its 1 files is below DATA=images (the first: elk)"),
        ('{"images": [], "annotations": [], "categories": []}', "a.json", "it names no file: give a table of files"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_one_line(home: Path, text: str, name: str, why: str) -> None:
    with pytest.raises(UserError, match=rf"^LABELS={re.escape(name)}: .*{re.escape(why)}") as caught:
        listed(text, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["labels.csv", "labels.tsv", "labels.jsonl", "labels.json", "coco.json"])
def test_a_table_is_read_in_the_encoding_that_its_mark_says(home: Path, encoding: str, name: str) -> None:
    rows = [("cat_0", "Kätzchen"), ("dog_0", "Hündchen")]
    between = "\t" if name.endswith(".tsv") else ","
    objects = [{"file": file, "label": label} for file, label in rows]
    text = "\r\n".join(between.join(row) for row in [("file", "label"), *rows])
    if name.endswith(".jsonl"):
        text = "\n".join(json.dumps(one, ensure_ascii=False) for one in objects)
    elif name == "labels.json":
        text = json.dumps(objects, ensure_ascii=False)
    elif name == "coco.json":
        text = json.dumps(
            {
                "images": [
                    {"id": number, "file_name": file, "height": 40, "width": 40}
                    for number, (file, _) in enumerate(rows)
                ],
                "categories": [{"id": number, "name": label} for number, (_, label) in enumerate(rows)],
                "annotations": [{"image_id": number, "category_id": number} for number in range(2)],
            },
            ensure_ascii=False,
        )
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    Path(name).write_bytes(f"{mark}{text}".encode(encoding))
    assert [(row.file, row.label) for row in read_table(Path(name), f"LABELS={name}").rows] == rows


def test_other_mistakes_are_refused_in_one_line(home: Path) -> None:
    with pytest.raises(UserError, match=r"^LABELS=none\.csv: no such file: give a table"):
        read_table(Path("none.csv"), "LABELS=none.csv")
    Path("latin.csv").write_bytes(b"file,label\ncat_0,caf\xe9\n")
    with pytest.raises(UserError, match=r"^LABELS=latin\.csv: not a text file in UTF-8: save it as UTF-8$"):
        read_table(Path("latin.csv"), "LABELS=latin.csv")
    with pytest.raises(UserError, match=r"it has no column 'kind' \(LABELS_COLUMNS\), but file, label: give a table"):
        listed("file,label\ncat_0,cat", columns=("file", "kind"))
    with pytest.raises(UserError, match=r"LABELS=labels\.csv: 1 class of images in it: a classifier needs two"):
        listed("file,label\ncat_0,cat", loaded=False)
    with pytest.raises(UserError, match=r"LABELS=labels\.csv: cat: 1 image in this class: give 3 or more, or leave"):
        listed("file,label\ncat_0,cat\ndog_0,dog", loaded=False)
    with pytest.raises(UserError, match=r"no image of the split train in it: give some, or leave the column"):
        listed("file,label,split\ncat_0,cat,val\ndog_0,dog,val", loaded=False)
    Image.new("RGB", (40, 40)).save("images/cat_0.png")
    with pytest.raises(UserError, match=r"cat_0 is the name of 2 files, .*: write the folder before it$"):
        listed("file,label\ncat_0,cat")
    assert listed("file,label\ntrain/cat_0.png,cat").classes == ("cat",)


@given(some.text(max_size=200), some.sampled_from(["t.csv", "t.jsonl", "t.json", "t.tsv"]))
def test_any_text_is_a_table_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert all(row.file for row in read_table(path, "LABELS=t").rows)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017


CELLS = some.text(some.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=12).map(
    lambda cell: f"a{cell}b"  # spaces at the ends are no part of a name; Python's own csv does not quote \r
)


@given(
    some.lists(some.tuples(CELLS, CELLS), min_size=1, max_size=6, unique_by=lambda row: row[0]),
    some.sampled_from(",;\t"),
    some.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    some.sampled_from(["\n", "\r\n"]),
)
def test_what_pythons_csv_and_json_write_is_read_again(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    delimiter: str,
    quoting: Literal[0, 1],
    end: str,
) -> None:
    """Names and labels of any characters, also those at which `str.splitlines` breaks lines and tables do not."""
    folder = tmp_path_factory.mktemp("written")
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([("file", "label"), *rows])
    lines = [json.dumps({"file": name, "label": label}, ensure_ascii=False) for name, label in rows]
    (folder / "t.jsonl").write_text(end.join(lines), encoding="utf-8", newline="")
    for name in ("t.csv", "t.jsonl"):
        found = read_table(folder / name, "LABELS=t", ("file", "label")).rows
        assert [(row.file, row.label) for row in found] == rows
