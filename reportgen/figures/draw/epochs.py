"""Figure 4: maps in rows, epochs in columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw

from reportgen.figures import kinds
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


def evolution(figure: kinds.Evolution, name: str, folder: Path) -> dict[str, Any]:
    """Draw each map as two strips, its projections and its patches, and all of them as one like figure 4."""
    side = tile_side(figure.patches.shape[2])
    (folder / name).mkdir(exist_ok=True)
    empty = hatch(side, EMPTY, EMPTY_LINE, rising=False, period=12)
    maps: list[dict[str, Any]] = []
    pairs: list[tuple[Pixels, Pixels]] = []
    for place, number in enumerate(figure.maps):
        shown, jumped = figure.shown[place], figure.jumped[place]
        rows = zip(figure.projections[place], figure.patches[place], shown, strict=True)
        cells = [
            (enlarge(above, side), patch_tile(below, side)) if seen else (empty, empty) for above, below, seen in rows
        ]
        above, below = (strip(tiles, jumped) for tiles in zip(*cells, strict=True))
        pairs.append((above, below))
        maps.append(
            {
                "map": int(number),
                "shown": shown.tolist(),
                "jumped": jumped.tolist(),
                "note": figure.notes[place],
                "projections": save_jpeg(above, folder, f"{name}/map{number:04d}-projections.jpg"),
                "patches": save_jpeg(below, folder, f"{name}/map{number:04d}-patches.jpg"),
                "details": list(figure.details[place]),
            }
        )
    epochs = [f"{epoch:g}" for epoch in figure.epochs]
    whole = save_jpeg(compose(pairs, figure.maps.tolist(), epochs, side), folder, f"{name}.jpg")
    files = [whole["file"], *(entry[part]["file"] for entry in maps for part in ("projections", "patches"))]
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


def compose(pairs: Sequence[tuple[Pixels, Pixels]], numbers: Sequence[int], epochs: Sequence[str], side: int) -> Pixels:
    """All maps in one picture, the epochs above, the maps' numbers on the left."""
    if not pairs:
        return np.full((8, 8, 3), PAPER, np.uint8)
    height, width = pairs[0][0].shape[:2]
    step = 2 * height + SEAM + BETWEEN
    sheet = Image.new("RGB", (LABEL + width, HEAD + len(pairs) * step - BETWEEN), PAPER)
    pen, face = ImageDraw.Draw(sheet), font(18)
    pen.text((LABEL - 12, HEAD / 2), "epoch", INK, face, anchor="rm")
    for column, epoch in enumerate(epochs):
        pen.text((LABEL + column * (side + GAP) + side / 2, HEAD / 2), epoch, INK, face, anchor="mm")
    for place, ((above, below), number) in enumerate(zip(pairs, numbers, strict=True)):
        top = HEAD + place * step
        sheet.paste(Image.fromarray(above), (LABEL, top))
        sheet.paste(Image.fromarray(below), (LABEL, top + height + SEAM))
        pen.text((LABEL - 12, top + height + SEAM / 2), f"map {number}", INK, face, anchor="rm")
    return np.asarray(sheet)
