"""Files that declare, or unpack to, more than a machine has: they are refused, or cropped, before memory is taken."""

import os
import resource
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from reportgen.base.artifacts import allocated
from reportgen.data.decoding import Unreadable, read_image
from reportgen.data.depth import eight_bits
from reportgen.data.image_files import MOST_PIXELS, SLENDER
from reportgen.data.survey import look

MEBIBYTE = 1 << 20


def png(path: Path, width: int, height: int, rows: bytes, mode: int = 0) -> Path:
    """A PNG of eight bits a pixel whose head says what it likes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, mode, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def grown(action: Callable[[], object]) -> int:
    """By how many bytes the process's memory grew at its most, also outside Python."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    action()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("size", [(1, 1_000_000), (1_000_000, 1), (3, 2_000_000)])
def test_a_slender_picture_is_cropped_before_it_is_scaled(size: tuple[int, int], whole: bool, tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", *size, bytes((1 + size[0]) * size[1]))
    assert path.stat().st_size < 10_000
    images: list[np.ndarray] = []
    assert grown(lambda: images.append(read_image(path, 96, whole))) < 200 * MEBIBYTE
    assert images[0].shape == (96, 96, 3)


def test_what_is_shown_of_a_slender_picture_is_its_middle(tmp_path: Path) -> None:
    long = 2 * SLENDER * 8
    pixels = np.zeros((8, long, 3), np.uint8)
    pixels[:, long // 2 - 20 : long // 2 + 20] = (250, 10, 10)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    shown = read_image(tmp_path / "a.png", 32)
    assert shown[16, 16].tolist() == [250, 10, 10]
    assert (shown == (250, 10, 10)).all()
    assert read_image(tmp_path / "a.png", 32, whole=True)[:, 0].max() == 0


def test_pictures_that_are_not_slender_keep_their_bytes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40 * SLENDER, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = Image.fromarray(pixels).resize((20 * SLENDER, 20), Image.Resampling.BICUBIC)
    left = (20 * SLENDER - 20) // 2
    assert (read_image(tmp_path / "a.png", 20) == np.asarray(image.crop((left, 0, left + 20, 20)))).all()


def test_a_head_that_declares_more_than_is_decoded(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 50_000, 3_000, b"\0", mode=6)

    def read() -> None:
        with pytest.raises(Unreadable, match=r"50000x3000 pixels are more than 100,000,000"):
            read_image(path, 96)
        look(path)

    assert grown(read) < 50 * MEBIBYTE


def test_an_array_that_declares_more_than_its_file_has(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((8, 8, 3), np.float32))
    spoilt = path.read_bytes().replace(b"(8, 8, 3)", b"(9999, 9999, 3)".ljust(15))
    path.write_bytes(spoilt.replace(b"   \n", b"\n", 1) if len(spoilt) % 64 else spoilt)

    def read() -> None:
        with pytest.raises(Unreadable):
            read_image(path, 96)

    assert grown(read) < 50 * MEBIBYTE


def test_a_jpeg_of_very_many_scans_is_not_decoded(tmp_path: Path) -> None:
    """Of 36 million pixels, two thousand took more than a minute."""
    path = tmp_path / "a.jpg"
    Image.new("L", (64, 64)).save(path, progressive=True)
    assert read_image(path, 32).shape == (32, 32, 3)
    content = path.read_bytes()
    last = content.rindex(b"\xff\xda")
    path.write_bytes(content[:last] + content[last:-2] * 300 + content[-2:])
    with pytest.raises(Unreadable, match=r"a JPEG of 30\d scans, more than 200"):
        read_image(path, 32)


def test_a_picture_of_a_hundred_million_rows_is_not_decoded(tmp_path: Path) -> None:
    """Its pixels are not too many; but Pillow's pointers to its rows had gigabytes."""
    path = tmp_path / "a.pbm"
    path.write_bytes(b"P4 1 100000000\n\0")

    def read() -> None:
        with pytest.raises(Unreadable, match="1x100000000 pixels: no side may have more than 10,000,000"):
            read_image(path, 32)

    assert grown(read) < 50 * MEBIBYTE


def test_a_tiff_that_declares_more_values_than_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((40, 40, 7), np.float32), photometric="minisblack", planarconfig="contig")
    monkeypatch.setattr("reportgen.data.depth.MOST_BYTES", 1_000)
    with pytest.raises(Unreadable, match="44,800 bytes of values are more than 1,000"):
        read_image(path, 32)


def test_postscript_is_no_image_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow would start Ghostscript for it."""
    Image.new("RGB", (40, 40), (200, 10, 10)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("started"))
    with pytest.raises(Unreadable, match="not an image"):
        read_image(tmp_path / "a.jpg", 32)


def test_deep_values_are_scaled_in_strips() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (3_000, 500), dtype=np.uint16)
    exact = (((values.astype(float) - 100) / 60_000).clip(0, 1) * 255).round()
    tracemalloc.start()
    found = eight_bits(values, 100, 60_100)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found == exact).all()
    assert most < 6 * values.nbytes
    assert os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] == str(MOST_PIXELS)


def test_the_space_of_a_mapped_array_is_taken_before_it_is_written(tmp_path: Path) -> None:
    shape = (64, 96, 96, 3)
    array = allocated(tmp_path / "a.npy", shape)
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= array.nbytes
    array[:] = 7
    assert np.load(tmp_path / "a.npy").shape == shape


def test_a_large_picture_that_is_decoded_in_python_is_refused(tmp_path: Path) -> None:
    def qoi(name: str, side: int, runs: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(b"qoif" + struct.pack(">IIBB", side, side, 3, 0) + runs + bytes(7) + b"\x01")
        return path

    assert read_image(qoi("small.qoi", 60, b"\xfd" * 59), 30).shape == (30, 30, 3)
    with pytest.raises(
        Unreadable, match=r"a QOI of more than 4,000,000 pixels, which takes minutes: convert it to PNG"
    ):
        read_image(qoi("large.qoi", 3000, b"\xfd" * 150_000), 30)
