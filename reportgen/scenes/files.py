"""Writing many pictures, drawn by several processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
from numpy import ndarray

Job = TypeVar("Job")
Result = TypeVar("Result")
_PNG = [
    cv2.IMWRITE_PNG_COMPRESSION,
    1,
    cv2.IMWRITE_PNG_STRATEGY,
    cv2.IMWRITE_PNG_STRATEGY_RLE,
]  # quick, and small enough
_CHUNK = 8  # pictures handed to a process at a time


@contextmanager
def results_of(draw: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Iterator[Result]]:
    """`draw` of each job, in order, with `workers` processes; they are spawned, since the caller may hold torch's threads.

    Raises BrokenProcessPool where one of them is ended from outside. (A `multiprocessing.Pool` would wait for it for ever.)
    """
    if workers <= 1:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield map(draw, jobs)
        finally:
            cv2.setNumThreads(threads)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), cv2.setNumThreads, (1,))
    try:
        yield pool.map(draw, jobs, chunksize=_CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)


def write_picture(path: Path, picture: ndarray) -> None:
    """Write a picture, RGB or grey, as PNG."""
    stored = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".png", stored, _PNG)
    path.write_bytes(encoded.tobytes())  # of what a disk refuses `imwrite` says only that it failed
