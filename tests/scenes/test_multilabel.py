"""Scenes with several objects, and their folder in VOC's layout."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from reportgen.data.decoding import read_image
from reportgen.data.voc import list_voc
from reportgen.scenes import TRAINING_CLASSES, TRANSFER_CLASSES, draw_group, generate_multilabel
from reportgen.scenes.group import HARD_TO_SEE, HIDDEN
from reportgen.scenes.multilabel import _planned
from reportgen.scenes.scene import extent

ALL = TRAINING_CLASSES + TRANSFER_CLASSES
COUNTS = {"train": 12, "val": 8}


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("multilabel")
    generate_multilabel(root, 48, COUNTS, seed=3)
    return root


def test_objects_share_no_pixel_and_are_boxed_by_what_is_visible():
    hidden = 0
    for seed in range(12):
        group = draw_group(("dog", "mug", "tree", "fish"), 64, np.random.default_rng(seed))
        assert group.image.shape == (64, 64, 3)
        assert np.sum([seen.mask for seen in group.objects], axis=0).max() <= 1
        for seen in group.objects:
            assert seen.box == extent(seen.mask)
            assert 0 < seen.share <= 1 + 1e-6
            assert seen.difficult == (seen.mask.mean() < HARD_TO_SEE or seen.share < HIDDEN)
            hidden += seen.share < 0.9
    assert hidden > 6  # nearer objects hide farther ones, and the frame cuts some


def test_one_object_alone_is_mostly_visible():
    shares = [draw_group(("wheel",), 48, np.random.default_rng(seed)).objects[0].share for seed in range(8)]
    assert np.median(shares) > 0.95


@pytest.mark.parametrize(
    ("kinds", "size", "message"),
    [
        ((), 96, "0 objects: use 1 to 4"),
        (("dog",) * 5, 96, "5 objects: use 1 to 4"),
        (("dragon",), 96, "class 'dragon': use one of dog"),
        (("dog",), 20, "size=20: use 32 pixels or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused(kinds, size, message):
    with pytest.raises(ValueError, match=message):
        draw_group(kinds, size, np.random.default_rng(0))


def test_same_bytes_with_one_and_two_workers(drawn, tmp_path):
    generate_multilabel(tmp_path, 48, COUNTS, seed=3, workers=2)
    assert files(tmp_path) == files(drawn)


def test_the_reader_of_voc_reads_it(drawn):
    found = list_voc(drawn, ("train", "val"), "drawn")
    assert set(found.classes) <= set(ALL)
    assert {split: len(images) for split, images in found.splits.items()} == COUNTS
    marked = [len(image.instances) for image in found.splits["train"]]
    assert max(marked) <= 4
    assert sum(marked) > 20
    for image in found.splits["val"]:
        assert read_image(image.path, 48).shape == (48, 48, 3)
        for instance in image.instances:
            left, top, right, bottom = instance.box
            assert 1 <= left <= right <= 48
            assert 1 <= top <= bottom <= 48


def test_the_classes_own_files_say_what_the_annotations_say(drawn):
    """VOC's 1, -1 and 0 (only difficult ones) against labels that are computed from the annotations."""
    found = list_voc(drawn, ("train", "val"), "drawn")
    as_voc = {1: 1, 0: -1, -1: 0}
    for split in COUNTS:
        labels = found.labels(split)
        for column, kind in enumerate(found.classes):
            lines = (drawn / "ImageSets/Main" / f"{kind}_{split}.txt").read_text().splitlines()
            said = dict(line.split() for line in lines)
            assert {name: int(flag) for name, flag in said.items()} == {
                image.name: as_voc[int(labels[row, column])] for row, image in enumerate(found.splits[split])
            }


def test_every_class_is_dealt_equally_often():
    jobs = _planned("train", 72, 0)
    assert Counter(len(job.kinds) for job in jobs) == {1: 18, 2: 18, 3: 18, 4: 18}
    assert all(len(set(job.kinds)) == len(job.kinds) for job in jobs)
    assert set(Counter(kind for job in jobs for kind in job.kinds).values()) == {10}


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"images names .'test'.: use train, val"):
        generate_multilabel(tmp_path, 32, {"test": 1}, seed=0)
