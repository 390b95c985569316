"""The net and its data: what was learned from what, and whether the net is any good."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from reportgen.artifacts import read_json
from reportgen.claims import Verdict
from reportgen.figures.kinds import BarChart, Figure, Heatmap, ImageGrid, LineChart, Panel, Series
from reportgen.inputs import Inputs


@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How much is shown."""

    gallery: Annotated[int, Field(ge=1)] = 8  # training images of each class
    gallery_classes: Annotated[int, Field(ge=2)] = 24  # of more classes, so many at random are shown
    mistakes: Annotated[int, Field(ge=1)] = 12  # wrong answers, the most confident first


@dataclass(frozen=True)
class Result:
    """What the net says of the validation images, and what training came to."""

    classes: tuple[str, ...]
    gallery: UInt8[np.ndarray, "image row column 3"]  # class by class
    gallery_classes: tuple[str, ...]
    confusion: Int[np.ndarray, "true predicted"]  # validation images
    history: dict[str, Float[np.ndarray, " epoch"]]
    mistakes: UInt8[np.ndarray, "mistake row column 3"]
    mistake_titles: tuple[str, ...]
    top1: float


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Read what the training left and pick the pictures."""
    data = inputs.data
    shown = np.sort(rng.permutation(len(data.classes))[: settings.gallery_classes])
    chosen = [
        index for label in shown for index in _some(np.flatnonzero(data.train.labels == label), settings.gallery, rng)
    ]
    probabilities, labels = inputs.probabilities, data.val.labels
    guesses = probabilities.argmax(axis=1)
    confusion = np.zeros((len(data.classes), len(data.classes)), dtype=np.int64)
    np.add.at(confusion, (labels, guesses), 1)
    wrong = np.flatnonzero(guesses != labels)
    wrong = wrong[np.argsort(-probabilities[wrong, guesses[wrong]], kind="stable")][: settings.mistakes]
    epochs = read_json(inputs.net_folder / "history.json")["epochs"]
    curves = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return Result(
        classes=data.classes,
        gallery=np.asarray(data.train.images[chosen]),
        gallery_classes=tuple(data.classes[label] for label in shown),
        confusion=confusion,
        history={name: np.array([epoch[name] for epoch in epochs], dtype=np.float64) for name in curves},
        mistakes=np.asarray(data.val.images[wrong]),
        mistake_titles=tuple(
            f"{data.classes[labels[index]]}, taken for {data.classes[guesses[index]]} "
            f"({probabilities[index, guesses[index]]:.0%})"
            for index in wrong
        ),
        top1=float((guesses == labels).mean()),
    )


def _some(indices: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the indices at random; with too few, some twice, so that the gallery keeps its columns."""
    return rng.choice(indices, count, replace=len(indices) < count)


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """No claim of the paper rests on this section."""
    return []


def numbers(result: Result) -> dict[str, Any]:
    """What the section's prose speaks of."""
    of_class = result.confusion.diagonal() / result.confusion.sum(axis=1).clip(min=1)
    off = result.confusion - np.diag(result.confusion.diagonal())
    true, predicted = np.unravel_index(off.argmax(), off.shape)
    return {
        "top1": result.top1,
        "chance": 1 / len(result.classes),
        "class_accuracy": {name: float(value) for name, value in zip(result.classes, of_class, strict=True)},
        "best_class": result.classes[int(of_class.argmax())],
        "worst_class": result.classes[int(of_class.argmin())],
        "most_confused": [result.classes[true], result.classes[predicted], int(off[true, predicted])],
        "mistakes": len(result.mistake_titles),
        "validation_images": int(result.confusion.sum()),
        "final_train_loss": float(result.history["train_loss"][-1]),
        "final_validation_loss": float(result.history["validation_loss"][-1]),
        "history": {name: values.tolist() for name, values in result.history.items()},
    }


def figures(result: Result) -> dict[str, Figure]:
    """A gallery, the curves of training, the confusion matrix, accuracy by class, the most confident mistakes."""
    found: dict[str, Figure] = {
        "gallery": _gallery(result),
        "curves": _curves(result),
        "class_accuracy": _class_accuracy(result),
        "confusion": Heatmap(
            title="Confusion matrix",
            caption="What the net takes each class for. Each row is one true class, its numbers are validation images; "
            "a perfect net has all of them on the diagonal.",
            alt=f"Matrix of {len(result.classes)} true by {len(result.classes)} predicted classes; "
            f"{result.top1:.0%} of the images lie on the diagonal.",
            values=result.confusion.astype(np.float64),
            row_names=result.classes,
            column_names=result.classes,
            row_label="true class",
            column_label="predicted class",
            value_label="validation images",
        ),
    }
    if result.mistake_titles:
        found["mistakes"] = ImageGrid(
            title="The most confident mistakes",
            caption="Validation images that the net gets wrong, the surest first: true class, the class it was taken "
            "for, and the probability the net gave to that.",
            alt="Wrongly classified images: " + "; ".join(result.mistake_titles) + ".",
            images=result.mistakes,
            columns=min(6, len(result.mistake_titles)),
            titles=result.mistake_titles,
        )
    return found


def _gallery(result: Result) -> ImageGrid:
    columns = len(result.gallery) // len(result.gallery_classes)
    which = f"each of the {len(result.classes)} classes"
    if len(result.gallery_classes) < len(result.classes):
        which = f"each of {len(result.gallery_classes)} of the {len(result.classes)} classes"
    return ImageGrid(
        title="What the net was trained on",
        caption=f"{columns} training images of {which}, drawn at random.",
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
        caption="Cross-entropy and accuracy after each epoch. Training figures are means over the epoch, on random "
        "crops with dropout, so they can lie below those of the validation images, which are seen whole and in the "
        "centre.",
        alt=f"Two curves over {len(epochs)} epochs: validation accuracy goes from {first:.0%} to {last:.0%}.",
        panels=(
            panel("loss", "cross-entropy (nats)", 1.0, None),
            panel("accuracy", "accuracy (%)", 100.0, (0.0, 100.0)),
        ),
    )


def _class_accuracy(result: Result) -> BarChart:
    totals = result.confusion.sum(axis=1)
    share = result.confusion.diagonal() / totals.clip(min=1)
    return BarChart(
        title="Accuracy by class",
        caption="Share of each class's validation images that the net gets right; the line is the share that guessing "
        "would get.",
        alt="Bars: "
        + ", ".join(f"{name} {value:.0%}" for name, value in zip(result.classes, share, strict=True))
        + ".",
        names=result.classes,
        values=share * 100,
        x_label="validation images classified correctly (%)",
        reference=100 / len(result.classes),
        reference_name="chance",
    )
