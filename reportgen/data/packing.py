"""Decoding image files once, into one array that later stages map from disk."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from reportgen.data.folders import ImageFile, read_images
from reportgen.progress import track

Skipped = list[dict[str, str]]  # {"file", "reason"}


def pack(
    folder: Path, name: str, files: Sequence[ImageFile], size: int, skipped: Skipped
) -> tuple[list[str], list[int]]:
    """Decode files into ``<name>.npy`` (uint8 "image row column 3") and their labels into ``<name>-labels.npy``.

    Returns the names and labels of the files that the arrays hold; the others are added to `skipped` with the reason.
    """
    names: list[str] = []
    labels: list[int] = []

    def skip(file: ImageFile, reason: str) -> None:
        skipped.append({"file": file.name, "reason": reason})

    def images() -> Iterator[tuple[ImageFile, np.ndarray]]:
        yield from track(read_images(files, size, skip), f"decode {name}", len(files))

    place = folder / f"{name}.npy"
    packed = np.lib.format.open_memmap(place, mode="w+", dtype=np.uint8, shape=(len(files), size, size, 3))
    for file, image in images():
        packed[len(names)] = image
        names.append(file.name)
        labels.append(file.label)
    if len(names) < len(files):  # files were skipped: write the array again at its true length
        whole = place.with_suffix(".whole")
        shorter = np.lib.format.open_memmap(whole, mode="w+", dtype=np.uint8, shape=(len(names), size, size, 3))
        for start in range(0, len(names), 1024):
            shorter[start : start + 1024] = packed[start : min(start + 1024, len(names))]
        shutil.move(whole, place)
    np.save(folder / f"{name}-labels.npy", np.asarray(labels, dtype=np.int64))
    return names, labels
