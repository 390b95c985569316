"""Our texts as they are printed: on the page, in the PDF, in the charts."""

import re

NO_BREAK = "\u00a0"  # between a number and its unit


def typeset(text: str) -> str:
    """A text of ours with one kind of apostrophe, times sign and space before per cent: ``the net’s 7×7``, ``67 %``.

    Names from the user's data keep theirs: an apostrophe is one between or after letters, a times sign one between numbers.
    """
    text = re.sub(r"(?<=[^\W\d_])'(?=[^\W\d_]|[ ,.;:)]|$)", "’", text)
    text = re.sub(r"(?<![\w./])(\d+) ?[x×] ?(?=\d+(?![\w]))", r"\1×", text)
    return re.sub(r"(?<=\d) ?%(?!\w)", f"{NO_BREAK}%", text)
