"""When features settle during training: the way from the untrained net's features to the final ones.

Likeness to the final features is debiased linear CKA, on the same images for every snapshot. Images are the independent
units: they are resampled as weights.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from reportgen.analyses.evolution.cka import Course

SETTLED = 0.9  # of the way from the untrained net's features to the final ones
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
    settled: tuple[float | None, float | None, float | None]  # epoch, and the ends of its band; None: not defined


def progress(curves: Float[np.ndarray, "*curve snapshot"]) -> Float[np.ndarray, "*curve snapshot"]:
    """How far features have come from the first snapshot's (0) to the last's (1): (CKA_t - CKA_0) / (1 - CKA_0).

    NaN where training hardly changed them: CKA_0 above 0.999.
    """
    way = 1 - curves[..., :1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(way >= CHANGED, (curves - curves[..., :1]) / way, np.nan)


def settled(
    epochs: Float[np.ndarray, " snapshot"], curves: Float[np.ndarray, "*curve snapshot"]
) -> Float[np.ndarray, "*curve"]:
    """The epoch from which `progress` stays at or above 0.9; NaN where it is not defined."""
    return stays(epochs, progress(curves))


def stays(
    epochs: Float[np.ndarray, " snapshot"], curves: Float[np.ndarray, "*curve snapshot"], mark: float = SETTLED
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


def settled_under(
    course: Course, epochs: Float[np.ndarray, " snapshot"], weights: Float[np.ndarray, "resample image"]
) -> Float[np.ndarray, " resample"]:
    """When a layer settles under each set of weights: `settled` of ``course.curves(weights)``, at less cost.

    The result depends on the last snapshot below the mark and the one after it, so each curve is followed back from the
    end only as far as that snapshot.
    """
    under = course.under(weights)
    curves = np.zeros((len(weights), len(course)))  # zero where it is not needed
    curves[:, 0], curves[:, -1] = course.cka(0, under), 1
    above: Bool[np.ndarray, " resample"] = np.ones(len(weights), dtype=bool)
    for snapshot in range(len(course) - 2, 0, -1):
        curves[above, snapshot] = course.cka(snapshot, under.part(above))
        above &= progress(curves)[:, snapshot] >= SETTLED
    return settled(epochs, curves)


def likeness(number: int, course: Course, epochs: Float[np.ndarray, " snapshot"], rng: np.random.Generator) -> Likeness:
    """A layer's curve with its band, and when it settles."""
    curve = course.curves(np.ones((1, course.images)))[0]
    band = course.curves(draw(course.images, BAND, rng))
    low, high = _middle(band)
    times = (settled(epochs, curve), *_middle(settled(epochs, band)))
    epoch, first, last = (float(time) if np.isfinite(time) else None for time in times)
    return Likeness(number, curve, low, high, (epoch, first, last))


def resampled(
    courses: Sequence[Course],
    epochs: Float[np.ndarray, " snapshot"],
    batches: Iterable[Float[np.ndarray, "_some image"]],
) -> Float[np.ndarray, "layer resample"]:
    """When each layer settles under every set of weights; all layers are weighted alike."""
    return np.concatenate(
        [np.stack([settled_under(course, epochs, weights) for course in courses]) for weights in batches], axis=1
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
