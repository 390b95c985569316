"""Names that people type, or that lie on their disks."""

import difflib
import re
from typing import Any

# What a terminal obeys instead of showing: control characters, and those that turn the direction of writing; and halves of
# characters, which no text may hold. Lines and tabs are among them: a name has neither.
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

MOST_DIGITS = 15  # of a whole number that a switch gives


def shown(text: str) -> str:
    r"""A text as it can be written in one line on a terminal: ``\x1b`` in place of an escape character.

    >>> print(shown("cat\x1b[2J"))
    cat\x1b[2J
    """
    return STEERING.sub(lambda found: ascii(found[0])[1:-1].replace("udc", "x"), text)


def whole(text: str) -> int | None:
    """The whole number that a text writes; None if it writes none, or one of more digits than any switch takes.

    Python refuses to read very many digits: no ``int`` stands before this.
    """
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def nearest(name: str, known: Any) -> str:
    """``; did you mean 'x'?`` if one of the known names is close, else an empty string."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""
