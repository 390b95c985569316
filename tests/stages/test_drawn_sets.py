"""Drawn images beside the data set: those that comparison nets are judged on, and those of several objects."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_marks_stages import SIZE, make, work_of

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.data.dataset import Multilabel, open_judging
from reportgen.data.decoding import read_image
from reportgen.scenes import TRAINING_CLASSES, TRANSFER_CLASSES
from reportgen.stages import compare, data, judging, multilabel
from reportgen.stages.plan import stages

FEW = {"DATA_JUDGE": "2", "DATA_MULTI_TRAIN": "8", "DATA_MULTI_TEST": "4"}


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    return tmp_path / "build"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for kind in ("dog", "wheel"):
            for number in range(3):
                place = tmp_path / "photos" / split / kind / f"{number}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)).save(place)
    return tmp_path / "photos"


def test_further_images_are_of_the_training_classes_and_none_of_the_data_sets(build: Path) -> None:
    numbers = make(judging, "judging", build, **FEW)["numbers"]
    found = open_judging(build / "judging")
    assert found is not None
    assert numbers["images"] == len(found) == 2 * len(TRAINING_CLASSES)
    assert numbers["classes"] == sorted(TRAINING_CLASSES)
    assert found.labels.tolist() == sorted([*range(len(TRAINING_CLASSES))] * 2)
    assert found.images.shape[1:] == (SIZE, SIZE, 3)
    make(data, "data", build, DATA_TRAIN="2", DATA_VAL="2", DATA_TEST="2", DATA_TRANSFER="1")
    known = {
        image.tobytes() for split in ("train", "val", "test") for image in np.load(build / "data" / f"{split}.npy")
    }
    assert not known & {image.tobytes() for image in found.images}


def test_of_a_users_images_there_are_no_further_ones(build: Path, photos: Path) -> None:
    make(judging, "judging", build, DATA=str(photos))
    assert open_judging(build / "judging") is None


@pytest.mark.parametrize("drawn", [True, False])
def test_a_comparison_net_is_judged_on_further_images_or_on_the_test_images(
    build: Path, photos: Path, drawn: bool
) -> None:
    given = (
        {"DATA_TRAIN": "2", "DATA_VAL": "2", "DATA_TEST": "1", "DATA_TRANSFER": "1"} if drawn else {"DATA": str(photos)}
    )
    make(data, "data", build, **FEW, **given)
    make(judging, "judging", build, **FEW, **given)
    work = replace(work_of("compare/zfnet", build, **FEW, **given), stamp={"fingerprint": "0" * 16})
    (build / "compare" / "zfnet").mkdir(parents=True)
    compare.make(work, build / "compare" / "zfnet")
    numbers = read_json(build / "compare" / "zfnet" / DOCUMENT)["numbers"]
    judged = read_arrays(build / "compare" / "zfnet" / "predictions.npz")
    split = "judging/judging" if drawn else "data/test"
    np.testing.assert_array_equal(judged["judged_labels"], np.load(build / f"{split}-labels.npy"))
    assert judged["judged_logits"].dtype == np.float32
    assert judged["judged_logits"].shape == (24 if drawn else 6, 12 if drawn else 2)
    assert numbers["judged_on"] == ("further images" if drawn else "test images")
    assert numbers["judged_images"] == len(judged["judged_labels"])
    wrong = judged["judged_logits"].argmax(axis=1) != judged["judged_labels"]
    assert numbers["judged_error"] == pytest.approx(wrong.mean())
    assert len(judged["logits"]) == len(judged["labels"]) == len(np.load(build / "data/val-labels.npy"))


def test_a_loaded_net_has_no_further_images() -> None:
    loaded = settings.load({"PROFILE": "tiny", "MODEL": "resnet18", "WEIGHTS": "DEFAULT"})
    assert "judging" not in stages(loaded)
    assert "multilabel" in stages(loaded)


def test_scenes_of_several_objects(build: Path) -> None:
    numbers = make(multilabel, "multilabel", build, **FEW)["numbers"]
    found = Multilabel.open(build / "multilabel")
    assert found is not None
    assert set(found.classes) <= {*TRAINING_CLASSES, *TRANSFER_CLASSES}
    assert (len(found.train), len(found.test)) == (8, 4)
    for part, split in (("train", found.train), ("test", found.test)):
        assert split.images.shape == (len(split), SIZE, SIZE, 3)
        assert split.labels.shape == (len(split), len(found.classes))
        assert set(np.unique(split.labels)) <= {-1, 0, 1}
        counts = numbers["images_of_class"][part]
        assert [counts[kind]["present"] for kind in found.classes] == (split.labels == 1).sum(axis=0).tolist()
        assert all(sum(of.values()) == len(split) for of in counts.values())
    (root,) = (build.parent / "data").glob("multilabel-*")
    first = found.train.names[0]
    np.testing.assert_array_equal(found.train.images[0], read_image(root / "JPEGImages" / f"{first}.png", SIZE))


def test_without_scenes_there_are_none_of_several_objects(build: Path, photos: Path) -> None:
    make(multilabel, "multilabel", build, DATA=str(photos))
    assert Multilabel.open(build / "multilabel") is None


def test_an_image_that_cannot_be_decoded_takes_its_labels_along(build: Path, tmp_path: Path) -> None:
    make(multilabel, "multilabel", build, **FEW)
    whole = Multilabel.open(build / "multilabel")
    assert whole is not None
    (root,) = (tmp_path / "data").glob("multilabel-*")
    (root / "JPEGImages" / f"{whole.train.names[2]}.png").write_bytes(b"none")
    (tmp_path / "again").mkdir()
    multilabel.write(tmp_path / "again", root, SIZE, "drawn", "TRANSFER=scenes")
    found = Multilabel.open(tmp_path / "again")
    assert found is not None
    assert found.train.names == (*whole.train.names[:2], *whole.train.names[3:])
    np.testing.assert_array_equal(found.train.labels, np.delete(whole.train.labels, 2, axis=0))
    np.testing.assert_array_equal(found.train.images, np.delete(np.asarray(whole.train.images), 2, axis=0))
