"""The transfer stage: images of classes that the net never saw, for tables 4, 5 and 7.

Images that show several things, as PASCAL VOC's do, belong to no one class: they are for the multilabel stage alone.
"""

from importlib import import_module
from pathlib import Path

from reportgen.base.artifacts import DOCUMENT, digest, write_json
from reportgen.base.errors import UserError
from reportgen.data.dataset import count_images
from reportgen.data.decoding import usual_reading
from reportgen.data.folders import list_classes
from reportgen.data.packing import Skipped, pack
from reportgen.data.survey import survey
from reportgen.data.voc import is_voc
from reportgen.pipeline.work import Work
from reportgen.settings.sections import NAMED_MULTILABEL
from reportgen.stages.scenes import drawn_scenes


def make(work: Work, folder: Path) -> None:
    """Write the transfer set as `reportgen.data.dataset.Transfer` opens it; without one, say so."""
    source, named = work.settings.transfer_source, work.settings.transfer.named
    drawn = source == "scenes"
    if not source or (source == NAMED_MULTILABEL if named else not drawn and is_voc(Path(source))):
        write_json(folder / DOCUMENT, {"numbers": None})
        return
    if named:
        name = source
        classes, files = import_module("reportgen.data.named").list_transfer(source)
    else:
        root = drawn_scenes(work) / "transfer" if drawn else Path(source)
        name = "embedded scenes of classes that the net never saw" if drawn else root.resolve().name
        classes, files = list_classes(root, f"TRANSFER={source}")
    skipped: Skipped = []
    reading = survey(() if drawn else files, usual_reading(work.settings), work.settings.data.range).reading
    kept, pixels = pack(folder, "transfer", files, work.settings.data.size, skipped, reading=reading)
    labels = [file.label for file in kept]
    counts = count_images(classes, {"transfer": labels})["transfer"]
    for kind, count in counts.items():
        if not count:
            why = next(
                (f"{lost['file']}: {lost['reason']}" for lost in skipped if lost["file"].startswith(f"{kind}/")), ""
            )
            why = f"the first, {why}" if why else "it has none"
            raise UserError(
                f"TRANSFER={source}: no image of the class {kind} can be used ({why}): mend them, or remove the folder"
            )
    numbers = {
        "name": name,
        "drawn": drawn,
        "classes": list(classes),
        "images": len(kept),
        "images_of_class": counts,
        "skipped": skipped,
        "fingerprint": digest([pixels, labels, list(classes)]),
    }
    write_json(folder / DOCUMENT, {"numbers": numbers, "names": [file.name for file in kept]})
