"""Images that are decoded whenever they are read: the same pixels, the same artefact, and never all at once."""

import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_nets import TINY

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.data.dataset import SPLITS, Dataset, Split
from reportgen.data.decoding import Files, Reading, read_image
from reportgen.data.folders import ImageFile, Listing
from reportgen.data.packing import pack
from reportgen.data.reading import stored
from reportgen.nets.snapshots import snapshot_path
from reportgen.nets.training.loop import Plan, input_preprocessing, train
from reportgen.pipeline import work
from reportgen.settings.recipes import TrainingSettings
from reportgen.stages import data
from reportgen.stages.plan import stages

SIZE = 40
CPU = torch.device("cpu")


def pictures(root: Path, count: int) -> list[str]:
    """Noise: mostly JPEGs of several sizes, upright and turned, some of them grey; a few transparent PNGs."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        shape = tuple(rng.integers(30, 200, 2)) + [(3,), (), (3,), (4,)][index % 4]
        picture = Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8))
        exif = Image.Exif()
        exif[0x0112] = 1 + index % 8  # which side is up
        picture.save(root / f"{index:03d}.{'png' if index % 4 == 3 else 'jpg'}", exif=exif)
    return [str(path) for path in sorted(root.iterdir())]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Files]:
    """The same images, packed and as files."""
    folder = tmp_path_factory.mktemp("both")
    paths = pictures(folder / "images", 9)
    pack(folder, "val", [ImageFile(Path(path), path, 0) for path in paths], SIZE, [])
    return np.load(folder / "val.npy", mmap_mode="r"), Files(paths, SIZE)


def test_decoding_leaves_the_warnings_of_the_process_alone(both: tuple[np.ndarray, Files]) -> None:
    """It runs in threads beside everything else; to catch warnings there would be to lose those of others."""
    before = list(warnings.filters)
    for _ in range(20):
        _ = both[1][:]
    assert warnings.filters == before


def test_a_net_trained_on_files_is_the_one_trained_on_the_array(both: tuple[np.ndarray, Files], tmp_path: Path) -> None:
    labels = np.arange(9) % 3
    ends = []
    for name, images in zip(("packed", "files"), both, strict=True):
        split = Split(images, labels, ("",) * 9)
        recipe = TrainingSettings(epochs=2, batch_size=4, learning_rate=0.02)
        preprocessing = input_preprocessing(recipe, images, 32)
        net = replace(TINY, input_size=32, classes=3)
        history = train(Plan(net, split, split, preprocessing, recipe, 0, CPU, tmp_path / name))
        weights = snapshot_path(tmp_path / name, 2).read_bytes()
        ends.append((preprocessing, history, weights))
    assert ends[0] == ends[1]


INSIDE = slice(3, 30)


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        np.int64(4),
        slice(2, 5),
        slice(None),
        slice(8, None, -3),
        slice(20, 30),
        np.array([7, 0, 0, -2]),
        np.array([], np.int64),
        np.array([[1, 2], [3, 4]]),
        np.arange(9) % 2 == 0,
        [5, 1],
        [],
        (3, INSIDE, INSIDE),
        (slice(2, 5), INSIDE),
        (np.array([8, 1]), INSIDE, slice(None, None, 2), slice(0, 1)),
    ],
    ids=repr,
)
def test_every_index_gives_what_the_packed_array_gives(both: tuple[np.ndarray, Files], index: Any) -> None:
    packed, files = both
    found = files[index]
    assert (found.shape, found.dtype) == (packed[index].shape, packed.dtype)
    np.testing.assert_array_equal(found, packed[index])


def test_files_describe_themselves_as_the_packed_array_does(both: tuple[np.ndarray, Files]) -> None:
    packed, files = both
    assert (files.shape, files.dtype, files.nbytes, len(files)) == (
        packed.shape, packed.dtype, packed.nbytes, len(packed)
    )  # fmt: skip
    np.testing.assert_array_equal(np.stack(list(files)), packed)
    with pytest.raises(IndexError):
        files[9]


def test_parts_on_their_way_to_the_net_are_the_same(both: tuple[np.ndarray, Files]) -> None:
    parts = [np.array([0, 3]), np.array([5]), np.array([8, 1, 2])]
    for one, other in zip(*(stored(images, parts, CPU) for images in both), strict=True):
        assert one.equal(other)


def test_the_next_part_is_decoded_while_this_one_is_used(both: tuple[np.ndarray, Files]) -> None:
    asked = Event()

    class Watched(Files):
        def __getitem__(self, index: Any) -> np.ndarray:
            if 2 in index:
                asked.set()
            return super().__getitem__(index)

    parts = stored(Watched(both[1].paths, SIZE), [np.array([0, 1]), np.array([2, 3]), np.array([4])], CPU)
    next(parts)
    assert asked.wait(10)
    parts.close()


def test_reading_more_images_needs_no_more_memory(both: tuple[np.ndarray, Files]) -> None:
    """At its peak, as Python and numpy count it."""
    part = 16 * 128 * 128 * 3

    def peak(batches: int) -> int:
        files = Files(both[1].paths[:8] * 2 * batches, 128)
        parts = np.arange(len(files)).reshape(batches, 16)
        tracemalloc.start()
        for _ in stored(files, list(parts), CPU):
            pass
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return traced

    peak(2)  # what is made once
    few, many = peak(3), peak(30)
    assert few > part  # it is counted
    assert many < few + 2 * part  # the reader may be a part ahead, or not yet; all of them would be 30


def made(root: Path, build: Path, **switches: str) -> dict[str, Any]:
    loaded = settings.load({"PROFILE": "tiny", "DATA": str(root), "DATA_SIZE": str(SIZE), "DATA_CROP": "36"} | switches)
    build.mkdir()
    data.make(work.Work(stages(loaded)["data"], loaded, build, build, {"sources": {}}), build)
    return read_json(build / DOCUMENT)


def test_the_artefact_says_the_same_either_way(tmp_path: Path) -> None:
    for kind in ("b", "a"):
        pictures(tmp_path / "images" / kind, 50)
    (tmp_path / "images" / "a" / "001.jpg").write_bytes(b"no picture")
    packed = made(tmp_path / "images", tmp_path / "packed")
    files = made(tmp_path / "images", tmp_path / "files", DATA_PACK="false")
    assert [entry["file"] for entry in files["numbers"]["skipped"]] == ["a/001.jpg"]
    assert packed.pop("paths") == {}
    assert all(Path(path).is_file() for paths in files.pop("paths").values() for path in paths)
    assert files == packed
    assert sorted(path.name for path in (tmp_path / "files").glob("*.npy")) == [
        "test-labels.npy", "train-labels.npy", "val-labels.npy"
    ]  # fmt: skip
    one, other = (Dataset.open(tmp_path / name) for name in ("packed", "files"))
    assert one.fingerprint == other.fingerprint
    for split in SPLITS:
        stored, decoded = getattr(one, split), getattr(other, split)
        assert isinstance(decoded.images, Files)
        assert stored.names == decoded.names
        np.testing.assert_array_equal(stored.labels, decoded.labels)
        np.testing.assert_array_equal(stored.images, decoded.images[:])


def test_the_fingerprint_hangs_on_every_pixel(tmp_path: Path) -> None:
    for kind in ("a", "b"):
        pictures(tmp_path / "images" / kind, 4)
    before = made(tmp_path / "images", tmp_path / "before", DATA_PACK="false")
    place = tmp_path / "images" / "b" / "003.png"
    with Image.open(place) as picture:
        middle = (picture.width // 2, picture.height // 2)
        picture.putpixel(middle, tuple(255 - value for value in picture.getpixel(middle)))
        picture.save(place, exif=picture.getexif())
    after = made(tmp_path / "images", tmp_path / "after", DATA_PACK="false")
    assert before["content"] != after["content"]


def test_images_without_a_file_are_packed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_a_set = ImageFile(tmp_path, "a/0", 0, lambda: Image.new("RGB", (50, 50), "red"))
    of_a_folder = ImageFile(Path(pictures(tmp_path / "images", 1)[0]), "a/1", 0)
    splits = {"train": (of_a_set,), "val": (of_a_set,), "test": (of_a_folder,)}
    monkeypatch.setattr(data, "_list", lambda work, root: Listing(("a",), splits))
    assert list(made(tmp_path, tmp_path / "build", DATA_PACK="false")["paths"]) == ["test"]
    opened = Dataset.open(tmp_path / "build")
    assert isinstance(opened.val.images, np.memmap)
    assert isinstance(opened.test.images, Files)


def test_a_whole_image_is_squeezed_and_not_cut(tmp_path: Path) -> None:
    """Left third red, the rest blue: in the square the border stays at a third; the square from the middle holds less red."""
    wide = np.zeros((60, 120, 3), np.uint8)
    wide[:, :40, 0] = wide[:, 40:, 2] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide.transpose(1, 0, 2)).save(tmp_path / "tall.png")
    whole = read_image(tmp_path / "wide.png", 60, whole=True)
    assert whole.shape == (60, 60, 3)
    np.testing.assert_array_equal(whole[:, :18], [[[255, 0, 0]] * 18] * 60)
    np.testing.assert_array_equal(whole[:, 22:], [[[0, 0, 255]] * 38] * 60)
    assert (read_image(tmp_path / "wide.png", 60)[..., 0] > 127).mean() == pytest.approx(10 / 60, abs=0.02)
    np.testing.assert_array_equal(read_image(tmp_path / "tall.png", 60, whole=True), whole.transpose(1, 0, 2))


def test_what_is_square_already_is_the_same_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "square.png")
    np.testing.assert_array_equal(read_image(tmp_path / "square.png", SIZE, whole=True), noise)


@pytest.mark.parametrize("way", ["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"])
def test_pictures_are_scaled_as_torchvision_scales_them(way: str, tmp_path: Path) -> None:
    """Resize and CenterCrop of a square picture: what a net's own weights were measured with."""
    from torchvision.transforms import v2

    pixels = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    theirs = v2.Resize(48, v2.InterpolationMode(way))(Image.fromarray(pixels))
    ours = read_image(tmp_path / "a.png", 48, reading=Reading(interpolation=way))
    np.testing.assert_array_equal(ours, np.asarray(theirs))
