"""What would end a run late, said before a net is trained."""

from pathlib import Path
from typing import Any

from reportgen.artifacts import DOCUMENT, read_json
from reportgen.data.examples import find_image
from reportgen.data.folds import check_sizes
from reportgen.settings import Settings

STAGES = ("data", "annotations", "transfer")  # that read the user's files


def check(settings: Settings, build: Path) -> None:
    """Raise UserError for images that are asked for and are not there, and for too few images of other classes.

    The stages that read the user's files must have been made.
    """
    names: dict[str, Any] = read_json(build / "data" / DOCUMENT)["names"]
    for name in settings.sections["occlusion"].images:
        find_image(name, names)
    transfer = read_json(build / "transfer" / DOCUMENT)["numbers"]
    if transfer is not None:
        asked = settings.sections["generalisation"]
        source = settings.transfer.source or "scenes"
        check_sizes(transfer["images_of_class"], asked.counts, asked.test_share, source)
