"""Do the features serve other images? (Zeiler & Fergus 2013, sections 5.2 and 5.3, tables 4, 5 and 7, figure 9)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reportgen.analyses.generalisation import Settings, verdict
from reportgen.analyses.generalisation.by_layer import INPUTS, components, fit
from reportgen.analyses.generalisation.comparison import Comparison
from reportgen.analyses.generalisation.folds import draw_folds
from reportgen.analyses.generalisation.from_scratch import train_folds
from reportgen.analyses.generalisation.frozen import learn
from reportgen.analyses.generalisation.reading import Wanted, read
from reportgen.analyses.generalisation.shown import shown, spread
from reportgen.claims import Verdict, not_tested
from reportgen.figures.kinds import Figure
from reportgen.look.inputs import Inputs


@dataclass(frozen=True)
class Result:
    """Nothing, where there are no other images."""

    comparison: Comparison | None


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Draw the folds, fit classifiers to frozen features, train nets from scratch."""
    transfer = inputs.transfer
    if transfer is None:
        return Result(None)
    counts = tuple(sorted(set(settings.counts)))
    folds = draw_folds(transfer, counts, settings.folds, settings.test_share, rng)
    seeds = rng.integers(2**31, size=settings.folds)
    labels = transfer.images.labels
    shown = np.sort(rng.permutation(len(transfer.classes))[: settings.gallery_classes])
    gallery = [_some(np.flatnonzero(labels == label), settings.gallery, rng) for label in shown]
    wanted = Wanted.of(inputs)
    features, layers = read(inputs, wanted, transfer.images, folds.used, "frozen features")
    test = features[wanted.top.number][np.searchsorted(folds.used, folds.test)]
    fitted = components(inputs, wanted, rng)
    return Result(
        Comparison(
            name=transfer.name,
            classes=transfer.classes,
            counts=counts,
            pool=folds.pool,
            overlaps=tuple(folds.overlap(count) for count in counts),
            labels=labels[folds.test],
            gallery=inputs.preprocessing.shown(np.asarray(transfer.images.images[np.concatenate(gallery)])),
            gallery_classes=tuple(transfer.classes[label] for label in shown),
            top=wanted.top.number,
            by_layer=fit(features, layers, fitted, labels, folds, counts[-1], seeds),
            frozen=learn(inputs, wanted.top, transfer.images, folds, counts, test, seeds),
            scratch=train_folds(inputs, transfer, folds, counts, settings.epochs, _training_seeds(inputs, seeds)),
        )
    )


def _some(indices: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the indices at random; where there are fewer, some repeat, so that the gallery keeps its columns."""
    return rng.choice(indices, count, replace=len(indices) < count)


def _training_seeds(inputs: Inputs, seeds: np.ndarray) -> np.ndarray:
    """A seed for each fold's nets, which the run's training seed changes as well; the folds stay as they were drawn."""
    return np.array([np.random.default_rng([seed, inputs.training_seed]).integers(2**31) for seed in seeds])


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claims `generalises` and `deeper-is-better`; the units are test images and draws of the training images."""
    if result.comparison is None:
        why = (
            "this run has no images of other classes that show one thing each: TRANSFER= names a folder with one folder for "
            "each class, or one of torchvision’s data sets"
        )
        return [not_tested("generalises", why), not_tested("deeper-is-better", why)]
    return [verdict.generalises(result.comparison), verdict.deeper(result.comparison, rng)]


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics; accuracies are means over classes, in [0, 1]."""
    found = result.comparison
    if found is None:
        return {"tested": False}
    scratch, frozen, by_layer = found.scratch, found.frozen, found.by_layer
    return {
        "tested": True,
        "name": found.name,
        "classes": list(found.classes),
        "chance": 1 / len(found.classes),
        "folds": scratch.correct.shape[1],
        "pool": found.pool,
        "test_images": len(found.labels),
        "test_images_of_class": len(found.labels) // len(found.classes),
        "top": found.top,
        "views": frozen.views,
        "counts": [
            {
                "images_of_class": count,
                "overlap": found.overlaps[place],
                "frozen": spread(frozen.correct[place]),
                "strengths": frozen.strengths[place].tolist(),
                "scratch": spread(scratch.correct[place]),
                "updates": [int(scratch.updates[place].min()), int(scratch.updates[place].max())],
                "scratch_loss": float(scratch.loss[place].max()),
                "scratch_train_accuracy": float(scratch.accuracy[place].min()),
                "settled": int(scratch.settled[place].sum()),
            }
            for place, count in enumerate(found.counts)
        ],
        "components": by_layer.components,
        "components_fitted_on": by_layer.fitted_on,
        "layers": [
            {
                "number": layer.number,
                "maps": layer.maps,
                "side": layer.size.said,
                "pooled": layer.pooled.said,
                "features": layer.features,
            }
            for layer in by_layer.layers
        ],
        "classifiers": [
            {
                "kind": kind,
                "layer": number,
                **{
                    through: spread(by_layer.correct[way, place])
                    | {"strengths": by_layer.strengths[way, place].tolist()}
                    for way, through in enumerate(INPUTS)
                },
            }
            for place, (kind, number) in enumerate(by_layer.rows)
        ],
        "fits": by_layer.fits + frozen.fits,
        "unfinished": by_layer.unfinished + frozen.unfinished,
        "same_architecture": scratch.same,
        "scratch_crop": scratch.crop.said,
        "unsettled": int((~scratch.settled).sum()),
        "trainings": int(scratch.settled.size),
        "restarted": int((scratch.restarts > 0).sum()),
    }


def figures(result: Result) -> dict[str, Figure]:
    """The images, tables 4, 5 and 7 with the paper's numbers beside, figure 9, accuracy by layer, what training came to."""
    return {} if result.comparison is None else shown(result.comparison)
