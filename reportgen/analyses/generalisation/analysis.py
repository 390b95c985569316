"""Are the features useful for other images? (Zeiler & Fergus 2013, sections 5.2 and 5.3, tables 4, 5 and 7, figure 9)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its statistics load when they are first used
from jaxtyping import Bool, Float, Int, UInt8

from reportgen.analyses.generalisation import Settings
from reportgen.analyses.generalisation.folds import draw_folds
from reportgen.analyses.generalisation.transferring import (
    COMPARED,
    KINDS,
    MOST_FEATURES,
    Read,
    Scratch,
    fit,
    from_scratch,
    read,
)
from reportgen.claims import Verdict, mean_part, not_tested, paper, weighted_part
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series, Table
from reportgen.look.inputs import Inputs

NO_BREAK = "\u00a0"  # keeps a mean and its deviation on one line


@dataclass(frozen=True)
class Comparison:
    """The results on the other images."""

    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # training images of each class, ascending
    pool: int  # images of the smallest class that the folds draw from
    labels: Int[np.ndarray, " test"]
    gallery: UInt8[np.ndarray, "image row column 3"]  # class by class
    gallery_classes: tuple[str, ...]
    layers: tuple[Read, ...]
    top: int  # number of the layer that the retrained softmax reads
    frozen: Bool[np.ndarray, "count fold test"]  # whether correct, on the frozen features of the top layer
    linear: Bool[np.ndarray, "kind layer fold test"]  # whether correct, with the largest count
    strengths: Float[np.ndarray, "kind layer fold"]  # the C that was chosen
    fits: int
    unfinished: int  # fits that did not converge
    scratch: Scratch


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
    features, layers, top = read(inputs, transfer.images, folds.used)
    fitted = fit(features, layers, top, labels, folds, counts, seeds)
    return Result(
        Comparison(
            name=transfer.name,
            classes=transfer.classes,
            counts=counts,
            pool=folds.pool,
            labels=labels[folds.test],
            gallery=np.asarray(transfer.images.images[np.concatenate(gallery)]),
            gallery_classes=tuple(transfer.classes[label] for label in shown),
            layers=layers,
            top=top,
            **fitted,
            scratch=from_scratch(
                inputs.net, transfer, folds, counts, settings.epochs, seeds, inputs.device, inputs.workshop
            ),
        )
    )


def _some(indices: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the indices at random; where there are fewer, some repeat, so that the gallery keeps its columns."""
    return rng.choice(indices, count, replace=len(indices) < count)


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claims `generalises` and `deeper-is-better`; the unit is a test image, its answers averaged over the folds."""
    if result.comparison is None:
        why = "this run has no images of other classes: TRANSFER= names a folder with one folder for each class"
        return [not_tested("generalises", why), not_tested("deeper-is-better", why)]
    return [_generalises(result.comparison, rng), _deeper(result.comparison, rng)]


def _generalises(found: Comparison, rng: np.random.Generator) -> Verdict:
    if len(found.counts) < 2:
        why = f"there is only one number of images a class (GENERALISATION_COUNTS={found.counts[0]}): give two or more"
        return not_tested("generalises", why)
    gaps = found.frozen.mean(axis=1) - found.scratch.correct.mean(axis=1)  # "count test"
    few, many = found.counts[0], found.counts[-1]
    return Verdict(
        "generalises",
        (
            mean_part(f"{few} a class, these trained nets: frozen minus from scratch", gaps[0], rng),
            mean_part(f"{many} a class, these trained nets: frozen minus from scratch", gaps[-1], rng),
            mean_part(f"that gap at {few} a class minus at {many}", gaps[0] - gaps[-1], rng),
        ),
    )


def _deeper(found: Comparison, rng: np.random.Generator) -> Verdict:
    numbers = [layer.number for layer in found.layers]
    missing = [number for number in (COMPARED[0], COMPARED[-1]) if number not in numbers]
    if missing:
        return not_tested("deeper-is-better", f"the net has no layer {missing[0]}")
    correct = found.linear[KINDS.index("SVM")].mean(axis=1)  # "layer test"
    climb = correct[numbers.index(COMPARED[-1])] - correct[numbers.index(COMPARED[0])]

    def trend(weights: Float[np.ndarray, "resample test"]) -> Float[np.ndarray, " resample"]:
        return rank_correlation(weights @ correct.T / weights.sum(axis=1, keepdims=True))

    return Verdict(
        "deeper-is-better",
        (
            mean_part(f"SVM, this trained net: layer {COMPARED[-1]} minus layer {COMPARED[0]}", climb, rng),
            weighted_part(
                "SVM, this trained net: rank correlation of accuracy with layer", trend, correct.shape[1], rng
            ),
        ),
    )


def rank_correlation(accuracy: Float[np.ndarray, "resample layer"]) -> Float[np.ndarray, " resample"]:
    """Spearman's rank correlation of accuracy with depth, ties sharing their mean rank; 0 where all layers are equal."""
    ranks = scipy.stats.rankdata(accuracy.round(9), axis=1)  # rounded: the order of summation must not break ties
    ranks -= ranks.mean(axis=1, keepdims=True)
    depth = np.arange(accuracy.shape[1]) - (accuracy.shape[1] - 1) / 2
    size = np.sqrt(np.square(ranks).sum(axis=1) * np.square(depth).sum())
    return np.divide(ranks @ depth, size, out=np.zeros(len(ranks)), where=size > 0)


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics; accuracies are means over classes, in [0, 1]."""
    found = result.comparison
    if found is None:
        return {"tested": False}
    scratch = found.scratch
    return {
        "tested": True,
        "name": found.name,
        "classes": list(found.classes),
        "chance": 1 / len(found.classes),
        "folds": found.frozen.shape[1],
        "pool": found.pool,
        "test_images": len(found.labels),
        "test_images_of_class": len(found.labels) // len(found.classes),
        "top": found.top,
        "counts": [
            {
                "images_of_class": count,
                "frozen": _spread(found.frozen[place]),
                "scratch": _spread(scratch.correct[place]),
                "updates": [int(scratch.updates[place].min()), int(scratch.updates[place].max())],
                "scratch_loss": float(scratch.loss[place].max()),
                "scratch_train_accuracy": float(scratch.accuracy[place].min()),
                "settled": int(scratch.settled[place].sum()),
            }
            for place, count in enumerate(found.counts)
        ],
        "layers": [
            {
                "number": layer.number,
                "maps": layer.maps,
                "side": layer.side,
                "pooled": layer.pooled,
                "features": layer.features,
                **{kind: _spread(found.linear[row, place]) for row, kind in enumerate(KINDS)},
                "strengths": {kind: found.strengths[row, place].tolist() for row, kind in enumerate(KINDS)},
            }
            for place, layer in enumerate(found.layers)
        ],
        "fits": found.fits,
        "unfinished": found.unfinished,
        "same_architecture": scratch.same,
        "scratch_crop": scratch.crop,
        "unsettled": int((~scratch.settled).sum()),
        "trainings": int(scratch.settled.size),
        "restarted": int((scratch.restarts > 0).sum()),
    }


def _spread(correct: Bool[np.ndarray, "fold test"]) -> dict[str, float]:
    """Mean and standard deviation of the accuracy over the folds; every class has equally many test images."""
    accuracy = correct.mean(axis=1)
    return {"mean": float(accuracy.mean()), "deviation": float(accuracy.std(ddof=1))}


def figures(result: Result) -> dict[str, Figure]:
    """The images; tables 4, 5 and 7 beside the paper's numbers; figure 9; accuracy by layer; how training ended."""
    found = result.comparison
    if found is None:
        return {}
    return {
        "gallery": _gallery(found),
        "by_count": _by_count(found),
        "by_count_table": _by_count_table(found),
        "from_scratch": _training_table(found),
        "by_layer": _by_layer(found),
        "by_layer_table": _by_layer_table(found),
    }


def _gallery(found: Comparison) -> ImageGrid:
    columns = len(found.gallery) // len(found.gallery_classes)
    which = f"each of the {len(found.classes)} classes"
    if len(found.gallery_classes) < len(found.classes):
        which = f"each of {len(found.gallery_classes)} of the {len(found.classes)} classes"
    return ImageGrid(
        title="The other images",
        caption=f"{columns} images of {which} on which the net’s features are tested, drawn at random from training and test "
        "images.",
        alt=f"A grid of pictures, one row for each class: {', '.join(found.gallery_classes)}.",
        images=found.gallery,
        columns=columns,
        row_titles=found.gallery_classes,
    )


def _curve(name: str, x: np.ndarray, correct: Bool[np.ndarray, "point fold test"]) -> Series:
    """Accuracy in per cent, with a band of one standard deviation over the folds on either side."""
    accuracy = 100 * correct.mean(axis=2)
    mean, deviation = accuracy.mean(axis=1), accuracy.std(axis=1, ddof=1)
    return Series(name, x, mean, mean - deviation, mean + deviation)


def _chance(found: Comparison, x: np.ndarray) -> Series:
    return Series("chance", x, np.full(len(x), 100 / len(found.classes)), dashed=True)


def _by_count(found: Comparison) -> LineChart:
    x = np.array(found.counts, dtype=np.float64)
    frozen, scratch = _curve("frozen features", x, found.frozen), _curve("from scratch", x, found.scratch.correct)
    return LineChart(
        title="Accuracy by the number of training images",
        caption=f"Share of {len(found.labels)} test images that are classified correctly, mean over the classes, by the "
        f"number of training images of each class: a softmax on the frozen features of layer {found.top}, and "
        f"{_whose(found)} trained from scratch. Mean of {found.frozen.shape[1]} folds; the band is one standard "
        "deviation over them on either side. Look at the gap between the curves, and where it is widest.",
        alt="Two curves of accuracy against training images of each class: "
        + "; ".join(f"{line.name} from {line.y[0]:.0f} % to {line.y[-1]:.0f} %" for line in (frozen, scratch))
        + f"; chance is {100 / len(found.classes):.0f} %.",
        panels=(
            Panel(
                "",
                "training images of each class",
                "test accuracy (%)",
                (frozen, scratch, _chance(found, x)),
                (0.0, 100.0),
            ),
        ),
    )


def _whose(found: Comparison) -> str:
    return "the same net" if found.scratch.same else f"a small net that reads {found.scratch.crop} px"


def _by_count_table(found: Comparison) -> Table:
    rows = [
        ("this run", str(count), _printed(scratch), _printed(frozen), _gain(_mean(frozen) - _mean(scratch)))
        for count, scratch, frozen in zip(found.counts, found.scratch.correct, found.frozen, strict=True)
    ]
    rows += [
        (f"the paper, {name}", str(count), _text(*scratch), _text(*frozen), _gain(frozen.mean - scratch.mean))
        for name, entries in paper.GENERALISATION.items()
        for count, (scratch, frozen) in entries.items()
    ]
    return Table(
        title="Frozen features against training from scratch",
        caption=f"Mean of the classes' accuracies in per cent, ± the standard deviation over {found.frozen.shape[1]} "
        "folds, and the gain from frozen features. The paper's numbers, below, are for photographs of many more classes: "
        "compare the gain and how it changes with the number of images, not the accuracies.",
        alt="Table: for each number of training images of a class, accuracy from scratch, accuracy with frozen features "
        "and their difference, for this run and for the paper's two data sets.",
        columns=("data", "images of a class", "from scratch (%)", "frozen features (%)", "gain (points)"),
        rows=tuple(rows),
    )


def _training_table(found: Comparison) -> Table:
    scratch = found.scratch
    return Table(
        title="Whether training from scratch was run to its end",
        caption="For each number of training images, over the folds: the range of the number of updates; the lowest "
        "training accuracy in the last epoch (images cropped and mirrored anew each time); the largest mean cross-entropy "
        "in that epoch; and in how many folds training ended because it no longer improved.",
        alt="Table: for each number of training images of a class, updates, accuracy and loss on the training images "
        "at the end, and how many trainings had settled.",
        columns=("images of a class", "updates", "own images right (%)", "loss (nats)", "no longer improving"),
        rows=tuple(
            (
                str(count),
                f"{scratch.updates[place].min():,}–{scratch.updates[place].max():,}",
                f"{100 * scratch.accuracy[place].min():.1f}",
                f"{scratch.loss[place].max():.3f}",
                f"{scratch.settled[place].sum()} of {scratch.settled.shape[1]}",
            )
            for place, count in enumerate(found.counts)
        ),
    )


def _by_layer(found: Comparison) -> LineChart:
    x = np.array([layer.number for layer in found.layers], dtype=np.float64)
    curves = tuple(_curve(kind, x, found.linear[row]) for row, kind in enumerate(KINDS))
    return LineChart(
        title="Accuracy by the layer that is read",
        caption=f"Share of {len(found.labels)} test images that a linear classifier gets right, mean over the classes, "
        f"by the layer whose features it reads; {found.counts[-1]} training images of each class. Mean of "
        f"{found.linear.shape[2]} folds; the band is one standard deviation over them on either side. In the "
        "paper accuracy rises with depth, steeply at first and hardly at the end.",
        alt="Curves of accuracy by layer: "
        + "; ".join(
            f"{curve.name} from {curve.y[0]:.0f} % at layer {x[0]:.0f} to {curve.y[-1]:.0f} % at layer {x[-1]:.0f}"
            for curve in curves
        )
        + f"; chance is {100 / len(found.classes):.0f} %.",
        panels=(Panel("", "layer", "test accuracy (%)", (*curves, _chance(found, x)), (0.0, 100.0)),),
    )


def _by_layer_table(found: Comparison) -> Table:
    printed = paper.LAYER_BY_LAYER
    rows = [
        (
            f"{kind}, layer{NO_BREAK}{layer.number}",
            _reads(layer),
            _printed(found.linear[row, place]),
            *(_text(*entries[kind, layer.number]) if (kind, layer.number) in entries else "–" for entries in printed.values()),
        )
        for row, kind in enumerate(KINDS)
        for place, layer in enumerate(found.layers)
    ]  # fmt: skip
    return Table(
        title="Linear classifiers, layer by layer",
        caption=f"Mean of the classes' accuracies in per cent, ± the standard deviation over {found.linear.shape[2]} "
        f"folds, with {found.counts[-1]} training images of each class, beside the paper's numbers on its own data. Maps "
        f"with more than {MOST_FEATURES:,} values together were averaged to a coarser grid.",
        alt="Table: for an SVM and a softmax on each layer, how many numbers they read, the accuracy in this run, and "
        "the paper's on Caltech-101 and Caltech-256.",
        columns=("classifier", "reads", "this run (%)", *(f"the paper, {name} (%)" for name in printed)),
        rows=tuple(rows),
    )


def _reads(layer: Read) -> str:
    if layer.side == 1:
        return f"{layer.maps:,} units"
    if layer.pooled == layer.side:
        return f"{layer.maps:,} maps of {layer.side} × {layer.side}: {layer.features:,} numbers"
    return (
        f"{layer.maps:,} maps of {layer.side} × {layer.side}, averaged to {layer.pooled} × {layer.pooled}: "
        f"{layer.features:,} numbers"
    )


def _mean(correct: Bool[np.ndarray, "fold test"]) -> float:
    return 100 * float(correct.mean())


def _printed(correct: Bool[np.ndarray, "fold test"]) -> str:
    spread = _spread(correct)
    return _text(100 * spread["mean"], 100 * spread["deviation"])


def _text(mean: float, deviation: float | None) -> str:
    return f"{mean:.1f}" + ("" if deviation is None else f"{NO_BREAK}±{NO_BREAK}{deviation:.1f}")


def _gain(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")
