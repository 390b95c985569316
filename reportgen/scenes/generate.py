"""Generating the default data set, in files that common tools read: image folders, mask pictures, COCO annotations."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from reportgen.scenes.files import results_of, write_picture
from reportgen.scenes.scene import (
    PARTS,
    SYMMETRIC_CLASSES,
    TRAINING_CLASSES,
    TRANSFER_CLASSES,
    Scene,
    draw_scene,
    wide_side,
)
from reportgen.scenes.species import SPECIES

VERSION = 2  # of the generator: raised whenever the same seed gives different pictures
CLASSES_OF = {
    "train": TRAINING_CLASSES,
    "val": TRAINING_CLASSES,
    "test": TRAINING_CLASSES,
    "transfer": TRANSFER_CLASSES,
    "judging": TRAINING_CLASSES,  # the last, so that the others' pictures stay what they were
}
WIDE_SPLITS = ("val", "test")
BARE_SPLITS = ("judging",)  # pictures without masks and annotations
_ALL_CLASSES = TRAINING_CLASSES + TRANSFER_CLASSES

Annotation = dict[str, Any]


class Job(NamedTuple):
    """One picture to draw."""

    split: str
    kind: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.kind}_{self.number:05d}.png"


def generate(
    root: Path,
    size: int,
    per_class: Mapping[str, int],
    seed: int,
    workers: int = 1,
    progress: Callable[..., Iterable[Any]] | None = None,
) -> None:
    """Draw the data set into the folder `root`; a seed gives the same bytes with any number of `workers`.

    `size`: side of the pictures, pixels. `per_class`: split (train, val, test, transfer, judging) -> pictures of each class.
    `progress`, e.g. `reportgen.base.progress.track`, gets the results as they come, a label and their number.

    Written: `<split>/<class>/<class>_00000.png`, `masks/<split>/...` (0 or 255), `wide/<split>/...` for val and test
    (the same scenes through a window 1.6 times as wide), `annotations/<split>.json` (COCO, whose `file_name` is
    relative to `root`; `part_sizes` are the parts' diameters in pixels), and `about.json`. Of the split judging there
    are the pictures alone.
    """
    unknown = sorted(set(per_class) - set(CLASSES_OF))
    if unknown:
        raise ValueError(f"per_class names {unknown}: use {', '.join(CLASSES_OF)}")
    jobs = [
        Job(split, kind, number)
        for split, count in per_class.items()
        for kind, number in product(CLASSES_OF[split], range(count))
    ]
    _make_folders(root, per_class)
    with results_of(partial(_draw, root, size, seed), jobs, workers) as results:
        shown = results if progress is None else progress(results, "drawing scenes", len(jobs))
        drawn = list(zip(jobs, shown, strict=True))
    for split in _marked(per_class):
        text = json.dumps(_coco(split, size, [(job, found) for job, found in drawn if job.split == split]))
        (root / "annotations" / f"{split}.json").write_text(text, encoding="utf-8")
    (root / "about.json").write_text(json.dumps(_about(size, per_class, seed), indent=2) + "\n", encoding="utf-8")


def _marked(per_class: Mapping[str, int]) -> list[str]:
    """The splits whose objects are marked."""
    return [split for split in per_class if split not in BARE_SPLITS]


def _make_folders(root: Path, per_class: Mapping[str, int]) -> None:
    if _marked(per_class):
        (root / "annotations").mkdir(parents=True, exist_ok=True)
    for split in per_class:
        tops = [root / split]
        if split not in BARE_SPLITS:
            tops.append(root / "masks" / split)
        if split in WIDE_SPLITS:
            tops.append(root / "wide" / split)
        for top, kind in product(tops, CLASSES_OF[split]):
            (top / kind).mkdir(parents=True, exist_ok=True)


def generator_of(seed: int, job: Job) -> np.random.Generator:
    """A picture's own random generator, which depends only on the seed and on the picture's job."""
    split, kind = list(CLASSES_OF).index(job.split), _ALL_CLASSES.index(job.kind)
    return np.random.default_rng(np.random.SeedSequence([seed, split, kind, job.number]))


def _draw(root: Path, size: int, seed: int, job: Job) -> Annotation:
    """Draw one picture, write its files, return its annotation without ids; an empty one where nothing is marked."""
    wide = job.split in WIDE_SPLITS
    scene = draw_scene(job.kind, size, generator_of(seed, job), wide)
    write_picture(root / job.split / job.name, scene.image)
    if job.split in BARE_SPLITS:
        return {}
    write_picture(root / "masks" / job.split / job.name, scene.mask.astype(np.uint8) * 255)
    if scene.wide is not None:
        write_picture(root / "wide" / job.split / job.name, scene.wide)
    return _annotation(scene)


def _annotation(scene: Scene) -> Annotation:
    annotation: Annotation = {
        "bbox": list(scene.box),
        "area": int(scene.mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": list(scene.mask.shape), "counts": _run_lengths(scene.mask)},
    }
    if scene.parts:
        parts = [scene.parts[name] for name in PARTS]
        annotation["keypoints"] = [value for p in parts for value in (round(p.x, 3), round(p.y, 3), 2)]
        annotation["num_keypoints"] = len(parts)
        annotation["part_sizes"] = [round(p.diameter, 3) for p in parts]
    return annotation


def _run_lengths(mask: ndarray) -> list[int]:
    """COCO's uncompressed run lengths: column by column, alternating runs of 0 and 1, beginning with 0."""
    flat = np.concatenate([[False], mask.T.ravel()])
    starts = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], starts, [mask.size]])).tolist()


def _coco(split: str, size: int, drawn: list[tuple[Job, Annotation]]) -> dict[str, Any]:
    ids = {kind: number for number, kind in enumerate(CLASSES_OF[split], start=1)}
    images, annotations = [], []
    for number, (job, found) in enumerate(drawn, start=1):
        images.append({"id": number, "file_name": f"{split}/{job.name}", "width": size, "height": size})
        annotations.append({"id": number, "image_id": number, "category_id": ids[job.kind], **found})
    return {
        "info": {"description": "reportgen's drawn scenes", "version": str(VERSION)},
        "images": images,
        "categories": [_category(kind, number) for kind, number in ids.items()],
        "annotations": annotations,
    }


def _category(kind: str, number: int) -> dict[str, Any]:
    category: dict[str, Any] = {"id": number, "name": kind, "supercategory": "animal" if kind in SPECIES else "thing"}
    if kind in SPECIES:
        category |= {"keypoints": list(PARTS), "skeleton": []}
    return category


def _about(size: int, per_class: Mapping[str, int], seed: int) -> dict[str, Any]:
    """The data set's card."""
    return {
        "name": "reportgen's drawn scenes",
        "generator_version": VERSION,
        "seed": seed,
        "size": size,
        "wide_size": wide_side(size),
        "images_per_class": dict(per_class),
        "images": {split: count * len(CLASSES_OF[split]) for split, count in per_class.items()},
        "training_classes": list(TRAINING_CLASSES),
        "transfer_classes": list(TRANSFER_CLASSES),
        "symmetric_classes": list(SYMMETRIC_CLASSES),
        "parts": list(PARTS),
        "notes": [
            "All pictures are drawn by a program; none shows a real animal, person or brand.",
            "right_eye and left_eye are the animal's own: its right eye lies at smaller x.",
            "Objects are tilted by a few degrees only, so nets trained on them are not stable to rotation.",
            "Backgrounds and the other things in a picture do not depend on its class.",
        ],
    }
