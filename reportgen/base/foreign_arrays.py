"""The border, for arrays (`reportgen.base.foreign`): npz files that someone else wrote, or may have changed."""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.base.foreign import FARTHEST, Wrong, opened, short

MOST_ARRAYS = 1 << 30  # bytes of all arrays that are read from a file, once unpacked
NUMBERS = "biuf"  # kinds of numpy's types that are read: the others may be of any size, or run code


def arrays(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, np.ndarray]:
    """The arrays of an npz whose names are `wanted`, all finite; raises Wrong, or whatever zipfile and zlib raise.

    What an array declares is checked before memory is taken for it: a few bytes can unpack to gigabytes.
    """
    found: dict[str, np.ndarray] = {}
    left = MOST_ARRAYS
    with opened(path) as file, zipfile.ZipFile(file) as packed:
        for entry in packed.infolist():
            name = entry.filename.removesuffix(".npy")
            if not wanted(name):
                continue
            left -= entry.file_size
            if left < 0:
                raise Wrong(f"its arrays have more than {MOST_ARRAYS:,} bytes")
            with packed.open(entry) as member:
                found[name] = array_of(member, entry.file_size, name)
    return found


def array_of(file: Any, size: int, name: str) -> np.ndarray:
    """One array of numbers as numpy writes it, in a file of `size` bytes; raises Wrong for anything else."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise Wrong(f"{short(name)}: written in an unknown version of numpy's format")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = header(file)
    if dtype.kind not in NUMBERS:
        raise Wrong(f"{short(name)}: an array of {short(str(dtype))}, not of numbers")
    length = dtype.itemsize
    for side in shape:
        length *= side
        if not 0 <= length <= size:
            raise Wrong(f"{short(name)}: declares more than the {size:,} bytes that it has")
    written = file.read(length)
    if len(written) < length:
        raise Wrong(f"{short(name)}: ends early")
    found = np.frombuffer(written, dtype).reshape(shape, order="F" if by_columns else "C")
    if dtype.kind == "f":
        largest = float(np.abs(found).max(initial=0.0))
        if not math.isfinite(largest):
            raise Wrong(f"{short(name)}: has values that are not finite")
        if largest > FARTHEST:
            raise Wrong(f"{short(name)}: has values beyond {FARTHEST:g}")
    return found
