"""Which way up a photograph is: every orientation, and every damage of what says so."""

import io
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image, ImageOps
from runs import examples

from reportgen.data import decoding
from reportgen.data.decoding import Unreadable, read_image
from reportgen.data.upright import size_upright

CORNERS = np.kron(np.array([[0, 85], [170, 255]], np.uint8), np.ones((24, 32), np.uint8))  # 48 rows, 64 columns
ORIENTATION = (0x0112, 3, 1, struct.pack("<H", 6))
# Entries of EXIF, as (tag, type, count, value), that Pillow reads as something it cannot write, or cannot read at all.
DAMAGED = {
    "a negative fraction of a positive type": (0x011A, 5, 1, struct.pack("<ii", -1, 0)),
    "the least signed fraction": (0x9204, 10, 1, struct.pack("<ii", -(2**31), -1)),
    "text that is none": (0x010F, 2, 4, b"\xff\xfe\xfd\0"),
    "two values for one": (0x011A, 5, 2, struct.pack("<IIII", 72, 1, 72, 1)),
    "a number of another type": (0x011A, 1, 1, b"\1"),
    "a folder that is itself": (0x8769, 4, 1, struct.pack("<I", 8)),
    "a folder behind the end": (0x8825, 4, 1, struct.pack("<I", 99_999)),
    "a maker's note": (0x927C, 7, 20, b"FUJIFILM" + struct.pack("<I", 4) + bytes(8)),
    "a long of eight bytes": (0x0100, 16, 1, struct.pack("<Q", 5)),
}


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """A block of EXIF with these entries, byte for byte."""
    head, data = b"", b""
    behind = 8 + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", behind + len(data))
        data += value if len(value) > 4 else b""
        head += struct.pack("<HHI", tag, kind, count) + place
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + head + bytes(4) + data


def jpeg(path: Path, block: bytes) -> Path:
    file = io.BytesIO()
    Image.fromarray(CORNERS).save(file, "JPEG", quality=95)
    content = file.getvalue()
    path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:])
    return path


def shown(path: Path) -> np.ndarray:
    """The whole picture, squeezed to a square, in grey."""
    return read_image(path, 48, whole=True)[..., 0].astype(int)


@pytest.mark.parametrize("value", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(value: int, tmp_path: Path) -> None:
    path = jpeg(tmp_path / "a.jpg", exif((0x0112, 3, 1, struct.pack("<H", value))))
    with Image.open(path) as image:
        assert size_upright(image) == ((48, 64) if value > 4 else (64, 48))
    with Image.open(path) as image:
        turned = ImageOps.exif_transpose(image)
        expected = np.asarray(turned.convert("L").resize((48, 48), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(shown(path) - expected).max() <= 2


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_damage_turns_as_pillow_does_or_not_at_all(damage: tuple[int, int, int, bytes], tmp_path: Path) -> None:
    path = jpeg(tmp_path / "a.jpg", exif(ORIENTATION, damage))
    with Image.open(path) as image:
        try:
            turned = ImageOps.exif_transpose(image)
        except Exception:
            turned = image
        size = turned.size
    with Image.open(path) as image:
        assert size_upright(image) == size
    flat = np.asarray(turned.convert("L").resize((48, 48), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(shown(path) - flat).max() <= 2


@pytest.mark.parametrize(
    "entry",
    [
        (0x0112, 2, 2, b"6\0"),
        (0x0112, 3, 1, struct.pack("<H", 99)),
        (0x0112, 5, 1, struct.pack("<II", 6, 0)),
        (0x0112, 12, 1, struct.pack("<d", 6.5)),
    ],
)
def test_an_orientation_that_is_none_leaves_the_picture_as_it_is(
    entry: tuple[int, int, int, bytes], tmp_path: Path
) -> None:
    assert np.abs(shown(jpeg(tmp_path / "a.jpg", exif(entry))) - shown(jpeg(tmp_path / "b.jpg", b""))).max() == 0


@settings(max_examples=examples(300), deadline=None)
@given(some.integers(0, 2**32), some.integers(1, 8))
def test_no_damage_of_exif_ends_in_anything_but_a_picture(seed: int, bytes_: int) -> None:
    chance = random.Random(seed)
    block = bytearray(exif(ORIENTATION, *chance.sample(list(DAMAGED.values()), 3)))
    for _ in range(bytes_):
        block[chance.randrange(6, len(block))] = chance.randrange(256)
    file = io.BytesIO()
    Image.fromarray(CORNERS).save(file, "JPEG")
    content = file.getvalue()
    whole = content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + bytes(block) + content[2:]
    pixels = decoding.read_picture(lambda: Image.open(io.BytesIO(whole)), 48)
    assert pixels.shape == (48, 48, 3)


@settings(max_examples=examples(200), deadline=None)
@given(some.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "TGA"]), some.integers(0, 2**32))
def test_no_damage_of_a_file_ends_in_anything_but_a_picture_or_a_reason(kind: str, seed: int) -> None:
    chance = random.Random(seed)
    file = io.BytesIO()
    Image.fromarray(CORNERS).convert("RGB").save(file, kind)
    content = bytearray(file.getvalue())
    for _ in range(chance.randint(1, 12)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    del content[chance.randrange(10, len(content) + 1) if chance.random() < 0.3 else len(content) :]
    try:
        assert decoding.read_picture(lambda: Image.open(io.BytesIO(bytes(content))), 48).shape == (48, 48, 3)
    except Unreadable as error:
        assert str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "raised", [KeyError("x"), TypeError("x"), IndexError("x\ny"), MemoryError(), RecursionError("x")]
)
def test_whatever_a_decoder_raises_is_a_reason(raised: Exception) -> None:
    def opened() -> Image.Image:
        raise raised

    with pytest.raises(Unreadable) as caught:
        decoding.read_picture(opened, 48)
    assert "\n" not in str(caught.value)
    assert str(caught.value)
