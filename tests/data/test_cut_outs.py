"""Deep files with more than a picture: transparency, infrared, values that are none, and further pages."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from reportgen.data.decoding import Alpha, Reading, Unreadable, read_image
from reportgen.data.folders import ImageFile
from reportgen.data.survey import Survey, survey

SIDE = 64
RAMP = np.tile(np.arange(SIDE) * 4, (SIDE, 1)).astype(np.uint8)
HOLE = np.arange(SIDE) < 16  # the columns that are transparent


def surveyed(*paths: Path, alpha: Alpha = "drop") -> Survey:
    return survey([ImageFile(path, path.name, 0) for path in paths], Reading(alpha))


def read(path: Path, alpha: Alpha = "drop") -> np.ndarray:
    return read_image(path, SIDE, reading=surveyed(path, alpha=alpha).reading)


def laid(alpha: Alpha) -> np.ndarray:
    """The ramp as a cut-out with a hole, on a ground."""
    ground = {"white": 255, "black": 0, "drop": RAMP}[alpha]
    return np.repeat(np.where(HOLE, ground, RAMP)[..., None], 3, 2)


@pytest.mark.parametrize("alpha", ["drop", "white", "black"])
@pytest.mark.parametrize("opaque", ["as white is", "as the type allows"])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("end", ["png", "tif", "npy", "floating"])
def test_a_deep_cut_out_is_read_as_a_shallow_one(
    tmp_path: Path, end: str, channels: int, opaque: str, alpha: Alpha
) -> None:
    """Ten bits of colour, whose transparency has as many, or sixteen; or numbers from 0 to 1."""
    if end == "png" and channels == 2:
        pytest.skip("OpenCV writes no grey PNG with transparency")
    kind, white = (np.float32, 1.0) if end == "floating" else (np.uint16, 1023)
    most = white if opaque == "as white is" else {np.float32: 255, np.uint16: 65_535}[kind]
    values = np.repeat((RAMP / 255 * white)[..., None], channels, 2).astype(kind)
    values[..., -1] = np.where(HOLE, 0, most)
    path = tmp_path / f"a.{'tif' if end == 'floating' else end}"
    if end == "png":
        cv2.imwrite(str(path), values)
    elif end == "npy":
        np.save(path, values)
    else:
        kinds = {"photometric": "minisblack" if channels == 2 else "rgb", "planarconfig": "contig"}
        tifffile.imwrite(path, values, extrasamples=[2], **kinds)
    assert np.abs(read(path, alpha).astype(int) - laid(alpha)).max() <= 1
    found = surveyed(path)
    assert found.said[-1].startswith("1 file is a cut-out")
    assert {"ALPHA=white", "ALPHA=black"} <= {*found.others}


def test_a_deep_picture_that_hides_nothing_is_no_cut_out(tmp_path: Path) -> None:
    values = np.repeat((RAMP * 257.0)[..., None], 4, 2).astype(np.uint16)
    values[..., 3] = 65_535
    cv2.imwrite(str(tmp_path / "a.png"), values)
    assert not any("cut-out" in words for words in surveyed(tmp_path / "a.png").said)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_a_channel_beside_the_colours_that_is_no_transparency_hides_nothing(tmp_path: Path, depth: type) -> None:
    """As infrared in aerial photographs: Pillow passes it over in eight bits, too."""
    values = np.repeat(RAMP[..., None].astype(int), 4, 2).astype(depth) * depth(1 if depth == np.uint8 else 257)
    values[..., 3] = np.where(HOLE, 0, values.max())
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[0])
    assert np.abs(read(tmp_path / "a.tif", "white").astype(int) - laid("drop")).max() <= 4  # 252 of 255 is white
    assert read_image(tmp_path / "a.tif", SIDE, reading=Reading(channels=4)).shape[2] == 4


@pytest.mark.parametrize(
    ("kind", "none"), [(np.float32, -9999), (np.float32, -3.4028235e38), (np.int16, -32_768), (np.uint16, 65_535)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_values_that_a_file_declares_to_be_none_count_for_no_range(
    tmp_path: Path, kind: type, none: float, channels: int
) -> None:
    """As GDAL declares them."""
    values = (
        np.repeat((RAMP / 255 * (1 if kind == np.float32 else 4000))[..., None], channels, 2).astype(kind).squeeze()
    )
    values[:, :16] = none
    photometric = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric, extratags=[(42113, "s", 0, str(none), True)])
    found = read(tmp_path / "a.tif")
    assert (found[:, :16] <= found[:, 16:17]).all()
    assert np.abs(found[:, 16:, 0].astype(int) - RAMP[:, 16:]).max() <= 7  # 4,000 of 4,095


def test_further_pages_and_frames_are_told(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.roll(RAMP, step, 1)) for step in range(3)]
    names = ("a.gif", "a.png", "a.webp", "a.tif")
    for name in names:
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
        assert surveyed(tmp_path / name).said == ("1 file holds several pages or frames: the first is shown",)
        assert np.abs(read(tmp_path / name)[..., 0].astype(int) - RAMP).mean() < 4
    with tifffile.TiffWriter(tmp_path / "steps.tif") as file:
        file.write(RAMP)
        file.write(RAMP[::2, ::2], subfiletype=1)
    assert surveyed(tmp_path / "steps.tif").said == ()


def test_channels_that_are_no_colours_name_the_setting_that_reads_them(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((SIDE, SIDE, 12), np.uint16))
    with pytest.raises(
        Unreadable, match=r"^12 channels, and not grey, colour and transparency: DATA_CHANNELS=12 reads them$"
    ):
        read(tmp_path / "a.npy")


def test_a_batch_of_one_is_a_picture(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.repeat(RAMP[..., None], 3, 2)[None])
    assert (read(tmp_path / "a.npy") == RAMP[..., None]).all()
