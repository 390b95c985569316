"""Average precision by the rule of PASCAL VOC 2012 (Everingham et al., IJCV 111, 2015; the devkit's ``VOCap``)."""

import numpy as np
from jaxtyping import Float, Int

from reportgen.data.voc import UNCLEAR


def average_precision(
    scores: Float[np.ndarray, " image"],
    labels: Int[np.ndarray, " image"],
    weights: Float[np.ndarray, "resample image"] | None = None,
) -> Float[np.ndarray, " resample"]:
    """The area below the interpolated curve of precision against recall, over all its points.

    Precision at a recall is the largest at this or any larger recall. Labels are 1 (present), 0 (absent) and `UNCLEAR`,
    which counts as neither. Images of one score enter together: the devkit takes them in the order of its list, on which
    nothing should depend. `weights`: how often each image was drawn, for many resamples; without them there is one, of
    every image once. NaN where no image is positive.
    """
    counted = np.flatnonzero(labels != UNCLEAR)
    order = counted[np.argsort(-scores[counted], kind="stable")]
    drawn = np.ones((1, len(order))) if weights is None else weights[:, order]
    if not len(order):
        return np.full(len(drawn), np.nan)
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # the last image of each score
    found = np.cumsum(drawn * (labels[order] == 1), axis=1)[:, ends]
    taken = np.cumsum(drawn, axis=1)[:, ends]
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    interpolated = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    gained = np.diff(found, axis=1, prepend=0)
    total = found[:, -1]
    area = (gained * interpolated).sum(axis=1)
    return np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0)


def by_class(
    scores: Float[np.ndarray, "image class"],
    labels: Int[np.ndarray, "image class"],
    weights: Float[np.ndarray, "resample image"] | None = None,
) -> Float[np.ndarray, "resample class"]:
    """Average precision of each class; NaN for one without scores (NaN), or of which no image is."""
    found = np.full((1 if weights is None else len(weights), labels.shape[1]), np.nan)
    for place in range(labels.shape[1]):
        if np.isfinite(scores[:, place]).all() and (labels[:, place] == 1).any():
            found[:, place] = average_precision(scores[:, place], labels[:, place], weights)
    return found


def mean_of_classes(found: Float[np.ndarray, "resample class"]) -> Float[np.ndarray, " resample"]:
    """The mean over the classes that have an average precision in the first row; NaN where none of them has one."""
    defined = np.isfinite(found[0])
    some = np.isfinite(found[:, defined])
    count, total = some.sum(axis=1), np.where(some, found[:, defined], 0).sum(axis=1)
    # Without a group that holds all that the classes show, there is nothing to rank.
    return np.divide(total, count, out=np.full(len(found), np.nan), where=count > 0)
