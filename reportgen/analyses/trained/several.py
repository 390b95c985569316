"""How good a net is whose images may show several classes at once: each class by itself, and which go together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats
from jaxtyping import Float, Int

from reportgen.claims import LEVEL
from reportgen.data.several import answerable, answers, chance
from reportgen.data.voc import ABSENT, PRESENT
from reportgen.figures.kinds import BarChart, Figure, Heatmap, Table
from reportgen.look.precisions import precisions

SURE = 0.5  # the probability from which on the net says that an image shows a class
MOST_CLASSES = 40  # in the matrices: with more they are unreadable


@dataclass(frozen=True)
class Several:
    """What a net says of each class by itself; of classes that some of the images show."""

    classes: tuple[str, ...]
    images: Int[np.ndarray, "count class"]  # that show it, and that do not
    precision: Float[np.ndarray, "class 3"]  # average precision and the ends of its interval
    mean: Float[np.ndarray, "3"]  # over the classes
    yes_or_no: Float[np.ndarray, "class 3"]  # share of the images of which it rightly says yes or no, and the interval
    recalled: Int[np.ndarray, " class"]  # images that show it, of which it says yes
    matrix: tuple[int, ...]  # which of the classes the two matrices have
    together: Int[np.ndarray, "shown also"]  # images that show the one and the other
    said: Int[np.ndarray, "shown said"]  # images that show the one, of which the net says the other
    labels_an_image: float
    guessing: float  # how often always naming the commonest class is right


def measure(
    probabilities: Float[np.ndarray, "image class"],
    shows: Int[np.ndarray, "image class"],
    names: tuple[str, ...],
    rng: np.random.Generator,
) -> Several | None:
    """What the net says of the images; None where none is known to show a class."""
    known = answerable(shows)
    if not known.any():
        return None
    kinds = np.flatnonzero((shows == PRESENT).any(axis=0))
    of_the_net = np.random.default_rng(0)  # as the net's own numbers have it
    precision, mean = precisions(probabilities[:, kinds], shows[:, kinds].astype(np.int64), of_the_net)
    present, absent = (shows[:, kinds] == value for value in (PRESENT, ABSENT))
    yes = probabilities[:, kinds] >= SURE
    right = ((yes & present) | (~yes & absent)).sum(axis=0)
    asked = (present | absent).sum(axis=0)
    drawn = np.sort(rng.permutation(len(kinds))[:MOST_CLASSES])
    said = answers(probabilities, shows)[:, kinds[drawn]].astype(np.int64)
    shown = present[:, drawn].astype(np.int64)
    return Several(
        classes=tuple(names[kind] for kind in kinds),
        images=np.stack([present.sum(axis=0), absent.sum(axis=0)]),
        precision=precision,
        mean=mean,
        yes_or_no=np.array([_share(int(part), int(whole)) for part, whole in zip(right, asked, strict=True)]),
        recalled=(yes & present).sum(axis=0),
        matrix=tuple(drawn.tolist()),
        together=shown.T @ shown,
        said=shown.T @ said,
        labels_an_image=float(present.sum(axis=1)[known].mean()),
        guessing=chance(shows, len(names)),
    )


def _share(part: int, whole: int) -> tuple[float, float, float]:
    """A share with the ends of its exact interval."""
    ends = scipy.stats.binomtest(part, whole).proportion_ci(LEVEL, method="exact")
    return part / whole, float(ends.low), float(ends.high)


def numbers(found: Several) -> dict[str, Any]:
    """What the section's prose and the metrics speak of."""
    precision = found.precision[:, 0]
    best, worst = (np.flatnonzero(precision == end) for end in (np.nanmax(precision), np.nanmin(precision)))
    off = found.said - found.together
    np.fill_diagonal(off, 0)
    shown, said = np.unravel_index(off.argmax(), off.shape)
    return {
        "map": _plain(found.mean),
        "labels_an_image": found.labels_an_image,
        "chance": float((found.images[0] / found.images.sum(axis=0)).mean()),
        "best": found.classes[best[0]],
        "worst": found.classes[worst[-1]],
        "best_classes": [found.classes[place] for place in best],
        "worst_classes": [found.classes[place] for place in worst],
        "too_often": [*(found.classes[found.matrix[place]] for place in (shown, said)), int(off[shown, said])],
        "as_often": int((off == off.max()).sum()),  # pairs of classes
        "classes": [
            {
                "name": name,
                "images": int(found.images[0, place]),
                "average_precision": _plain(found.precision[place]),
                "yes_or_no": _plain(found.yes_or_no[place]),
                "recalled": int(found.recalled[place]),
            }
            for place, name in enumerate(found.classes)
        ],
    }


def _plain(values: Float[np.ndarray, "3"]) -> dict[str, float]:
    return dict(zip(("estimate", "low", "high"), values.tolist(), strict=True))


def figures(found: Several) -> dict[str, Figure]:
    """Average precision by class, what is said of each class, and which classes are shown and said together."""
    return {
        "precision": _precision(found),
        "classes": _classes(found),
        "together": _matrix(
            found,
            found.together,
            "What images show together",
            "How many validation images show the class of the row and also that of the column; on the diagonal, all that show it.",
            "also shown",
        ),
        "said": _matrix(
            found,
            found.said,
            "What the net says of images that show a class",
            "Of how many validation images that show the class of the row the net says that of the column: of each image it is "
            "taken to say as many classes as the image shows, those that it thinks most probable. Of a perfect net this is "
            "the matrix before; on the diagonal, how many of each class it finds.",
            "said by the net",
        ),
    }


def _precision(found: Several) -> BarChart:
    order = np.argsort(-found.precision[:, 0], kind="stable")
    shares = found.images[0] / found.images.sum(axis=0)
    return BarChart(
        title="Average precision by class",
        caption="All validation images ranked by the probability that the net gives to a class: the area below the curve of "
        "precision against recall (the rule of PASCAL VOC 2012), with 95 % intervals; the line is the mean over the classes. "
        "A ranking by chance would get the share of the images that show the class: "
        f"from {shares.min():.0%} to {shares.max():.0%} here.",
        alt="Bars: " + ", ".join(f"{found.classes[place]} {found.precision[place, 0]:.0%}" for place in order) + ".",
        names=tuple(found.classes[place] for place in order),
        values=100 * found.precision[order, 0],
        low=100 * found.precision[order, 1],
        high=100 * found.precision[order, 2],
        x_label="average precision (%)",
        reference=100 * float(found.mean[0]),
        reference_name="mean",
    )


def _classes(found: Several) -> Table:
    def share(values: Float[np.ndarray, "3"]) -> str:
        middle, low, high = (100 * values).tolist()
        return f"{middle:.1f} % [{low:.1f}, {high:.1f}]"

    always = found.images.max(axis=0) / found.images.sum(axis=0)
    return Table(
        title="Each class by itself",
        caption=f"Images that show it; its average precision; how often the net is right to say yes (a probability of {SURE} or more) "
        "or no, and beside it how often one would be that always gives the commoner of the two answers; of how many images "
        "that show it the net says yes. In brackets 95 % intervals.",
        alt="A table of the classes: images, average precision, accuracy, recall.",
        columns=("class", "images", "average precision", "yes or no right", "commoner answer", "found"),
        rows=tuple(
            (
                name,
                f"{found.images[0, place]:,}",
                share(found.precision[place]),
                share(found.yes_or_no[place]),
                f"{always[place]:.1%}",
                f"{found.recalled[place]:,}",
            )
            for place, name in enumerate(found.classes)
        ),
    )


def _matrix(found: Several, values: Int[np.ndarray, "row column"], title: str, caption: str, columns: str) -> Heatmap:
    names = tuple(found.classes[place] for place in found.matrix)
    some = f" Of {len(found.classes)} classes, {len(names)} drawn at random are shown."
    return Heatmap(
        title=title,
        caption=caption + (some if len(names) < len(found.classes) else ""),
        alt=f"Matrix of {len(names)} classes; its diagonal adds up to {int(np.trace(values)):,}, all of it to {int(values.sum()):,}.",
        values=values.astype(np.float64),
        row_names=names,
        column_names=names,
        row_label="shown",
        column_label=columns,
        value_label="validation images",
    )
