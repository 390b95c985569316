"""The libraries of this Python."""

import sys
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec

DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}  # where the import has another name


def version(library: str) -> str:
    """The installed version of what is imported by this name."""
    if library == "reportgen":
        from reportgen import __version__

        return __version__
    try:
        return metadata.version(DISTRIBUTIONS.get(library, library))
    except metadata.PackageNotFoundError:
        return "none"


def lacking(libraries: Iterable[str]) -> str:
    """Which of these libraries this Python does not have, and the way out; empty where it has them all."""
    missing = sorted({DISTRIBUTIONS.get(name, name) for name in libraries if find_spec(name) is None})
    if not missing:
        return ""
    names = " ".join(missing)
    return (
        f"{sys.executable} has no {', '.join(missing)}: install what is missing ('{sys.executable} -m pip install "
        f"{names}'), or let make install all, without VENV=none"
    )
