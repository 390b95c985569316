"""Features that SqueezeNet 1.1 learned on ImageNet, tried on photographs of Caltech-101."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torchvision

from reportgen.analyses.generalisation.by_layer import INPUTS, components, fit
from reportgen.analyses.generalisation.folds import draw_folds
from reportgen.analyses.generalisation.frozen import learn
from reportgen.analyses.generalisation.reading import Wanted, read
from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split, Transfer
from reportgen.data.decoding import read_image
from reportgen.data.folders import list_classes
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs

pytestmark = [pytest.mark.real, pytest.mark.slow]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def photographs(folder: Path, of_class: int, size: int) -> Transfer:
    """The first photographs of each class."""
    classes, files = list_classes(folder, str(folder))
    chosen = [file for label in range(len(classes)) for file in [f for f in files if f.label == label][:of_class]]
    images = np.stack([read_image(file.path, size) for file in chosen])
    labels = np.array([file.label for file in chosen])
    return Transfer("caltech101", classes, "", Split(images, labels, tuple(file.name for file in chosen)))


def squeezenet(real_data: Path, transfer: Transfer) -> Inputs:
    net = torchvision.models.squeezenet1_1()
    net.load_state_dict(safetensors.torch.load_file(real_data / "weights" / "squeezenet1_1_torchvision.safetensors"))
    data = Dataset("none", (), "", transfer.images, transfer.images, transfer.images)
    return Inputs.of(
        net, Preprocessing(Size.of(224), mean=MEAN, deviation=DEVIATION), data, transfer=transfer, batch=32
    )


def test_frozen_features_serve_other_photographs_and_the_deeper_the_better(real_data: Path) -> None:
    transfer = photographs(real_data / "caltech101" / "transfer", of_class=14, size=256)
    inputs = squeezenet(real_data, transfer)
    folds = draw_folds(transfer, (1, 5), 2, 0.5, np.random.default_rng(0))
    wanted = Wanted.of(inputs)
    features, layers = read(inputs, wanted, transfer.images, folds.used, "")
    assert [layer.number for layer in layers] == [1, 2, 3, 4, 5, 7]
    assert all(layer.features <= 10_000 for layer in layers)
    assert layers[-1].features == 512
    test, seeds = features[7][np.searchsorted(folds.used, folds.test)], np.arange(2)
    frozen = learn(inputs, wanted.top, transfer.images, folds, (1, 5), test, seeds)
    one, five = frozen.correct.mean(axis=(1, 2))
    assert 0.4 < one < five
    assert five > 0.7  # chance is 0.06
    fitted = components(inputs, wanted, np.random.default_rng(0))
    assert fitted[1] <= len(transfer.images) - 1
    found = fit(features, layers, fitted, transfer.images.labels, folds, 5, seeds)
    assert frozen.unfinished + found.unfinished == 0
    svm = np.array([found.of(through, "SVM").mean(axis=(1, 2)) for through in INPUTS])  # "input layer"
    assert (svm[:, -1] > svm[:, 0] + 0.2).all()
    every = svm[INPUTS.index("all")]
    assert every[-1] >= every[2] >= every[0]
