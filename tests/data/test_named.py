"""torchvision's data sets by name, as far as can be tried without a network."""

from pathlib import Path
from urllib.error import URLError

import fake_sets
import numpy as np
import pytest
import torchvision
from fake_sets import FAKES
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.data import named
from reportgen.data.folders import read_images
from reportgen.settings.sections import DataSettings


def imagenette(root: Path) -> None:
    """A data set in the form of Imagenette, with two of its classes."""
    for part, count in (("train", 4), ("val", 2)):
        for label, wnid in enumerate(("n01440764", "n03888257")):
            folder = root / "data" / "imagenette2" / part / wnid
            folder.mkdir(parents=True)
            for index in range(count):
                Image.new("RGB", (40, 50), (100 * label, 10 * index, 0)).save(folder / f"{index}.jpeg")


def test_a_set_that_lies_there_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    imagenette(tmp_path)
    listing = named.list_named(DataSettings(source="Imagenette"), 0, loaded=True)
    assert listing.classes == ("tench", "parachute")
    assert listing.same == {"test": "val"}
    assert [file.label for file in listing.splits["val"]] == [0, 0, 1, 1]
    assert listing.splits["train"] == ()
    assert all(file.path.is_file() and file.picture is None for file in listing.splits["val"])
    images = [image for _, image in read_images(listing.splits["val"], 32, lambda *_: pytest.fail("skipped"))]
    assert [round(image[..., 0].mean() / 100) for image in images] == [0, 0, 1, 1]
    assert all(image.shape == (32, 32, 3) for image in images)


def caltech256(root: Path) -> None:
    """A data set in the form of Caltech-256, with two of its classes and what is no class."""
    for label, kind in enumerate(("001.ak47", "002.american-flag", "257.clutter"), start=1):
        folder = root / "data" / "caltech256" / "256_ObjectCategories" / kind
        folder.mkdir(parents=True)
        for index in range(1, 4):
            Image.new("RGB", (40, 50), (60 * label, 0, 0)).save(folder / f"{label:03}_{index:04}.jpg")


def test_caltech_256_is_read_without_its_clutter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    caltech256(tmp_path)
    classes, files = named.list_transfer("Caltech256")
    assert classes == ("001.ak47", "002.american-flag")
    assert [file.label for file in files] == [0, 0, 0, 1, 1, 1]
    images = [image for _, image in read_images(files, 32, lambda *_: pytest.fail("skipped"))]
    assert [round(image[..., 0].mean() / 60) for image in images] == [1, 1, 1, 2, 2, 2]
    listing = named.list_named(DataSettings(source="Caltech256"), 0, loaded=False)
    assert listing.classes == classes


def test_of_a_set_for_transfer_the_part_is_read_that_nobody_trains_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    imagenette(tmp_path)
    classes, files = named.list_transfer("Imagenette")
    assert classes == ("tench", "parachute")
    assert {file.name.split("/")[1][:3] for file in files} == {"val"}


def test_pascal_voc_is_found_where_torchvision_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torchvision.datasets.voc.download_and_extract_archive", _no_network)
    with pytest.raises(UserError, match=r"^TRANSFER=VOC2012: it is not in data/VOCdevkit/VOC2012, .*no network here"):
        named.voc_folder()
    (tmp_path / "data" / "VOCdevkit" / "VOC2012").mkdir(parents=True)
    assert named.voc_folder() == Path("data/VOCdevkit/VOC2012")


def _no_network(*args: object, **more: object) -> None:
    raise URLError("no network here")


def test_for_training_the_missing_split_is_taken_from_the_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    imagenette(tmp_path)
    listing = named.list_named(DataSettings(source="Imagenette"), 0, loaded=False)
    counts = {name: np.bincount([file.label for file in files]).tolist() for name, files in listing.splits.items()}
    assert counts == {"train": [3, 3], "val": [2, 2], "test": [1, 1]}
    names = [file.name for files in listing.splits.values() for file in files]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("source", FAKES)
def test_each_set_is_read_in_its_own_layout(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images of a class are of its level; a loaded net is shown those that nobody trains on."""
    monkeypatch.chdir(tmp_path)
    for module in (
        *(torchvision.datasets.utils, torchvision.datasets.cifar, torchvision.datasets.svhn),
        *(torchvision.datasets.flowers102, torchvision.datasets.places365, torchvision.datasets.mnist),
    ):
        monkeypatch.setattr(module, "check_integrity", lambda file, md5=None: Path(file).is_file())
    make, classes, splits = FAKES[source]
    make(tmp_path / "data")
    loaded = named.list_named(DataSettings(source=source), 0, loaded=True)
    assert loaded.classes[:2] == classes
    shown = next(part for part in ("val", "test", "train") if part in splits)
    files = loaded.splits["val"]
    assert [file.label for file in files] == fake_sets.labels(shown)
    images = [image for _, image in read_images(files, 32, lambda *_: pytest.fail("skipped"))]
    assert [round(float(image.mean())) for image in images] == [fake_sets.level(file.label) for file in files]
    trained = named.list_named(DataSettings(source=source), 0, loaded=False)
    counts = {part: sum(file.label < 2 for file in found) for part, found in trained.splits.items()}
    assert sum(counts.values()) == sum(len(fake_sets.labels(part)) for part in splits)
    assert all(counts[part] == len(fake_sets.labels(part)) for part in splits if part != "train")
    assert all(file.picture is not None or file.path.is_file() for found in trained.splits.values() for file in found)


@pytest.mark.parametrize("switch", ["DATA", "TRANSFER"])
@pytest.mark.parametrize("source", named.SETS)
def test_a_set_that_cannot_be_had_names_its_place(
    source: str, switch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("urllib.request.urlopen", _no_network)
    with pytest.raises(UserError) as caught:
        named.list_named(DataSettings(source=source), 0, loaded=True, switch=switch)
    said = str(caught.value)
    assert said.startswith(f"{switch}={source}: it is not in data")
    assert "no network here" in said or not named.SETS[source].downloads
    assert "\n" not in said
