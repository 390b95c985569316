"""Activations as pictures: projections and patches cut at receptive fields, and signed values around mid-grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from reportgen import probe
from reportgen.data.dataset import Split
from reportgen.inputs import Inputs

CONTRAST = 99.0  # percentile of a map's projections that is drawn at full contrast


def cut(picture: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The part of a picture "row column channel" inside (top, left, bottom, right), zeros where the box leaves it."""
    top, left, bottom, right = box
    cropped = np.zeros((bottom - top, right - left, picture.shape[2]), picture.dtype)
    height, width = picture.shape[:2]
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    cropped[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = picture[rows, columns]
    return cropped


def grey_at_zero(
    signed: Float[np.ndarray, "map strongest row column 3"],
) -> UInt8[np.ndarray, "map strongest row column 3"]:
    """Signed pictures with zero as mid-grey, contrast scaled for each map (all nine alike)."""
    magnitude = np.abs(signed).reshape(len(signed), -1)
    # A percentile of what is not zero: one bright pixel must not leave a whole map grey.
    top = np.array([np.percentile(row[row > 0], CONTRAST) if (row > 0).any() else 1.0 for row in magnitude])
    return (127.5 + 127.5 * np.clip(signed / top[:, None, None, None, None], -1, 1)).round().astype(np.uint8)


class View(NamedTuple):
    """One activation: what caused it by the deconvnet, and the part of the image that it depends on."""

    projection: Float[np.ndarray, "row column 3"]  # RGB, signed, in the units in which the net reads pixels
    patch: UInt8[np.ndarray, "row column 4"]  # the fourth channel is 0 outside the image


def view_side(inputs: Inputs, number: int) -> int:
    """Side of the views of a layer's activations, pixels: its receptive field, or the image where that is smaller."""
    return min(probe.receptive_field(inputs.graph, inputs.layer(number).map).size[0], inputs.preprocessing.crop)


def views(inputs: Inputs, number: int, split: Split, image: int, units: Sequence[probe.Activation]) -> list[View]:
    """Project a layer's activations that one image causes, each above zero; one forward pass serves them all.

    Projection and patch are cut at the receptive field; where that is larger than the image the whole image is shown.
    """
    receptive, crop = probe.receptive_field(inputs.graph, inputs.layer(number).map), inputs.preprocessing.crop
    batch = next(inputs.batches(split, np.array([image])))
    pixels = inputs.pixels(split, image)
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    found = []
    for unit, projection in zip(units, probe.project(inputs.graph, batch[0], units), strict=True):
        assert projection is not None  # only activations above zero are asked for
        whole = projection.full().permute(1, 2, 0).cpu().numpy()
        box = receptive.box(unit.row, unit.column) if receptive.size[0] < crop else (0, 0, crop, crop)
        found.append(
            View(cut(whole if inputs.preprocessing.order == "RGB" else whole[..., ::-1], box), cut(opaque, box))
        )
    return found
