"""The sides of a picture: one number where it is square, rows x columns where it is not."""

import re
from typing import NamedTuple

MOST_SIDE = 10_000  # pixels of what a net may read
WRITTEN = re.compile(r"\s*(\d+)\s*[x×]\s*(\d+)\s*")


class Size(NamedTuple):
    """Rows and columns of pixels."""

    rows: int
    columns: int

    @classmethod
    def of(cls, said: object) -> "Size":
        """The size that a number (the side of a square), ``64x128`` (rows x columns) or a pair stands for; else raises ValueError."""
        if isinstance(said, str):
            found = WRITTEN.fullmatch(said)
            if not found and not said.strip().isdecimal():
                raise ValueError(f"use a number of pixels, as in 88, or rows x columns, as in 64x128, not {said!r}")
            sides = (int(found[1]), int(found[2])) if found else (int(said), int(said))
        elif isinstance(said, (list, tuple)):
            if len(said) != 2 or not all(type(side) is int for side in said):
                raise ValueError(f"use a number of pixels, as in 88, or rows and columns, not {said}")
            sides = (said[0], said[1])
        elif type(said) is int:
            sides = (said, said)
        else:
            raise ValueError(f"use a whole number of pixels, as in 88, or rows x columns, as in 64x128, not {said!r}")
        return cls(*sides)

    @property
    def square(self) -> bool:
        """Whether both sides are equal."""
        return self.rows == self.columns

    @property
    def area(self) -> int:
        """Pixels."""
        return self.rows * self.columns

    @property
    def said(self) -> int | str:
        """As it is written into settings and artefacts: the side of a square, else ``64x128``; `of` reads both."""
        return self.rows if self.square else f"{self.rows}x{self.columns}"

    @property
    def by(self) -> str:
        """Both sides in words: ``88 x 88``."""
        return f"{self.rows} x {self.columns}"

    def __str__(self) -> str:
        return str(self.said)

    def fits_in(self, other: "Size") -> bool:
        """Whether it is no larger than another, in rows and in columns."""
        return self.rows <= other.rows and self.columns <= other.columns

    def scaled(self, by: float) -> "Size":
        """Both sides by a factor, rounded."""
        return Size(round(self.rows * by), round(self.columns * by))


Sides = Size | int
"""A size, or the side of a square."""
