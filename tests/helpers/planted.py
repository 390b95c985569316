"""Nets built by hand and made-up results of training, for the analyses that look at comparison nets."""

from typing import Any

import numpy as np
from torch import nn

from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs, Judged, Learned

SIDE = 32  # pixels of the planted images
PREPROCESSING = Preprocessing(crop=Size.of(SIDE), mean=(0.5, 0.5, 0.5), deviation=(0.25, 0.25, 0.25))
LAYERS = [{"layer": number, "maps": 4 * number, "convolved": 5} for number in range(1, 9)]


def dataset(images: np.ndarray, classes: int = 8) -> Dataset:
    """A data set all of whose parts are these images; their classes take turns."""
    labels = np.arange(len(images)) % classes
    split = Split(images, labels, tuple(f"{label}/{place}.png" for place, label in enumerate(labels)))
    return Dataset("planted", tuple(f"class {index}" for index in range(classes)), "", split, split, split)


def facts(right: int, images: int, **more: Any) -> dict[str, Any]:
    """What the stage of a comparison net writes down."""
    known = {
        "epochs": 12,
        "finished_epochs": 12,
        "diverged": None,
        "parameters": 1000,
        "multiply_adds": 2_000_000,
        "layers": LAYERS,
        "train_error": 0.1,
        "trained_out": True,
        "learned_from": 40,
        "top1": right / images,
        "top5": 1.0,
        "correct": right,
        "labelled_images": images,
        "classes": 8,
        "chance": 1 / 8,
    }
    return known | more


def history(clipped: float = 0.0) -> list[dict[str, Any]]:
    """The epochs of a training in which clipping rescaled a share of layer 2's filters."""
    rescaled = {"layer1.conv": 0.0, "layer2.conv": clipped} if clipped else {}
    return [{"epoch": number, "train_accuracy": 0.9, "clipped": rescaled} for number in range(1, 13)]


def learned(
    wrong: np.ndarray,
    labels: np.ndarray,
    clipped: float = 0.0,
    judged: np.ndarray | None = None,
    **more: Any,
) -> Learned:
    """A training whose net gets these validation images wrong, for the class after the true one; and these further ones."""
    numbers = facts(int((~wrong).sum()), len(labels), **more)
    further = None
    if judged is not None:
        true = np.arange(len(judged)) % 8
        further = Judged(answers(judged, true), true, "further images")
    return Learned(numbers, answers(wrong, labels), history(clipped), further)


def answers(wrong: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Logits of a net that takes these images for the class after the true one."""
    return np.eye(8)[np.where(wrong, (labels + 1) % 8, labels)] * 3.0


def opened(net: nn.Module, data: Dataset, came_to: Learned) -> Inputs:
    """A comparison net as an analysis is given it."""
    return Inputs.of(net, PREPROCESSING, data, learned=came_to)
