"""The multilabel stage: images that show several objects at once, for table 6."""

from importlib import import_module
from pathlib import Path

from reportgen.base.artifacts import DOCUMENT, digest, write_array, write_json
from reportgen.base.errors import UserError
from reportgen.base.size import Sides
from reportgen.data.decoding import AS_EVER, Reading
from reportgen.data.folders import ImageFile
from reportgen.data.packing import Skipped, pack
from reportgen.data.voc import ABSENT, PRESENT, UNCLEAR, is_voc, list_voc
from reportgen.pipeline.work import Work
from reportgen.settings.sections import NAMED_MULTILABEL
from reportgen.stages.scenes import drawn_multilabel

SPLITS = {"train": "train", "test": "val"}  # the set's parts and VOC's, whose own test images nobody may see marked


def make(work: Work, folder: Path) -> None:
    """Write the set as `reportgen.data.dataset.Multilabel` opens it; without one, say so."""
    settings = work.settings
    source = settings.transfer_source
    name, said_by = f"PASCAL VOC ({source})", f"TRANSFER={source}"
    if source == "scenes":
        root, name = drawn_multilabel(work), "embedded scenes with several objects"
    elif source == NAMED_MULTILABEL and settings.transfer.named:
        root = import_module("reportgen.data.named").voc_folder()
    elif source and not settings.transfer.named and is_voc(Path(source)):
        root, name = Path(source), Path(source).resolve().name
    else:
        write_json(folder / DOCUMENT, {"numbers": None})
        return
    if settings.data.channels != 3:
        raise UserError(
            f"{said_by}: photographs in PASCAL VOC's layout have three channels, not DATA_CHANNELS={settings.data.channels}: "
            "leave TRANSFER= out"
        )
    reading = Reading(settings.alpha, interpolation=settings.data.interpolation)
    write(folder, root, settings.data.size, name, said_by, reading)


def write(folder: Path, root: Path, size: Sides, name: str, said_by: str, reading: Reading = AS_EVER) -> None:
    """Pack a folder in VOC's layout: `<part>.npy`, `<part>-labels.npy` (int8 "image class") and the artefact's document."""
    listing = list_voc(root, tuple(SPLITS.values()), said_by)
    skipped: Skipped = []
    names: dict[str, list[str]] = {}
    counts: dict[str, dict[str, dict[str, int]]] = {}
    content = []
    for part, split in SPLITS.items():
        images = listing.splits[split]
        files = [ImageFile(image.path, image.name, place) for place, image in enumerate(images)]
        kept, pixels = pack(folder, part, files, size, skipped, whole=True, reading=reading)
        labels = listing.labels(split)[[file.label for file in kept]]
        write_array(folder / f"{part}-labels.npy", labels)
        names[part] = [file.name for file in kept]
        counts[part] = {
            kind: {
                "present": int((labels[:, column] == PRESENT).sum()),
                "absent": int((labels[:, column] == ABSENT).sum()),
                "unclear": int((labels[:, column] == UNCLEAR).sum()),
            }
            for column, kind in enumerate(listing.classes)
        }
        content.append([pixels, labels.tolist()])
    numbers = {
        "name": name,
        "classes": list(listing.classes),
        "images": {part: len(kept) for part, kept in names.items()},
        "images_of_class": counts,
        "skipped": skipped,
        "fingerprint": digest([content, list(listing.classes)]),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers, "names": names})
