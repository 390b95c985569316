"""The annotations stage: objects and parts of the images, where a file says where they are."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reportgen.base.artifacts import DOCUMENT, read_json, write_json
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.data.annotations import Annotated, Unusable, check_parts, read_coco, stored
from reportgen.data.dataset import reading_of
from reportgen.data.decoding import Reading, Unreadable, read_image
from reportgen.data.listing import list_images
from reportgen.data.masks import read_masks
from reportgen.data.packing import Skipped
from reportgen.pipeline.work import Work
from reportgen.stages.scenes import drawn_scenes


def make(work: Work, folder: Path) -> None:
    """Write the objects of the test images and the images with parts, as `Annotations.open` reads them."""
    data, given = work.settings.data, work.settings.annotations.parts
    root = (drawn_scenes(work) if data.source == "scenes" else Path(data.source)).resolve()
    own: list[Annotated] = []
    marked: list[Annotated] = []
    skipped: Skipped = []
    if data.source == "scenes":
        own = marked = _scaled(read_coco(root / "annotations" / "test.json", [root], str(root)), data.size, skipped)
    if given:
        roots = [Path(given).parent.resolve(), root]  # links followed, so that a file has one path
        marked = _scaled(read_coco(Path(given), roots, f"PARTS={given}"), data.size, skipped)
    splits = _splits(work, root) if marked else {}
    stored_images = read_json(work.input("data") / DOCUMENT)
    names = stored_images["names"]["test"]
    masked = _masks(work, root, skipped)
    objects = _objects(masked or own or marked, splits | _splits(work, root) if masked else splits, names, data.size)
    if masked and objects is None:
        raise UserError(f"MASKS={work.settings.annotations.masks}: it marks no object in any of the images")
    if objects is not None:
        np.save(folder / "objects.npy", objects)
    with_parts = [item for item in marked if item.part_names]
    parts = _parts(folder, with_parts, splits, data.size, skipped, reading_of(stored_images))
    if given and parts is None:
        raise UserError(f"PARTS={given}: no image of it can be used ({_first(skipped)})")
    write_json(folder / DOCUMENT, {"objects": objects is not None, "parts": parts, "skipped": skipped})
    if skipped:
        say(f"  {len(skipped)} marked images cannot be used: the report says why ({_first(skipped)})")


def _scaled(marked: Iterable[Annotated], size: int, skipped: Skipped) -> list[Annotated]:
    found = []
    for annotated in marked:
        try:
            found.append(stored(annotated, size))
        except Unusable as reason:
            skipped.append({"file": annotated.name, "reason": str(reason)})
    return found


class Known(NamedTuple):
    """What the data stage made of a file."""

    split: str
    name: str  # "class/file": not unique, every split may have a dog/001.jpg


def _splits(work: Work, root: Path) -> dict[Path, Known]:
    """Every file of the data set, by its path; what serves as validation and test image counts as the latter."""
    settings = work.settings.data
    if settings.named:
        return {}  # its images have no files of their own
    seed, loaded = work.settings.run.seed, work.settings.model.loaded
    listing = list_images(settings, work.settings.labels, root, seed, loaded)
    as_ = {source: split for split, source in listing.same.items()}
    return {
        file.path: Known(as_.get(split, split), file.name) for split, files in listing.splits.items() for file in files
    }


def _masks(work: Work, root: Path, skipped: Skipped) -> list[Annotated]:
    """What ``MASKS=`` says of the test images."""
    place = work.settings.annotations.masks
    if not place:
        return []
    files = {path: known.name for path, known in _splits(work, root).items() if known.split == "test"}
    lost: Skipped = []
    read = read_masks(Path(place), files, [Path(place).parent.resolve(), root])
    found = _scaled(read, work.settings.data.size, lost)
    if lost and not found:
        raise UserError(f"MASKS={place}: no mask of it can be used ({_first(lost)})")
    skipped += lost
    return found


def _of(item: Annotated, splits: Mapping[Path, Known], split: str) -> str | None:
    """The name of an annotated image among those of a split; its file may have been reached by a link."""
    known = splits.get(item.path) or splits.get(item.path.resolve())
    return known.name if known is not None and known.split == split else None


def _objects(
    marked: Iterable[Annotated], splits: Mapping[Path, Known], names: Sequence[str], size: int
) -> np.ndarray | None:
    """Where the object of each test image lies; None where none of them is annotated."""
    known = {_of(item, splits, "test"): item.object for item in marked if item.object is not None}
    if not known.keys() & set(names):
        return None
    nowhere = np.zeros((size, size), bool)
    return np.stack([known.get(name, nowhere) for name in names])


def _parts(
    folder: Path,
    found: list[Annotated],
    splits: Mapping[Path, Known],
    size: int,
    skipped: Skipped,
    reading: Reading,
) -> dict[str, Any] | None:
    """Write the images whose parts are all known, but for those that the net was trained on."""
    kept: list[Annotated] = []
    images: list[np.ndarray] = []
    for item in found:
        try:
            if _of(item, splits, "train"):
                raise Unusable("the net was trained on it")
            if kept and item.part_names != kept[0].part_names:
                raise Unusable(
                    f"its parts are called {', '.join(item.part_names)}, not {', '.join(kept[0].part_names)}"
                )
            check_parts(item)
            images.append(read_image(item.path, size, reading=reading))
            kept.append(item)
        except (Unusable, Unreadable) as reason:
            skipped.append({"file": item.name, "reason": str(reason)})
    if not kept:
        return None
    np.save(folder / "parts-images.npy", np.stack(images))
    np.savez_compressed(
        folder / "parts.npz",
        places=np.stack([item.places for item in kept]),
        diameters=np.stack([item.diameters for item in kept]),
        objects=np.stack([item.object for item in kept if item.object is not None]),
    )
    return {
        "names": [item.name for item in kept],
        "groups": [item.category for item in kept],
        "part_names": list(kept[0].part_names),
    }


def _first(skipped: Skipped) -> str:
    return f"the first, {skipped[0]['file']}: {skipped[0]['reason']}" if skipped else "it marks no parts"
