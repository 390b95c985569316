"""Photographs, filters and projections: pictures made of pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from reportgen.figures import kinds
from reportgen.figures.draw.style import FONTS, shorten

QUALITY = 88  # of JPEG
PIXELATED = 12  # largest side of tiles whose pixels are enlarged as squares, so that each can be seen
SIDE = 96  # pixels: smaller tiles are enlarged to about this
LARGEST = 128  # pixels: larger tiles are reduced to this
GAP = 2  # pixels between the nine of a block
GRID_LARGEST = 192  # pixels: side of the largest photograph in a grid
FILTER_SIDE = 40  # pixels: filters are enlarged to about this
MANY = 40  # with more maps than this, the composed picture shows them smaller
PAPER, INK = (255, 255, 255), (29, 35, 41)
HATCH, HATCH_LINE = (226, 228, 224), (192, 197, 191)  # outside the image
EMPTY, EMPTY_LINE = (230, 232, 235), (210, 213, 217)  # no such activation
BESIDE = 3  # a block shows nine tiles as 3 x 3

Pixels = np.ndarray


def tile_side(side: int) -> int:
    """The side at which a tile of `side` pixels is shown."""
    if side <= PIXELATED:
        return side * -(-SIDE // side)
    return min(max(side, SIDE), LARGEST)


def enlarge(picture: Pixels, side: int, smooth: bool | None = None) -> Pixels:
    """A tile at another size: pixels as squares for tiny tiles (or as `smooth` says), else bicubic up and Lanczos down."""
    height, width = picture.shape[:2]
    smooth = max(height, width) > PIXELATED if smooth is None else smooth
    target = (max(1, round(side * width / max(height, width))), max(1, round(side * height / max(height, width))))
    if target == (width, height):
        return picture
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    if smooth and max(target) < max(height, width):
        way = Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize(target, way))


def hatch(side: int, ground: tuple[int, int, int], line: tuple[int, int, int], rising: bool, period: int = 9) -> Pixels:
    """A hatched square."""
    row, column = np.indices((side, side))
    lines = ((row + column) if rising else (row - column)) % period < 2
    return np.where(lines[..., None], np.array(line, np.uint8), np.array(ground, np.uint8))


def patch_tile(patch: UInt8[np.ndarray, "row column 4"], side: int) -> Pixels:
    """An image patch; the part outside the image is hatched."""
    if patch[..., 3].all():
        return enlarge(np.ascontiguousarray(patch[..., :3]), side)
    inside = enlarge(np.ascontiguousarray(patch[..., 3]), side, smooth=False) > 127
    # Enlarging mixes colours across the image's edge: fill the outside with the nearest pixels first.
    colours = enlarge(_extend(patch), side, smooth=max(patch.shape[:2]) > PIXELATED)
    return np.where(inside[..., None], colours, hatch(side, HATCH, HATCH_LINE, rising=True))


def _extend(patch: Pixels) -> Pixels:
    """The patch's colours, continued outwards from the edge of the image; the inside is a rectangle."""
    opaque = patch[..., 3] > 0
    colours = np.ascontiguousarray(patch[..., :3])
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    if not len(rows) or opaque.all():
        return colours
    down = np.clip(np.arange(patch.shape[0]), rows[0], rows[-1])
    along = np.clip(np.arange(patch.shape[1]), columns[0], columns[-1])
    return np.ascontiguousarray(colours[np.ix_(down, along)])


def block(tiles: Sequence[Pixels | None], side: int, gap: int = GAP) -> Pixels:
    """Nine tiles as 3 x 3, the strongest first, `gap` pixels apart; None: there is no such activation."""
    rows = -(-len(tiles) // BESIDE)
    whole = np.full((rows * (side + gap) - gap, BESIDE * (side + gap) - gap, 3), PAPER, np.uint8)
    empty = hatch(side, EMPTY, EMPTY_LINE, rising=False, period=12)
    for place in range(rows * BESIDE):
        tile = tiles[place] if place < len(tiles) else None
        top, left = (part * (side + gap) for part in divmod(place, BESIDE))
        whole[top : top + side, left : left + side] = empty if tile is None else tile
    return whole


def contrast(patches: UInt8[np.ndarray, "patch row column 4"]) -> float:
    """How much brightness varies within a patch: the standard deviation inside the image, 0-255, mean over the patches."""
    spread = [patch[patch[..., 3] > 0][:, :3].mean(axis=1).std() for patch in patches if patch[..., 3].any()]
    return float(np.mean(spread)) if spread else 0.0


def feature_maps(figure: kinds.FeatureMaps, name: str, folder: Path) -> dict[str, Any]:
    """Draw each map as two pictures, its projections and its patches, and all maps as one picture like figure 2."""
    side = tile_side(figure.patches.shape[2])
    (folder / name).mkdir(exist_ok=True)
    maps: list[dict[str, Any]] = []
    pairs: list[tuple[Pixels, Pixels]] = []
    for place, number in enumerate(figure.maps):
        shown = figure.shown[place]
        projections = None
        if figure.projections is not None:
            tiles = zip(figure.projections[place], shown, strict=True)
            projections = block([enlarge(tile, side) if seen else None for tile, seen in tiles], side)
        patches = block(
            [patch_tile(tile, side) if seen else None for tile, seen in zip(figure.patches[place], shown, strict=True)],
            side,
        )
        pairs.append((patches if projections is None else projections, patches))
        maps.append(
            {
                "map": int(number),
                "shown": int(shown.sum()),
                "alike": None if figure.alike is None or np.isnan(figure.alike[place]) else float(figure.alike[place]),
                "contrast": contrast(figure.patches[place][shown]),
                "note": figure.notes[place] if figure.notes else "",
                "projections": None
                if projections is None
                else save_jpeg(projections, folder, f"{name}/map{number:04d}-projections.jpg"),
                "patches": save_jpeg(patches, folder, f"{name}/map{number:04d}-patches.jpg"),
                "details": list(figure.details[place]) if figure.details else [],
            }
        )
    numbers = [int(number) for number in figure.maps]
    whole = save_jpeg(compose_maps(pairs, numbers, alone=figure.projections is None), folder, f"{name}.jpg")
    parts = ("projections", "patches")
    files = [whole["file"], *(entry[part]["file"] for entry in maps for part in parts if entry[part])]
    return {
        "picture": whole,
        "files": files,
        "layer": int(figure.layer),
        "net": figure.net,
        "tile": {"side": side, "gap": GAP},
        "maps": maps,
    }


def compose_maps(pairs: Sequence[tuple[Pixels, Pixels]], numbers: Sequence[int], alone: bool = False) -> Pixels:
    """All maps in one picture as the paper's figure 2 shows them: projections beside patches, the number below.

    `alone`: patches without projections.
    """
    if not pairs:
        return np.full((8, 8, 3), PAPER, np.uint8)
    if len(pairs) > MANY:
        smaller = max(pairs[0][0].shape[:2]) // 2
        pairs = [(enlarge(left, smaller, True), enlarge(right, smaller, True)) for left, right in pairs]
    height, width = pairs[0][0].shape[:2]
    seam, between, label = 8, 30, 34
    cell_width, cell_height = (width if alone else 2 * width + seam) + between, height + label + 12
    columns = max(1, round((len(pairs) * cell_height * 4 / 3 / cell_width) ** 0.5))
    rows = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (columns * cell_width + between, rows * cell_height + 12), PAPER)
    pen, face = ImageDraw.Draw(sheet), font(20)
    for place, ((left, right), number) in enumerate(zip(pairs, numbers, strict=True)):
        row, column = divmod(place, columns)
        x, y = between + column * cell_width, 12 + row * cell_height
        if not alone:
            sheet.paste(Image.fromarray(left), (x, y))
        sheet.paste(Image.fromarray(right), (x if alone else x + width + seam, y))
        pen.text((x + (cell_width - between) / 2, y + height + label / 2), f"map {number}", INK, face, anchor="mm")
    return np.asarray(sheet)


def image_grid(figure: kinds.ImageGrid, name: str, folder: Path) -> dict[str, Any]:
    """Draw photographs as one picture each and one of all; filters as one picture with their pixels as squares."""
    images = [_rgb(image) for image in figure.images]
    if not figure.smooth:
        picture = save_png(compose_filters(images, figure.columns), folder, f"{name}.png")
        return {"picture": picture, "files": [picture["file"]], "columns": figure.columns, "tiles": []}
    (folder / name).mkdir(exist_ok=True)
    longest = max((max(image.shape[:2]) for image in images), default=1)
    side = min(max(longest, SIDE), GRID_LARGEST)
    images = [enlarge(image, side) for image in images]
    tiles = [
        save_jpeg(image, folder, f"{name}/{place:03d}.jpg")
        | {
            "title": figure.titles[place] if figure.titles else "",
            "row": figure.row_titles[place // figure.columns] if figure.row_titles else "",
        }
        for place, image in enumerate(images)
    ]
    picture = save_jpeg(_contact_sheet(figure, images), folder, f"{name}.jpg")
    files = [picture["file"], *(tile["file"] for tile in tiles)]
    return {"picture": picture, "files": files, "columns": figure.columns, "tiles": tiles}


def compose_filters(images: Sequence[Pixels], columns: int) -> Pixels:
    """Small pictures with their pixels enlarged to squares; the page shows through between them."""
    height, width = images[0].shape[:2] if images else (1, 1)
    factor, gap = max(1, round(FILTER_SIDE / max(height, width))), 5
    step = (height * factor + gap, width * factor + gap)
    rows = -(-len(images) // columns)
    sheet = np.zeros((rows * step[0] - gap, min(columns, max(len(images), 1)) * step[1] - gap, 4), np.uint8)
    for place, image in enumerate(images):
        top, left = (place // columns) * step[0], (place % columns) * step[1]
        large = image.repeat(factor, axis=0).repeat(factor, axis=1)
        sheet[top : top + large.shape[0], left : left + large.shape[1]] = np.dstack(
            [large, np.full(large.shape[:2], 255, np.uint8)]
        )
    return sheet


def _contact_sheet(figure: kinds.ImageGrid, images: Sequence[Pixels]) -> Pixels:
    if not images:
        return np.full((8, 8, 3), PAPER, np.uint8)
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    gap, label = 6, 20 if figure.titles else 0
    margin = 150 if figure.row_titles else gap
    rows = -(-len(images) // figure.columns)
    size = (margin + figure.columns * (width + gap), gap + rows * (height + gap + label))
    sheet = Image.new("RGB", size, PAPER)
    pen, face = ImageDraw.Draw(sheet), font(13)
    for place, image in enumerate(images):
        row, column = divmod(place, figure.columns)
        x, y = margin + column * (width + gap), gap + row * (height + gap + label)
        sheet.paste(Image.fromarray(image), (x, y))
        if figure.titles:
            text = shorten(figure.titles[place], max(4, width // 7))
            pen.text((x + width / 2, y + height + label / 2), text, INK, face, anchor="mm")
        if figure.row_titles and column == 0:
            text = shorten(figure.row_titles[row], 18)
            pen.text((margin - 8, y + height / 2), text, INK, face, anchor="rm")
    return np.asarray(sheet)


def _rgb(image: Pixels) -> Pixels:
    """An image of one, three or four channels as three; transparent pixels are hatched."""
    if image.shape[2] == 1:
        return image.repeat(3, axis=2)
    if image.shape[2] == 4:
        ground = hatch(max(image.shape[:2]), HATCH, HATCH_LINE, rising=True)[: image.shape[0], : image.shape[1]]
        return np.where(image[..., 3:] > 0, image[..., :3], ground)
    return image


def font(size: int) -> ImageFont.FreeTypeFont:
    """The house's face; `size` in pixels."""
    return ImageFont.truetype(str(FONTS / "DejaVuSans.ttf"), size, layout_engine=ImageFont.Layout.BASIC)


def save_jpeg(picture: Pixels, folder: Path, name: str, quality: int = QUALITY) -> dict[str, Any]:
    """Write a photograph; full colour resolution, because tiles have sharp edges."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    # Not `optimize`: with it Pillow fails on noise, whose JPEG has more bytes than the picture has pixels.
    image.save(folder / name, "JPEG", quality=quality, subsampling=0)
    return {"file": name, "width": image.width, "height": image.height}


def save_png(picture: Pixels, folder: Path, name: str) -> dict[str, Any]:
    """Write a picture whose pixels must stay as they are."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.save(folder / name, "PNG", optimize=True)
    return {"file": name, "width": image.width, "height": image.height}
