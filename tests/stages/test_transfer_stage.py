"""The transfer stage: torchvision's sets by name, and images of several things, which are not for it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, FileDigests, read_json
from reportgen.base.errors import UserError
from reportgen.data.dataset import Transfer
from reportgen.pipeline import user_files
from reportgen.pipeline.work import Work
from reportgen.stages import transfer
from reportgen.stages.plan import stages


def make(folder: Path, **switches: str) -> None:
    loaded = settings.load({"PROFILE": "tiny", **switches})
    transfer.make(Work(stages(loaded)["transfer"], loaded, folder, folder / "report", {}), folder)


def digest(**switches: str) -> str:
    return user_files.transfer_images(settings.load({"PROFILE": "tiny", **switches}), FileDigests(Path("digests")))


def voc(root: Path) -> Path:
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True)
    return root


def test_a_set_of_torchvisions_is_named_as_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for label, kind in enumerate(("001.ak47", "002.flag"), start=1):
        folder = tmp_path / "data" / "caltech256" / "256_ObjectCategories" / kind
        folder.mkdir(parents=True)
        for index in (1, 2):
            Image.new("RGB", (60, 50), (90 * label, 0, 0)).save(folder / f"{label:03}_{index:04}.jpg")
    assert digest(TRANSFER="Caltech256") == "Caltech256"
    (tmp_path / "out").mkdir()
    make(tmp_path / "out", TRANSFER="Caltech256")
    found = Transfer.open(tmp_path / "out")
    assert found is not None
    assert (found.name, found.classes) == ("Caltech256", ("001.ak47", "002.flag"))
    assert found.images.labels.tolist() == [0, 0, 1, 1]
    assert np.asarray(found.images.images).shape == (4, 48, 48, 3)


@pytest.mark.parametrize("source", ["VOC2012", "folder"])
def test_images_of_several_things_are_not_for_it(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    voc(tmp_path / "folder")
    (tmp_path / "out").mkdir()
    make(tmp_path / "out", TRANSFER=source)
    assert read_json(tmp_path / "out" / DOCUMENT) == {"numbers": None}
    assert Transfer.open(tmp_path / "out") is None


@pytest.mark.parametrize(
    ("source", "near"),
    [("Caltech265", "did you mean 'Caltech256'?"), ("VOC2021", "did you mean 'VOC2012'?"), ("x/y", "")],
)
def test_a_name_that_is_no_folder_and_no_set_is_refused(
    source: str, near: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        digest(TRANSFER=source)
    assert str(caught.value).startswith(f"TRANSFER={source}: no such folder")
    assert near in str(caught.value)


def test_a_folder_of_a_sets_name_is_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    voc(tmp_path / "VOC2012")
    assert not settings.load({"TRANSFER": "VOC2012"}).transfer.named
    assert digest(TRANSFER="VOC2012") != "VOC2012"
