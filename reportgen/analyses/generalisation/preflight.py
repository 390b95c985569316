"""A check, before a net is trained, that there are enough images of other classes."""

from pathlib import Path

from reportgen.analyses.generalisation.folds import check_sizes
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.settings.sections import Settings


def check(settings: Settings, build: Path) -> None:
    """Raise UserError where a class has fewer images than the folds take."""
    transfer = read_json(build / "transfer" / DOCUMENT)["numbers"]
    if transfer is not None:
        asked = settings.sections["generalisation"]
        source = settings.transfer.source or "scenes"
        check_sizes(transfer["images_of_class"], asked.counts, asked.test_share, source)
