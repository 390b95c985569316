"""A softmax on frozen features of the crops and flips that training from scratch gets (section 5.2, tables 4 and 5).

Training from scratch crops and mirrors its images anew in every epoch. What learns from frozen features gets several
such views of each training image, drawn once for each fold. Both are asked for the middle of each test image.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from threadpoolctl import threadpool_limits

from reportgen import probe
from reportgen.analyses.generalisation.folds import Folds
from reportgen.analyses.generalisation.linear import classify
from reportgen.analyses.generalisation.reading import pooled
from reportgen.base.progress import track
from reportgen.data.dataset import Split
from reportgen.data.reading import stored
from reportgen.look.condensed import condensed
from reportgen.look.inputs import Inputs
from reportgen.nets.layers import PaperLayer
from reportgen.probe.memory import by_batches

VIEWS = 10  # of each training image: as many as the crops that the paper cuts from one (section 3.1)


@dataclass(frozen=True)
class Frozen:
    """Softmaxes on the frozen features of one layer."""

    views: int  # of each training image
    correct: Bool[np.ndarray, "count fold test"]
    strengths: Float[np.ndarray, "count fold"]  # the C that was chosen
    fits: int
    unfinished: int  # of them


def learn(
    inputs: Inputs,
    layer: PaperLayer,
    images: Split,
    folds: Folds,
    counts: tuple[int, ...],
    test: Float[np.ndarray, "test feature"],
    seeds: Int[np.ndarray, " fold"],
) -> Frozen:
    """Fit a softmax to views of each fold's images, for each count; a smaller count's views are among the larger one's.

    `test`: the layer's features of the middle of each test image. `seeds` draw the views, and the parts of the training
    images that are left out to choose C.
    """
    labels, answers = images.labels, {}
    for fold, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(int(seed))
        drawn = folds.drawn[fold]  # "class place"
        told = f"frozen features of {VIEWS} views, fold {fold + 1} of {len(seeds)}"
        rows = np.concatenate(list(_of_views(inputs, layer, images, drawn.ravel(), generator, told)))
        of_class = rows.reshape(*drawn.shape, VIEWS, -1)
        with threadpool_limits(1):  # so small, they take six times as long on several threads that wait for each other
            for count in track(counts, "softmaxes on views", unit="classifier"):
                points = condensed(of_class[:, :count].reshape(-1, rows.shape[1]), test)
                learned, asked = np.repeat(labels[folds.training(fold, count)], VIEWS), labels[folds.test]
                answers[count, fold] = classify("softmax", points[0], learned, points[1], asked, int(seed), VIEWS)

    def table(name: str) -> np.ndarray:
        return np.array([[getattr(answers[count, fold], name) for fold in range(len(seeds))] for count in counts])

    return Frozen(VIEWS, table("correct"), table("strength"), int(table("fits").sum()), int(table("unfinished").sum()))


def _of_views(
    inputs: Inputs,
    layer: PaperLayer,
    images: Split,
    chosen: Int[np.ndarray, " image"],
    generator: torch.Generator,
    told: str,
) -> Iterator[Float[np.ndarray, "view feature"]]:
    """Features of `VIEWS` views of each image, in batches; the views of an image follow each other."""
    at_once = -(-inputs.batch // VIEWS)
    views = inputs.preprocessing.random_views(images.images.shape[1:3], len(chosen) * VIEWS, generator)
    parts = [chosen[start : start + at_once] for start in range(0, len(chosen), at_once)]

    def batches() -> Iterator[torch.Tensor]:
        done = 0
        for pixels in stored(images.images, parts, inputs.device):
            seen = slice(done, done + len(pixels) * VIEWS)
            yield inputs.preprocessing.view(pixels.repeat_interleave(VIEWS, dim=0), views.part(seen))
            done = seen.stop

    def features(batch: torch.Tensor) -> np.ndarray:
        output = probe.activations(inputs.graph, batch, [layer.features])[layer.features]
        return pooled(layer, output)[0].float().cpu().numpy()

    seen = track(batches(), told, len(chosen), step=at_once)
    yield from by_batches(features, seen)
