"""A check, before a net is trained, that the images named in ``IMAGES=`` exist."""

from pathlib import Path
from typing import Any

from reportgen.analyses.occlusion.choose import find_image
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.settings.sections import Settings


def check(settings: Settings, build: Path) -> None:
    """Raise UserError where ``IMAGES=`` names none of the images."""
    names: dict[str, Any] = read_json(build / "data" / DOCUMENT)["names"]
    for name in settings.sections["occlusion"].images:
        find_image(name, names)
