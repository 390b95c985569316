"""A disk or a quota that is full, or a limit on files: one line that names the place and the way out, and nothing is lost."""

import errno
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from runs import Run, bytes_of, reportgen

from reportgen.base.artifacts import allocated, growing, replace_folder, write_array, write_arrays, write_bytes
from reportgen.figures.draw.tiles import save_jpeg, save_png
from reportgen.scenes.files import write_picture

NOISE = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)


def grown(place: Path) -> None:
    with growing(place, NOISE.shape) as add:
        add(NOISE)


def staged(place: Path) -> None:
    with replace_folder(place) as folder, (folder / "a").open("wb") as file:
        file.write(bytes(200_000))


@pytest.mark.parametrize(
    "write",
    [
        lambda place: allocated(place, (200, 96, 96, 3)),
        grown,
        lambda place: write_array(place, NOISE),
        lambda place: write_bytes(place, bytes(200_000)),
        staged,
    ],
)
def test_a_full_disk_is_an_error_that_names_the_place(write: Callable[[Path], object], tmp_path: Path) -> None:
    """A bus error in a mapped file, and numpy's count of the numbers that it wrote, are none."""
    with pytest.raises(OSError, match="File too large") as caught, files_of_at_most(100_000):
        write(tmp_path / "a")
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename == str(tmp_path / "a")


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: write_picture(folder / "a.png", NOISE),
        lambda folder: write_arrays(folder / "a.npz", {"a": NOISE}),
        lambda folder: save_jpeg(NOISE, folder, "a.jpg"),
        lambda folder: save_png(NOISE, folder, "a.png"),
    ],
)
def test_whatever_writes_a_file_says_why_it_cannot(write: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large") as caught, files_of_at_most(50_000):
        write(tmp_path)
    assert caught.value.errno == errno.EFBIG


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a system does to a program whose files may have that many bytes (``ulimit -f``), as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
def test_a_run_of_which_file_after_file_is_too_large_ends_in_the_bytes_of_an_undisturbed_one(
    tiny: Run, tmp_path: Path
) -> None:
    """Of the images and of the page; what lies between them was made before."""
    for name in ("build", "data"):
        shutil.copytree(tiny.home / name, tmp_path / name)
    for name in ("data", "multilabel", "occlusion", "drawn/occlusion", "page"):
        shutil.rmtree(tmp_path / "build" / name)
    shutil.rmtree(tmp_path / "data")
    said = []
    for most in (2_000, 300_000, 4_000_000):  # of a list, of the images, of the page
        with files_of_at_most(most):
            done = reportgen("run", "PROFILE=tiny", cwd=tmp_path)  # which inherits the limit
        assert done.returncode == 2, done.stderr
        said.append(done.stderr.splitlines()[-1])
        assert "File too large: raise what one file may hold (ulimit -f)" in said[-1]
        assert said[-1].endswith(": the same command continues")
    assert len(set(said)) == len(said)  # each came further
    assert reportgen("run", "PROFILE=tiny", cwd=tmp_path).returncode == 0
    for name in ("report", "build"):
        undisturbed, limited = bytes_of(tiny.home / name), bytes_of(tmp_path / name)
        assert [path for path in undisturbed if limited.get(path) != undisturbed[path]] == [], said
        assert set(limited) == set(undisturbed)
