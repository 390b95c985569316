"""Valid files of every kind that reportgen reads, spoilt in every way: the outcome is a value or one line.

Never another exception, never more than 10 seconds or 2 GiB. The examples are the same on every run; SLOW=1: five times as many.
"""

import csv
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import coco_files
import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import at_the_edge, damage, spoil
from noise_files import FILE
from PIL import Image
from runs import SLOW

from reportgen.analyses import settings as known
from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.claims import Noise, Part, Verdict, noise
from reportgen.commands import history as history_of
from reportgen.data.annotations import Unusable, read_coco, stored
from reportgen.data.class_lists import read_classes
from reportgen.data.decoding import Unreadable, read_image
from reportgen.data.image_files import NO_PICTURES, is_image
from reportgen.data.masks import read_masks
from reportgen.data.survey import look
from reportgen.data.tables import read_table
from reportgen.data.transforms import Preprocessing
from reportgen.data.voc import list_voc
from reportgen.nets import zoo
from reportgen.nets.checkpoints import read_state
from reportgen.nets.sizes import own_document, sizes
from reportgen.nets.snapshots import load_net, save_net
from reportgen.nets.zfnet import ZFNet
from reportgen.page import history, history_page
from reportgen.page.older import Metrics, influences, read_report
from reportgen.settings.recipes import SMALL
from reportgen.settings.sections import ModelSettings

TIMES = 5 if SLOW else 1
EXAMPLES = 60 * TIMES  # of each kind of document
PICTURES = 25 * TIMES  # of each format of images
LONGEST = 10  # seconds
MOST = 2 << 30  # bytes
LONGEST_LINE = 4_000


class TooLong(BaseException):
    """It took too long. No Exception: nothing that is read may catch it."""


@contextmanager
def bounded() -> Iterator[None]:
    """Fail where the block takes longer, or more memory, than it may."""

    def ended(*_: object) -> None:
        raise TooLong

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    handler = signal.signal(signal.SIGALRM, ended)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < MOST


def one_line(read: Callable[[Path], object], path: Path) -> None:
    """Read a file; whatever is wrong with it is said in one line."""
    said = "as it should be"
    with bounded():
        try:
            read(path)
        except (UserError, Unreadable, Unusable) as error:
            said = str(error)
    assert said.strip()
    assert "\n" not in said
    assert len(said) < LONGEST_LINE


def seeded(examples: int) -> Any:
    """The same examples on every run."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


# --- documents -------------------------------------------------------------------------------------------------------

COCO = coco_files.document_of(
    [coco_files.image_of(1, "a.png"), coco_files.image_of(2, "a.png")],
    [
        coco_files.annotation_of(1, segmentation=[[30, 10, 90, 10, 90, 70, 30, 70]]),
        coco_files.annotation_of(2, segmentation={"size": [80, 120], "counts": [0, 4800, 4800]}),
    ],
)
PART = {"name": "layer 2", "estimate": 0.5, "low": 0.4, "high": 0.6, "n": 9, "range": [0, None], "outcome": "holds"}
METRICS = {
    "schema": 1,
    "run": {
        "commit": "abc",
        "profile": "tiny",
        "seed": 0,
        "date": 1764000000,
        "settings": {"data": {"size": 48}},
        "versions": {"numpy": "2"},
    },
    "data": {"name": "scenes", "fingerprint": "f", "images": {"val": 9}, "classes": ["cat", "dog"], "skipped": []},
    "model": {
        "name": "zfnet",
        "weights": "trained here",
        "parameters": 9,
        "layers": [],
        "top1": 0.5,
        "top1_tau": 0.1,
        "labelled_images": 9,
        "map": 0.5,
        "map_low": 0.4,
        "map_high": 0.6,
        "by_class": [{"name": "cat", "right": 5, "images": 9, "tau": 0.1}],
    },
    "claims": [
        {
            "id": "grouping",
            "statement": "Maps group.",
            "paper": "4.1",
            "estimate": 0.5,
            "low": 0.4,
            "high": 0.6,
            "n": 9,
            "verdict": "holds",
            "why": "",
            "trainings": 3,
            "parts": [PART | {"unit": {"words": "%", "scale": 100, "digits": 3}, "se": 0.1, "tau": 0.1, "net": PART}],
        }
    ],
    "analyses": {"features": {}},
    "figures": [
        {"id": "a", "analysis": "features", "files": ["figures/features/layer1/map0000-patches.jpg"], "caption": "c"}
    ],
}
LINE = history.line_of(METRICS, 3.0)
NOISE = FILE | {"about": {"trainings": 20, "training_seeds": [3], "machine_hours": 2.0}}
TABLE = [{"file": "a.png", "label": "cat", "split": "val"}, {"file": "b.png", "label": "dog", "split": "val"}]
CONFIG = {
    "model_type": "vit",
    "image_size": 224,
    "id2label": {"0": "cat", "1": "dog"},
    "size": {"height": 224, "width": 224},
    "crop_size": 200,
    "do_center_crop": True,
    "do_rescale": True,
    "rescale_factor": 0.00392,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def _coco(path: Path) -> None:
    Image.fromarray(coco_files.dog()).save(path.parent / "a.png")
    for annotated in read_coco(path, [path.parent], "PARTS=a.json"):
        stored(annotated, 32)


def _report(path: Path) -> None:
    from reportgen.page import digest
    from reportgen.page.changes import changes

    found = read_report(path.parent, "BASE=old")
    for before, now in ((found, METRICS), (METRICS, found)):
        digest.of_changes(changes(before, now), before, now, {})


def _own_report(path: Path) -> None:
    """A report's line in its history, and what two lines of one commit after another say."""
    found = history_of.line(path.parent, 3.0)
    list(history.steps([found, LINE, found]))


def _history(path: Path) -> None:
    history_of.check(path)
    lines = [line for found in history.read(path).lines for line in (found, LINE, found)]
    history_page.timeline(lines, list(history.steps(lines)))


def _noise(path: Path) -> None:
    """A file of noise, added to itself as if its trainings were others, and a claim that is judged by it."""
    found = noise.read(path, "NOISE=a")
    json.dumps(asdict(found.joined(found, {})), allow_nan=False)
    known = found.under({"features": {"data": {"size": 96}}}, {}).get("features", {})
    of_part = known.get("grouping", {}).get("layer 2")
    if of_part is None:
        return
    noise.among([of_part, of_part])
    part = Part("layer 2", 1.0, 0.5, 1.5, 100)
    for of_training in (of_part, noise.pooled(Noise(0.1, 2), of_part)):
        judged = noise.judged(Verdict("grouping", (part,)).document(), {"layer 2": of_training}, [{"layer 2": 2.0}])
        claim = METRICS["claims"][0] | {name: judged[name] for name in ("verdict", "why", "parts")}
        foreign.parsed(json.dumps(METRICS | {"claims": [claim]}).encode(), Metrics)  # as BASE= reads the report


def _folder_of_transformers(path: Path) -> None:
    (path.parent / "preprocessor_config.json").write_bytes(path.read_bytes())
    found = zoo.preset(f"hf/{path.parent}")
    assert found is not None
    reads = Preprocessing(found.crop, found.range, found.order, found.mean, found.deviation)
    ends = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 1, 1, 3)
    assert reads.normalise(ends).isfinite().all()


@dataclass(frozen=True)
class Kind:
    """A kind of JSON document."""

    name: str  # of its file
    valid: Any
    read: Callable[[Path], object]


KINDS = {
    "coco": Kind("a.json", COCO, _coco),
    "noise": Kind("noise.json", NOISE, _noise),
    "metrics": Kind("metrics.json", METRICS, _report),
    "own metrics": Kind("metrics.json", METRICS, _own_report),
    "history": Kind("a.jsonl", json.loads(history._LINE.dump_json(LINE)), _history),
    "labels": Kind("a.json", TABLE, lambda path: read_table(path, "LABELS=a")),
    "classes": Kind("a.json", {"0": "cat", "1": ["n02123045", "tabby"]}, lambda path: read_classes(path, "CLASSES=a")),
    "class_to_idx": Kind("a.json", {"class_to_idx": {"a": 0, "b": 1}}, lambda path: read_classes(path, "CLASSES=a")),
    "transformers": Kind("config.json", CONFIG, _folder_of_transformers),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_document_is_one_line(kind: str, tmp_path: Path) -> None:
    case = KINDS[kind]
    path = tmp_path / case.name
    path.write_text(json.dumps(case.valid))
    case.read(path)  # it is valid

    @seeded(EXAMPLES)
    @given(st.data())
    def spoilt(data: st.DataObject) -> None:
        text = spoil(data.draw, case.valid)
        written = text.encode("utf-8", "surrogatepass")
        path.write_bytes(damage(data.draw, written) if data.draw(st.integers(0, 3)) == 0 else written)
        one_line(case.read, path)

    spoilt()


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_at_the_edge_of_what_is_legal_overflows_nowhere(kind: str, tmp_path: Path) -> None:
    case = KINDS[kind]
    path = tmp_path / case.name
    for document in at_the_edge(case.valid):
        path.write_text(json.dumps(document))
        one_line(case.read, path)


def objects(count: int) -> str:
    return f"[{','.join(['{}'] * count)}]"


LARGE = {  # small files that could fill a machine's memory, or take hours
    "coco": ("a.json", lambda: f'{{"images": [], "categories": [], "annotations": {objects(2_900_000)}}}', _coco),
    "more of coco": (
        "a.json",
        lambda: f'{{"images": [], "categories": [], "annotations": {objects(5_000_000)}}}',
        _coco,
    ),
    "metrics": ("metrics.json", lambda: f'{{"schema": 1, "analyses": {{"a": {objects(5_000_000)}}}}}', _report),
    "noise": (
        "a.json",
        lambda: json.dumps(FILE).replace('"size": 96', f'"size": {objects(5_000_000)}'),
        _noise,
    ),
    "classes": ("a.json", lambda: objects(5_000_000), KINDS["classes"].read),
    "classes of a text": ("a.txt", lambda: "a\n" * 5_000_000, KINDS["classes"].read),
    "labels": ("a.json", lambda: objects(5_000_000), KINDS["labels"].read),
    "lines of labels": ("a.csv", lambda: "file,label\n" + "a,b\n" * 5_000_000, KINDS["labels"].read),
    "columns of labels": (
        "a.csv",
        lambda: "\n".join([",".join(f"c{place}" for place in range(30_000)), ",".join(["1"] * 30_000)]),
        KINDS["labels"].read,
    ),
    "history": ("a.jsonl", lambda: "{}\n" * 5_000_000, history.read),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_document_of_very_many_values_is_one_line(kind: str, tmp_path: Path) -> None:
    name, text, read = LARGE[kind]
    (tmp_path / name).write_text(text())
    with bounded(), pytest.raises(UserError) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


# --- files of bytes --------------------------------------------------------------------------------------------------


def _voc(folder: Path) -> Path:
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    for name, kinds in (("one", ("cat", "dog")), ("two", ("dog",))):
        Image.new("RGB", (10, 10)).save(folder / "JPEGImages" / f"{name}.jpg")
        objects = "".join(f"<object><name>{kind}</name><difficult>0</difficult>{box}</object>" for kind in kinds)
        (folder / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
    (folder / "ImageSets" / "Main" / "train.txt").write_text("one\ntwo\n")
    return folder


def _state() -> dict[str, torch.Tensor]:
    return {"conv.weight": torch.ones(2, 3, 3, 3), "conv.bias": torch.zeros(2)}


def _net(path: Path) -> None:
    net = ZFNet(SMALL)
    crop = net.architecture.input_size
    save_net(net, Preprocessing(crop=crop, mean=(0.5,) * 3, deviation=(0.5,) * 3), path)


def _read_net(path: Path) -> None:
    one_line(own_document, path)
    one_line(lambda place: sizes(ModelSettings(name="zfnet", weights=str(place))), path)
    load_net(path)


def _npz(path: Path) -> None:
    np.savez_compressed(
        path, **{"claims.grouping.layer 2": np.ones(9), "layer1.responses": np.ones((4, 9), np.float32)}
    )


def _csv(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


FILES: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], object]]] = {
    "toml": (
        "mine.toml",
        lambda path: path.write_text("[training]\nepochs = 3\n[data]\nrange = [0, 4095]\n[run]\nseed = 1\n"),
        lambda path: known.load({"PROFILE": "tiny", "CONFIG": str(path)}),
    ),
    "classes of a text": (
        "a.txt",
        lambda path: path.write_text("0: cat\n1: dog\n2: n02123045 tabby\n"),
        lambda path: read_classes(path, "CLASSES=a"),
    ),
    "classes of a table": (
        "a.csv",
        lambda path: path.write_text("index,name,wnid\n0,cat,n1\n1,dog,n2\n"),
        lambda path: read_classes(path, "CLASSES=a"),
    ),
    "labels of a table": (
        "a.csv",
        lambda path: _csv(path, [["file", "label"], ["a.png", "cat"], ["b.png", "dog"]]),
        lambda path: read_table(path, "LABELS=a"),
    ),
    "labels of a list": (
        "a.txt",
        lambda path: path.write_text("a.png 0\nb.png 1\n"),
        lambda path: read_table(path, "LABELS=a"),
    ),
    "labels of lines": (
        "a.jsonl",
        lambda path: path.write_text("".join(json.dumps(row) + "\n" for row in TABLE)),
        lambda path: read_table(path, "LABELS=a"),
    ),
    "arrays of a report": (
        "data/features.npz",
        _npz,
        lambda path: influences(path.parents[1], "BASE=a", ["features"]),
    ),
    "a pickle": ("a.pt", lambda path: torch.save(_state(), path), lambda path: read_state(path, "WEIGHTS=a")),
    "an old pickle": (
        "a.pth",
        lambda path: torch.save(_state(), path, _use_new_zipfile_serialization=False),
        lambda path: read_state(path, "WEIGHTS=a"),
    ),
    "safetensors": (
        "a.safetensors",
        lambda path: safetensors.torch.save_file(_state(), path),
        lambda path: read_state(path, "WEIGHTS=a"),
    ),
    "a net of ours": ("net.safetensors", _net, _read_net),
    "an annotation of VOC": (
        "Annotations/one.xml",
        lambda path: _voc(path.parents[1]),
        lambda path: list_voc(path.parents[1], ("train",), "TRANSFER=a"),
    ),
    "a list of VOC": (
        "ImageSets/Main/train.txt",
        lambda path: _voc(path.parents[2]),
        lambda path: list_voc(path.parents[2], ("train",), "TRANSFER=a"),
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_one_line(kind: str, tmp_path: Path) -> None:
    name, write, read = FILES[kind]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)
    read(path)  # it is valid
    valid = path.read_bytes()

    @seeded(EXAMPLES)
    @given(st.data())
    def damaged(data: st.DataObject) -> None:
        path.write_bytes(damage(data.draw, valid))
        one_line(read, path)

    damaged()


# --- images ----------------------------------------------------------------------------------------------------------


def formats() -> list[str]:
    """Every format that Pillow can write here and reportgen reads."""
    Image.init()
    return sorted(kind for kind in Image.SAVE if kind in Image.OPEN and kind not in NO_PICTURES)


def write_image(path: Path, kind: str) -> bool:
    """Write a picture; False where the format is not one of these modes."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    for mode in ("RGB", "L", "1", "RGBA", "F"):
        try:
            Image.fromarray(pixels).convert(mode).save(path, kind)
            with Image.open(path) as written:
                written.load()
        except Exception:
            continue
        return True
    return False


@pytest.mark.parametrize("kind", [*formats(), "array"])
def test_a_damaged_image_is_one_line(kind: str, tmp_path: Path) -> None:
    ending = (
        ".npy"
        if kind == "array"
        else next((end for end, its in Image.registered_extensions().items() if its == kind), ".img")
    )
    path = tmp_path / f"cat{ending}"
    if kind == "array":
        np.save(path, np.random.default_rng(0).integers(0, 4096, (40, 48), dtype=np.uint16))
    elif not write_image(path, kind):
        pytest.skip(f"Pillow does not write {kind} here")
    valid = path.read_bytes()

    def read(place: Path) -> None:
        is_image(place)
        look(place)
        one_line(lambda file: read_image(file, 32, whole=True), place)
        read_image(place, 32)

    read(path)

    @seeded(PICTURES)
    @given(st.data())
    def damaged(data: st.DataObject) -> None:
        path.write_bytes(damage(data.draw, valid))
        one_line(read, path)

    damaged()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_damaged_mask_is_one_line(kind: str, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    path = tmp_path / "masks" / "a.png"
    Image.new("L", (40, 48), 255).save(path, kind)
    valid = path.read_bytes()

    @seeded(PICTURES)
    @given(st.data())
    def damaged(data: st.DataObject) -> None:
        path.write_bytes(damage(data.draw, valid))
        one_line(lambda place: list(read_masks(place.parent, {tmp_path / "a.jpg": "cat/a.jpg"}, [])), path)

    damaged()


def test_pipes_devices_and_folders_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for place in (tmp_path / "pipe.json", tmp_path / "folder.json", Path("/dev/zero")):
        for read in (
            lambda path: list(read_coco(path, [tmp_path], "PARTS=a")),
            lambda path: noise.read(path, "NOISE=a"),
            lambda path: read_classes(path, "CLASSES=a"),
            lambda path: known.load({"PROFILE": "tiny", "CONFIG": str(path)}),
        ):
            with pytest.raises(UserError), bounded():
                read(place)
