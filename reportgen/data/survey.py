"""A look at all files of a data set before they are decoded: how their pixels are to be read, one way for all."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from reportgen.base import foreign
from reportgen.data.decoding import Alpha, Reading
from reportgen.data.depth import (
    Extent,
    black_and_white,
    declared,
    extent,
    is_array,
    is_deep,
    is_tiff,
    parts,
    read_array,
    shows_through,
    usual_ranges,
    values_of,
)
from reportgen.data.folders import ImageFile
from reportgen.data.image_files import UNREAD, open_image, too_large, unread

SHALLOW = (b"\xff\xd8\xff", b"BM")  # first bytes of JPEG and BMP: of eight bits, and never transparent
GROUNDS: dict[Alpha, str] = {  # what is shown of a cut-out, in words
    "white": "laid on white",
    "black": "laid on black",
    "drop": "shown with the colours that are hidden in them, as torchvision's ImageFolder does",
}


@dataclass(frozen=True)
class Look:
    """What one file holds beyond eight bits of red, green and blue."""

    deep: Extent | None = None
    transparent: bool = False
    more: bool = False  # further pages or frames, as large as the first


@dataclass(frozen=True)
class Survey:
    """How the files of a data set are read, and why."""

    reading: Reading
    said: tuple[str, ...] = ()  # in words, a sentence for each choice that was made
    others: Mapping[str, Reading] = field(
        default_factory=dict
    )  # by the switch that asks for them: other usual readings


def survey(files: Iterable[ImageFile], usual: Reading, given: Sequence[float] = ()) -> Survey:
    """Look at every file that may be deep or transparent; `given`: the values of black and white, for all deep files.

    `usual`: how all other files are read.
    """
    paths = [file.path for file in files if file.picture is None]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = list(pool.map(look if usual.channels == 3 else partial(_look_at_all, channels=usual.channels), paths))
    reading, said = usual, list[str]()
    others: dict[str, Reading] = {}
    for kind in ("whole", "floating"):
        found = [one.deep for one in looks if one.deep is not None and one.deep.kind == kind]
        if not found:
            continue
        black, white, how = (given[0], given[1], "DATA_RANGE says so") if given else black_and_white(found)
        ends = (black, white)
        reading = replace(reading, whole=ends) if kind == "whole" else replace(reading, floating=ends)
        what = "more than 8 bits a channel" if kind == "whole" else "floating-point numbers"
        count = "1 file holds" if len(found) == 1 else f"{len(found):,} files hold"
        said.append(f"{count} {what}: {black:,.5g} is black, {white:,.5g} white ({how})")
        for low, high in usual_ranges(found):
            others[f"DATA_RANGE={low:g},{high:g}"] = replace(usual, whole=(low, high), floating=(low, high))
    if transparent := sum(one.transparent for one in looks):
        count = "1 file is a cut-out" if transparent == 1 else f"{transparent:,} files are cut-outs"
        said.append(f"{count}: {GROUNDS[usual.alpha]} (ALPHA={usual.alpha})")
        others |= {f"ALPHA={ground}": replace(reading, alpha=ground) for ground in GROUNDS}
    if more := sum(one.more for one in looks):
        said.append(
            f"{'1 file holds' if more == 1 else f'{more:,} files hold'} several pages or frames: the first is shown"
        )
    return Survey(reading, tuple(said), {words: other for words, other in others.items() if other != reading})


def look(path: Path) -> Look:
    """What a file holds; nothing, where it cannot be read: decoding says so."""
    try:
        if is_array(path):
            return _of_array(path)
        if _is_shallow(path) or (path.suffix.casefold() in UNREAD and unread(path)):
            return Look()
        with open_image(path) as image:
            if too_large(image):
                return Look()  # decoding says so
            if is_deep(image):
                colours, alpha = parts(values_of(image, path).array)
                return Look(extent(colours, declared(image)), shows_through(alpha), _has_more(image))
            return Look(transparent=is_transparent(image), more=_has_more(image))
    except Image.UnidentifiedImageError:
        try:
            return _of_array(path) if is_tiff(path) else Look()
        except Exception:  # as below
            return Look()
    except Exception:  # a broken file makes decoders raise nearly anything
        return Look()


def _is_shallow(path: Path) -> bool:
    """Whether a file needs no look; its first bytes say so, and not its name, which may be another format's."""
    return foreign.head(path, 3).startswith(SHALLOW)


def _look_at_all(path: Path, channels: int) -> Look:
    """`look` at all channels of an array or a TIFF."""
    try:
        values = read_array(path, channels).array if is_array(path) or is_tiff(path) else np.zeros(1, np.uint8)
        return Look(None if values.dtype == np.uint8 else extent(values))
    except Exception:  # as in `look`
        return Look()


def _of_array(path: Path) -> Look:
    colours, alpha = parts(read_array(path).array)
    return Look(None if colours.dtype == np.uint8 else extent(colours), shows_through(alpha))


def _has_more(image: Image.Image) -> bool:
    """Whether further pictures follow, as large as the first: a smaller one is its thumbnail, or a step of a pyramid."""
    size = image.size
    if not getattr(image, "is_animated", False):
        return False
    image.seek(1)
    return image.size == size


def is_transparent(image: Image.Image) -> bool:
    """Whether some pixel of an image is transparent, if only a little."""
    if not image.has_transparency_data:
        return False
    return image.convert("RGBA").getchannel("A").getextrema()[0] != 255
