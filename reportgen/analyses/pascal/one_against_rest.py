"""One linear classifier for each class, which may be present together with others: logistic regression."""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from reportgen.data.average_precision import average_precision
from reportgen.data.voc import UNCLEAR

GRID = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)  # of C, which weighs errors against the size of the weights
PARTS = 3  # of the training images, each left out in turn to choose C


@dataclass(frozen=True)
class Scores:
    """How sure a class's classifier is of it, for each test image."""

    values: Float[np.ndarray, " test"]
    strength: float  # the C that was chosen; NaN where nothing could be learned
    fits: int
    unfinished: int  # fits that had not converged when their iterations were spent

    @property
    def ranking(self) -> Float[np.ndarray, " test"]:
        """By what the test images are ranked; NaN where nothing could be learned."""
        return self.values if np.isfinite(self.strength) else np.full_like(self.values, np.nan)


def scores(
    train: Float[np.ndarray, "image coordinate"],
    labels: Int[np.ndarray, " image"],
    test: Float[np.ndarray, "test coordinate"],
    seed: int,
) -> Scores:
    """Learn one class from the images in which it is clearly present or absent, and score the test images.

    C is chosen by the average precision on what is left out; with fewer than two images of either kind it is 1. Where
    all training images are of one kind nothing is learned, and all scores are zero.
    """
    clear = np.flatnonzero(labels != UNCLEAR)
    train, labels = train[clear], labels[clear]
    fewest = int(min((labels == 1).sum(), (labels == 0).sum()))
    if fewest == 0:
        return Scores(np.zeros(len(test)), float("nan"), 0, 0)
    parts = min(PARTS, fewest)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        strength = _chosen(train, labels, parts, seed) if parts > 1 else 1.0
        fitted = LogisticRegression(C=strength, max_iter=5000).fit(train, labels)
    unfinished = sum(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    tried = parts * len(GRID) if parts > 1 else 0
    return Scores(fitted.decision_function(test), strength, tried + 1, unfinished)


def _chosen(
    train: Float[np.ndarray, "image coordinate"], labels: Int[np.ndarray, " image"], parts: int, seed: int
) -> float:
    """The C of `GRID` with the highest average precision on the parts that were left out, the smaller of equals."""
    found = np.zeros((parts, len(GRID)))
    folds = StratifiedKFold(parts, shuffle=True, random_state=seed).split(train, labels)
    for part, (kept, left) in enumerate(folds):
        model = LogisticRegression(max_iter=5000, warm_start=True)  # each C begins where the smaller one ended
        for place, strength in enumerate(GRID):
            model.set_params(C=strength).fit(train[kept], labels[kept])
            found[part, place] = average_precision(model.decision_function(train[left]), labels[left])[0]
    return GRID[int(found.mean(axis=0).round(12).argmax())]
