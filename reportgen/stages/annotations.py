"""The annotations stage: objects and parts of the images, where a file says where they are."""

from pathlib import Path
from typing import Any

import numpy as np

from reportgen.artifacts import DOCUMENT, read_json, write_json
from reportgen.data.annotations import Annotated, Unusable, check_parts, read_coco, stored
from reportgen.data.folders import SPLIT_NAMES, Unreadable, read_image
from reportgen.data.masks import read_masks
from reportgen.data.packing import Skipped
from reportgen.errors import UserError
from reportgen.pipeline import Work
from reportgen.stages.embedded import drawn_scenes


def make(work: Work, folder: Path) -> None:
    """Write the objects of the test images and the images with parts, as `Annotations.open` reads them."""
    names = read_json(work.input("data") / DOCUMENT)["names"]
    size = work.settings.data.size
    skipped: Skipped = []
    found: list[Annotated] = []
    for annotated in [*_read(work), *_read_masks(work, names["test"])]:
        try:
            found.append(stored(annotated, size))
        except (Unusable, OSError) as reason:
            skipped.append({"file": annotated.name, "reason": str(reason)})
    objects = _objects(found, names["test"], size)
    if work.settings.annotations.masks and objects is None:
        raise UserError(f"MASKS={work.settings.annotations.masks}: it marks no object in any of the images")
    if objects is not None:
        np.save(folder / "objects.npy", objects)
    parts = _parts(folder, [item for item in found if item.part_names], set(names["train"]), size, skipped)
    if work.settings.annotations.parts and parts is None:
        raise UserError(f"PARTS={work.settings.annotations.parts}: no image of it can be used ({_first(skipped)})")
    write_json(folder / DOCUMENT, {"objects": objects is not None, "parts": parts, "skipped": skipped})


def _read(work: Work) -> list[Annotated]:
    settings = work.settings
    if settings.annotations.parts:
        path = Path(settings.annotations.parts)
        roots = [path.parent] + ([Path(settings.data.source)] if settings.data.source != "scenes" else [])
        return read_coco(path, roots, f"PARTS={path}")
    if settings.data.source != "scenes":
        return []
    root = drawn_scenes(work)
    return read_coco(root / "annotations" / "test.json", [root], str(root))


def _read_masks(work: Work, names: list[str]) -> list[Annotated]:
    """What ``MASKS=`` says of the test images."""
    settings = work.settings
    if not settings.annotations.masks:
        return []
    root = drawn_scenes(work) if settings.data.source == "scenes" else Path(settings.data.source)
    places = [root, *(root / name for name in SPLIT_NAMES)]
    return read_masks(Path(settings.annotations.masks), names, [Path(settings.annotations.masks).parent, *places])


def _objects(found: list[Annotated], names: list[str], size: int) -> np.ndarray | None:
    """Where the object of each test image lies; None where none of them is annotated."""
    known = {item.name: item.object for item in found if item.object is not None}
    if not known.keys() & set(names):
        return None
    nowhere = np.zeros((size, size), bool)
    return np.stack([known.get(name, nowhere) for name in names])


def _parts(
    folder: Path, found: list[Annotated], trained_on: set[str], size: int, skipped: Skipped
) -> dict[str, Any] | None:
    """Write the images whose parts are all known, but for those that the net was trained on."""
    kept: list[Annotated] = []
    images: list[np.ndarray] = []
    for item in found:
        try:
            if item.name in trained_on:
                raise Unusable("the net was trained on it")
            if kept and item.part_names != kept[0].part_names:
                raise Unusable(
                    f"its parts are called {', '.join(item.part_names)}, not {', '.join(kept[0].part_names)}"
                )
            check_parts(item)
            images.append(read_image(item.path, size))
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
