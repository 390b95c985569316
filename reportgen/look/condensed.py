"""Feature vectors as linear classifiers read them: standardised, in no more coordinates than there are images."""

import numpy as np
from jaxtyping import Float


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
    return spanned(train, test)


def spanned(
    train: Float[np.ndarray, "image feature"], test: Float[np.ndarray, "test feature"]
) -> tuple[Float[np.ndarray, "image coordinate"], Float[np.ndarray, "test coordinate"]]:
    """Both sets in coordinates within the span of the training images, if these are fewer than the features."""
    if train.shape[1] <= len(train):
        return train, test
    span = np.linalg.qr(train.T)[0]
    return train @ span, test @ span
