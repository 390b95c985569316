"""Names that people type."""

import difflib
from typing import Any


def nearest(name: str, known: Any) -> str:
    """``; did you mean 'x'?`` if one of the known names is close, else an empty string."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""
