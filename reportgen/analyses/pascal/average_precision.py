"""Average precision by the rule of PASCAL VOC 2012 (Everingham et al., IJCV 111, 2015; the devkit's ``VOCap``)."""

import numpy as np
from jaxtyping import Float, Int

UNCLEAR = -1  # label of an image in which a class is marked as difficult alone: neither positive nor negative


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
