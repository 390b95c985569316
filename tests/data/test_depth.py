"""Files of more than eight bits: which of their values are black and white, for all files of a data set alike."""

import os
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image, TiffImagePlugin

from reportgen.data.decoding import AS_EVER, Reading, Unreadable, _rgb, read_image
from reportgen.data.depth import Extent, _red_first, black_and_white, extent, read_array
from reportgen.data.folders import ImageFile
from reportgen.data.survey import survey

RAMP = np.tile(np.linspace(0, 1, 64), (64, 1))


def surveyed(*paths: Path, **more: object):
    return survey([ImageFile(path, path.name, 0) for path in paths], Reading("drop"), **more)


def read(*paths: Path, **more: object) -> list[np.ndarray]:
    reading = surveyed(*paths, **more).reading
    return [read_image(path, 64, reading=reading) for path in paths]


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether a picture is grey, and as expected but for rounding."""
    expected = np.broadcast_to(expected[..., None] if expected.ndim == 2 else expected, found.shape)
    return bool(np.abs(found.astype(float) - expected).max() <= 0.5 + 1e-9)


@pytest.mark.parametrize(
    ("least", "most", "kind", "black", "white"),
    [
        (0, 4000, "whole", 0, 4095),
        (3, 1000, "whole", 0, 1023),
        (0, 12_000, "whole", 0, 16_383),
        (0, 255, "whole", 0, 255),
        (0, 40_000, "whole", 0, 65_535),
        (0, 100_000, "whole", 0, 100_000),
        (-1000, 3000, "whole", -1000, 3000),
        (0, 1, "floating", 0, 1),
        (0.2, 0.4, "floating", 0, 1),
        (-0.01, 1.02, "floating", 0, 1),  # resampling overshoots
        (-1, 0.9, "floating", -1, 1),
        (0, 250, "floating", 0, 255),
        (0, 65_000, "floating", 0, 65_535),
        (0, 2.5, "floating", 0, 2.5),
        (-1000, 3000, "floating", -1000, 3000),
        (0, 1e6, "floating", 0, 1e6),
    ],
)
def test_black_and_white_are_the_least_usual_range_or_what_is_there(
    least: float, most: float, kind: str, black: float, white: float
) -> None:
    assert black_and_white([Extent(kind, least, most), Extent(kind, least, least)])[:2] == (black, white)


@given(some.floats(-1e30, 1e30), some.floats(0, 1e30), some.sampled_from(["whole", "floating"]))
def test_no_value_is_far_outside(least: float, span: float, kind: str) -> None:
    black, white, _ = black_and_white([Extent(kind, least, least + span)])
    assert black < white or abs(least) >= 2**53  # beyond that, one more is no other number
    assert least + span <= white + 0.05 * (white - black) or least + span == least
    assert least >= black - 0.05 * (white - black)


@pytest.mark.parametrize(
    ("dtype", "top"),
    [
        (np.uint16, 65_535), (np.uint16, 4095), (np.uint16, 1023), (np.uint16, 255), (np.float32, 1), (np.float32, 255),
        (np.float64, 1), (np.float16, 1), (np.uint32, 3e9), (np.int32, 100_000), (np.uint8, 255),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["tif", "npy", "png"])
def test_every_depth_of_grey_and_colour_shows_the_same_ramp(tmp_path: Path, dtype: type, top: float, end: str) -> None:
    if end == "png" and dtype not in (np.uint8, np.uint16):
        pytest.skip("PNGs have 8 or 16 bits")
    for channels in (1, 3):
        values = (np.repeat(RAMP[..., None], channels, axis=2).squeeze() * top).astype(dtype)
        path = tmp_path / f"{channels}.{end}"
        if end == "tif":
            tifffile.imwrite(path, values, photometric="rgb" if channels == 3 else "minisblack")
        elif end == "npy":
            np.save(path, values)
        else:
            cv2.imwrite(str(path), values)
        [found] = read(path)
        exact = values.astype(float) / top * 255
        assert np.abs(found - (exact if channels == 3 else exact[..., None])).max() <= (
            0.51 if dtype != np.float16 else 1
        )


def test_one_range_for_all_files_keeps_bright_brighter(tmp_path: Path) -> None:
    for share in (0.1, 0.5, 1.0):
        Image.fromarray((RAMP * 4000 * share).astype(np.uint16)).save(tmp_path / f"{share}.tif")
    levels = [image.mean() for image in read(*sorted(tmp_path.iterdir()))]
    assert levels == pytest.approx([0.5 * 4000 / 4095 * 255 * share for share in (0.1, 0.5, 1.0)], abs=1)
    assert surveyed(*sorted(tmp_path.iterdir())).said == (
        "3 files hold more than 8 bits a channel: 0 is black, 4,095 white (measured: they run from 0 to 4,000)",
    )


def test_a_declared_range_and_one_that_is_given_come_before_what_is_measured(tmp_path: Path) -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[281] = 4095
    path = tmp_path / "a.tif"
    Image.fromarray((RAMP * 600).astype(np.uint16)).save(path, tiffinfo=info)
    assert "4,095 white (as the files declare)" in surveyed(path).said[0]
    assert same(read(path)[0], (RAMP * 600).astype(int) / 4095 * 255)
    assert "100 is black, 700 white (DATA_RANGE says so)" in surveyed(path, given=(100, 700)).said[0]
    assert same(read(path, given=(700, 0))[0], 255 - (RAMP * 600).astype(int) / 700 * 255)


def test_what_is_not_finite_is_black_and_does_not_count(tmp_path: Path) -> None:
    values = RAMP.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    Image.fromarray(values).save(tmp_path / "a.tif")
    [found] = read(tmp_path / "a.tif")
    assert found[0, :3, 0].tolist() == [0, 255, 0]
    assert same(found[1:], RAMP[1:] * 255)


@pytest.mark.parametrize("most", [float("inf"), float("nan"), 3e38])
def test_a_declared_range_without_an_end_declares_nothing(tmp_path: Path, most: float) -> None:
    path = tmp_path / "a.tif"
    tags = [(340, "f", 1, 0.0, True), (341, "f", 1, most, True)]  # SMinSampleValue, SMaxSampleValue
    tifffile.imwrite(path, RAMP.astype(np.float32), extratags=tags)
    declared = most == 3e38
    assert ("as the files declare" in surveyed(path).said[0]) == declared
    assert same(read(path)[0], 0 * RAMP if declared else RAMP * 255)


def test_what_is_nearly_infinite_counts_as_such(tmp_path: Path) -> None:
    values = RAMP.astype(np.float64)
    values[0, :2] = -1.7e308, 1.7e308  # whose difference is infinite: what some programs write for no value
    np.save(tmp_path / "a.npy", values)
    assert "0 is black, 1 white" in surveyed(tmp_path / "a.npy").said[0]
    [found] = read(tmp_path / "a.npy")
    assert found[0, :2, 0].tolist() == [0, 255]
    assert same(found[1:], RAMP[1:] * 255)


MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I", "F")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ["png", "tif", "gif", "webp", "bmp", "tga", "jpg", "jp2", "ppm"])
def test_what_torchvision_reads_of_eight_bits_is_read_to_the_pixel(tmp_path: Path, mode: str, end: str) -> None:
    """As ImageFolder's loader reads it: ``Image.open(path).convert("RGB")``; with alpha, a half of it transparent."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8)
    path = tmp_path / f"a.{end}"
    try:
        Image.fromarray(pixels).convert("RGB" if mode not in ("LA", "RGBA") else mode).convert(mode).save(path)
    except (OSError, ValueError, KeyError):
        pytest.skip(f"no {mode} in .{end}")
    with Image.open(path) as image:
        if image.mode[0] in "IF":
            pytest.skip("deep: torchvision clips it")
        expected = np.asarray(image.convert("RGB"))
    found = read_image(path, 64, reading=Reading("drop"))
    assert np.abs(found.astype(int) - expected).max() <= (0 if end != "jpg" else 2)  # a JPEG's draft mode may round


@pytest.mark.parametrize(("alpha", "level"), [("drop", 40), ("white", 255), ("black", 0)])
@pytest.mark.parametrize("kind", ["RGBA", "LA", "palette", "colour key", "16 bits", "array"])
def test_a_cut_out_is_read_as_asked(tmp_path: Path, kind: str, alpha: str, level: int) -> None:
    """The hidden colour is 40; the left half is opaque, and 200."""
    pixels = np.full((64, 64, 4), 40, np.uint8)
    pixels[:, :32, :3], pixels[:, :32, 3], pixels[:, 32:, 3] = 200, 255, 0
    path = tmp_path / ("a.npy" if kind == "array" else "a.png")
    match kind:
        case "RGBA" | "LA":
            Image.fromarray(pixels).convert(kind).save(path)
        case "palette":
            grey = Image.fromarray((pixels[..., 0] > 100).astype(np.uint8)).convert("P")
            grey.putpalette([40, 40, 40, 200, 200, 200])
            grey.save(path, transparency=0)
        case "colour key":
            Image.fromarray(pixels[..., :3]).save(path, transparency=(40, 40, 40))
        case "16 bits":
            cv2.imwrite(str(path), pixels.astype(np.uint16) * 257)
        case "array":
            np.save(path, pixels)
    reading = survey([ImageFile(path, "", 0)], Reading(alpha)).reading
    found = read_image(path, 64, reading=reading)
    assert (found[0, 4].tolist(), found[0, 60].tolist()) == ([200] * 3, [level] * 3)


def test_an_opaque_image_with_alpha_is_no_cut_out(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (1, 2, 3, 255)).save(tmp_path / "a.png")
    Image.new("RGBA", (64, 64), (1, 2, 3, 254)).save(tmp_path / "b.png")
    assert surveyed(tmp_path / "a.png").said == ()
    assert (
        surveyed(tmp_path / "b.png").said[0].startswith("1 file is a cut-out: shown with the colours that are hidden")
    )


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((64, 64), np.complex64), "an array of complex64, not of numbers"),
        (np.array(["a"]), "an array of <U1, not of numbers"),
        (np.zeros((2, 3, 64, 64), np.uint8), "an array of the shape 2x3x64x64, no picture"),
        (np.zeros((0, 64), np.uint8), "an array of the shape 0x64x1, no picture"),
        (np.uint8(3), "an array of the shape of one number, no picture"),
        (np.zeros((7, 64, 64), np.uint8), "7 channels, and not grey, colour and transparency"),
        (np.array([{}], dtype=object), "Python objects in dtype"),
    ],
)
def test_an_array_that_is_no_picture_is_skipped_with_the_reason(tmp_path: Path, array: np.ndarray, why: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(Unreadable, match=why) as caught:
        read_image(tmp_path / "a.npy", 64)
    assert "\n" not in str(caught.value)
    assert surveyed(tmp_path / "a.npy").said == ()


def test_a_file_of_more_values_than_are_read_takes_no_memory(tmp_path: Path) -> None:
    """Of a hundred million pixels, three channels of 32 bits; nothing of it is written, and each part of it is legal."""
    for kind, shape in (("<f4", (10_000, 10_000, 3)), ("|b1", (10_000, 10_000, 10_000))):
        header = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", kind, (1,))
        del header
        with (tmp_path / "a.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
            file.truncate(file.tell() + np.dtype(kind).itemsize * int(np.prod(shape)))
        with pytest.raises(Unreadable, match="bytes of values are more than 800,000,000"):
            read_image(tmp_path / "a.npy", 64)


@pytest.mark.parametrize("kind", ["an archive", "a pickle", "a pipe"])
def test_what_numpy_would_open_and_is_no_array_is_named(tmp_path: Path, kind: str) -> None:
    if kind == "a pipe":
        os.mkfifo(tmp_path / "a.npy")
    else:
        np.savez(tmp_path / "a.npz", a=RAMP)
        content = (tmp_path / "a.npz").read_bytes() if kind == "an archive" else b"\x80\x04N."
        (tmp_path / "a.npy").write_bytes(content)
    why = "no ordinary file" if kind == "a pipe" else "no array as numpy.save writes it"
    with pytest.raises(Unreadable, match=f"^{why}$"):
        read_image(tmp_path / "a.npy", 64)


def test_what_a_file_says_of_itself_is_cut(tmp_path: Path) -> None:
    """numpy's error repeats the whole head."""
    np.save(tmp_path / "a.npy", RAMP)
    written = (tmp_path / "a.npy").read_bytes()
    head = b"\x93NUMPY\x01\x00" + (5_000).to_bytes(2, "little") + b"(" * 2_500 + b")" * 2_499 + b"\n"
    (tmp_path / "a.npy").write_bytes(head + written[128:])
    with pytest.raises(Unreadable) as caught:
        read_image(tmp_path / "a.npy", 64)
    assert len(str(caught.value)) <= 100


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_what_a_large_array_holds_is_found_in_little_memory(kind: type) -> None:
    values = np.zeros((20_000, 500), kind)
    values[19_999, 7], values[3, 3] = 60_000, 7
    tracemalloc.start()
    try:
        assert extent(values) == Extent("floating" if kind is np.float32 else "whole", 0, 60_000)
        assert tracemalloc.get_traced_memory()[1] < values.nbytes / 10
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_large_cut_out_is_laid_on_its_ground_in_parts(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at once; but of a hundred million pixels each of four copies has 400 MB."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (700, 9, 4), dtype=np.uint8), "RGBA")
    if mode == "P":
        image = image.convert("RGB").quantize()
        image.info["transparency"] = bytes(range(256))
    image = image.convert(mode)
    shown = image.convert("RGBA")
    whole = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
    composite, sizes = Image.alpha_composite, []
    monkeypatch.setattr(Image, "alpha_composite", lambda *of: sizes.append(of[0].size) or composite(*of))
    assert np.array_equal(np.asarray(_rgb(image, "white")), np.asarray(whole))
    assert sizes == [(9, 256), (9, 256), (9, 188)]


def test_colours_of_opencv_are_turned_round_without_a_copy() -> None:
    pixels = np.random.default_rng(0).integers(0, 9, (600, 3, 4))
    expected = pixels[..., [2, 1, 0, 3]]
    assert np.array_equal(_red_first(pixels), expected)
    assert np.array_equal(pixels, expected)


def test_channels_may_come_first_and_truth_values_are_black_and_white(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.moveaxis(np.repeat((RAMP * 255).astype(np.uint8)[..., None], 3, 2), -1, 0))
    np.save(tmp_path / "b.npy", RAMP > 0.5)
    assert same(read_image(tmp_path / "a.npy", 64), (RAMP * 255).astype(np.uint8))
    assert set(read_image(tmp_path / "b.npy", 64).ravel()) == {0, 255}


def test_a_deep_photograph_is_turned_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray((RAMP * 65_535).astype(np.uint16)).save(tmp_path / "a.png", exif=exif)
    assert same(read_image(tmp_path / "a.png", 64, reading=AS_EVER), (RAMP * 65_535).astype(int)[:, ::-1] / 257)


@pytest.mark.parametrize(
    ("shape", "channels", "rows"),
    [
        ((60, 64, 100), 100, 60),
        ((100, 64, 64), 100, 64),
        ((5, 64, 60), 5, 64),
        ((60, 64, 5), 5, 60),
        ((5, 60, 64), 0, 60),
    ],
)
def test_the_axis_that_is_as_long_as_there_are_channels_holds_them(
    shape: tuple[int, int, int], channels: int, rows: int, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    read, _ = read_array(tmp_path / "a.npy", channels)
    assert (read.shape[0], read.shape[2]) == (rows, channels or 5)
