"""A check, before a net is trained, that the classes named in ``INVARIANCE_SYMMETRIC=`` exist."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.base.errors import UserError
from reportgen.settings.sections import Settings

NAMED = 12  # classes in a message


def check(settings: Settings, build: Path) -> None:
    """Raise UserError where a class is named that the images do not have; a loaded net names its classes itself."""
    if not settings.model.loaded:
        check_symmetric(
            settings.sections["invariance"].symmetric, read_json(build / "data" / DOCUMENT)["numbers"]["classes"]
        )


def check_symmetric(names: Iterable[str], classes: Sequence[str]) -> None:
    """Raise UserError for a name that is none of the classes."""
    for name in names:
        if name not in classes:
            known = ", ".join(classes[:NAMED]) + (", ..." if len(classes) > NAMED else "")
            raise UserError(f"INVARIANCE_SYMMETRIC={name}: no such class: name some of {known}")
