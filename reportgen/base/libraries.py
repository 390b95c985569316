"""The libraries of this Python."""

import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from importlib.util import find_spec

DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}  # import name -> distribution name, where they differ


@cache  # every stage asks, and each answer is read from a file
def version(library: str) -> str:
    """The installed version of the library with this import name."""
    if library == "reportgen":
        from reportgen import __version__

        return __version__
    try:
        return metadata.version(DISTRIBUTIONS.get(library, library))
    except metadata.PackageNotFoundError:
        return "none"


def lacking(libraries: Iterable[str]) -> str:
    """A message that names the libraries this Python lacks, and the way out; empty if it has them all."""
    missing = sorted({DISTRIBUTIONS.get(name, name) for name in libraries if find_spec(name) is None})
    if not missing:
        return ""
    names = " ".join(missing)
    return (
        f"{sys.executable} has no {', '.join(missing)}: install what is missing ('{sys.executable} -m pip install "
        f"{names}'), or leave out VENV=none, and make installs everything"
    )
