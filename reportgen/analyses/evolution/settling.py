"""How fast features settle during training: the way from the untrained net's features to the final ones.

Likeness to the final features is debiased linear CKA, on the same images for every snapshot. Images are the independent
units: they are resampled as weights.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from reportgen.analyses.evolution.cka import Course

MARKS = (
    0.8,
    0.9,
    0.95,
)  # of the way from the untrained net's features to the final ones, and of CKA: secondary numbers
PLAIN = 0.9  # CKA itself: secondary, too
CHANGED = 1e-3  # 1 - CKA of the untrained with the final net: where training changed less, progress is not defined
BAND = 1000  # resamples behind a band
MIDDLE = (0.025, 0.975)  # quantiles: a band holds 95 % of the resamples
BATCH = 1000  # resamples weighted at once


@dataclass(frozen=True)
class Likeness:
    """How alike one layer's features are to those of the final net, by snapshot; bands hold 95 % of the resamples."""

    number: int  # of the layer
    cka: Float[np.ndarray, " snapshot"]  # NaN where every image has the same features
    low: Float[np.ndarray, " snapshot"]
    high: Float[np.ndarray, " snapshot"]
    measures: Float[np.ndarray, " measure"]  # `measured`: NaN where they are not defined
    ends: Float[np.ndarray, "2 measure"]  # of their bands

    @property
    def area(self) -> float:
        """The area between progress and 1, in epochs; NaN where training changed nothing, or every image looks the same."""
        return float(self.measures[0])


def progress(curves: Float[np.ndarray, "*curve snapshot"]) -> Float[np.ndarray, "*curve snapshot"]:
    """How far features have come from the first snapshot's (0) to the last's (1): (CKA_t - CKA_0) / (1 - CKA_0).

    NaN where training hardly changed them: CKA_0 above 0.999.
    """
    way = 1 - curves[..., :1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(way >= CHANGED, (curves - curves[..., :1]) / way, np.nan)


def area(
    epochs: Float[np.ndarray, " snapshot"], curves: Float[np.ndarray, "*curve snapshot"]
) -> Float[np.ndarray, "*curve"]:
    """T, in epochs: the area between `progress` and 1 from the first snapshot to the last, by the trapezoid rule.

    0 for features that are final at once, the length of the training for features that become so at the end alone.
    """
    left = 1 - progress(curves)
    return np.asarray(((left[..., 1:] + left[..., :-1]) / 2 * np.diff(epochs)).sum(axis=-1))


def measured(
    epochs: Float[np.ndarray, " snapshot"], curves: Float[np.ndarray, "*curve snapshot"]
) -> Float[np.ndarray, "measure *curve"]:
    """T, by which the claim is judged, and beside it the epochs from which progress stays at each mark, and CKA at 0.9."""
    way = progress(curves)
    return np.stack([area(epochs, curves), *(stays(epochs, way, mark) for mark in MARKS), stays(epochs, curves, PLAIN)])


def stays(
    epochs: Float[np.ndarray, " snapshot"], curves: Float[np.ndarray, "*curve snapshot"], mark: float
) -> Float[np.ndarray, "*curve"]:
    """The epoch from which curves that end above the mark stay at or above it, interpolated linearly between snapshots.

    A curve that is above only at the end settles between the last two snapshots; one that is always above settles at the
    first snapshot. NaN where a curve has NaN.
    """
    below = curves < mark
    last = curves.shape[-1] - 1 - below[..., ::-1].argmax(axis=-1)  # the last snapshot below the mark
    before = np.where(below.any(axis=-1), np.minimum(last, curves.shape[-1] - 2), 0)
    low, high = (np.take_along_axis(curves, place[..., None], -1)[..., 0] for place in (before, before + 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        way = np.clip((mark - low) / (high - low), 0, 1)
    found = epochs[before] + np.where(below.any(axis=-1), way, 0) * (epochs[before + 1] - epochs[before])
    return np.where(np.isnan(curves).any(axis=-1), np.nan, found)


def likeness(number: int, course: Course, epochs: Float[np.ndarray, " snapshot"], rng: np.random.Generator) -> Likeness:
    """A layer's curve and what is measured on it, with their bands."""
    curve = course.curves(np.ones((1, course.images)))[0]
    band = course.curves(draw(course.images, BAND, rng))
    low, high = _middle(band)
    return Likeness(number, curve, low, high, measured(epochs, curve), _middle(measured(epochs, band).T))


def resampled(
    courses: Sequence[Course],
    epochs: Float[np.ndarray, " snapshot"],
    batches: Iterable[Float[np.ndarray, "_some image"]],
) -> Float[np.ndarray, "layer measure resample"]:
    """What is `measured` of each layer under every set of weights; all layers are weighted alike."""
    return np.concatenate(
        [np.stack([measured(epochs, course.curves(weights)) for course in courses]) for weights in batches], axis=2
    )


def resamples(images: int, count: int, rng: np.random.Generator) -> Iterator[Float[np.ndarray, "resample image"]]:
    """`count` resamples of the images as weights, in batches."""
    for start in range(0, count, BATCH):
        yield draw(images, min(BATCH, count - start), rng)


def draw(images: int, count: int, rng: np.random.Generator) -> Float[np.ndarray, "resample image"]:
    """How often each image is drawn in each resample."""
    return rng.multinomial(images, np.full(images, 1 / images), count).astype(np.float32)


def _middle(band: np.ndarray) -> np.ndarray:
    """The ends of the middle 95 % of the resamples; NaN where some are not defined."""
    return np.quantile(band, MIDDLE, axis=0)
