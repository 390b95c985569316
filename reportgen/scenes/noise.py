"""Banks of noise, made once per process from a fixed seed; an image takes crops at random places.

The banks are the same in every process: they are constants of the generator, not part of an image's randomness. Each bank
tiles, and is stored twice in both directions, so that a crop can start anywhere and seldom wraps around.
"""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

BANK = 512  # period of a bank, pixels; it is stored as 1024 x 1024 pixels
_BANK_SEED = 20131112


def _spectral(rng: np.random.Generator, exponent: float, low: float) -> Float[ndarray, "row column"]:
    """Tiling Gaussian noise of unit deviation, its amplitude 1/f^exponent above `low` cycles per bank."""
    frequency = np.hypot(np.fft.fftfreq(BANK)[:, None], np.fft.rfftfreq(BANK)[None, :]) * BANK
    amplitude = np.maximum(frequency, low) ** -exponent
    amplitude[0, 0] = 0
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((BANK, BANK))) * amplitude, s=(BANK, BANK))
    return np.tile(noise / noise.std(), (2, 2)).astype(np.float32)


@cache
def clouds() -> Float[ndarray, "bank row column"]:
    """1/f noise, as in natural images: two banks of unit deviation."""
    rng = np.random.default_rng([_BANK_SEED, 0])
    return np.stack([_spectral(rng, 1.0, 6.0) for _ in range(2)])


@cache
def mottle() -> Float[ndarray, "row column"]:
    """Blobs of about a 20th of the bank's side: wobbly outlines, patches of coat."""
    rng = np.random.default_rng([_BANK_SEED, 1])
    return _spectral(rng, 2.6, 9.0)


@cache
def streaks() -> Float[ndarray, "row column"]:
    """Strands along the rows' axis (vertical): two to five pixels wide, some thirty long; unit deviation."""
    rng = np.random.default_rng([_BANK_SEED, 2])
    layers = []
    for width, length, weight in ((1.0, 14.0, 1.0), (2.4, 26.0, 0.8)):
        white = np.pad(rng.standard_normal((BANK, BANK)), 3 * 32, mode="wrap").astype(np.float32)
        blurred = cv2.GaussianBlur(white, (0, 0), sigmaX=width, sigmaY=length)[96:-96, 96:-96]
        layers.append(weight * blurred / blurred.std())
    total = np.sum(layers, axis=0)
    return np.tile(total / total.std(), (2, 2)).astype(np.float32)


def crop(
    bank: Float[ndarray, "row column"],
    shape: tuple[int, int],
    anchor: tuple[float, float],
    step: float,
    rng: np.random.Generator,
) -> ndarray:
    """A piece of a bank; neighbouring pixels are `step` bank pixels apart.

    The row and column `anchor` of the piece, which may lie outside it, is put at a random place of the bank. So a larger
    piece with the same anchor shows the same noise.
    """
    x0, y0 = rng.uniform(0, BANK, 2).tolist()
    row, column = anchor
    place = np.array([[step, 0, x0 - step * column], [0, step, y0 - step * row]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(bank, place, shape[::-1], flags=flags, borderMode=cv2.BORDER_WRAP)


def combed(
    angle: Float[ndarray, "row column"], radius: Float[ndarray, "row column"], turns: int, rng: np.random.Generator
) -> Float[ndarray, "row column"]:
    """Strands that point away from a centre.

    `angle` (radians) and `radius` (bank pixels along a strand) give each pixel's place. The bank goes `turns` times around
    the centre, a whole number so that no seam shows.
    """
    x0, y0 = rng.uniform(0, BANK, 2).tolist()
    across = angle * np.float32(turns * BANK / (2 * np.pi)) + np.float32(x0)
    return cv2.remap(streaks(), across, radius + np.float32(y0), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
