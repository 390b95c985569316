"""The data stage: draw the scenes or list the user's folder, then decode every image once, and store it if asked to."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reportgen import scenes
from reportgen.base.artifacts import DOCUMENT, allocated, digest, write_array, write_arrays, write_json
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.base.size import Size
from reportgen.data.dataset import OTHERWISE, SPLITS, TRIED, WIDE, Dataset, count_images, matrix
from reportgen.data.decoding import Reading, usual_reading
from reportgen.data.folders import MOST_SKIPPED, ImageFile, Listing, read_images
from reportgen.data.listing import list_images
from reportgen.data.packing import Skipped, pack
from reportgen.data.sampling import evenly
from reportgen.data.survey import Survey, survey
from reportgen.data.tables import ENDINGS as TABLES
from reportgen.pipeline.work import Work
from reportgen.stages.scenes import drawn_scenes

LISTED = 5  # names in a line on standard error
SEEN = 100  # images that are asked whether they are more than one flat tone
FLAT = 1.5  # of 255: the deviation of all their pixels is below that if they are not


def make(work: Work, folder: Path) -> None:
    """Write the data set as `reportgen.data.dataset.Dataset` opens it."""
    settings = work.settings.data
    drawn = settings.source == "scenes"
    root = drawn_scenes(work) if drawn else Path(settings.source)
    listing = _list(work, root)
    if drawn:  # masks and other scenes lie beside the splits, as they should
        listing = replace(listing, notes=())
    surveyed = survey(() if drawn else _all(listing), usual_reading(work.settings), settings.range)
    skipped: Skipped = []
    files: dict[str, list[ImageFile]] = {}
    paths: dict[str, list[str]] = {}  # of the splits that are not stored
    content: list[str] = []
    for split in SPLITS:
        if split in listing.same:
            files[split] = files[listing.same[split]]
            continue
        store = settings.pack or any(file.picture for file in listing.splits[split])  # the latter are no files
        files[split], pixels = pack(
            folder, split, listing.splits[split], settings.size, skipped, store, reading=surveyed.reading
        )
        content.append(pixels)
        if not store:
            paths[split] = [str(file.path) for file in files[split]]
    names = {split: [file.name for file in kept] for split, kept in files.items()}
    targets = {split: _targets(listing, kept) for split, kept in files.items()}
    for split, values in targets.items():
        if listing.several and split not in listing.same:
            write_array(folder / f"{split}-shows.npy", values)
    counts = count_images(listing.classes, targets)
    _check(root, listing, names, counts, skipped, not work.settings.model.loaded, _no_folders(work, root, listing))
    for sentence in surveyed.said:
        say(f"  {sentence}")
    if drawn:
        _pack_wide(folder, root, names["test"])
    numbers: dict[str, Any] = {
        "name": "embedded scenes" if drawn else root.resolve().name,
        "drawn": drawn,
        "classes": list(listing.classes),
        "symmetric": [name for name in listing.classes if drawn and name in scenes.SYMMETRIC_CLASSES],
        "images": {split: len(names[split]) for split in SPLITS},
        "images_of_class": counts,
        "size": settings.size.said,
        "crop": settings.crop.said,
        "channels": settings.channels,
        "same": listing.same,
        "skipped": skipped,
        "empty": list(listing.empty),
        "passed": list(listing.passed),
        "masks": list(listing.masks),
        "notes": list(listing.notes),
        "missing": list(listing.missing),
        "unnamed": listing.unnamed,
        "labels": Path(work.settings.labels.file).name,
        "labels_read": listing.said,
        "several": listing.several,
        "counted": list(listing.counted),
        "readings": list(surveyed.said),
        "fingerprint": digest(
            [content, {split: values.tolist() for split, values in targets.items()}, list(listing.classes)]
        ),
    }
    write_json(
        folder / DOCUMENT,
        {
            "numbers": numbers,
            "names": names,
            "paths": paths,
            "same": listing.same,
            "content": numbers["fingerprint"],
            "reading": asdict(surveyed.reading),
        },
    )
    _check_contrast(folder, root, surveyed)
    if work.settings.model.loaded:
        _read_otherwise(folder, files["val"], settings.size, surveyed.others)
    _speak(listing, skipped, root)


def _targets(listing: Listing, files: list[ImageFile]) -> np.ndarray:
    """What a net should say of these images: `reportgen.data.dataset.Split.targets`."""
    if listing.several:
        return matrix(((file.shows, file.unclear) for file in files), len(listing.classes))
    return np.array([file.label for file in files], dtype=np.int64)


def _no_folders(work: Work, root: Path, listing: Listing) -> str:
    """What says which classes there are, where no folders do."""
    if work.settings.labels.file:
        return f"LABELS={work.settings.labels.file}"
    return f"DATA={root}" if listing.several or work.settings.data.named else ""


def _all(listing: Listing) -> list[ImageFile]:
    return [file for files in listing.splits.values() for file in files]


def _read_otherwise(folder: Path, files: list[ImageFile], size: Size, others: Mapping[str, Reading]) -> None:
    """Some validation images in each other usual reading: a net that is near chance may have learnt from one of them."""
    chosen = evenly(len(files), TRIED)
    found: dict[str, np.ndarray] = {}
    for words, reading in others.items():
        lost: list[str] = []

        def lose(_: ImageFile, why: str, lost: list[str] = lost) -> None:
            lost.append(why)

        images = [image for _, image in read_images([files[at] for at in chosen], size, lose, reading=reading)]
        if not lost:
            found[words] = np.stack(images)
    if found:
        write_arrays(folder / OTHERWISE, {**found, "chosen": chosen})


def _check_contrast(folder: Path, root: Path, surveyed: Survey) -> None:
    """Raise UserError where all pictures are one flat tone, once decoded."""
    images = Dataset.open(folder).val.images
    some = np.stack([images[index] for index in evenly(len(images), SEEN)])
    if len(images) > 1 and some.std() < FLAT:
        deep = surveyed.reading.whole or surveyed.reading.floating
        why = f" ({'; '.join(surveyed.said)})" if surveyed.said else ""
        way_out = (
            "say which values are black and white, DATA_RANGE=0,4095, or check the files" if deep else "check the files"
        )
        raise UserError(
            f"DATA={root}: once decoded, the pictures are nearly constant, from {some.min()} to {some.max()} of 255{why}: {way_out}"
        )


def _speak(listing: Listing, skipped: Skipped, root: Path) -> None:
    """What was left out, on standard error."""
    if not listing.classes and (tables := [name for name in listing.passed if name.endswith(TABLES)]):
        say(f"  {tables[0]} may hold the labels of the images: LABELS={root / tables[0]} reads them")
    for names, what in (
        (tuple(f"{name}/" for name in listing.empty), "folders without an image are no classes"),
        (listing.passed, "files beside the images are no images"),
        (listing.masks, "masks of images beside them are left out"),
        (listing.missing, "files of the table are not there"),
    ):
        if names:
            say(f"  {len(names)} {what}: {', '.join(names[:LISTED])}{', ...' if len(names) > LISTED else ''}")
    for note in listing.notes:
        say(f"  {note}")
    if listing.unnamed:
        say(f"  {listing.unnamed} images are not in the table of labels: they are left out")
    if listing.said:
        say(f"  {listing.said}")
    if skipped:
        say(f"  {len(skipped)} files were skipped: the report lists them")


def _list(work: Work, root: Path) -> Listing:
    """What there is to decode: of a net that is loaded, every image is for looking at."""
    settings, loaded = work.settings.data, work.settings.model.loaded
    if settings.named:  # a torchvision data set
        return import_module(work.stage.also[0]).list_named(settings, work.settings.run.seed, loaded)
    return list_images(
        settings, work.settings.labels, root, work.settings.run.seed, loaded, several=work.settings.several
    )


def _pack_wide(folder: Path, root: Path, names: list[str]) -> None:
    """The test scenes through a wider window, whose centre is the picture itself: what lies around it is scene."""
    wide = (np.asarray(Image.open(root / "wide" / "test" / name).convert("RGB")) for name in names)
    first = next(wide)
    place, shape = folder / f"{WIDE}.npy", (len(names), *first.shape)
    packed = allocated(place, shape)
    for index, picture in enumerate(itertools.chain([first], wide)):
        packed[index] = picture


def _check(
    root: Path,
    listing: Listing,
    names: dict[str, list[str]],
    counts: Mapping[str, Mapping[str, int]],
    skipped: Skipped,
    trained: bool,
    said_by: str = "",  # what names the classes; empty: folders of theirs
) -> None:
    total = len(skipped) + sum(len(split) for name, split in names.items() if name not in listing.same)
    if len(skipped) > MOST_SKIPPED * total:
        first = skipped[0]
        raise UserError(
            f"DATA={root}: {len(skipped)} of {total} files cannot be used (the first: {first['file']}: "
            f"{first['reason']}): remove them, or mend them; up to {MOST_SKIPPED:.0%} would be skipped"
        )
    for split, kept in names.items():
        if not kept and (trained or split != "train"):
            raise UserError(f"DATA={root}: no {split} image can be used: mend them, or leave {split}/ out")
    for kind, images in counts["train"].items() if trained else ():
        if not images:
            place, rest = (
                (f"{said_by}: {kind}", "leave the class out") if said_by else (root / kind, "remove the folder")
            )
            raise UserError(f"{place}: no image of this class can be used: mend them, or {rest}")
    for split, shown in counts.items() if trained and listing.several else ():
        if not any(shown.values()):
            raise UserError(f"{said_by}: no {split} image that shows a class can be used: mend them, or give more")
