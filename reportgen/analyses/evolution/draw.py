"""Figure 4: maps in rows, epochs in columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw

from reportgen.analyses.evolution.figure import Evolution
from reportgen.figures.draw.style import VERMILLION
from reportgen.figures.draw.tiles import (
    EMPTY,
    EMPTY_LINE,
    INK,
    PAPER,
    Pixels,
    enlarge,
    font,
    hatch,
    patch_tile,
    save_jpeg,
    tile_side,
)

GAP = 8  # pixels between two columns: the bar of a jump stands there
BAR = 4  # pixels: its width
SEAM = 3  # pixels between projections and patches
LABEL = 96  # pixels left of a map's rows, for its number
BETWEEN = 14  # pixels between two maps
HEAD = 34  # pixels above, for the epochs
JUMP = tuple(bytes.fromhex(VERMILLION[1:]))


def evolution(figure: Evolution, name: str, folder: Path) -> dict[str, Any]:
    """Draw each map as two strips, its projections (if there are any) and its patches, and all of them as one like figure 4."""
    side = tile_side(figure.patches.shape[2])
    (folder / name).mkdir(exist_ok=True)
    empty = hatch(side, EMPTY, EMPTY_LINE, rising=False, period=12)
    maps: list[dict[str, Any]] = []
    strips: list[list[Pixels]] = []
    for place, number in enumerate(figure.maps):
        shown, jumped = figure.shown[place], figure.jumped[place]
        rows = [[patch_tile(patch, side) for patch in figure.patches[place]]]
        if figure.projections is not None:
            rows.insert(0, [enlarge(projection, side) for projection in figure.projections[place]])
        strips.append(
            [strip([tile if seen else empty for tile, seen in zip(row, shown, strict=True)], jumped) for row in rows]
        )
        *above, below = strips[-1]
        maps.append(
            {
                "map": int(number),
                "shown": shown.tolist(),
                "jumped": jumped.tolist(),
                "note": figure.notes[place],
                "projections": save_jpeg(above[0], folder, f"{name}/map{number:04d}-projections.jpg")
                if above
                else None,
                "patches": save_jpeg(below, folder, f"{name}/map{number:04d}-patches.jpg"),
                "details": list(figure.details[place]),
            }
        )
    epochs = [f"{epoch:g}" for epoch in figure.epochs]
    whole = save_jpeg(compose(strips, figure.maps.tolist(), epochs, side), folder, f"{name}.jpg")
    drawn = [entry[part] for entry in maps for part in ("projections", "patches")]
    files = [whole["file"], *(picture["file"] for picture in drawn if picture)]
    return {
        "picture": whole,
        "files": files,
        "layer": int(figure.layer),
        "tile": {"side": side, "gap": GAP},
        "columns": [
            {"epoch": epoch, "middle": column * (side + GAP) + side / 2} for column, epoch in enumerate(epochs)
        ],
        "maps": maps,
    }


def strip(tiles: Sequence[Pixels], jumped: Bool[np.ndarray, " epoch"]) -> Pixels:
    """Tiles in a row, with a bar before each at which the map jumped to another image."""
    side = len(tiles[0])
    whole = np.full((side, len(tiles) * (side + GAP) - GAP, 3), PAPER, np.uint8)
    for column, tile in enumerate(tiles):
        left = column * (side + GAP)
        whole[:, left : left + side] = tile
        if jumped[column]:
            margin = (GAP - BAR) // 2
            whole[:, left - GAP + margin : left - margin] = JUMP
    return whole


def compose(strips: Sequence[Sequence[Pixels]], numbers: Sequence[int], epochs: Sequence[str], side: int) -> Pixels:
    """All maps in one picture, the epochs above, the maps' numbers on the left."""
    if not strips:
        return np.full((8, 8, 3), PAPER, np.uint8)
    height, width = strips[0][0].shape[:2]
    own = len(strips[0]) * (height + SEAM) - SEAM
    step = own + BETWEEN
    sheet = Image.new("RGB", (LABEL + width, HEAD + len(strips) * step - BETWEEN), PAPER)
    pen, face = ImageDraw.Draw(sheet), font(18)
    pen.text((LABEL - 12, HEAD / 2), "epoch", INK, face, anchor="rm")
    for column, epoch in enumerate(epochs):
        pen.text((LABEL + column * (side + GAP) + side / 2, HEAD / 2), epoch, INK, face, anchor="mm")
    for place, (rows, number) in enumerate(zip(strips, numbers, strict=True)):
        top = HEAD + place * step
        for line, row in enumerate(rows):
            sheet.paste(Image.fromarray(row), (LABEL, top + line * (height + SEAM)))
        pen.text((LABEL - 12, top + own / 2), f"map {number}", INK, face, anchor="rm")
    return np.asarray(sheet)


DRAWERS = {Evolution: evolution}
