"""The figures and tables of what came out on the other images."""

import numpy as np
from jaxtyping import Bool

from reportgen.analyses.generalisation.by_layer import INPUTS
from reportgen.analyses.generalisation.comparison import Comparison
from reportgen.analyses.generalisation.reading import MOST_FEATURES, Read
from reportgen.claims import paper
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series, Table

SAME_SET = {"Caltech101": "Caltech-101", "Caltech256": "Caltech-256"}  # a set's name here -> in the paper's tables
NO_BREAK = "\u00a0"  # a mean and its deviation stay in one line


def shown(found: Comparison) -> dict[str, Figure]:
    """Every figure by its name."""
    return {
        "gallery": _gallery(found),
        "by_count": _by_count(found),
        "by_count_table": _by_count_table(found),
        "from_scratch": _training_table(found),
        "by_layer": _by_layer(found),
        "by_layer_table": _by_layer_table(found),
    }


def spread(correct: Bool[np.ndarray, "fold test"]) -> dict[str, float]:
    """Mean and standard deviation, over the folds, of the accuracy; the test set has as many images of each class."""
    accuracy = correct.mean(axis=1)
    return {"mean": float(accuracy.mean()), "deviation": float(accuracy.std(ddof=1))}


def _gallery(found: Comparison) -> ImageGrid:
    columns = len(found.gallery) // len(found.gallery_classes)
    which = f"each of the {len(found.classes)} classes"
    if len(found.gallery_classes) < len(found.classes):
        which = f"each of {len(found.gallery_classes)} of the {len(found.classes)} classes"
    return ImageGrid(
        title="The other images",
        caption=f"{columns} images of {which} on which the net’s features are tried, drawn at random from those for training "
        "and for testing.",
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
    frozen, scratch = (
        _curve("frozen features", x, found.frozen.correct),
        _curve("from scratch", x, found.scratch.correct),
    )
    return LineChart(
        title="Accuracy by the number of training images",
        caption=f"Share of {len(found.labels):,} test images that are classified correctly, mean over the classes, "
        f"after training on so many images of each class. Frozen features: a softmax on layer {found.top}’s of "
        f"{found.frozen.views} crops and flips of each; from scratch: {_whose(found)}, on crops and flips drawn in the same "
        f"way{_apart(found)}. Mean of {found.scratch.correct.shape[1]} folds, the band is one standard "
        "deviation over them on either side. Look at the distance of the curves, and at where it is widest.",
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


def _apart(found: Comparison) -> str:
    """What sets the two apart besides the features, after a comma; empty where nothing does."""
    return "" if found.scratch.same else ", which sees the images smaller"


def _by_count_table(found: Comparison) -> Table:
    rows = [
        ("this run", str(count), _printed(scratch), _printed(frozen), _gain(_mean(frozen) - _mean(scratch)))
        for count, scratch, frozen in zip(found.counts, found.scratch.correct, found.frozen.correct, strict=True)
    ]
    rows += [
        (f"the paper, {name}", str(count), _text(*scratch), _text(*frozen), _gain(frozen.mean - scratch.mean))
        for name, entries in _papers(found)
        for count, (scratch, frozen) in entries.items()
    ]
    return Table(
        title="Frozen features against training from scratch",
        caption=f"Mean of the classes' accuracies in per cent, ± the standard deviation over {found.scratch.correct.shape[1]} "
        f"folds, and the gain by the features; from scratch: {_whose(found)}{_apart(found)}. {_to_compare(found)}",
        alt="Table: for each number of training images of a class, accuracy from scratch, accuracy with frozen features "
        "and their difference, for this run and for the paper's two data sets.",
        columns=("data", "images of a class", "from scratch (%)", "frozen features (%)", "gain (points)"),
        rows=tuple(rows),
    )


def _papers(found: Comparison) -> list[tuple[str, dict[int, tuple[paper.Spread, paper.Spread]]]]:
    """The paper's tables 4 and 5; the one on this run's images first, where there is one."""
    return sorted(paper.GENERALISATION.items(), key=lambda entry: entry[0] != SAME_SET.get(found.name))


def _to_compare(found: Comparison) -> str:
    """What the paper's rows may be compared with."""
    if found.name in SAME_SET:
        return (
            f"The paper's rows on {SAME_SET[found.name]} are of the same photographs, at 224 px, with a net that had learned "
            "from ImageNet, and with other images kept for testing; its other rows are of another set."
        )
    return (
        "The paper's numbers stand below, on photographs of many more classes: compare the gain and how it changes with "
        "the number of images, not the accuracies."
    )


def _training_table(found: Comparison) -> Table:
    scratch = found.scratch
    return Table(
        title="Whether training from scratch was run to its end",
        caption="For each number of training images, over the folds: how many updates training took, the lowest share "
        "of its own images (cropped and mirrored anew each time) that a net got right in its last epoch, the largest "
        "mean cross-entropy of that epoch, and in how many folds training ended because it no longer improved.",
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
    by_layer = found.by_layer
    equal, every = (_curves(found, through) for through in INPUTS)
    titles = (f"{by_layer.components} components of every layer", "all of a layer’s numbers")
    return LineChart(
        title="Accuracy by the layer that is read",
        caption=f"Share of {len(found.labels):,} test images that a linear classifier gets right, mean over the classes, "
        f"by the layer whose features it reads; {found.counts[-1]} training images of each class. In (a) every layer is "
        f"read through its first {_components(found)} over {by_layer.fitted_on:,} images that the net was validated on; in "
        "(b) through all its numbers, of which lower layers have many more. The claim is judged on (a). Mean of "
        f"{by_layer.correct.shape[2]} folds, the band is one standard deviation over them on either side. In the "
        "paper's numbers accuracy rises with depth, steeply at first and hardly at the end.",
        alt="Curves of accuracy by layer, through equal inputs: "
        + "; ".join(
            f"{curve.name} from {curve.y[0]:.0f} % at layer {curve.x[0]:.0f} to {curve.y[-1]:.0f} % at layer {curve.x[-1]:.0f}"
            for curve in equal
        )
        + f"; chance is {100 / len(found.classes):.0f} %.",
        panels=tuple(
            Panel(
                title,
                "layer",
                "test accuracy (%)",
                (*curves, _chance(found, curves[0].x)),
                (0.0, 100.0),
                x_ticks=tuple(curves[0].x),
            )
            for title, curves in zip(titles, (equal, every), strict=True)
        ),
    )


def _curves(found: Comparison, through: str) -> list[Series]:
    """Accuracy by layer of each kind of classifier."""
    by_layer = found.by_layer
    return [
        _curve(
            kind,
            np.array([float(number) for name, number in by_layer.rows if name == kind]),
            by_layer.of(through, kind),
        )
        for kind in dict.fromkeys(name for name, _ in by_layer.rows)
    ]


def _components(found: Comparison) -> str:
    count = found.by_layer.components
    return f"{count} principal component" + ("s" if count > 1 else "")


def _by_layer_table(found: Comparison) -> Table:
    printed, by_layer = paper.LAYER_BY_LAYER, found.by_layer
    layers = {layer.number: layer for layer in by_layer.layers}
    rows = [
        (
            f"{kind}, layer{NO_BREAK}{number}",
            *(_printed(by_layer.correct[way, place]) for way in range(len(INPUTS))),
            _reads(layers[number]),
            *(_text(*entries[kind, number]) if (kind, number) in entries else "–" for entries in printed.values()),
        )
        for place, (kind, number) in enumerate(by_layer.rows)
    ]
    return Table(
        title="Linear classifiers, layer by layer",
        caption=f"Mean of the classes' accuracies in per cent, ± the standard deviation over {by_layer.correct.shape[2]} "
        f"folds, with {found.counts[-1]} training images of each class, one view of each. First with every layer read "
        f"through its first {_components(found)}, on which the claim is judged, then through all its numbers, as in the "
        "paper, whose accuracies on its own data stand beside. Maps that would give more than "
        f"{MOST_FEATURES:,} numbers were averaged down to a coarser grid.",
        alt="Table: for an SVM on each layer and a softmax on two, the accuracy in this run through equally many inputs and "
        "through all of the layer's numbers, how many these are, and the paper's accuracy on Caltech-101 and Caltech-256.",
        columns=(
            "classifier",
            f"{_components(found)} (%)",
            "all numbers (%)",
            "which are",
            *(f"the paper, {name} (%)" for name in printed),
        ),
        rows=tuple(rows),
    )


def _reads(layer: Read) -> str:
    if layer.size.area == 1:
        return f"{layer.maps:,} units"
    if layer.pooled == layer.size:
        return f"{layer.maps:,} maps of {layer.size.rows} × {layer.size.columns}: {layer.features:,} numbers"
    return (
        f"{layer.maps:,} maps of {layer.size.rows} × {layer.size.columns}, averaged to {layer.pooled.rows} × {layer.pooled.columns}: "
        f"{layer.features:,} numbers"
    )


def _mean(correct: Bool[np.ndarray, "fold test"]) -> float:
    return 100 * float(correct.mean())


def _printed(correct: Bool[np.ndarray, "fold test"]) -> str:
    found = spread(correct)
    return _text(100 * found["mean"], 100 * found["deviation"])


def _text(mean: float, deviation: float | None) -> str:
    return f"{mean:.1f}" + ("" if deviation is None else f"{NO_BREAK}±{NO_BREAK}{deviation:.1f}")


def _gain(points: float) -> str:
    return f"{points:+z.1f}".replace("-", "−")
