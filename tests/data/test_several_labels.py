"""Several labels an image: every way of writing them, their splits, and what a data set makes of them."""

import json
import re
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement

import numpy as np
import pytest
from coco_files import annotation_of, document_of, image_of
from PIL import Image
from pycocotools.coco import COCO

from reportgen.analyses import settings
from reportgen.base.errors import UserError
from reportgen.data.classes import Mapping
from reportgen.data.dataset import Dataset, Split, matrix
from reportgen.data.folders import ImageFile, Listing, split_several
from reportgen.data.labels import as_seen, write_seen
from reportgen.data.listing import list_images, list_labelled
from reportgen.settings.sections import DataSettings, LabelSettings

SHARES = {"val": 0.2, "test": 0.2}
SHOWS = {"a": ("cat",), "b": ("cat", "dog"), "c": ("dog", "elk"), "d": ()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    for name in SHOWS:
        Image.new("RGB", (40, 40)).save(f"images/{name}.png")
    return tmp_path


def listed(text: str, name: str = "labels.csv", several: bool = True, loaded: bool = True, **how: str) -> Listing:
    Path(name).write_text(text, encoding="utf-8")
    return list_labelled(Path("images"), LabelSettings(file=name, **how), SHARES, 0, loaded, several)  # type: ignore[arg-type]


def shown(listing: Listing) -> dict[str, tuple[str, ...] | None]:
    """What each file shows, by name."""
    return {
        file.path.stem: None if file.shows is None else tuple(listing.classes[kind] for kind in file.shows)
        for file in listing.splits["val"]
    }


def lines(header: str, separator: str, empty: str = "[]", quote: str = "") -> str:
    cells = {name: f"{quote}{separator.join(kinds)}{quote}" if kinds else empty for name, kinds in SHOWS.items()}
    return "\n".join([header, *(f"{name},{cell}" for name, cell in cells.items())])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (lines("file,labels", "|"), "bars.csv"),
        (lines("image_id,tags", ";"), "semicolons.csv"),
        (lines("file,labels", ",", quote='"'), "commas.csv"),
        ("id,cat,dog,elk\na,1,0,0\nb,1,1,0\nc,0,1,1\nd,0,0,0\n", "flags.csv"),
        ("file,label\na,cat\nb,dog\nb,cat\nc,dog\nc,elk\nc,elk\nd,[]\n", "long.csv"),
        ('file,labels\na,[\'cat\']\nb,"[\'cat\', \'dog\']"\nc,"[""dog"", ""elk""]"\nd,[]\n', "lists.csv"),
        (
            "\n".join(json.dumps({"file_name": f"{name}.png", "labels": kinds}) for name, kinds in SHOWS.items()),
            "a.jsonl",
        ),
        (
            json.dumps([{"image": name, "objects": {"categories": list(kinds)}} for name, kinds in SHOWS.items()]),
            "a.json",
        ),
    ],
)
def test_every_way_of_writing_them_says_the_same(home: Path, text: str, name: str) -> None:
    listing = listed(text, name)
    assert shown(listing) == {name: tuple(sorted(kinds)) for name, kinds in SHOWS.items()}
    assert listing.classes == ("cat", "dog", "elk")
    assert [file.label for file in listing.splits["val"]] == [0, -1, -1, -1]
    assert listing.several


def test_what_is_not_known_is_not_nothing(home: Path) -> None:
    listing = listed("file,labels\na,cat|dog\nb,\nc,nan\nd,[]\n")
    assert shown(listing) == {"a": ("cat", "dog"), "b": None, "c": None, "d": ()}
    rows = matrix(((file.shows, file.unclear) for file in listing.splits["val"]), 2)
    assert rows.tolist() == [[1, 1], [-1, -1], [-1, -1], [0, 0]]


def test_blanks_separate_only_words_that_come_again(home: Path) -> None:
    tags = "file,tags\na,haze primary\nb,haze\nc,primary\nd,primary haze water\n"
    assert shown(listed(tags))["d"] == ("haze", "primary", "water")
    assert "stand apart by blanks" in listed(tags).said
    breeds = "file,tags\na,golden retriever\nb,persian cat\nc,golden eagle\nd,persian cat\n"
    assert listed(breeds).classes == ("golden eagle", "golden retriever", "persian cat")
    assert listed(breeds, separator="blank").classes == ("cat", "eagle", "golden", "persian", "retriever")
    assert listed(tags, separator="none").classes[-1] == "primary haze water"
    assert not listed(tags, separator="none").several


def test_images_of_one_label_each_are_a_data_set_as_ever(home: Path) -> None:
    listing = listed("file,label\na,cat\nb,dog\nc,dog\nd,cat\n")
    assert not listing.several
    assert [file.name for file in listing.splits["val"]] == ["cat/a.png", "dog/b.png", "dog/c.png", "cat/d.png"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file,labels\na,\"['cat', 'dog'\"\nb,[x]\n", "'[x]' is no list of labels"),
        ("file,labels,split\na,cat,train\na,dog,val\n", "lines 2 and 3 give a two splits, 'train' and 'val'"),
    ],
)
def test_what_cannot_be_read_is_one_line(home: Path, text: str, why: str) -> None:
    with pytest.raises(UserError, match=rf"^LABELS=labels\.csv: .*{re.escape(why)}") as caught:
        listed(text)
    assert "\n" not in str(caught.value)


def coco() -> dict[str, object]:
    """The pictures, as COCO says what they show: one object twice, one image with none."""
    images = [image_of(number, f"{name}.png", (40, 40)) for number, name in enumerate(SHOWS, start=1)]
    marked = [(1, 7), (2, 9), (2, 7), (2, 9), (3, 9), (3, 8)]
    marks = [annotation_of(number, id=place, category_id=kind) for place, (number, kind) in enumerate(marked)]
    document = document_of(images, marks)
    return document | {"categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "elk"}, {"id": 9, "name": "dog"}]}


def test_cocos_objects_are_labels_as_pycocotools_counts_them(home: Path) -> None:
    listing = listed(json.dumps(coco()), "instances.json")
    assert {name: sorted(kinds) for name, kinds in shown(listing).items()} == {
        name: sorted(kinds) for name, kinds in SHOWS.items()
    }
    assert listing.classes == ("cat", "elk", "dog")  # as their numbers are
    read = COCO("instances.json")
    for file in listing.splits["val"]:
        [number] = [image["id"] for image in read.loadImgs(read.getImgIds()) if image["file_name"] == file.path.name]
        kinds = {read.cats[mark["category_id"]]["name"] for mark in read.loadAnns(read.getAnnIds(imgIds=[number]))}
        assert {listing.classes[kind] for kind in file.shows or ()} == kinds
    with pytest.raises(UserError, match=r"b\.png has 2 labels, 'dog' and 'cat': give OUTPUTS=sigmoid"):
        listed(json.dumps(coco()), "instances.json", several=False)


def test_the_layout_of_pascal_voc_is_read_with_its_splits_and_difficult_objects(home: Path) -> None:
    root = Path("voc")
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True)
    for name, kinds in {"a": (("cat", 0),), "b": (("cat", 0), ("dog", 1)), "c": (("dog", 0), ("cat", 1))}.items():
        Image.new("RGB", (40, 40)).save(root / "JPEGImages" / f"{name}.jpg")
        document = Element("annotation")
        for kind, difficult in kinds:
            marked = SubElement(document, "object")
            SubElement(marked, "name").text, SubElement(marked, "difficult").text = kind, str(difficult)
            box = SubElement(marked, "bndbox")
            for side, value in zip(("xmin", "ymin", "xmax", "ymax"), (1, 1, 9, 9), strict=True):
                SubElement(box, side).text = str(value)
        ElementTree(document).write(root / "Annotations" / f"{name}.xml")
    (root / "ImageSets" / "Main" / "train.txt").write_text("a\nb\n")
    (root / "ImageSets" / "Main" / "val.txt").write_text("c\n")
    listing = list_images(DataSettings(), LabelSettings(), root, 0, loaded=True, several=True)
    assert (listing.classes, listing.several) == (("cat", "dog"), True)
    [file] = listing.splits["val"]
    assert (file.path.name, file.shows, file.unclear) == ("c.jpg", (1,), (0,))
    assert matrix([(file.shows, file.unclear)], 2).tolist() == [[-1, 1]]
    with pytest.raises(UserError, match=r"^DATA=voc: PASCAL VOC's layout, .*: give OUTPUTS=sigmoid"):
        list_images(DataSettings(), LabelSettings(), root, 0, loaded=True)


def test_every_class_keeps_an_image_to_train_on() -> None:
    rng = np.random.default_rng(3)
    for images in (7, 40, 400):
        files = [
            ImageFile(
                Path(f"{place:04}"), f"{place:04}", -1, shows=tuple(np.flatnonzero(rng.random(12) < 0.15).tolist())
            )
            for place in range(images)
        ]
        found = split_several({"train": files}, SHARES, 0)
        assert sorted(file.name for part in found.values() for file in part) == [file.name for file in files]
        kinds = {kind for file in files for kind in file.shows or ()}
        assert {kind for file in found["train"] for kind in file.shows or ()} == kinds
        for name in ("val", "test"):
            assert images * 0.2 - 12 <= len(found[name]) <= images * 0.2
        assert split_several({"train": files}, SHARES, 0) == found
        assert images < 40 or split_several({"train": files}, SHARES, 1) != found
    assert abs(len(found["val"]) - 80) <= 2


def showing(*kinds: tuple[int, ...]) -> list[ImageFile]:
    return [ImageFile(Path(f"{at:04}"), f"{at:04}", -1, shows=shows) for at, shows in enumerate(kinds)]


def test_a_class_beside_rarer_ones_keeps_an_image_to_train_on() -> None:
    """Ten classes of three images; the last class is on one image each of three others, and none of its own group."""
    files = showing(
        *((kind, 10) if kind in {2, 4, 6} and not turn else (kind,) for kind in range(10) for turn in range(3))
    )
    for seed in range(40):
        found = split_several({"train": files}, {"val": 0.15, "test": 0.15}, seed)
        assert {kind for file in found["train"] for kind in file.shows or ()} == {*range(11)}


def test_among_many_images_that_show_nothing_each_split_has_one_that_does() -> None:
    found = split_several({"train": showing(*[()] * 60, *[(0,)] * 3, *[(1,)] * 3)}, {"val": 0.15, "test": 0.15}, 0)
    assert [sum(bool(file.shows) for file in found[name]) for name in ("train", "val", "test")] == [4, 1, 1]
    assert [len(found[name]) for name in ("val", "test")] == [9, 9]


def test_a_split_that_shows_no_class_is_refused(home: Path) -> None:
    with pytest.raises(
        UserError, match=r"^LABELS=labels\.csv: no val image shows a class: give more images with labels"
    ):
        listed("file,labels,split\na,cat|dog,train\nb,cat|dog,train\nc,cat|dog,test\nd,[],val\n", loaded=False)


def test_too_few_images_of_a_class_are_refused(home: Path) -> None:
    with pytest.raises(
        UserError, match=r"labels\.csv: elk: 1 image in this class: give 3 or more, or leave the class out$"
    ):
        listed("file,labels\na,cat|dog\nb,cat|dog\nc,cat|dog|elk\nd,cat|dog\n", loaded=False)


def test_folders_named_after_splits_are_splits(home: Path) -> None:
    for place, part in enumerate(("train", "train", "valid", "test")):
        Path("images", part).mkdir(exist_ok=True)
        Path("images", f"{'abcd'[place]}.png").rename(Path("images", part, f"{'abcd'[place]}.png"))
    listing = listed("file,label\na,cat\nb,dog\nc,dog\nd,cat\n", several=False, loaded=False)
    assert {name: [file.path.stem for file in files] for name, files in listing.splits.items()} == {
        "train": ["a", "b"], "val": ["c"], "test": ["d"]
    }  # fmt: skip


def several() -> Split:
    """Four images, by what they show of three classes; of the last it is not known."""
    shows = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0], [-1, -1, -1]], np.int8)
    images = np.arange(4, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    known = np.array([True, True, True, False])
    return Split(images, np.array([0, -1, -1, 2]), tuple("abcd"), known, shows)


def test_an_image_stands_once_for_each_class_that_it_shows() -> None:
    split = several()
    each = split.each_label
    assert [value.tolist() for value in split.pairs] == [[0, 1, 1, 3], [0, 0, 2, 2]]
    assert (each.names, each.labels.tolist()) == (("a", "b", "b", "d"), [0, 0, 2, 2])
    assert each.images[1:4, 0, 0, 0].tolist() == [1, 1, 3]
    assert each.known.tolist() == [True, True, True, False]
    assert [split.said(place, ("x", "y", "z")) for place in range(4)] == ["x", "x + z", "none of the classes", "z"]
    alone = Split(split.images, np.arange(4), split.names)
    assert alone.each_label is alone


def test_a_loaded_net_sees_its_own_classes(tmp_path: Path) -> None:
    data = Dataset("d", ("x", "y", "z"), "", several(), several(), several())
    mapping = Mapping((3, 0, -1), "by their names", ())
    write_seen(tmp_path / "seen.json", mapping, "pqrs", {"val": np.array([1, 1, 1, 1])})
    seen = as_seen(data, tmp_path).val
    assert seen.shows is not None
    assert seen.shows.tolist() == [[0, -1, -1, 1], [0, -1, -1, 1], [0, -1, -1, 0], [-1] * 4]
    assert (seen.labels.tolist(), seen.known.tolist()) == ([3, -1, -1, 1], [True, True, True, False])


@pytest.mark.parametrize(
    ("cell", "said"),
    [("['cat' 'dog']", "has no commas between its labels"), ("[cat, dog]", "is no list of labels")],
)
def test_a_list_that_is_none_is_refused(home: Path, cell: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        listed(f'file,labels\na,"{cell}"\n')


def test_a_list_may_hold_what_only_json_or_only_python_writes(home: Path) -> None:
    listing = listed('file,labels\na,"[""cat"", null]"\nb,"(\'dog\',)"\nc,"[\'dog\', None]"\nd,[]\n', separator="none")
    assert shown(listing)["a"] == ("cat",)
    assert shown(listing)["c"] == ("dog",)


def test_a_separator_asks_for_several_labels() -> None:
    with pytest.raises(UserError, match="one label an image is read: give OUTPUTS=sigmoid, or leave it out"):
        settings.load({"LABELS": "a.csv", "LABELS_SEPARATOR": "|", "DATA": "images"})


def test_where_no_image_shows_a_class_of_the_net_its_guesses_stand_in(tmp_path: Path) -> None:
    data = Dataset("d", ("x", "y", "z"), "", several(), several(), several())
    write_seen(tmp_path / "seen.json", Mapping((-1, 2, -1), "", ()), "pqrs", {"val": np.array([1, 1, 0, 3])})
    seen = as_seen(data, tmp_path).val
    assert (seen.labels.tolist(), seen.known.tolist()) == ([1, 1, 0, 3], [False] * 4)
    assert seen.each_label.labels.tolist() == [1, 1, 0, 3]
    assert [seen.said(place, "pqrs") for place in range(4)] == ["q", "q", "p", "s"]


def test_what_a_column_of_yes_and_no_leaves_open_is_neither(home: Path) -> None:
    """As CheXpert marks what is uncertain (-1) and what is not mentioned (empty)."""
    listing = listed("Path,cat,dog,elk\na,1,0,0\nb,1.0,,-1.0\nc,0,1,1\nd,,-1,\n")
    rows = matrix(((file.shows, file.unclear) for file in listing.splits["val"]), 3)
    assert rows.tolist() == [[1, 0, 0], [1, -1, -1], [0, 1, 1], [-1, -1, -1]]
