"""One animal, with its own variation of its species' proportions and colours."""

from dataclasses import dataclass

import numpy as np

from reportgen.scenes.colour import Rgb, linear
from reportgen.scenes.relief import Relief
from reportgen.scenes.space import Coat, Number, Vector
from reportgen.scenes.species import Fur, Species

SIDES = (-1, 1)  # the animal's right comes first
DARK = linear("2B2523")


@dataclass(frozen=True)
class Animal:
    """One animal: its species, and its own proportions and colours around the species' middle values."""

    kind: str
    species: Species
    relief: Relief
    rng: np.random.Generator
    colours: Fur
    head: Vector
    eyes: Vector  # x, y, radius
    muzzle: tuple[float, float, float, float]  # y, half width, half height, depth
    iris: Rgb
    mood: float  # slant of the eyelids: friendly above 0

    def coat(self, colour: Rgb, strength: float = 1.0) -> Coat:
        return Coat(colour, gloss=0.05, fur=self.species.strands * strength, mottle=0.07)

    def skin(self, x: Number, y: Number) -> float:
        """Height of the head's surface at (x, y)."""
        a, b, c = self.head
        return c * max(1 - (x / a) ** 2 - (y / b) ** 2, 0.05) ** 0.5

    @property
    def snout(self) -> float:
        """Height of the muzzle's tip."""
        return self.skin(0, self.muzzle[0]) - 0.25 + self.muzzle[3]
