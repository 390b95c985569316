"""Decoding image files once, into one array that later stages memory-map."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reportgen.base.artifacts import allocated, write_array
from reportgen.base.progress import track
from reportgen.base.size import Sides, Size
from reportgen.data.decoding import AS_EVER, Reading
from reportgen.data.folders import ImageFile, read_images

Skipped = list[dict[str, str]]  # {"file", "reason"}


def pack(
    folder: Path,
    name: str,
    files: Sequence[ImageFile],
    size: Sides,
    skipped: Skipped,
    store: bool = True,
    whole: bool = False,
    reading: Reading = AS_EVER,
) -> tuple[list[ImageFile], str]:
    """Decode files into ``<name>.npy`` (uint8 "image row column channel"), and write their labels to ``<name>-labels.npy``.

    Returns the files that can be read, which the arrays hold in this order, and a digest of their pixels; the others are
    added to `skipped` with the reason. Without `store` the files are read all the same, but no ``<name>.npy`` is written.
    With `whole` they are squeezed to that size, otherwise cut.
    """
    kept: list[ImageFile] = []
    pixels = hashlib.sha256()

    def skip(file: ImageFile, reason: str) -> None:
        skipped.append({"file": file.name, "reason": reason})

    place, shape = folder / f"{name}.npy", (len(files), *Size.of(size), reading.channels)
    packed = allocated(place, shape) if store else None
    for file, image in track(read_images(files, size, skip, whole, reading), f"decode {name}", len(files)):
        if packed is not None:
            packed[len(kept)] = image
        pixels.update(image.data)
        kept.append(file)
    if packed is not None and len(kept) < len(files):  # files were skipped: write the array again at its true length
        rewritten = place.with_suffix(".whole")
        shorter = allocated(rewritten, (len(kept), *shape[1:]))
        for start in range(0, len(kept), 1024):
            shorter[start : start + 1024] = packed[start : min(start + 1024, len(kept))]
        shutil.move(rewritten, place)
    write_array(folder / f"{name}-labels.npy", np.asarray([file.label for file in kept], dtype=np.int64))
    return kept, pixels.hexdigest()[:16]
