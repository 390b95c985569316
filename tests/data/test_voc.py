"""Folders in the layout of PASCAL VOC."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.data.voc import ABSENT, PRESENT, UNCLEAR, Annotated, Box, Instance, Listing, is_voc, list_voc

SAID = "TRANSFER=photos"


def thing(kind: str, box=(1, 2, 30, 20), **flags: int) -> str:
    sides = "".join(f"<{s}>{v}</{s}>" for s, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    said = "".join(f"<{name}>{value}</{name}>" for name, value in flags.items())
    return f"<object><name>{kind}</name>{said}<bndbox>{sides}</bndbox></object>"


def annotation(*things: str) -> str:
    return f"<annotation><folder>VOC2012</folder>{''.join(things)}</annotation>"


def write(root: Path, images: dict[str, str], splits: dict[str, list[str]], suffix: str = ".jpg") -> Path:
    for below in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / below).mkdir(parents=True, exist_ok=True)
    for name, xml in images.items():
        Image.new("RGB", (40, 24), "grey").save(root / "JPEGImages" / f"{name}{suffix}")
        (root / "Annotations" / f"{name}.xml").write_text(xml)
    for split, names in splits.items():
        (root / "ImageSets/Main" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return root


@pytest.fixture
def voc(tmp_path) -> Path:
    images = {
        "2008_000001": annotation(thing("dog"), thing("cat", difficult=1), thing("cat", (5.5, 6, 7, 8), difficult=0)),
        "2008_000002": annotation(thing("train", difficult=1, truncated=1)),
        "2008_000003": annotation(thing("dog")),
    }
    return write(tmp_path / "VOC2012", images, {"train": ["2008_000001", "2008_000002"], "val": ["2008_000003"]})


def test_images_and_what_they_show(voc):
    found = list_voc(voc, ("train", "val"), SAID)
    assert found.classes == ("cat", "dog", "train")
    first, second = found.splits["train"]
    assert (first.name, first.path) == ("2008_000001", voc / "JPEGImages/2008_000001.jpg")
    assert first.instances[2] == Instance("cat", Box(5.5, 6, 7, 8))
    assert second.instances == (Instance("train", Box(1, 2, 30, 20), difficult=True, truncated=True),)


def test_a_class_of_which_all_instances_are_difficult_is_neither_present_nor_absent(voc):
    found = list_voc(voc, ("train", "val"), SAID)
    np.testing.assert_array_equal(found.labels("train"), [[1, 1, 0], [0, 0, -1]])
    np.testing.assert_array_equal(found.labels("val"), [[0, 1, 0]])
    assert found.labels("train").dtype == np.int8


@pytest.mark.parametrize("above", ["", "VOC2012", "VOCdevkit/VOC2012"])
def test_the_layout_is_found_where_voc_unpacks_it(tmp_path, above):
    write(tmp_path / above, {"a": annotation(thing("dog"), thing("cat"))}, {"val": ["a"]}, ".png")
    assert is_voc(tmp_path)
    assert len(list_voc(tmp_path, ("val",), SAID).splits["val"]) == 1


def test_parts_of_an_object_are_no_objects(voc):
    """VOC marks heads and hands inside of an object."""
    inside = thing("person").replace("</object>", "<part><name>head</name></part></object>")
    write(voc, {"p": annotation(inside, thing("cat"))}, {"train": ["p"]})
    assert list_voc(voc, ("train",), SAID).classes == ("cat", "person")


def test_a_folder_of_another_layout_is_refused(tmp_path):
    assert not is_voc(tmp_path)
    with pytest.raises(
        UserError, match=r"^TRANSFER=photos: no JPEGImages/, Annotations/ and ImageSets/Main/ in it: give"
    ):
        list_voc(tmp_path, ("train",), SAID)
    with pytest.raises(UserError, match=r"^TRANSFER=photos: no such folder: give the folder VOC2012"):
        list_voc(tmp_path / "nowhere", ("train",), SAID)


def test_a_split_that_is_not_there_is_named_beside_those_that_are(voc):
    with pytest.raises(UserError, match=r"no split 'test' \(.*test.txt is missing; there are train, val\): add it"):
        list_voc(voc, ("train", "test"), SAID)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../secret", "is not the name of an image in the folder"),
        ("/etc/passwd", "is not the name of an image in the folder"),
        ("..", "is not the name of an image in the folder"),
        ("a\\b", "is not the name of an image in the folder"),
        ("C:x", "is not the name of an image in the folder"),
        ("x" * 300, "is not the name of an image in the folder"),
        ("a\x07b", "is not the name of an image in the folder"),
        ("2008_000001", "is named twice"),
    ],
)
def test_a_name_cannot_lead_out_of_the_folder(voc, name, why):
    write(voc, {}, {"train": ["2008_000001", "", name]})
    with pytest.raises(
        UserError, match=rf"^TRANSFER=photos: .*train.txt, line 3: '.*' {why}: write a name on each line$"
    ):
        list_voc(voc, ("train",), SAID)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty: write the name"),
        (b"\xff\xfe\x00", r"not a text file \(no text in UTF-8: save it as UTF-8\): write the name"),
        (b"\n" * 3_000_001, "more than 3,000,000 lines: write the name"),
    ],
)
def test_a_split_without_names_is_refused(voc, content, message):
    (voc / "ImageSets/Main/train.txt").write_bytes(content)
    with pytest.raises(UserError, match=f"train.txt: {message}"):
        list_voc(voc, ("train",), SAID)


def test_a_missing_image_or_annotation_is_named(voc):
    (voc / "Annotations/2008_000003.xml").unlink()
    with pytest.raises(
        UserError, match=r"Annotations/2008_000003.xml is missing: put it there, or take 2008_000003 out"
    ):
        list_voc(voc, ("val",), SAID)
    (voc / "JPEGImages/2008_000001.jpg").unlink()
    with pytest.raises(UserError, match=r"JPEGImages/2008_000001.jpg \(or .jpeg, .png\) is missing: put it there"):
        list_voc(voc, ("train",), SAID)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Annotations/2008_000003.xml", r"not an annotation of PASCAL VOC \(no ordinary file\): mend it, or take"),
        ("ImageSets/Main/val.txt", r"not a text file \(no ordinary file\): write the name"),
    ],
)
def test_a_pipe_is_not_waited_for(voc, name, said):
    (voc / name).unlink()
    os.mkfifo(voc / name)
    with pytest.raises(UserError, match=f"{name}: {said}"):
        list_voc(voc, ("val",), SAID)


def test_labels_of_very_many_classes_are_found_at_once():
    class Counted(tuple):
        def index(self, *of):
            raise AssertionError("it goes through all classes for each object")

    box = Box(1, 1, 2, 2)
    image = Annotated("a", Path("a.jpg"), (Instance("b", box), Instance("c", box, difficult=True)))
    listing = Listing(Counted(("a", "b", "c")), {"train": (image,)})
    assert listing.labels("train").tolist() == [[ABSENT, PRESENT, UNCLEAR]]


LAUGHS = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><annotation>&y;</annotation>'
FETCHES = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        ("", "no element found"),
        ("<annotation><object></annotation>", "mismatched tag"),
        ("<annotation/> more", "junk after document element"),
        ("<scene/>", "<scene> where <annotation> should be"),
        ('<?xml version="1.0" encoding="nobodys"?><annotation/>', "unknown encoding: nobodys"),
        ('<?xml version="1.0" encoding="zlib"?><annotation/>', "'zlib' is not a text encoding"),
        (LAUGHS, "it declares a document type"),
        (FETCHES, "it declares a document type"),
        (annotation("<object><bndbox/></object>"), "an object without a name"),
        (annotation("<object><name>dog</name></object>"), "dog: no <xmin>"),
        (annotation(thing("dog", ("left", 1, 2, 3))), "dog: 'left' in <xmin> is not a number"),
        (annotation(thing("dog", ("nan", 1, 2, 3))), "dog: 'nan' in <xmin> is not a number"),
        (annotation(thing("dog", (9, 1, 2, 3))), "dog: its box ends before it begins"),
        (annotation(thing("dog", difficult=2)), "dog: '2' in <difficult>: use 0 or 1"),
        (annotation(thing("d" * 300)), f"'{'d' * 80}' cannot be the name of a class"),
        (annotation(" " * 1_000_001), "1,000,050 bytes are more than 1,000,000"),
    ],
)
def test_a_broken_annotation_is_one_line(voc, xml, why):
    (voc / "Annotations/2008_000003.xml").write_text(xml)
    way_out = "mend it, or take 2008_000003 out of ImageSets/Main"
    message = (
        rf"^TRANSFER=photos: .*2008_000003.xml: not an annotation of PASCAL VOC \({re.escape(why)}.*\): {way_out}$"
    )
    with pytest.raises(UserError, match=message) as caught:
        list_voc(voc, ("val",), SAID)
    assert "\n" not in str(caught.value)


def test_one_class_is_no_choice(voc):
    with pytest.raises(UserError, match="1 class of objects in val: mark two or more"):
        list_voc(voc, ("val",), SAID)


@pytest.mark.parametrize(("bound", "most"), [("MOST_CLASSES", 2), ("MOST_MARKS", 5)])
def test_too_many_classes_end_the_reading(voc, monkeypatch, bound, most):
    monkeypatch.setattr(f"reportgen.data.voc.{bound}", most)
    said = r"^TRANSFER=photos: 3 classes or more, of \d images so far, are too many: mark fewer$"
    with pytest.raises(UserError, match=said):
        list_voc(voc, ("train", "val"), SAID)
