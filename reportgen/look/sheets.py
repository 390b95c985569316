"""All maps of a layer as small pictures on sheets: what the atlas shows, for any net.

A map is a block of its nine strongest activations, 3 x 3; a sheet holds the blocks of `MAPS` maps, row by row, without space
between them, so that a page cuts a block out by its place alone.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from reportgen.figures.draw.tiles import BESIDE, block, enlarge, patch_tile
from reportgen.look.inputs import Inputs
from reportgen.look.pictures import grey_at_zero
from reportgen.look.strongest import Top, by_image, view_size, views

# Pixels: of one picture, and between the nine; a block ends where a square of JPEG's 8 x 8 pixels does.
SIDE, GAP = 48, 4
BLOCK = BESIDE * SIDE + (BESIDE - 1) * GAP
COLUMNS, ROWS = 6, 4  # blocks of a sheet
MAPS = COLUMNS * ROWS
AT_ONCE = 20 * MAPS  # maps whose pictures are in memory together, for each of which every image is read once

Pixels = UInt8[np.ndarray, "row column 3"]


def sheets(inputs: Inputs, number: int, top: Top, projected: bool) -> Iterator[tuple[int, Pixels, Pixels | None]]:
    """The sheets of a layer, as (number from 0, patches, projections); no projections unless they are wanted.

    `projected`: whether every activation is projected, which takes a way back through the net for each.
    """
    for first in range(0, len(top.values), AT_ONCE):
        maps = np.arange(first, min(first + AT_ONCE, len(top.values)))
        patches, projections = _tiles(inputs, number, top, maps, projected)
        for start in range(0, len(maps), MAPS):
            these = slice(start, start + MAPS)
            shown = top.active[maps[these]]
            own = None if projections is None else sheet(projections[these], shown)
            yield (first + start) // MAPS, sheet(patches[these], shown), own


def _tiles(
    inputs: Inputs, number: int, top: Top, maps: Int[np.ndarray, " map"], projected: bool
) -> tuple[UInt8[np.ndarray, "map strongest side side 3"], UInt8[np.ndarray, "map strongest side side 3"] | None]:
    """Patches and projections of some maps at the side of the atlas; what is no activation stays black."""
    ranks = top.values.shape[1]
    patches = np.zeros((len(maps), ranks, SIDE, SIDE, 3), np.uint8)
    side = min(max(view_size(inputs, number)), SIDE)
    signed = np.zeros((len(maps), ranks, side, side, 3), np.float32) if projected else None
    units = [(int(maps[place]), int(rank)) for place, rank in zip(*np.nonzero(top.active[maps]), strict=True)]
    for image, chosen, activations in by_image(inputs, number, top, units, "project" if projected else "cut out"):
        found = views(inputs, number, inputs.data.val, image, activations, projected)
        for (map_, rank), view in zip(chosen, found, strict=True):
            patches[map_ - maps[0], rank] = patch_tile(view.patch, SIDE)
            if signed is not None:
                signed[map_ - maps[0], rank] = cv2.resize(view.projection, (side, side), interpolation=cv2.INTER_AREA)
    return patches, None if signed is None else _enlarged(grey_at_zero(signed))


def _enlarged(tiles: UInt8[np.ndarray, "map strongest row column 3"]) -> UInt8[np.ndarray, "map strongest side side 3"]:
    return np.stack([np.stack([enlarge(tile, SIDE) for tile in nine]) for nine in tiles])


def sheet(tiles: UInt8[np.ndarray, "map strongest side side 3"], shown: Bool[np.ndarray, "map strongest"]) -> Pixels:
    """The blocks of up to `MAPS` maps on one sheet, which is as wide as every other; white where there is no map."""
    rows = -(-len(tiles) // COLUMNS)
    whole = np.full((rows * BLOCK, COLUMNS * BLOCK, 3), 255, np.uint8)
    for place, (nine, seen) in enumerate(zip(tiles, shown, strict=True)):
        top, left = (BLOCK * part for part in divmod(place, COLUMNS))
        parts = [tile if one else None for tile, one in zip(nine, seen, strict=True)]
        whole[top : top + BLOCK, left : left + BLOCK] = block(parts, SIDE, GAP)
    return whole
