"""Trainings of seconds, which several files of tests look at."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from small_nets import TINY

from reportgen.base.size import Size
from reportgen.data.transforms import Preprocessing
from reportgen.nets.training import loop as training
from reportgen.nets.training.loop import History, Plan, train
from reportgen.settings.recipes import PAPER_RECIPE, TrainingSettings

CPU = torch.device("cpu")
NET = replace(TINY, input_size=32, classes=3)
PREPROCESSING = Preprocessing(crop=Size.of(32), mean=(0.5, 0.5, 0.5), deviation=(0.25, 0.25, 0.25))
QUICK = TrainingSettings(epochs=3, batch_size=16, learning_rate=0.02, dropout=0.5, early_snapshots=(0.5,))
SETTINGS = {
    "default": QUICK,
    "paper": replace(PAPER_RECIPE, epochs=3, batch_size=16, patience=1, early_snapshots=(0.5,), clip_rms=0.01),
}


@dataclass(frozen=True)
class Images:
    images: np.ndarray
    labels: np.ndarray

    @property
    def targets(self) -> np.ndarray:
        """Of images of one class each."""
        return self.labels


def coloured(images: int, seed: int, side: int = 36) -> Images:
    """Noise with a tint that gives the class away."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, images)
    pixels = rng.integers(60, 140, (images, side, side, 3))
    pixels[np.arange(images), :, :, labels] += 60
    return Images(pixels.astype(np.uint8), labels)


TRAINING, VALIDATION = coloured(40, seed=0), coloured(20, seed=1)


def planned(folder: Path, settings: TrainingSettings = QUICK, seed: int = 0, net=NET) -> Plan:
    return Plan(net, TRAINING, VALIDATION, PREPROCESSING, settings, seed, CPU, folder)


def run(folder: Path, settings: TrainingSettings = QUICK, seed: int = 0, net=NET) -> History:
    return train(planned(folder, settings, seed, net))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that training left, the checkpoint apart (its bytes hold a date-free zip of the same weights)."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != training.CHECKPOINT
    }
