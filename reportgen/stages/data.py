"""The data stage: draw the scenes or list the user's folder, then decode every image once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.artifacts import DOCUMENT, digest, remove_leftovers, replace_folder, write_json
from reportgen.data import scenes
from reportgen.data.dataset import SPLITS, count_images
from reportgen.data.folders import MOST_SKIPPED, ImageFile, Listing, list_folder, read_images
from reportgen.errors import UserError
from reportgen.pipeline import Work
from reportgen.progress import say, track

HOME = Path("data")  # the drawn scenes land here, where a user finds them


def make(work: Work, folder: Path) -> None:
    """Write the data set as `reportgen.data.dataset.Dataset` opens it."""
    settings, seed = work.settings.data, work.settings.run.seed
    drawn = settings.source == "scenes"
    root = _scenes(work) if drawn else Path(settings.source)
    listing = list_folder(root, settings.val_share, settings.test_share, seed)
    skipped: list[dict[str, str]] = []
    names: dict[str, list[str]] = {}
    labels: dict[str, list[int]] = {}
    content: list[str] = []
    for split in SPLITS:
        names[split], labels[split] = _pack(folder, split, listing, settings.size, skipped)
        content.append(digest((folder / f"{split}.npy").read_bytes()))
    _check(root, listing, names, labels, skipped)
    numbers: dict[str, Any] = {
        "name": "embedded scenes" if drawn else root.resolve().name,
        "drawn": drawn,
        "classes": list(listing.classes),
        "symmetric": [name for name in listing.classes if drawn and name in scenes.SYMMETRIC_CLASSES],
        "images": {split: len(names[split]) for split in SPLITS},
        "images_of_class": count_images(listing.classes, labels),
        "size": settings.size,
        "crop": settings.crop,
        "skipped": skipped,
        "fingerprint": digest([content, labels, list(listing.classes)]),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers, "names": names, "content": numbers["fingerprint"]})
    if skipped:
        say(f"  {len(skipped)} files were skipped: the report lists them")


def _scenes(work: Work) -> Path:
    """The embedded scenes of these settings, drawn unless they lie there already."""
    settings = work.settings.data
    counts = {"train": settings.train, "val": settings.val, "test": settings.test, "transfer": settings.transfer}
    sources = {name: value for name, value in work.stamp["sources"].items() if name.startswith("reportgen.data.scenes")}
    key = digest([settings.size, counts, work.settings.run.seed, sources])
    remove_leftovers(HOME)
    place = HOME / f"scenes-{settings.size}px-{key[:8]}"
    if not (place / DOCUMENT).exists():
        with replace_folder(place) as folder:
            scenes.generate(folder, settings.size, counts, work.settings.run.seed, os.cpu_count() or 1, track)
            write_json(folder / DOCUMENT, {"size": settings.size, "images": counts, "seed": work.settings.run.seed})
    return place


def _pack(
    folder: Path, split: str, listing: Listing, size: int, skipped: list[dict[str, str]]
) -> tuple[list[str], list[int]]:
    """Decode a split into ``<split>.npy`` and ``<split>-labels.npy``; returns the names and labels it holds."""
    files = listing.splits[split]
    names: list[str] = []
    labels: list[int] = []

    def skip(file: ImageFile, reason: str) -> None:
        skipped.append({"file": file.name, "reason": reason})

    def images() -> Iterator[tuple[ImageFile, np.ndarray]]:
        yield from track(read_images(files, size, skip), f"decode {split}", len(files))

    place = folder / f"{split}.npy"
    packed = np.lib.format.open_memmap(place, mode="w+", dtype=np.uint8, shape=(len(files), size, size, 3))
    for file, image in images():
        packed[len(names)] = image
        names.append(file.name)
        labels.append(file.label)
    if len(names) < len(files):  # files were skipped: write the array again at its true length
        whole = place.with_suffix(".whole")
        shorter = np.lib.format.open_memmap(whole, mode="w+", dtype=np.uint8, shape=(len(names), size, size, 3))
        for start in range(0, len(names), 1024):
            shorter[start : start + 1024] = packed[start : min(start + 1024, len(names))]
        shutil.move(whole, place)
    np.save(folder / f"{split}-labels.npy", np.asarray(labels, dtype=np.int64))
    return names, labels


def _check(
    root: Path,
    listing: Listing,
    names: dict[str, list[str]],
    labels: dict[str, list[int]],
    skipped: list[dict[str, str]],
) -> None:
    total = len(skipped) + sum(len(split) for split in names.values())
    if len(skipped) > MOST_SKIPPED * total:
        first = skipped[0]
        raise UserError(
            f"DATA={root}: {len(skipped)} of {total} files cannot be used (the first: {first['file']}: "
            f"{first['reason']}): remove them, or mend them; up to {MOST_SKIPPED:.0%} would be skipped"
        )
    for index, kind in enumerate(listing.classes):
        if index not in labels["train"]:
            raise UserError(f"{root / kind}: no image of this class can be used: mend them, or remove the folder")
