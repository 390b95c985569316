"""What moving, scaling and turning the images changed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from reportgen.analyses.invariance.curves import Curves
from reportgen.analyses.invariance.distances import FIRST
from reportgen.analyses.invariance.transformations import SMALL_SCALE, SMALL_TURN, small_shift
from reportgen.base.size import Size

CONTROLS = {"_resampled": "resampling only", "_filled": "fill only"}  # what a curve's name ends with: what it is called


@dataclass(frozen=True)
class Result:
    """The curves of a sample of test images, one set for each transformation and control.

    `curves` are named ``translation``, ``scale``, ``rotation`` and ``small_rotation`` (5 degrees either way). With the
    ending ``_resampled`` they are a control for interpolation: turned or scaled, then back again. With ``_filled`` they
    are a control for the fill, present only where a moved image shows more than is known of the scene: the image stays
    and only the pixels that the move would expose change.
    """

    curves: dict[str, Curves]
    images: Int[np.ndarray, " image"]  # the sample, as indices into the test set
    kinds: tuple[str, ...]  # the sample's classes
    symmetric: Bool[np.ndarray, " image"]  # of a class that is rotationally symmetric
    probability: Float[np.ndarray, " image"]  # of the true class, untransformed
    correct: Bool[np.ndarray, " image"]  # classified correctly, untransformed
    between_first: Float[np.ndarray, "image image"]  # distances between the untransformed images' feature vectors
    between_top: Float[np.ndarray, "image image"]
    examples: Int[np.ndarray, " example"]  # the images that are shown, as indices into the sample
    pictures: UInt8[np.ndarray, "picture row column 3"]  # of the examples, transformed, row by row
    picture_rows: tuple[str, ...]
    scenes: UInt8[
        np.ndarray, "example side side 3"
    ]  # of the examples, untransformed, with what the moves bring into view
    crop: Size  # of the net's input, pixels
    wide: bool  # whether the scenes around the images are known
    turned_answers: Bool[
        np.ndarray, "tried direction"
    ]  # of test images moved by one pixel: another most probable class
    top_layer: int  # 7, or the last that the net has
    several: bool = False  # whether an image may show several classes: the true class is one of them, drawn at random
    first_layer: int = FIRST  # or the lowest that the net has: LAYERS= need not name a layer 1


@dataclass(frozen=True)
class Small:
    """How far a small transformation, or its control, moves the two layers' features of every image (Euclidean)."""

    name: str
    control: str  # "resampling only", "fill only", or "" for the transformation itself
    first: Float[np.ndarray, " image"]
    top: Float[np.ndarray, " image"]


def small_transformations(result: Result) -> list[Small]:
    """Each small transformation followed by its controls; shift and turn are means over both directions."""
    pixels = small_shift(result.crop)
    found = []
    for name, curve, values in (
        (f"shift of {pixels} px", "translation", (-pixels, pixels)),
        (f"scaling by {SMALL_SCALE}", "scale", (SMALL_SCALE,)),
        (f"turn of {SMALL_TURN}°", "small_rotation", (-SMALL_TURN, SMALL_TURN)),
    ):
        for suffix, control in (("", ""), *CONTROLS.items()):
            if curve + suffix in result.curves:
                found.append(Small(name, control, *result.curves[curve + suffix].at(values)))
    return found


def share_left(result: Result, curve: str, ends: bool = False) -> Float[np.ndarray, " image"]:
    """Share of the true class's probability left on average over a curve, or at its ends; NaN where the net is wrong."""
    found = result.curves[curve]
    share = (found.left_at_ends if ends else found.share_left)(
        result.probability, 1 if curve.startswith("scale") else 0
    )
    return np.where(result.correct, share, np.nan)
