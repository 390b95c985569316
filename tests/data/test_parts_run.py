"""`PARTS=` from the command to the page: a user's own folder of images, and a COCO file that marks parts in others."""

import json
from pathlib import Path

import numpy as np
import pytest
from coco_files import annotation_of, document_of, dog, image_of, write
from PIL import Image
from runs import here

from reportgen.artifacts import read_json

FEW = ("PROFILE=tiny", "EPOCHS=1", "DATA=photos", "COMPARE_VARIANTS=zfnet")


def photographs(home: Path) -> None:
    """Dogs and noise, thirty each, for the net to be trained on."""
    rng = np.random.default_rng(0)
    for index in range(30):
        for kind, pixels in (("dog", varied(rng)), ("noise", rng.integers(0, 256, (80, 120, 3), dtype=np.uint8))):
            place = home / "photos" / kind / f"{index}.png"
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


def test_parts_of_ones_own_images_are_scored_and_shown(tmp_path: Path) -> None:
    photographs(tmp_path)
    marks(tmp_path, 6, keypoints=[45, 30, 2, 75, 30, 2, 0, 0, 0])
    done = here("run", *FEW, "PARTS=marked/parts.json", cwd=tmp_path, pdf=False)
    assert done.returncode == 0, done.stderr
    metrics = read_json(tmp_path / "report" / "metrics.json")
    numbers = metrics["analyses"]["correspondence"]
    assert numbers["images"] == 5
    assert numbers["parts"] == ["right eye", "left eye", "nose"]
    assert numbers["left_out"] == [{"file": "faces/0.png", "reason": "its nose is not marked"}]
    [claim] = [claim for claim in metrics["claims"] if claim["id"] == "correspondence"]
    assert claim["verdict"] != "not tested"
    assert [part["n"] for part in claim["parts"]] == [5] * 4
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "its nose is not marked" in page
    assert "0.079\u00a0±\u00a00.017" in page  # the paper's nose, beside
    assert (tmp_path / "report" / "data" / "correspondence.npz").is_file()
    # The same folder without marks: a section that says what it would need, and no verdict.
    done = here("run", *FEW, cwd=tmp_path, pdf=False)
    assert done.returncode == 0, done.stderr
    metrics = read_json(tmp_path / "report" / "metrics.json")
    [claim] = [claim for claim in metrics["claims"] if claim["id"] == "correspondence"]
    assert (claim["verdict"], claim["why"]) == ("not tested", "no parts annotated (PARTS=)")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "This run has nothing to mask: no parts annotated (PARTS=)" in page


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "PARTS=marked/parts.json: no such file: give a COCO annotations file"),
        (lambda path: path.write_text("{"), "PARTS=marked/parts.json: not a JSON file ("),
        (lambda path: path.write_text("{}"), "PARTS=marked/parts.json: not a COCO annotations file ('categories' is"),
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
        ("SANITY_UNITS=1", "SANITY_UNITS=1: input should be greater than or equal to 2"),
        ("SANITY_EXAMPLES=0", "SANITY_EXAMPLES=0: input should be greater than or equal to 1"),
    ],
)
def test_a_setting_out_of_range_is_one_line(tmp_path: Path, switch: str, message: str) -> None:
    done = here("run", "PROFILE=tiny", switch, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"error: {message}\n"
