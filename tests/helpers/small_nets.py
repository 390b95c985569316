"""Architectures that only tests use."""

from dataclasses import replace

from reportgen.settings.recipes import SMALL

SMALL_KRIZHEVSKY = replace(
    SMALL,
    name="small-krizhevsky",
    first_filter=11,
    first_stride=4,
    first_padding=2,
    second_stride=1,
    second_padding=2,
)
TINY = replace(
    SMALL, name="tiny", second_padding=2, widths=(8, 12, 16, 16, 12), fully_connected=(24, 16), input_size=48, classes=4
)
"""Milliseconds an image."""
