"""What came out on the other images."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8

from reportgen.analyses.generalisation.by_layer import ByLayer
from reportgen.analyses.generalisation.from_scratch import Scratch
from reportgen.analyses.generalisation.frozen import Frozen


@dataclass(frozen=True)
class Comparison:
    """Softmaxes on frozen features, nets from scratch, and classifiers on each layer, on the same folds."""

    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # training images of each class, ascending
    pool: int  # images of the smallest class that the folds draw from
    overlaps: tuple[float, ...]  # share of its images that a fold has in common with another, for each count
    labels: Int[np.ndarray, " test"]
    gallery: UInt8[np.ndarray, "image row column 3"]  # class by class
    gallery_classes: tuple[str, ...]
    top: int  # number of the layer that the retrained softmax reads
    frozen: Frozen
    scratch: Scratch
    by_layer: ByLayer
