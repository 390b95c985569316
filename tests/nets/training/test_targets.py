"""The loss of images that show several classes: against the formula written slowly, and the training of such a net."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from small_trainings import NET, PREPROCESSING, QUICK, TRAINING, VALIDATION

from reportgen.data.dataset import Split
from reportgen.nets.training import loop as training
from reportgen.nets.training import targets


def test_the_loss_is_the_sum_over_what_is_known() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 4.0, 60.0]], requires_grad=True)
    true = torch.tensor([[1, 0, -1], [-1, 1, 1]])
    found = targets.loss(logits, true)
    wanted = 0.0
    for row, answers in zip(logits.tolist(), true.tolist(), strict=True):
        for value, answer in zip(row, answers, strict=True):
            share = 1 / (1 + math.exp(-value))
            wanted -= {1: math.log(share), 0: math.log(max(1 - share, 1e-300)), -1: 0.0}[answer]
    assert abs(found.item() - wanted) < 1e-5
    [gradient] = torch.autograd.grad(found, logits)
    assert torch.allclose(gradient, torch.where(true < 0, 0.0, torch.sigmoid(logits) - true), atol=1e-6)
    assert targets.right(torch.tensor([0, 0]), true).tolist() == [True, False]


def test_of_one_class_an_image_it_is_cross_entropy() -> None:
    logits, labels = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3, 0])
    wanted = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    assert targets.loss(logits, labels) == wanted
    alone = targets.each_alone(labels.numpy(), 4)
    assert alone.tolist() == np.eye(4, dtype=int)[labels].tolist()


def test_images_that_show_nothing_count_in_no_accuracy(tmp_path: Path) -> None:
    def split(of: object) -> Split:
        alone = np.ones((len(of.labels), NET.classes), np.int8)  # type: ignore[attr-defined]
        alone[::2] = 0  # any guess is right of the others
        return Split(of.images, of.labels, ("",) * len(alone), None, alone)  # type: ignore[attr-defined]

    given, quick = (split(TRAINING), split(VALIDATION)), replace(QUICK, epochs=1)
    plan = training.Plan(NET, *given, PREPROCESSING, quick, 0, torch.device("cpu"), tmp_path)
    last = training.train(plan).epochs[-1]
    assert (last.train_accuracy, last.validation_accuracy) == (1, 1)


def test_a_net_learns_each_class_by_itself(tmp_path: Path) -> None:
    """Images whose second half of classes is always present as well: the net says both, which a softmax could not."""
    classes = NET.classes

    def split(of: object) -> Split:
        alone = targets.each_alone(of.labels, classes)  # type: ignore[attr-defined]
        alone[:, -1] = 1
        return Split(of.images, of.labels, ("",) * len(alone), None, alone)  # type: ignore[attr-defined]

    plan = training.Plan(
        NET,
        split(TRAINING),
        split(VALIDATION),
        PREPROCESSING,
        replace(QUICK, epochs=2),
        0,
        torch.device("cpu"),
        tmp_path,
    )
    history = training.train(plan)
    first, last = history.epochs[0], history.epochs[-1]
    assert last.train_loss < first.train_loss
    net, _ = training.finished(plan)
    logits = training.evaluate(net, VALIDATION, PREPROCESSING, plan.device)
    known = torch.from_numpy(np.array(split(VALIDATION).targets, dtype=np.int64))
    loss = targets.loss(torch.from_numpy(logits).double(), known).item() / len(known)
    assert last.validation_loss is not None
    assert abs(loss - last.validation_loss) < 1e-4
    assert (logits.argmax(axis=1) == classes - 1).all()
    crops = training.evaluate(net, VALIDATION, PREPROCESSING, plan.device, ten_crops=True, sigmoid=True)
    assert (np.exp(crops) < 1).all()
    assert (np.exp(crops).sum(axis=1) != 1).any()
