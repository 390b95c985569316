"""How alike two sets of features of the same images are: debiased linear CKA.

Linear CKA (Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited") compares the scalar
products of the images' features, so it does not depend on rotations, reflections or the scale of a layer. Its HSIC is
the unbiased one (Song et al. 2012): products of an image with itself, which make any two wide layers look alike, are
left out.

**Weights.** With w_i the weight of image i, take scalar products K_ij (i != j) and let <K, L> = sum of w_i w_j K_ij L_ij
over i != j. P removes from K what can be written as f_i + f_j, the part that says only how far an image lies from the
others; f is the least-squares fit in that product, and has a closed form. CKA = <PK, PL> / sqrt(<PK, PK> <PL, PL>).
With all weights 1, P is U-centring (Székely & Rizzo 2014) and <PK, PL> is n(n - 3) times the textbook's unbiased HSIC;
with weights 0 and 1 it is that of the images of weight 1. For any weights, E<PK, PL> is HSIC times a number that depends
on the weights alone and cancels in CKA, because P is linear and no image is ever paired with itself: an image drawn
twice by the bootstrap weighs twice and is not mistaken for two that are alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

FEWEST = 4  # images: the unbiased HSIC divides by n - 3
PIECE = 32768  # features whose scalar products are summed at once: a copy of all in double precision may be too large
STRIPE = (
    100  # images whose column of a symmetric matrix is multiplied at once: few leave out more, many are faster each
)


def gram(features: Float[np.ndarray, "image feature"]) -> Float[np.ndarray, "image image"]:
    """The scalar products of centred features, in double precision."""
    products = np.zeros((len(features), len(features)))
    for start in range(0, features.shape[1], PIECE):
        piece = features[:, start : start + PIECE].astype(np.float64)
        piece -= piece.mean(axis=0)
        products += piece @ piece.T
    return products


def u_centred(products: Float[np.ndarray, "image image"]) -> Float[np.ndarray, "image image"]:
    """Scalar products with a diagonal of zeros and rows that sum to zero (Székely & Rizzo 2014), of norm 1.

    NaN where nothing is left: features that are alike for every image, or fewer than four images.
    """
    count = len(products)
    if count < FEWEST:
        return np.full(products.shape, np.nan)
    off = products * (1 - np.eye(count))
    rows = off.sum(axis=1)
    centred = off - (rows[:, None] + rows) / (count - 2) + rows.sum() / ((count - 1) * (count - 2))
    np.fill_diagonal(centred, 0)
    size, rounding = np.linalg.norm(centred), 1e-12 * np.linalg.norm(products)
    return centred / size if size > rounding else np.full(products.shape, np.nan)


def cka(one: Float[np.ndarray, "image image"], other: Float[np.ndarray, "image image"]) -> float:
    """Debiased linear CKA of two sets of features, from their scalar products; NaN where one of them is constant.

    1 for features that differ by a rotation and a scale, about 0 for unrelated ones (it can fall a little below).
    """
    return float((u_centred(one) * u_centred(other)).sum())


@dataclass(frozen=True)
class Weighted:
    """Sets of weights, with what the last snapshot's scalar products L give under each."""

    weights: Float[np.ndarray, "resample image"]
    share: Float[np.ndarray, "resample image"]  # w / (sum of w - 2 w)
    last: Float[np.ndarray, "resample image"]  # L w
    size: Float[np.ndarray, " resample"]  # <PL, PL>

    def product(
        self,
        both: Float[np.ndarray, " resample"],  # w'(K * M)w
        one: Float[np.ndarray, "resample image"],  # K w
        other: Float[np.ndarray, "resample image"],  # M w
    ) -> Float[np.ndarray, " resample"]:
        """<PK, PM> = w'(K * M)w - 2 sum of w f (M w), with f = (K w - F) / (sum of w - 2 w), F the sum of w f."""
        constant = _dot(self.share, one) / (1 + self.share.sum(axis=1))
        fitted = _dot(self.share * one, other) - constant * _dot(self.share, other)
        return both - 2 * fitted


def _dot(
    one: Float[np.ndarray, "resample image"], other: Float[np.ndarray, "resample image"]
) -> Float[np.ndarray, " resample"]:
    return np.einsum("ri,ri->r", one, other)


def _stripes(
    symmetric: Float[np.ndarray, "snapshot form image image"],
) -> list[Float[np.ndarray, "snapshot form above stripe"]]:
    """Symmetric matrices A in stripes of columns for `_forms`: down to the diagonal, what lies off it doubled.

    The other half of A says the same, so w'Aw costs half as many products.
    """
    upper = np.triu(symmetric) + np.triu(symmetric, 1)
    starts = range(0, symmetric.shape[-1], STRIPE)
    return [upper[..., : start + STRIPE, start : start + STRIPE].astype(np.float32) for start in starts]


def _forms(
    weights: Float[np.ndarray, "resample image"], stripes: Iterable[Float[np.ndarray, "form above stripe"]]
) -> Float[np.ndarray, "form resample"]:
    """w'Aw of every set of weights, for the matrices whose stripes these are."""
    found = np.zeros((1, len(weights)), np.float32)
    start = 0
    for stripe in stripes:
        end = stripe.shape[1]
        found = found + np.einsum("fri,ri->fr", weights[:, :end] @ stripe, weights[:, start:end])
        start = end
    return found


@dataclass(frozen=True)
class Course:
    """The features of one layer over the snapshots of a training, ready to be compared with the last under weights.

    `products` has u-centred scalar products K, `stripes` K * L and K * K (L: the last snapshot's). Single precision is
    enough: K is centred already, so nothing large cancels.
    """

    products: Float[np.ndarray, "snapshot image image"]
    stripes: list[Float[np.ndarray, "snapshot 2 above stripe"]]

    @classmethod
    def of(cls, grams: Float[np.ndarray, "snapshot image image"]) -> "Course":
        """Prepare the scalar products of every snapshot; centring them first changes no result, under any weights."""
        centred = np.stack([u_centred(gram) for gram in grams])
        return cls(centred.astype(np.float32), _stripes(np.stack([centred * centred[-1], centred**2], axis=1)))

    @property
    def images(self) -> int:
        """How many images were compared."""
        return self.products.shape[1]

    def __len__(self) -> int:
        return len(self.products)

    def under(self, weights: Float[np.ndarray, "resample image"]) -> Weighted:
        """Prepare sets of weights: how often each image counts; fewer than four images leave CKA undefined."""
        single = weights.astype(np.float32)
        left = single.sum(axis=1, keepdims=True) - 2 * single
        # Too few different images, or one that weighs as much as all others: CKA is not defined.
        possible = ((single > 0).sum(axis=1) >= FEWEST) & (left != 0).all(axis=1)
        share = np.where(possible[:, None], single / np.where(left == 0, 1, left), 0)
        first = Weighted(single, share, single @ self.products[-1], np.zeros(len(single), np.float32))
        (squared,) = _forms(single, [stripe[-1, 1:] for stripe in self.stripes])
        size = first.product(squared, first.last, first.last)
        return replace(first, size=np.where(possible, size, 0))

    def cka(self, snapshot: int, under: Weighted) -> Float[np.ndarray, " resample"]:
        """Debiased CKA of a snapshot with the last under each set of weights; NaN where one of them is constant."""
        own = under.weights @ self.products[snapshot]
        crossed, squared = _forms(under.weights, [stripe[snapshot] for stripe in self.stripes])
        size = under.product(squared, own, own)
        with np.errstate(invalid="ignore", divide="ignore"):
            alike = under.product(crossed, own, under.last) / np.sqrt(size * under.size)
        return np.where((size > 0) & (under.size > 0), alike, np.nan).astype(np.float64)

    def curves(self, weights: Float[np.ndarray, "resample image"]) -> Float[np.ndarray, "resample snapshot"]:
        """CKA of every snapshot with the last under each set of weights."""
        under = self.under(weights)
        last = np.where(under.size > 0, 1.0, np.nan)
        return np.stack([*(self.cka(snapshot, under) for snapshot in range(len(self) - 1)), last], axis=1)
