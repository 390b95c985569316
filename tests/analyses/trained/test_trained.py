"""The net and its data: what is shown of many classes, and of a net that makes no mistakes."""

from pathlib import Path

import numpy as np
from planted import PREPROCESSING
from small_nets import TINY

from reportgen.analyses.trained import analysis as trained
from reportgen.base.artifacts import write_arrays, write_json
from reportgen.data.dataset import Dataset, Split
from reportgen.look.inputs import Inputs, TrainedNet
from reportgen.nets.snapshots import NET, save_net
from reportgen.nets.zfnet import ZFNet


def inputs(folder: Path, classes: int, guesses: np.ndarray, labels: np.ndarray) -> Inputs:
    """A net that guesses so, on images whose pixels are their labels."""
    images = np.broadcast_to(labels[:, None, None, None], (len(labels), 4, 4, 3)).astype(np.uint8)
    split = Split(images, labels, tuple(f"{label}/{index}.png" for index, label in enumerate(labels)))
    data = Dataset("planted", tuple(f"class {index}" for index in range(classes)), "", split, split, split)
    logits = np.eye(classes)[guesses] * 3.0
    write_arrays(folder / "net" / "predictions.npz", {"logits": logits, "labels": labels})
    epoch = {"epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5, "validation_loss": 1.0, "validation_accuracy": 0.5}
    write_json(folder / "net" / "history.json", {"epochs": [epoch]})
    save_net(ZFNet(TINY), PREPROCESSING, folder / "net" / NET)
    return Inputs(data, TrainedNet.in_folder(folder / "net", {}))


def test_the_confusion_matrix_and_the_mistakes_are_those_of_the_net(tmp_path: Path) -> None:
    labels, guesses = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    found = trained.compute(inputs(tmp_path, 3, guesses, labels), trained.Settings(), np.random.default_rng(0))
    assert found.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert found.top1 == 0.5
    said = trained.numbers(found)
    assert said["class_accuracy"] == {"class 0": 0.5, "class 1": 1.0, "class 2": 0.0}
    assert (said["best_class"], said["worst_class"], said["mistakes"]) == ("class 1", "class 2", 2)
    assert [title.split(" (")[0] for title in found.mistake_titles] == [
        "class 0, taken for class 1",
        "class 2, taken for class 0",
    ]


def test_mistakes_that_are_as_common_are_counted(tmp_path: Path) -> None:
    labels, guesses = np.array([0, 0, 1, 1, 2, 2, 3]), np.array([0, 1, 1, 0, 2, 3, 3])
    said = trained.numbers(
        trained.compute(inputs(tmp_path, 4, guesses, labels), trained.Settings(), np.random.default_rng(0))
    )
    assert said["most_confused"] == ["class 0", "class 1", 1]
    assert said["as_confused"] == 3


def test_of_many_classes_some_are_shown(tmp_path: Path) -> None:
    labels = np.arange(100)
    made = inputs(tmp_path, 100, labels, labels)
    found = trained.compute(made, trained.Settings(gallery=2, gallery_classes=10), np.random.default_rng(0))
    assert len(found.gallery) == 20
    shown = [int(name.split()[1]) for name in found.gallery_classes]
    assert found.gallery[::2, 0, 0, 0].tolist() == shown
    gallery = trained.figures(found)["gallery"]
    assert gallery.caption == "2 training images of each of 10 of the 100 classes, drawn at random."


def test_a_net_without_mistakes_has_no_picture_of_them(tmp_path: Path) -> None:
    labels = np.array([0, 1])
    found = trained.compute(inputs(tmp_path, 2, labels, labels), trained.Settings(), np.random.default_rng(0))
    assert "mistakes" not in trained.figures(found)
    assert trained.numbers(found)["mistakes"] == 0
