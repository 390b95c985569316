"""The annotations stage: objects and parts of the images, where a file says where they are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reportgen.base.artifacts import DOCUMENT, allocated, growing, read_json, write_json
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.base.size import Size
from reportgen.data.annotations import Annotated, Unusable, check_parts, read_coco, stored
from reportgen.data.classes import UNKNOWN
from reportgen.data.dataset import reading_of
from reportgen.data.decoding import Reading, Unreadable, read_image
from reportgen.data.folders import ImageFile
from reportgen.data.listing import list_images
from reportgen.data.masks import read_masks
from reportgen.data.packing import Skipped
from reportgen.pipeline.work import Work
from reportgen.stages.scenes import drawn_scenes

OBJECTS = "objects.npy"


def make(work: Work, folder: Path) -> None:
    """Write the objects of the test images and the images with parts, as `Annotations.open` reads them.

    One annotated image after another: there may be more of them than memory holds.
    """
    data, given, masks = work.settings.data, work.settings.annotations.parts, work.settings.annotations.masks
    own = data.source == "scenes"
    root = (drawn_scenes(work) if own else Path(data.source)).resolve()
    splits = _splits(work, root) if own or given or masks else {}
    stored_images = read_json(work.input("data") / DOCUMENT)
    names = stored_images["names"]["test"]
    scenes = read_coco(root / "annotations" / "test.json", [root], str(root)) if own else iter(())
    # Links are followed, so that a file has one path.
    marked = read_coco(Path(given), [Path(given).parent.resolve(), root], f"PARTS={given}") if given else scenes
    skipped: Skipped = []
    lost: Skipped = []
    with_parts = _scaled(marked, data.size, skipped)
    if masks or (own and given):  # the objects are not those of the images with parts
        shown = _masks(Path(masks), splits, root) if masks else scenes
        for _ in _objects(folder, _scaled(shown, data.size, lost), splits, names, data.size):
            pass
        if masks and not (folder / OBJECTS).exists():
            why = f"no mask of it can be used ({_first(lost)})" if lost else "it marks no object in any of the images"
            raise UserError(f"MASKS={masks}: {why}")
    else:
        with_parts = _objects(folder, with_parts, splits, names, data.size)
    unfit: Skipped = []
    parts = _parts(folder, with_parts, splits, data.size, unfit, reading_of(stored_images))
    if given and parts is None:
        raise UserError(f"PARTS={given}: no image of it can be used ({_first(skipped + unfit)})")
    skipped += lost + unfit
    write_json(folder / DOCUMENT, {"objects": (folder / OBJECTS).exists(), "parts": parts, "skipped": skipped})
    if skipped:
        say(f"  {len(skipped)} marked images cannot be used: the report says why ({_first(skipped)})")


def _scaled(marked: Iterable[Annotated], size: Size, skipped: Skipped) -> Iterator[Annotated]:
    for annotated in marked:
        try:
            yield stored(annotated, size)
        except Unusable as reason:
            skipped.append({"file": annotated.name, "reason": str(reason)})


class Known(NamedTuple):
    """What the data stage made of a file."""

    split: str
    name: str  # "class/file": not unique, every split may have a dog/001.jpg
    marked: str  # the same, also where an image may show several classes; empty of one that does not show one alone


def _splits(work: Work, root: Path) -> dict[Path, Known]:
    """Every file of the data set, by its path; what serves as validation and test image counts as the latter."""
    settings = work.settings.data
    if settings.named:
        return {}  # its images have no files of their own
    seed, loaded = work.settings.run.seed, work.settings.model.loaded
    listing = list_images(settings, work.settings.labels, root, seed, loaded, several=work.settings.several)
    as_ = {source: split for split, source in listing.same.items()}

    def marked(file: ImageFile) -> str:
        if not listing.several:
            return file.name
        return f"{listing.classes[file.label]}/{file.name}" if file.label != UNKNOWN else ""

    return {
        file.path: Known(as_.get(split, split), file.name, marked(file))
        for split, files in listing.splits.items()
        for file in files
    }


def _masks(place: Path, splits: Mapping[Path, Known], root: Path) -> Iterator[Annotated]:
    """What ``MASKS=`` says of the test images, one after another.

    Of images that show several classes it is not said which of them it marks.
    """
    files = {path: known.marked for path, known in splits.items() if known.split == "test" and known.marked}
    return read_masks(place, files, [place.parent.resolve(), root])


def _of(item: Annotated, splits: Mapping[Path, Known], split: str) -> str | None:
    """The name of an annotated image among those of a split; its file may have been reached by a link."""
    known = splits.get(item.path) or splits.get(item.path.resolve())
    return known.name if known is not None and known.split == split else None


def _test_image(item: Annotated, splits: Mapping[Path, Known]) -> str | None:
    """The name of a test image whose one class an annotation marks."""
    known = splits.get(item.path) or splits.get(item.path.resolve())
    return _of(item, splits, "test") if known is not None and known.marked else None


def _objects(
    folder: Path, marked: Iterable[Annotated], splits: Mapping[Path, Known], names: Sequence[str], size: Size
) -> Iterator[Annotated]:
    """Write where the object of each test image lies, and hand all that is marked on; no file where none is annotated."""
    places: dict[str | None, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    found = None
    for item in marked:
        at = places.get(_test_image(item, splits))
        if at and item.object is not None:
            if found is None:
                found = allocated(folder / OBJECTS, (len(names), *size), bool)
            found[at] = item.object
        yield item


def _parts(
    folder: Path,
    marked: Iterable[Annotated],
    splits: Mapping[Path, Known],
    size: Size,
    unfit: Skipped,
    reading: Reading,
) -> dict[str, Any] | None:
    """Write the images whose parts are all known, but for those that the net was trained on."""
    kept: list[Annotated] = []
    images, objects = folder / "parts-images.npy", folder / "parts-objects.npy"
    with growing(images, (*size, reading.channels)) as add_image, growing(objects, size, bool) as add_object:
        for item in marked:
            if not item.part_names:
                continue
            try:
                if _of(item, splits, "train"):
                    raise Unusable("the net was trained on it")
                if kept and item.part_names != kept[0].part_names:
                    raise Unusable(
                        f"its parts are called {', '.join(item.part_names)}, not {', '.join(kept[0].part_names)}"
                    )
                check_parts(item)
                add_image(read_image(item.path, size, reading=reading))
            except (Unusable, Unreadable) as reason:
                unfit.append({"file": item.name, "reason": str(reason)})
                continue
            assert item.object is not None  # as check_parts says
            add_object(item.object)
            kept.append(replace(item, object=None))
    if kept:
        np.savez_compressed(
            folder / "parts.npz",
            places=np.stack([item.places for item in kept]),
            diameters=np.stack([item.diameters for item in kept]),
            objects=np.load(objects, mmap_mode="r"),
        )
    else:
        images.unlink()
    objects.unlink()
    if not kept:
        return None
    return {
        "names": [item.name for item in kept],
        "groups": [item.category for item in kept],
        "part_names": list(kept[0].part_names),
    }


def _first(skipped: Skipped) -> str:
    return f"the first, {skipped[0]['file']}: {skipped[0]['reason']}" if skipped else "it marks no parts"
