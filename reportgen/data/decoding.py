"""Images that are not stored: decoded anew, on all cores, whenever they are read."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from reportgen.data.folders import Unreadable, read_image
from reportgen.errors import UserError


class Files:
    """Image files in the place of a uint8 array "image row column 3": an index decodes what it asks for, and no more.

    Taken by an index are a number, a slice or an array of numbers, and behind it slices of rows, columns, channels.
    Every pixel is what `reportgen.data.packing.pack` would have stored. Raises UserError where a file cannot be read.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, paths: Sequence[str], size: int) -> None:
        self.paths = paths
        self.shape = (len(paths), size, size, 3)
        self._numbers = np.arange(len(paths))

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def nbytes(self) -> int:
        """Of all images, once decoded."""
        return len(self) * self.shape[1] ** 2 * 3

    def __getitem__(self, index: Any) -> UInt8[np.ndarray, "..."]:
        first, *inside = index if isinstance(index, tuple) else (index,)
        numbers = self._numbers[first]
        decoded = np.empty((numbers.size, *self.shape[1:]), self.dtype)

        def decode(place: int, number: int) -> None:
            decoded[place] = self._decoded(self.paths[number])

        list(_workers().map(decode, range(numbers.size), numbers.ravel().tolist()))
        return decoded.reshape(*numbers.shape, *self.shape[1:])[(*(slice(None),) * numbers.ndim, *inside)]

    def _decoded(self, path: str) -> UInt8[np.ndarray, "row column 3"]:
        try:
            return read_image(Path(path), self.shape[1])
        except Unreadable as error:
            raise UserError(
                f"{path}: it was an image when the data stage read it, and no longer is ({error}): "
                "put it back, or use DATA_PACK=true, which stores what can be read now"
            ) from None


Images = UInt8[np.ndarray, "image row column 3"] | Files
"""What stages read images from: an array, mostly mapped from disk, or the files themselves."""


@cache  # one pool for all that read, so that no more threads decode than there are cores
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "decoding")
