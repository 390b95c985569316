"""A net's features tried on other images: linear classifiers on frozen layers, and the same net from scratch.

What tables 4, 5 and 7 (Zeiler & Fergus 2013, sections 5.2 and 5.3) are computed from.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from threadpoolctl import threadpool_limits
from torch.nn import functional

from reportgen import probe
from reportgen.analyses.generalisation.folds import Folds
from reportgen.analyses.generalisation.from_scratch import Task, train_all
from reportgen.analyses.generalisation.linear import Answers, classify, condensed
from reportgen.base.progress import track
from reportgen.data.dataset import Split, Transfer
from reportgen.look.inputs import Inputs
from reportgen.nets.layers import PaperLayer, feature_vectors
from reportgen.nets.zfnet import ZFNet
from reportgen.settings.recipes import SMALL

COMPARED = (1, 2, 3, 4, 5, 7)  # table 7's layers
TOP = 7  # the layer that the retrained softmax reads
KINDS = ("SVM", "softmax")
MOST_FEATURES = 10_000  # numbers of a layer that a classifier reads; larger maps are averaged down to that
SMALL_SIDES = (40, 96)  # pixels, least and most: images for the small net, where the net itself cannot be trained anew


@dataclass(frozen=True)
class Read:
    """A layer, and what the classifiers read of it."""

    number: int
    maps: int  # or units
    side: int  # of the maps, after pooling and normalisation; 1 for units
    pooled: int  # side that the maps were averaged down to

    @property
    def features(self) -> int:
        """How many numbers that makes."""
        return self.maps * self.pooled**2


@dataclass(frozen=True)
class Scratch:
    """The nets trained from scratch."""

    same: bool  # of the architecture whose features are tried
    crop: int  # pixels
    correct: Bool[np.ndarray, "count fold test"]
    updates: Int[np.ndarray, "count fold"]
    loss: Float[np.ndarray, "count fold"]  # of the last epoch, nats, on the crops that were trained on
    accuracy: Float[np.ndarray, "count fold"]  # of the last epoch, on the crops that were trained on
    settled: Bool[np.ndarray, "count fold"]  # False: still improving when its epochs were used up
    restarts: Int[np.ndarray, "count fold"]  # at a third of the learning rate, because training diverged


def read(
    inputs: Inputs, images: Split, used: Int[np.ndarray, " used"]
) -> tuple[dict[int, Float[np.ndarray, "image feature"]], tuple[Read, ...], int]:
    """Feature vectors of images by layer (rows of images that are not used are zero), what they are, and the top layer.

    Maps of more than `MOST_FEATURES` numbers are averaged down to the largest square grid that has no more.
    """
    known = [layer for layer in inputs.layers if layer.kind != "softmax"]
    top = next((layer for layer in known if layer.number == TOP), known[-1])
    wanted = [layer for layer in known if layer.number in COMPARED or layer is top]
    found: dict[int, np.ndarray] = {}
    layers: dict[int, Read] = {}
    done = 0

    def features(batch: torch.Tensor) -> list[np.ndarray]:
        outputs, values = probe.activations(inputs.graph, batch, [layer.features for layer in wanted]), []
        for layer in wanted:
            vectors, layers[layer.number] = pooled(layer, outputs[layer.features])
            values.append(vectors.float().cpu().numpy())
        return values

    for part in inputs.each(features, images, used, "frozen features"):
        for layer, values in zip(wanted, part, strict=True):
            rows = found.setdefault(layer.number, np.zeros((len(images), values.shape[1]), np.float32))
            rows[used[done : done + len(values)]] = values
        done += len(part[0])
    return found, tuple(layers.values()), top.number


def pooled(layer: PaperLayer, output: torch.Tensor) -> tuple[torch.Tensor, Read]:
    """What the classifiers read of a layer's output: "image feature"."""

    maps, side = output.shape[1], output.shape[2] if output.dim() == 4 else 1
    grid = min(side, max(1, int((MOST_FEATURES / maps) ** 0.5)))
    if layer.kind == "fully connected":
        grid = 1
    elif grid < side:
        output = functional.adaptive_avg_pool2d(output, grid)
    return feature_vectors(layer, output), Read(layer.number, maps, side, grid)


def fit(
    features: dict[int, Float[np.ndarray, "image feature"]],
    layers: tuple[Read, ...],
    top: int,
    labels: Int[np.ndarray, " image"],
    folds: Folds,
    counts: tuple[int, ...],
    seeds: Int[np.ndarray, " fold"],
) -> dict[str, Any]:
    """Fit an SVM and a softmax to each layer at the largest count, and a softmax to the top layer at the others."""

    def ask(kind: Any, number: int, count: int, fold: int) -> Answers:
        train, rows = folds.training(fold, count), features[number]
        points = condensed(rows[train], rows[folds.test])
        return classify(kind, points[0], labels[train], points[1], labels[folds.test], int(seeds[fold]))

    turns = range(len(seeds))
    work = [(kind, layer.number, counts[-1], fold) for kind in KINDS for layer in layers for fold in turns]
    work += [("softmax", top, count, fold) for count in counts[:-1] for fold in turns]
    with threadpool_limits(1):  # so small, they take six times as long on several threads that wait for each other
        answers = {one: ask(*one) for one in track(work, "linear classifiers", unit="classifier")}
    return {
        "frozen": np.array([[answers["softmax", top, count, fold].correct for fold in turns] for count in counts]),
        "linear": np.array(
            [
                [[answers[kind, layer.number, counts[-1], fold].correct for fold in turns] for layer in layers]
                for kind in KINDS
            ]
        ),
        "strengths": np.array(
            [
                [[answers[kind, layer.number, counts[-1], fold].strength for fold in turns] for layer in layers]
                for kind in KINDS
            ]
        ),
        "fits": sum(answer.fits for answer in answers.values()),
        "unfinished": sum(answer.unfinished for answer in answers.values()),
    }


def from_scratch(
    examined: torch.nn.Module,
    transfer: Transfer,
    folds: Folds,
    counts: tuple[int, ...],
    epochs: int,
    seeds: Int[np.ndarray, " fold"],
    device: torch.device,
    workshop: Path | None = None,
) -> Scratch:
    """Train the examined net's architecture on each fold, for each count; of a net that is not ours, `recipes.SMALL`.

    `workshop`: a folder that survives a kill, where training can resume; None: a temporary one.
    """
    same = isinstance(examined, ZFNet)
    stored, labels = transfer.images.images, transfer.images.labels
    side = stored.shape[1] if same else int(np.clip(stored.shape[1], *SMALL_SIDES))
    small = replace(SMALL, input_size=side * 11 // 12, second_padding=1 if side > 64 else 2)
    net = examined.architecture if isinstance(examined, ZFNet) else small
    net = replace(net, classes=len(transfer.classes))

    def images(indices: np.ndarray) -> np.ndarray:
        chosen = np.asarray(stored[indices])
        if side == stored.shape[1]:
            return chosen
        return np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in chosen])

    test = Split(images(folds.test), labels[folds.test], ("",) * len(folds.test))
    with _room(workshop) as room:
        tasks = [
            Task(images(chosen), labels[chosen], int(seed), room / f"{count}-images-fold-{fold}")
            for count in counts
            for fold, seed in enumerate(seeds)
            for chosen in [folds.training(fold, count)]
        ]
        trained = train_all(net, tasks, test, epochs, device)

    def table(name: str) -> np.ndarray:
        values = np.array([getattr(one, name) for one in trained])
        return values.reshape(len(counts), len(seeds), *values.shape[1:])

    return Scratch(same, net.input_size, *map(table, ("correct", "updates", "loss", "accuracy", "settled", "restarts")))


@contextmanager
def _room(workshop: Path | None) -> Iterator[Path]:
    """The folder that outlives a kill, or a temporary one."""
    if workshop is not None:
        yield workshop
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
