"""Linear classifiers on feature vectors: a support vector machine and a softmax, fitted by scikit-learn.

Importing this takes a second: do it where the classifiers are fitted.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from reportgen.look.condensed import spanned

Kind = Literal["SVM", "softmax"]
GRID = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)  # of C, which weighs errors against the size of the weights
PARTS = 3  # of the training images, each left out in turn to choose C


@dataclass(frozen=True)
class Answers:
    """What a fitted classifier says of the test images."""

    correct: Bool[np.ndarray, " test"]
    strength: float  # the C that was chosen
    fits: int
    unfinished: int  # fits that had not converged when their iterations were used up


def scaled(
    train: Float[np.ndarray, "image component"], test: Float[np.ndarray, "test component"]
) -> tuple[Float[np.ndarray, "image coordinate"], Float[np.ndarray, "test coordinate"]]:
    """Both sets of principal components around the training images' mean, divided by one number for all of them.

    The components keep their sizes relative to each other, and are turned as `condensed` does. The training images'
    squares sum to one on average, as those of `condensed` do, so that one range of C fits both.
    """
    mean = train.mean(axis=0, dtype=np.float64)
    train, test = train - mean, test - mean
    size = np.sqrt(np.square(train).sum(axis=1).mean())
    if size == 0:
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))
    return spanned(train / size, test / size)


def classify(
    kind: Kind,
    train: Float[np.ndarray, "row coordinate"],
    labels: Int[np.ndarray, " row"],
    test: Float[np.ndarray, "test coordinate"],
    test_labels: Int[np.ndarray, " test"],
    seed: int,
    views: int = 1,
) -> Answers:
    """Fit a classifier to `condensed` feature vectors and ask it for the test images.

    `views`: so many rows in a row are views of one image, which together weigh as much as one row alone does. C is
    chosen from `GRID` by cross-validation within the training images, the smaller of equals; the views of an image are
    left out together. With one image of a class there is nothing to leave out, and C is 1. ``SVM``: one against the
    rest, squared hinge loss, by Newton's method on the primal problem, which takes no random numbers. ``softmax``:
    multinomial logistic regression, L-BFGS.
    """
    parts = min(PARTS, int(np.bincount(labels).min()) // views)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        strength, tried = _chosen(kind, train, labels, parts, seed, views) if parts > 1 else (1.0, 0)
        fitted = _fit(_classifier(kind).set_params(C=strength), train, labels, views)
    unfinished = sum(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return Answers(fitted.predict(test) == test_labels, strength, tried + 1, unfinished)


def _chosen(
    kind: Kind,
    train: Float[np.ndarray, "row coordinate"],
    labels: Int[np.ndarray, " row"],
    parts: int,
    seed: int,
    views: int,
) -> tuple[float, int]:
    """The C of `GRID` that gets most of what is left out right, and how many fits it took to know.

    From one C to the next larger one, the softmax begins where it ended.
    """
    of_images = labels[::views]
    images = StratifiedKFold(parts, shuffle=True, random_state=seed).split(of_images[:, None], of_images)
    right = np.zeros((parts, len(GRID)))
    for part, (kept, left) in enumerate(images):
        learned, asked = (np.ravel(chosen[:, None] * views + np.arange(views)) for chosen in (kept, left))
        model = _classifier(kind)
        if kind == "softmax":
            model.set_params(warm_start=True)
        for place, strength in enumerate(GRID):
            _fit(model.set_params(C=strength), train[learned], labels[learned], views)
            right[part, place] = (model.predict(train[asked]) == labels[asked]).mean()
    return GRID[int(right.mean(axis=0).round(12).argmax())], parts * len(GRID)


def _fit(model: Any, rows: Float[np.ndarray, "row coordinate"], labels: Int[np.ndarray, " row"], views: int) -> Any:
    """The model, fitted; all views of an image weigh as one row."""
    return model.fit(rows, labels, sample_weight=np.full(len(rows), 1 / views))


def _classifier(kind: Kind) -> Any:
    if kind == "SVM":
        return LinearSVC(dual=False, max_iter=5000)
    return LogisticRegression(max_iter=5000)
