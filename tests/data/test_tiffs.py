"""TIFFs of every kind show the same picture: turned, planar, from white to black, of inks, of any depth, by any name."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from reportgen.data.decoding import AS_EVER, Reading, Unreadable, read_image
from reportgen.data.depth import MOST_PAGES, read_array
from reportgen.data.folders import ImageFile
from reportgen.data.survey import survey
from reportgen.data.upright import size_upright

SIDE = 32
RAMP = np.tile(np.arange(SIDE) * 8, (SIDE, 1)).astype(np.uint8)  # black at the left, bright at the right
GREY = np.repeat(RAMP[..., None], 3, axis=2)
COLOURS = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=2)
DEPTHS = {"8 bits": np.uint8, "16 bits": np.uint16, "half precision": np.float16, "single precision": np.float32}
TURNS = {  # by orientation: how the upright picture is stored (TIFF 6.0, section 8)
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: np.rot90(image.swapaxes(0, 1), 2),
    8: lambda image: np.rot90(image, -1),
}


def of_depth(image: np.ndarray, depth: str) -> np.ndarray:
    kind = DEPTHS[depth]
    return (
        (image / 255).astype(kind)
        if np.issubdtype(kind, np.floating)
        else image.astype(kind) * kind(np.iinfo(kind).max // 255)
    )


def as_surveyed(path: Path, usual: Reading = AS_EVER) -> np.ndarray:
    """The image, read as a data set of it alone would be."""
    return read_image(path, SIDE, reading=survey([ImageFile(path, path.name, 0)], usual).reading).astype(int)


def same(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.abs(found - wanted.astype(int)).max() <= 1)


@pytest.mark.parametrize("value", TURNS)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("picture", [GREY[..., 0], COLOURS], ids=["grey", "colours"])
def test_a_turned_tiff_is_set_upright_once(value: int, depth: str, picture: np.ndarray, tmp_path: Path) -> None:
    written = np.ascontiguousarray(TURNS[value](of_depth(picture, depth)))
    kind = "rgb" if picture.ndim == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", written, photometric=kind, extratags=[(274, 3, 1, value, True)])
    wanted = picture if picture.ndim == 3 else GREY
    assert same(as_surveyed(tmp_path / "a.tif"), wanted)


def test_channels_of_a_turned_tiff_are_turned_too(tmp_path: Path) -> None:
    pages = np.stack([RAMP, RAMP.T, 255 - RAMP, RAMP // 2])
    turned = np.stack([TURNS[6](page) for page in pages])
    tifffile.imwrite(tmp_path / "a.tif", turned, photometric="minisblack", extratags=[(274, 3, 1, 6, True)])
    assert same(as_surveyed(tmp_path / "a.tif", Reading(channels=4)), np.moveaxis(pages, 0, -1))


def test_a_turned_tiff_has_the_size_that_is_seen(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COLOURS[:20], photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    with Image.open(tmp_path / "a.tif") as image:
        assert size_upright(image) == (20, 32)
        image.load()
        assert size_upright(image) == (20, 32)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_tiff_whose_zero_is_white_is_no_negative(depth: str, tmp_path: Path) -> None:
    top = 1 if depth.endswith("precision") else np.iinfo(DEPTHS[depth]).max
    written = (top - of_depth(RAMP, depth)).astype(DEPTHS[depth])
    tifffile.imwrite(tmp_path / "a.tif", written, photometric="miniswhite")
    assert same(as_surveyed(tmp_path / "a.tif"), GREY)


def test_a_tiff_of_endless_pages_is_no_picture(tmp_path: Path) -> None:
    """Looking at 200,000 of them took minutes, of a file of 40 MB."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for _ in range(MOST_PAGES + 1):
            file.write(COLOURS[:8, :8].astype(np.float32), photometric="rgb", contiguous=False)
    with pytest.raises(Unreadable, match="more than 1,000 pages"):
        read_image(tmp_path / "a.tif", 8)


OME = """<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="I:0">
<Pixels ID="P:0" SizeX="20" SizeY="16" SizeZ="1" SizeC="2" SizeT="1" DimensionOrder="XYCZT" Type="uint16">
<TiffData IFD="0" FirstC="0" PlaneCount="1"><UUID FileName="a.tif">urn:uuid:1</UUID></TiffData>
<TiffData IFD="0" FirstC="1" PlaneCount="1"><UUID FileName="../theirs.tif">urn:uuid:2</UUID></TiffData></Pixels></Image></OME>"""


def test_a_tiff_takes_no_pixels_from_files_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    for name, value in (("given/a.tif", 1), ("theirs.tif", 77)):
        said = OME if value == 1 else OME.replace('UUID="urn:uuid:1"', 'UUID="urn:uuid:2"', 1)
        tifffile.imwrite(tmp_path / name, np.full((16, 20), value, np.uint16), description=said, metadata=None)
    assert read_array(tmp_path / "given" / "a.tif", 2).array.ravel().tolist() == [1] * 320


def test_a_small_tiff_that_unpacks_to_gigabytes_is_no_picture(tmp_path: Path) -> None:
    """Of four channels of 64 bits, and a hundred million pixels."""
    zeros = np.broadcast_to(np.float64(0), (16, 10_000, 4))
    tifffile.imwrite(tmp_path / "a.tif", zeros, compression="zlib", photometric="rgb", rowsperstrip=16)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags["ImageLength"].overwrite(10_000)
    with pytest.raises(Unreadable, match="3,200,000,000 bytes of values are more than 800,000,000"):
        read_image(tmp_path / "a.tif", 8)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_deep_tiff_is_opened_once(channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((16, 16, channels), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels[..., 0] if channels == 1 else pixels, photometric="minisblack")
    opened, read = [], tifffile.TiffFile
    monkeypatch.setattr(tifffile, "TiffFile", lambda path, **more: opened.append(path) or read(path, **more))
    reading = Reading(alpha="white", channels=channels) if channels == 5 else AS_EVER
    assert read_image(tmp_path / "a.tif", 16, reading=reading).shape[:2] == (16, 16)
    assert len(opened) <= 1


def test_twelve_bits_whose_zero_is_white_are_no_negative_either(tmp_path: Path) -> None:
    said = [(281, 3, 1, 4095, True)]  # MaxSampleValue
    tifffile.imwrite(tmp_path / "a.tif", 4095 - RAMP.astype(np.uint16) * 16, photometric="miniswhite", extratags=said)
    assert same(as_surveyed(tmp_path / "a.tif"), GREY)
    tifffile.imwrite(tmp_path / "b.tif", 4095 - RAMP.astype(np.uint16) * 16, photometric="miniswhite")
    assert same(as_surveyed(tmp_path / "b.tif"), GREY)


@pytest.mark.parametrize("depth", DEPTHS)
def test_planes_that_lie_one_after_the_other_are_colours(depth: str, tmp_path: Path) -> None:
    planes = np.moveaxis(of_depth(COLOURS, depth), -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    assert same(as_surveyed(tmp_path / "a.tif"), COLOURS)


def test_inks_of_sixteen_bits_are_no_transparency(tmp_path: Path) -> None:
    inks = np.concatenate([255 - COLOURS, np.zeros_like(GREY[..., :1])], axis=2).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    assert same(as_surveyed(tmp_path / "a.tif"), COLOURS)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_a_file_of_another_ending_is_read_by_what_it_is(ending: str, depth: str, tmp_path: Path) -> None:
    for name, brightest in (("dim", 2), ("bright", 1)):
        written = of_depth(COLOURS // brightest, depth)
        tifffile.imwrite(tmp_path / f"{name}.tif", written, photometric="rgb")
        (tmp_path / f"{name}.tif").rename(tmp_path / f"{name}.{ending}")
    files = [ImageFile(path, path.name, 0) for path in sorted(tmp_path.iterdir())]
    reading = survey(files, AS_EVER).reading
    dim, bright = (read_image(tmp_path / f"{name}.{ending}", SIDE, reading=reading) for name in ("dim", "bright"))
    assert same(bright, COLOURS)
    assert same(dim, COLOURS // 2)
