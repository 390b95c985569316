"""Generating the multi-label set, in the layout of PASCAL VOC."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import numpy as np

from reportgen.scenes.files import results_of, write_picture
from reportgen.scenes.generate import VERSION
from reportgen.scenes.group import HARD_TO_SEE, HIDDEN, MOST, Group, Seen, draw_group
from reportgen.scenes.scene import TRAINING_CLASSES, TRANSFER_CLASSES

CLASSES = TRAINING_CLASSES + TRANSFER_CLASSES
SPLITS = ("train", "val")  # as VOC calls them; the second is the one to test on
_OWN = 1000  # beyond the numbers of `generate`'s splits: scenes of their own for the same seed


class Job(NamedTuple):
    """One picture to draw."""

    split: str
    number: int
    kinds: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.split}_{self.number:05d}"


def generate_multilabel(
    root: Path,
    size: int,
    images: Mapping[str, int],
    seed: int,
    workers: int = 1,
    progress: Callable[..., Iterable[Any]] | None = None,
) -> None:
    """Draw the multi-label set into the folder `root`; a seed gives the same bytes with any number of `workers`.

    `size`: side of the pictures, pixels. `images`: split (train, val) -> pictures. All eighteen classes take part, each
    equally often: PASCAL's twenty, too, are partly among ImageNet's and partly not. One to four objects to a picture.

    Written: ``JPEGImages/<name>.png`` (the layout's name; the files are PNGs), ``Annotations/<name>.xml``,
    ``ImageSets/Main/<split>.txt`` and ``<class>_<split>.txt`` (1, -1, or 0 where every instance is difficult), and
    ``about.json``.
    """
    unknown = sorted(set(images) - set(SPLITS))
    if unknown:
        raise ValueError(f"images names {unknown}: use {', '.join(SPLITS)}")
    jobs = [job for split, count in images.items() for job in _planned(split, count, seed)]
    for below in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / below).mkdir(parents=True, exist_ok=True)
    with results_of(partial(_draw, root, size, seed), jobs, workers) as results:
        shown = results if progress is None else progress(results, "drawing scenes of several objects", len(jobs))
        drawn = list(zip(jobs, shown, strict=True))
    for split in images:
        _write_sets(root / "ImageSets" / "Main", split, {job.name: said for job, said in drawn if job.split == split})
    (root / "about.json").write_text(json.dumps(_about(size, images, seed), indent=2) + "\n", encoding="utf-8")


def _planned(split: str, count: int, seed: int) -> list[Job]:
    """What the pictures show: of one, two, three and four objects equally many, and of the classes too."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, _OWN + SPLITS.index(split)]))
    deck: list[str] = []
    jobs = []
    for number in range(count):
        wanted = 1 + number % MOST
        kinds: list[str] = []
        while len(kinds) < wanted:
            if not deck:  # a class that was just dealt is not dealt again in this picture
                deck = sorted(rng.permutation(CLASSES).tolist(), key=lambda kind: kind in kinds)
            kinds.append(deck.pop(0))
        jobs.append(Job(split, number, tuple(kinds)))
    return jobs


def _draw(root: Path, size: int, seed: int, job: Job) -> dict[str, int]:
    """Draw one picture and write its files; which classes it shows: 1, or 0 where they are difficult."""
    entropy = [seed, _OWN + SPLITS.index(job.split), job.number]
    group = draw_group(job.kinds, size, np.random.default_rng(np.random.SeedSequence(entropy)))
    write_picture(root / "JPEGImages" / f"{job.name}.png", group.image)
    tree = ElementTree(_annotation(job, group))
    indent(tree, "\t")
    tree.write(root / "Annotations" / f"{job.name}.xml", encoding="utf-8")
    return {seen.kind: int(not seen.difficult) for seen in group.objects}


def _annotation(job: Job, group: Group) -> Element:
    height, width, depth = group.image.shape
    root = Element("annotation")
    _texts(root, folder="reportgen", filename=f"{job.name}.png")
    _texts(SubElement(root, "size"), width=width, height=height, depth=depth)
    _texts(root, segmented=0)
    for seen in group.objects:
        _object(SubElement(root, "object"), seen)
    return root


def _object(element: Element, seen: Seen) -> None:
    x, y, width, height = seen.box
    _texts(element, name=seen.kind, pose="Unspecified", truncated=int(seen.truncated), difficult=int(seen.difficult))
    # counted from 1, both ends included, as VOC's are
    _texts(SubElement(element, "bndbox"), xmin=x + 1, ymin=y + 1, xmax=x + width, ymax=y + height)


def _texts(element: Element, **texts: str | int) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = str(text)


def _write_sets(folder: Path, split: str, shown: Mapping[str, Mapping[str, int]]) -> None:
    (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in shown), encoding="utf-8")
    for kind in CLASSES:
        lines = (f"{name} {said.get(kind, -1):2d}\n" for name, said in shown.items())
        (folder / f"{kind}_{split}.txt").write_text("".join(lines), encoding="utf-8")


def _about(size: int, images: Mapping[str, int], seed: int) -> dict[str, Any]:
    """The data set's card."""
    return {
        "name": "reportgen's drawn scenes with several objects",
        "generator_version": VERSION,
        "seed": seed,
        "size": size,
        "images": dict(images),
        "classes": list(CLASSES),
        "transfer_classes": list(TRANSFER_CLASSES),
        "notes": [
            "All pictures are drawn by a program; none shows a real animal, person or brand.",
            f"Difficult: what is visible is less than {HARD_TO_SEE:.1%} of the picture, or {HIDDEN:.0%} of the object.",
        ],
    }
