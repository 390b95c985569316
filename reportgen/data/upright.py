"""Which way up a photograph is, as its EXIF data says."""

import numpy as np
from jaxtyping import Num
from PIL import ExifTags, Image

SIDEWAYS = (5, 6, 7, 8)  # values of EXIF's orientation that swap width and height
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1, upright, where the image has none, or where any of its EXIF data is damaged.

    Damage anywhere shifts what is read elsewhere, so that nothing such data says can be trusted. Only the head is read.
    A TIFF is upright: Pillow gives its size as it is seen, and turns its pixels when it decodes them.
    """
    if image.format == "TIFF":
        return 1
    try:
        exif = image.getexif()
        found = exif.get(ExifTags.Base.Orientation, 1)
        if found in TURNS:
            exif.tobytes()  # reads every value, and raises for one that is damaged
            return int(found)
    except Exception:  # struct.error, TypeError, KeyError, ...: whatever the damage makes Pillow raise
        return 1
    return 1


def turned(pixels: Num[np.ndarray, "..."], value: int) -> Num[np.ndarray, "..."]:
    """Pixels "row column ..." that were stored in an orientation, 1 to 8, turned upright; another value turns nothing."""
    if value in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if value in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if value in (2, 3, 6, 7) else pixels


def size_upright(image: Image.Image) -> tuple[int, int]:
    """Width and height of the image once it is turned upright; only the head is read."""
    return (image.height, image.width) if orientation(image) in SIDEWAYS else image.size
