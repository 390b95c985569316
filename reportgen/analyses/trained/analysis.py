"""The net and its data: which net learned from which images, and how good it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from reportgen.analyses.trained import Settings, several
from reportgen.analyses.trained.departures import Departure, departures
from reportgen.analyses.trained.several import Several
from reportgen.base.size import Size
from reportgen.claims import Verdict
from reportgen.data.several import answerable
from reportgen.data.several import right as first_right
from reportgen.data.voc import ABSENT
from reportgen.figures.kinds import BarChart, Figure, Heatmap, ImageGrid, LineChart, Panel, Series
from reportgen.look.inputs import Inputs

MOST_CLASSES = 60  # in the confusion matrix: with more it is unreadable
LEAST_IMAGES = 3  # images of a class, on average, where there are more classes: with fewer its accuracy means nothing


@dataclass(frozen=True)
class Result:
    """The net's predictions for the validation images, and the outcome of training."""

    classes: tuple[str, ...]  # of the confusion matrix: those with labelled images, or some of very many at random
    gallery: UInt8[np.ndarray, "image row column 3"]  # class by class
    gallery_classes: tuple[str, ...]  # one for each row; empty where classes have one image, or none has a label
    gallery_titles: tuple[str, ...]  # where `gallery_classes` is empty: each image's class, or the net's prediction
    gallery_trained_on: bool  # whether the gallery shows training images
    confusion: Int[np.ndarray, "true predicted"]  # validation images; the last column holds all classes not shown
    accuracy: dict[str, float]  # of every class with labelled images
    history: dict[str, Float[np.ndarray, " epoch"]]  # empty for a net that was not trained here
    mistakes: UInt8[np.ndarray, "mistake row column 3"]
    mistake_titles: tuple[str, ...]
    top1: float | None
    labelled: int  # images whose class is known
    net_classes: int  # how many classes the net distinguishes
    several: Several | None = None  # where an image may show several classes; confusion and accuracy are empty then
    departures: tuple[Departure, ...] = ()  # from the paper's protocol; of a net that was trained here


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Read the results of training and choose the pictures."""
    data = inputs.data
    if data.several:
        return _of_several(inputs, settings, rng)
    probabilities, labels, known = inputs.probabilities, data.val.labels, data.val.known
    guesses = probabilities.argmax(axis=1)
    right = (guesses == labels)[known]
    present = np.unique(labels[known])
    in_gallery = np.sort(rng.permutation(present if inputs.loaded else len(data.classes))[: settings.gallery_classes])
    gallery = data.val if inputs.loaded else data.train
    of_class = [np.flatnonzero((gallery.labels == label) & gallery.known) for label in in_gallery]
    fewest = min(map(len, of_class), default=0)
    beside = min(settings.gallery, fewest) if inputs.loaded else settings.gallery
    chosen = [index for indices in of_class for index in _some(indices, beside, rng)]
    if not chosen:
        chosen = list(np.sort(rng.permutation(len(gallery))[: settings.gallery_classes]))
    shown = np.sort(rng.permutation(present)[:MOST_CLASSES]) if len(present) > MOST_CLASSES else present
    wrong = np.flatnonzero((guesses != labels) & known)
    wrong = wrong[np.argsort(-probabilities[wrong, guesses[wrong]], kind="stable")][: settings.mistakes]
    return Result(
        classes=tuple(data.classes[label] for label in shown),
        gallery=inputs.preprocessing.shown(np.asarray(gallery.images[chosen])),
        gallery_classes=tuple(data.classes[label] for label in in_gallery) if beside > 1 else (),
        gallery_titles=tuple(
            data.classes[gallery.labels[index]]
            if gallery.known[index]
            else f"taken for {data.classes[guesses[index]]} ({probabilities[index, guesses[index]]:.0%})"
            for index in chosen
        )
        if beside < 2
        else (),
        gallery_trained_on=not inputs.loaded,
        confusion=_confusion(labels[known], guesses[known], shown, len(data.classes)),
        accuracy={data.classes[label]: float(right[labels[known] == label].mean()) for label in present},
        history=_history(inputs),
        mistakes=inputs.preprocessing.shown(np.asarray(data.val.images[wrong])),
        mistake_titles=tuple(
            f"{data.classes[labels[index]]}, taken for {data.classes[guesses[index]]} "
            f"({probabilities[index, guesses[index]]:.0%})"
            for index in wrong
        ),
        top1=float(right.mean()) if len(right) else None,
        labelled=len(right),
        net_classes=len(data.classes),
        departures=_departures(inputs),
    )


def _of_several(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """The same of images each of which may show several classes."""
    data, probabilities, shows = inputs.data, inputs.probabilities, inputs.data.val.targets
    gallery = data.val if inputs.loaded else data.train
    chosen = np.sort(rng.permutation(len(gallery))[: settings.gallery_classes])
    guesses = np.where(shows == ABSENT, probabilities, -np.inf).argmax(
        axis=1
    )  # of classes that the image does not show
    sure = probabilities[np.arange(len(guesses)), guesses]
    wrong = np.flatnonzero((shows == ABSENT).any(axis=1) & (sure >= several.SURE))
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][: settings.mistakes]
    known = answerable(shows)
    right = first_right(probabilities.argmax(axis=1), shows)[known]
    return Result(
        classes=(),
        gallery=inputs.preprocessing.shown(np.asarray(gallery.images[chosen])),
        gallery_classes=(),
        gallery_titles=tuple(gallery.said(index, data.classes) for index in chosen.tolist()),
        gallery_trained_on=not inputs.loaded,
        confusion=np.zeros((0, 0), np.int64),
        accuracy={},
        history=_history(inputs),
        mistakes=inputs.preprocessing.shown(np.asarray(data.val.images[wrong])),
        mistake_titles=tuple(
            f"{data.val.said(index, data.classes)}, not {data.classes[guesses[index]]} ({sure[index]:.0%})"
            for index in wrong.tolist()
        ),
        top1=float(right.mean()) if len(right) else None,
        labelled=len(right),
        net_classes=len(data.classes),
        several=several.measure(probabilities, shows, data.classes, rng),
        departures=_departures(inputs),
    )


def _departures(inputs: Inputs) -> tuple[Departure, ...]:
    net = inputs.net_numbers
    if net.get("architecture") is None:  # it was loaded, or is none of the paper's
        return ()
    size, images = Size(*inputs.data.train.images.shape[1:3]).said, len(inputs.data.train)
    return tuple(departures(net["recipe_settings"], net["architecture"], size, images))


def _history(inputs: Inputs) -> dict[str, Float[np.ndarray, " epoch"]]:
    if inputs.loaded:
        return {}
    epochs = inputs.learned.history
    curves = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return {name: np.array([epoch[name] for epoch in epochs], dtype=np.float64) for name in curves}


def _confusion(
    labels: Int[np.ndarray, " image"], guesses: Int[np.ndarray, " image"], shown: Int[np.ndarray, " class"], count: int
) -> Int[np.ndarray, "true predicted"]:
    """Images by true class (rows) and prediction (columns); a last column counts predictions of classes not shown."""
    table = np.zeros((len(shown), len(shown) + (len(shown) < count)), dtype=np.int64)
    place = np.full(count, len(shown))
    place[shown] = np.arange(len(shown))
    rows = np.isin(labels, shown)
    np.add.at(table, (place[labels[rows]], place[guesses[rows]]), 1)
    return table


def _some(indices: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the indices at random; where there are fewer, some repeat, so that the gallery keeps its columns."""
    return rng.choice(indices, count, replace=len(indices) < count)


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """No claim of the paper rests on this section."""
    return []


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text."""
    of_class = result.accuracy if _enough(result) else {}
    off = result.confusion.copy()
    np.fill_diagonal(off, 0)
    off = off[:, : len(result.classes)]
    confused = None
    if of_class:
        true, predicted = np.unravel_index(off.argmax(), off.shape)
        confused = [result.classes[true], result.classes[predicted], int(off[true, predicted])]
    history = result.history
    return {
        "top1": result.top1,
        "chance": result.several.guessing if result.several else 1 / result.net_classes,
        "several": several.numbers(result.several) if result.several else None,
        "class_accuracy": of_class,
        "best_class": max(of_class, key=lambda name: of_class[name], default=None),
        "worst_class": min(of_class, key=lambda name: of_class[name], default=None),
        "most_confused": confused,
        "as_confused": int((off == off.max()).sum()) if confused else 0,  # pairs of classes mistaken as often
        "mistakes": len(result.mistake_titles),
        "validation_images": result.labelled,
        "shown_classes": len(result.classes),
        "labelled_classes": len(result.accuracy),
        "final_train_loss": float(history["train_loss"][-1]) if history else None,
        "final_validation_loss": float(history["validation_loss"][-1]) if history else None,
        "departures": [departure._asdict() for departure in result.departures],
        "history": {name: values.tolist() for name, values in history.items()},
    }


def _enough(result: Result) -> bool:
    """Whether accuracies by class mean something: there are few classes, or enough labelled images of each."""
    classes = len(result.accuracy)
    return classes > 0 and (classes <= MOST_CLASSES or LEAST_IMAGES * classes <= result.labelled)


def figures(result: Result) -> dict[str, Figure]:
    """A gallery, training curves, accuracy by class, the confusion matrix, the most confident mistakes."""
    found: dict[str, Figure] = {"gallery": _gallery(result)}
    if result.history:
        found["curves"] = _curves(result)
    if result.several:
        found |= several.figures(result.several)
    if _enough(result):
        found["class_accuracy"] = _class_accuracy(result)
        found["confusion"] = _matrix(result)
    if result.mistake_titles:
        found["mistakes"] = ImageGrid(
            title="The most confident mistakes",
            caption="Validation images of which the net says a class that they do not show, the most confident mistakes first: "
            "what they show, what they do not, and the probability that the net gave to that."
            if result.several
            else "Validation images that the net gets wrong, the most confident mistakes first: the true class, the class it was "
            "taken for, and the probability that the net gave to the latter.",
            alt="Wrongly classified images: " + "; ".join(result.mistake_titles) + ".",
            images=result.mistakes,
            columns=min(6, len(result.mistake_titles)),
            titles=result.mistake_titles,
        )
    return found


def _matrix(result: Result) -> Heatmap:
    rest = result.confusion.shape[1] > len(result.classes)
    columns = (*result.classes, "another class") if rest else result.classes
    some = f" Of {len(result.accuracy)} classes, {len(result.classes)} drawn at random are shown."
    return Heatmap(
        title="Confusion matrix",
        caption="Which class the net predicts, by true class. Each row is one true class, and its numbers count validation "
        "images; a perfect net has all of them on the diagonal."
        + (some if len(result.classes) < len(result.accuracy) else ""),
        alt=f"Matrix of {len(result.classes)} true by {len(columns)} predicted classes; "
        f"{result.top1:.0%} of the images lie on the diagonal.",
        values=result.confusion.astype(np.float64),
        row_names=result.classes,
        column_names=columns,
        row_label="true class",
        column_label="predicted class",
        value_label="validation images",
    )


def _gallery(result: Result) -> ImageGrid:
    if not result.gallery_classes:
        return ImageGrid(
            title="What the net was trained on" if result.gallery_trained_on else "What the net is shown",
            caption=f"{len(result.gallery)} of the images, drawn at random. Below each stands "
            + (
                "what it shows."
                if result.several
                else "its class."
                if result.accuracy
                else "what the net takes it for, with its probability: they have no labels."
            ),
            alt=f"A grid of images: {'; '.join(result.gallery_titles)}.",
            images=result.gallery,
            columns=min(6, len(result.gallery)),
            titles=result.gallery_titles,
        )
    columns = len(result.gallery) // len(result.gallery_classes)
    total = result.net_classes if result.gallery_trained_on else len(result.accuracy)
    which = f"each of the {total} classes"
    if len(result.gallery_classes) < total:
        which = f"each of {len(result.gallery_classes)} of the {total} classes"
    kind = "training images" if result.gallery_trained_on else "images"
    return ImageGrid(
        title="What the net was trained on" if result.gallery_trained_on else "What the net is shown",
        caption=f"{columns} {kind} of {which}, drawn at random.",
        alt=f"A grid of photographs or drawings, one row for each class: {', '.join(result.gallery_classes)}.",
        images=result.gallery,
        columns=columns,
        row_titles=result.gallery_classes,
    )


def _curves(result: Result) -> LineChart:
    epochs = result.history["epoch"]

    def panel(what: str, label: str, scale: float, limits: tuple[float, float] | None) -> Panel:
        lines = (
            Series("training", epochs, result.history[f"train_{what}"] * scale, dashed=True),
            Series("validation", epochs, result.history[f"validation_{what}"] * scale),
        )
        return Panel(label.split(" (")[0], "epoch", label, lines, limits)

    first, last = (result.history["validation_accuracy"][place] for place in (0, -1))
    return LineChart(
        title="How training went",
        caption=(
            "Binary cross-entropy, summed over the classes, and how often the first guess is one of the image's classes"
            if result.several
            else "Cross-entropy and accuracy"
        )
        + " after each epoch. Training values are means over the epoch, on random crops "
        "and with dropout, so their accuracy can lie below that on the validation images, which is measured on centre "
        "crops without dropout.",
        alt=f"Two curves over {len(epochs)} epochs: validation accuracy goes from {first:.0%} to {last:.0%}.",
        panels=(
            panel("loss", "cross-entropy (nats)", 1.0, None),
            panel("accuracy", "first guess right (%)" if result.several else "accuracy (%)", 100.0, (0.0, 100.0)),
        ),
    )


def _class_accuracy(result: Result) -> BarChart:
    return BarChart(
        title="Accuracy by class",
        caption="Share of each class's validation images that the net gets right; the line is the accuracy of guessing.",
        alt="Bars: " + ", ".join(f"{name} {value:.0%}" for name, value in result.accuracy.items()) + ".",
        names=tuple(result.accuracy),
        values=np.array(list(result.accuracy.values())) * 100,
        x_label="validation images classified correctly (%)",
        reference=100 / result.net_classes,
        reference_name="chance",
    )
