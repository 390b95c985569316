"""A user's own folder of images from the command to the page, and `PARTS=`: a COCO file that marks parts in others."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from coco_files import annotation_of, document_of, dog, image_of, write
from PIL import Image
from runs import here

from reportgen.base.artifacts import read_json

NAME = "my <b>photos"
FEW = ("PROFILE=tiny", "EPOCHS=1", f"DATA={NAME}", "COMPARE_VARIANTS=zfnet")


def photographs(home: Path, count: int = 30) -> None:
    """Dogs and noise, so many each, for the net to be trained on."""
    rng = np.random.default_rng(0)
    for index in range(count):
        for kind, pixels in (("dog", varied(rng)), ("noise", rng.integers(0, 256, (80, 120, 3), dtype=np.uint8))):
            place = home / NAME / kind / f"{index:03d}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place)


def varied(rng: np.random.Generator) -> np.ndarray:
    return np.clip(dog().astype(int) + rng.integers(-30, 31, (80, 120, 3)), 0, 255).astype(np.uint8)


def marks(home: Path, count: int, **first: object) -> Path:
    rng = np.random.default_rng(1)
    document = document_of(
        [image_of(number, f"faces/{number}.png") for number in range(count)],
        [annotation_of(number, **(first if number == 0 else {})) for number in range(count)],
    )
    return write(home / "marked", document, {f"faces/{number}.png": varied(rng) for number in range(count)})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The page of a user's images, one of them broken, with parts that are marked in others; and what was said."""
    home = tmp_path_factory.mktemp("own")
    photographs(home, 60)
    broken = home / NAME / "dog" / "007.png"
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    marks(home, 6, keypoints=[45, 30, 2, 75, 30, 2, 0, 0, 0])
    return home, here("run", *FEW, "PARTS=marked/parts.json", cwd=home, pdf=False)


def test_a_few_bad_files_are_skipped_and_listed(own: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    home, done = own
    assert done.returncode == 0, done.stderr
    assert "1 files were skipped" in done.stderr or "1 file was skipped" in done.stderr
    metrics = read_json(home / "report" / "metrics.json")
    assert [entry["file"] for entry in metrics["data"]["skipped"]] == ["dog/007.png"]
    assert metrics["data"]["name"] == NAME
    page = (home / "report" / "index.html").read_text()
    assert "dog/007.png" in page
    assert "my &lt;b&gt;photos" in page
    assert "<b>photos" not in page


def test_parts_of_ones_own_images_are_scored_and_shown(
    own: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    home, done = own
    assert done.returncode == 0, done.stderr
    metrics = read_json(home / "report" / "metrics.json")
    numbers = metrics["analyses"]["correspondence"]
    assert numbers["images"] == 5
    assert numbers["parts"] == ["right eye", "left eye", "nose"]
    assert numbers["left_out"] == [{"file": "faces/0.png", "reason": "its nose is not marked"}]
    [claim] = [claim for claim in metrics["claims"] if claim["id"] == "correspondence"]
    assert claim["verdict"] != "not tested"
    assert [part["n"] for part in claim["parts"]] == [5] * 4
    page = (home / "report" / "index.html").read_text(encoding="utf-8")
    assert "its nose is not marked" in page
    assert "0.079\u00a0±\u00a00.017" in page  # the paper's nose, beside
    assert (home / "report" / "data" / "correspondence.npz").is_file()
    # The same folder without marks: a section that says what it would need, and no verdict.
    again = shutil.copytree(home, tmp_path / "again")
    done = here("run", *FEW, cwd=again, pdf=False)
    assert done.returncode == 0, done.stderr
    metrics = read_json(again / "report" / "metrics.json")
    [claim] = [claim for claim in metrics["claims"] if claim["id"] == "correspondence"]
    assert (claim["verdict"], claim["why"]) == ("not tested", "no parts annotated (PARTS=)")
    page = (again / "report" / "index.html").read_text(encoding="utf-8")
    assert "This run has nothing to mask: no parts annotated (PARTS=)" in page


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "PARTS=marked/parts.json: no such file: give a COCO annotations file"),
        (lambda path: path.write_text("{"), "PARTS=marked/parts.json: not a COCO annotations file (Invalid JSON"),
        (lambda path: path.write_text("{}"), "PARTS=marked/parts.json: not a COCO annotations file ('images' is"),
        (lambda path: (path.parent / "faces" / "1.png").unlink(), "PARTS=marked/parts.json: faces/1.png is not in "),
        (
            lambda path: path.write_text(
                json.dumps(document_of([image_of(1, "faces/1.png", (60, 40))], [annotation_of(1)]))
            ),
            "PARTS=marked/parts.json: no image of it can be used (the first, faces/1.png: annotated at 60x40 px, but its "
            "file has 120x80)",
        ),
    ],
)
def test_a_file_of_parts_that_cannot_be_used_is_one_line(tmp_path: Path, spoil, message: str) -> None:
    photographs(tmp_path)
    spoil(marks(tmp_path, 3))
    done = here("run", *FEW, "PARTS=marked/parts.json", cwd=tmp_path)
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert line.startswith(f"error: {message}")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "build" / "annotations").exists()
    assert not (tmp_path / "build" / "net").exists()


@pytest.mark.parametrize(
    ("switch", "message"),
    [
        ("CORRESPONDENCE_DRAWS=0", "CORRESPONDENCE_DRAWS=0: input should be greater than or equal to 1"),
        ("CORRESPONDENCE_MASK_SCALE=0", "CORRESPONDENCE_MASK_SCALE=0: input should be greater than 0"),
        ("CORRESPONDENCE_MASK_SCALE=50", "CORRESPONDENCE_MASK_SCALE=50: input should be less than or equal to 4"),
        ("CORRESPONDENCE_SHOWN=1", "CORRESPONDENCE_SHOWN=1: input should be greater than or equal to 2"),
        ("INVARIANCE_PIXEL_IMAGES=1", "INVARIANCE_PIXEL_IMAGES=1: input should be greater than or equal to 2"),
        ("SANITY_UNITS=1", "SANITY_UNITS=1: input should be greater than or equal to 2"),
        ("SANITY_EXAMPLES=0", "SANITY_EXAMPLES=0: input should be greater than or equal to 1"),
    ],
)
def test_a_setting_out_of_range_is_one_line(tmp_path: Path, switch: str, message: str) -> None:
    done = here("run", "PROFILE=tiny", switch, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"error: {message}\n"
