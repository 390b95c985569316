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
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.svm import LinearSVC

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


def condensed(
    train: Float[np.ndarray, "image feature"], test: Float[np.ndarray, "test feature"]
) -> tuple[Float[np.ndarray, "image coordinate"], Float[np.ndarray, "test coordinate"]]:
    """Both sets standardised by the training images, in as few coordinates as hold every inner product with those.

    Features that are the same for all training images are left out. The others get mean 0 and deviation 1, and are
    divided by the root of their number, so that one range of C fits layers of any size. A linear classifier whose
    weights are penalised by their squares sees the inner products only: where there are more features than training
    images, coordinates within the span of these give the same answers.
    """
    varies = np.ptp(train, axis=0) > 0
    if not varies.any():
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))
    train, test = (part[:, varies].astype(np.float64) for part in (train, test))
    mean, scale = train.mean(axis=0), train.std(axis=0) * np.sqrt(train.shape[1])
    train, test = (train - mean) / scale, (test - mean) / scale
    if train.shape[1] <= len(train):
        return train, test
    span = np.linalg.qr(train.T)[0]
    return train @ span, test @ span


def classify(
    kind: Kind,
    train: Float[np.ndarray, "image coordinate"],
    labels: Int[np.ndarray, " image"],
    test: Float[np.ndarray, "test coordinate"],
    test_labels: Int[np.ndarray, " test"],
    seed: int,
) -> Answers:
    """Fit a classifier to `condensed` feature vectors and classify the test images.

    C is chosen from `GRID` by cross-validation within the training images, the smaller of equals; with one image of a
    class there is nothing to leave out, and it is 1. ``SVM``: one against the rest, squared hinge loss, by Newton's
    method on the primal problem, which takes no random numbers. ``softmax``: multinomial logistic regression, L-BFGS.
    """
    parts = min(PARTS, int(np.bincount(labels).min()))
    grid = GRID if parts > 1 else (1.0,)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        if parts > 1:
            folds = StratifiedKFold(parts, shuffle=True, random_state=seed)
            fitted = GridSearchCV(_classifier(kind), {"C": list(grid)}, cv=folds, scoring="accuracy").fit(train, labels)
            strength = float(fitted.best_params_["C"])
        else:
            fitted, strength = _classifier(kind).fit(train, labels), 1.0
    unfinished = sum(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    fits = len(grid) * parts + 1 if parts > 1 else 1
    return Answers(fitted.predict(test) == test_labels, strength, fits, unfinished)


def _classifier(kind: Kind) -> Any:
    if kind == "SVM":
        return LinearSVC(dual=False, max_iter=5000)
    return LogisticRegression(max_iter=5000)
