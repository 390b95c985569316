"""Are the features useful for images that show several things at once? (Zeiler & Fergus 2013, section 5.2, table 6)."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from threadpoolctl import threadpool_limits

from reportgen import probe
from reportgen.analyses.pascal import Settings
from reportgen.analyses.pascal.one_against_rest import scores
from reportgen.base.progress import track
from reportgen.claims import LEVEL, Verdict, paper
from reportgen.data.dataset import MultiSplit, Split
from reportgen.data.voc import UNCLEAR
from reportgen.figures.kinds import BarChart, Figure, ImageGrid, Table
from reportgen.look.condensed import condensed
from reportgen.look.inputs import Inputs
from reportgen.look.precisions import precisions
from reportgen.nets.layers import PaperLayer, feature_vectors

TOP = 7  # the layer that is read
SMALL = 2_000_000  # numbers: with fewer, several threads only wait for each other
NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Ranking:
    """How the test images were ranked for each class, and what that came to."""

    name: str
    classes: tuple[str, ...]
    layer: int  # that was read
    train: int  # images
    present: Int[np.ndarray, "set class"]  # images of the training set and of the test set that show a class
    unclear: Int[np.ndarray, "set class"]  # images in which it is only difficult to see
    labels: Int[np.ndarray, "test class"]
    scores: Float[np.ndarray, "test class"]
    strengths: Float[np.ndarray, " class"]  # the C that was chosen; NaN where nothing could be learned
    fits: int
    unfinished: int  # of them
    precision: Float[np.ndarray, "class 3"]  # average precision and the ends of its interval; NaN where there is none
    mean: Float[np.ndarray, "3"]  # over the classes that have one
    gallery: UInt8[np.ndarray, "image row column 3"]  # of the test images
    shown: tuple[str, ...]  # what each of them shows


@dataclass(frozen=True)
class Result:
    """Nothing, where there are no images of several things."""

    ranking: Ranking | None


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Learn a classifier for each class from the training images; rank the test images; resample these."""
    found = inputs.multilabel
    if found is None:
        return Result(None)
    known = [layer for layer in inputs.layers if layer.kind != "softmax"]
    layer = next((layer for layer in known if layer.number == TOP), known[-1])
    train, test = (_features(inputs, layer, part) for part in (found.train, found.test))
    points, asked = condensed(train, test)
    seeds = rng.integers(2**31, size=len(found.classes))
    with threadpool_limits(1) if points.size < SMALL else nullcontext():
        ranked = [
            scores(points, found.train.labels[:, column].astype(np.int64), asked, int(seeds[column]))
            for column in track(range(len(found.classes)), "one class against the rest", unit="class")
        ]
    labels = found.test.labels.astype(np.int64)
    precision, mean = precisions(np.column_stack([one.ranking for one in ranked]), labels, rng)
    chosen = np.sort(rng.permutation(len(labels))[: settings.gallery])
    return Result(
        Ranking(
            name=found.name,
            classes=found.classes,
            layer=layer.number,
            train=len(found.train.labels),
            present=np.stack([(part.labels == 1).sum(axis=0) for part in (found.train, found.test)]),
            unclear=np.stack([(part.labels == UNCLEAR).sum(axis=0) for part in (found.train, found.test)]),
            labels=labels,
            scores=np.column_stack([one.values for one in ranked]),
            strengths=np.array([one.strength for one in ranked]),
            fits=sum(one.fits for one in ranked),
            unfinished=sum(one.unfinished for one in ranked),
            precision=precision,
            mean=mean,
            gallery=inputs.preprocessing.shown(np.asarray(found.test.images[chosen])),
            shown=tuple(_shows(found.classes, labels[place]) for place in chosen),
        )
    )


def _features(inputs: Inputs, layer: PaperLayer, part: MultiSplit) -> Float[np.ndarray, "image feature"]:
    """A layer's feature vectors of the middle of every image."""

    def features(batch: torch.Tensor) -> np.ndarray:
        output = probe.activations(inputs.graph, batch, [layer.features])[layer.features]
        return feature_vectors(layer, output).float().cpu().numpy()

    split = Split(part.images, np.zeros(len(part), np.int64), part.names)
    return np.concatenate(list(inputs.each(features, split, what="features of images of several things")))


def _shows(classes: tuple[str, ...], labels: Int[np.ndarray, " class"]) -> str:
    """What an image shows, by name; what is hard to see stands in brackets."""
    clear = [classes[place] for place in np.flatnonzero(labels == 1)]
    unclear = [f"({classes[place]})" for place in np.flatnonzero(labels == UNCLEAR)]
    return ", ".join(clear + unclear) or "none of the classes"


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """None of the sixteen claims rests on it."""
    return []


def numbers(result: Result) -> dict[str, Any]:
    """What the section's prose and the metrics speak of; precisions in [0, 1], None where there is none."""
    found = result.ranking
    if found is None:
        return {"tested": False}
    return {
        "tested": True,
        "name": found.name,
        "layer": found.layer,
        "train": found.train,
        "test": len(found.labels),
        "at_once": float((found.labels != 0).sum(axis=1).mean()),
        "mean": _interval(found.mean),
        "level": LEVEL,
        "classes": [
            {
                "name": name,
                "train": int(found.present[0, place]),
                "test": int(found.present[1, place]),
                "unclear": int(found.unclear[1, place]),
                "strength": float(found.strengths[place]) if np.isfinite(found.strengths[place]) else None,
                "precision": _interval(found.precision[place]),
            }
            for place, name in enumerate(found.classes)
        ],
        "without": [found.classes[place] for place in np.flatnonzero(np.isnan(found.precision[:, 0])).tolist()],
        "fits": found.fits,
        "unfinished": found.unfinished,
        "pascal": is_pascal(found),
        "paper": paper.PASCAL_MEAN,
        "leaders": list(paper.PASCAL_LEADERS),
        "best_of": list(paper.PASCAL_BEST_OF),
    }


def _interval(values: Float[np.ndarray, " 3"]) -> dict[str, float] | None:
    return None if np.isnan(values[0]) else dict(zip(("estimate", "low", "high"), map(float, values), strict=True))


def is_pascal(found: Ranking) -> bool:
    """Whether these are the paper's classes: the twenty of PASCAL VOC."""
    return set(found.classes) == set(paper.PASCAL_CLASSES)


def figures(result: Result) -> dict[str, Figure]:
    """Some of the images, table 6 with the paper's means beside, and the classes' average precisions."""
    found = result.ranking
    if found is None:
        return {}
    drawn: dict[str, Figure] = {"gallery": _gallery(found), "table": _table(found)}
    return drawn | ({} if np.isnan(found.mean[0]) else {"precision": _bars(found)})


def _gallery(found: Ranking) -> ImageGrid:
    return ImageGrid(
        title="Images of several things",
        caption=f"{len(found.shown)} of the {len(found.labels):,} test images, drawn at random, with the classes that are marked "
        "in each; in brackets what is marked as difficult alone.",
        alt=f"Pictures that show: {'; '.join(found.shown)}.",
        images=found.gallery,
        columns=min(4, len(found.shown)),
        titles=found.shown,
    )


def _table(found: Ranking) -> Table:
    rows = [
        (
            name,
            f"{found.present[0, place]:,}",
            f"{found.present[1, place]:,}",
            f"{found.unclear[1, place]:,}",
            _percent(found.precision[place]),
        )
        for place, name in enumerate(found.classes)
    ]
    defined = int(np.isfinite(found.precision[:, 0]).sum())
    low, high = paper.PASCAL_LEADERS
    blank = ("", "", "")
    rows += [
        (f"mean of {defined} classes", *blank, _percent(found.mean)),
        ("the paper, PASCAL VOC 2012, mean of 20", *blank, f"{paper.PASCAL_MEAN:.1f}"),
        ("the two leaders, PASCAL VOC 2012, mean of 20", *blank, f"{low:.1f}, {high:.1f}"),
    ]
    return Table(
        title="Average precision for each class",
        caption="A classifier for each class ranks the test images by how sure it is of the class; average precision by the "
        "rule of PASCAL VOC 2012, in per cent. In brackets the interval for other test sets of this size, at the verdicts' level of "
        f"{100 * LEVEL:.1f} %; the training images stay. {_to_compare(found)}",
        alt="Table: for each class the number of training and test images that show it, of those in which it is difficult, "
        "and the average precision; the mean, and the paper's.",
        columns=("class", "training images", "test images", "difficult in", "average precision (%)"),
        rows=tuple(rows),
    )


def _to_compare(found: Ranking) -> str:
    """What sets the paper's numbers apart from this run's."""
    if is_pascal(found):
        return (
            "The paper's numbers are of the same classes, but of PASCAL's own test images, whose labels only its server "
            "knows, after learning from its training and validation images together; here the validation images are for "
            "testing."
        )
    return "The paper's numbers are of other images and other classes: they are no measure for these."


def _percent(values: Float[np.ndarray, " 3"]) -> str:
    if np.isnan(values[0]):
        return "none"
    estimate, low, high = 100 * values
    return f"{estimate:.1f}{NO_BREAK}[{low:.1f},{NO_BREAK}{high:.1f}]"


def _bars(found: Ranking) -> BarChart:
    order = [place for place in np.argsort(-found.precision[:, 0]).tolist() if np.isfinite(found.precision[place, 0])]
    values, low, high = 100 * found.precision[order].T
    mean = 100 * found.mean[0]
    return BarChart(
        title="Which classes are found",
        caption="Average precision of each class, with its interval for other test sets of this size; the line is the mean over the "
        "classes. A ranking by chance gets about the share of images that show the class: "
        + ", ".join(f"{found.classes[place]} {_chance(found, place):.0f} %" for place in order)
        + ".",
        alt="Bars: " + "; ".join(f"{found.classes[place]} {found.precision[place, 0]:.0%}" for place in order),
        names=tuple(found.classes[place] for place in order),
        values=values,
        low=low,
        high=high,
        x_label="average precision (%)",
        reference=float(mean),
        reference_name="mean",
    )


def _chance(found: Ranking, place: int) -> float:
    """Share in per cent of the test images with a class, of those that count for it."""
    return 100 * found.present[1, place] / max(1, int((found.labels[:, place] != UNCLEAR).sum()))
