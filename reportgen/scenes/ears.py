"""Ears of all kinds, drawn before the head that they grow from."""

from collections.abc import Callable

import numpy as np

from reportgen.scenes.animal import SIDES, Animal
from reportgen.scenes.colour import linear, mix, vary
from reportgen.scenes.drawing import about
from reportgen.scenes.space import Coat
from reportgen.scenes.species import INNER_EARS


def _pointed_ears(animal: Animal) -> None:
    size, lean = about(animal.rng, animal.species.ear_size), about(animal.rng, 0.38, 0.4)
    inner = Coat(vary(linear(str(animal.rng.choice(INNER_EARS))), animal.rng, 0.08), gloss=0.05, fur=0.08)
    tip = animal.colours.dark if animal.kind == "fox" or animal.rng.random() < 0.25 else animal.colours.base
    for side in SIDES:
        root = (0.56 * side * animal.head[0], -0.60 * animal.head[1], -0.05)
        along, radii = (-0.78, -0.45, -0.1, 0.35), (0.02, 0.22, 0.40, 0.46)
        outer = tuple(size * value for value in along), tuple(size * value for value in radii)
        animal.relief.lathe(root, lean * side, *outer, animal.coat(animal.colours.base), depth=0.35, ragged=0.02)
        tip_at = (root[0] + 0.72 * size * np.sin(lean * side), root[1] - 0.72 * size * np.cos(lean), 0.0)
        animal.relief.stain(tip_at, (0.5 * size, 0.38 * size, 1.0), tip, soft=0.3)
        inside = tuple(0.70 * size * value for value in along), tuple(0.62 * size * value for value in radii)
        animal.relief.lathe((root[0], root[1] + 0.04, 0.10), lean * side, *inside, inner, depth=0.12, blend=0.05)


def _round_ears(animal: Animal) -> None:
    size = about(animal.rng, 0.36 * animal.species.ear_size)
    apart, up = (0.80, -0.62) if animal.kind == "mouse" else (0.70, -0.68)
    colour = animal.colours.dark if animal.kind == "panda" else animal.colours.base
    pink = linear(str(animal.rng.choice(INNER_EARS)))
    inner = pink if animal.kind == "mouse" else mix(animal.colours.dark, colour, 0.35)
    for side in SIDES:
        centre = (
            apart * side * animal.head[0] * (1 + 0.25 * (size - 0.36)),
            (up - 0.6 * (size - 0.36)) * animal.head[1],
            -0.12,
        )
        animal.relief.ellipsoid(centre, (size, size, 0.22), animal.coat(colour), ragged=0.03)
        front = (centre[0] - 0.02 * side, centre[1] + 0.04, 0.10)
        animal.relief.stain(front, (0.66 * size, 0.66 * size, 0.5), inner, soft=0.22)


def _hanging_ears(animal: Animal) -> None:
    """A dog's ears: hanging, or standing with the tips folded over."""
    rng, size = animal.rng, about(animal.rng, animal.species.ear_size, 0.2)
    colour = animal.colours.dark if rng.random() < 0.6 else mix(animal.colours.base, animal.colours.dark, 0.3)
    lean = about(rng, 0.30, 0.6)
    for side in SIDES:
        if rng.random() < 0.97:
            root = (0.78 * side * animal.head[0], -0.56 * animal.head[1], 0.05)
            along, radii = (-0.20, 0.0, 0.45, 0.80, 1.0), (0.12, 0.24, 0.34, 0.28, 0.06)
            shape = tuple(size * value for value in along), tuple(size * value for value in radii)
            animal.relief.lathe(root, -lean * side, *shape, animal.coat(colour), depth=0.5, ragged=0.02)


def _tufts(animal: Animal) -> None:
    """An owl's feather tufts; some owls have none."""
    if animal.rng.random() < 0.3:
        return
    size, lean = about(animal.rng, 0.62, 0.3), about(animal.rng, 0.55, 0.3)
    for side in SIDES:
        root = (0.58 * side, -0.58 * animal.head[1], 0.1)
        shape = (-0.9 * size, -0.4 * size, 0.3 * size), (0.02, 0.20 * size, 0.36 * size)
        coat = animal.coat(mix(animal.colours.base, animal.colours.dark, 0.45))
        animal.relief.lathe(root, lean * side, *shape, coat, depth=0.5, ragged=0.05)


def _long_ears(animal: Animal) -> None:
    rng, size = animal.rng, about(animal.rng, animal.species.ear_size)
    inner = Coat(vary(linear(str(rng.choice(INNER_EARS))), rng, 0.08), gloss=0.05, fur=0.06)
    for side in SIDES:
        lean = about(rng, 0.16, 0.9)
        root = (0.36 * side, -0.62 * animal.head[1], -0.1)
        along, radii = (-1.22, -1.05, -0.55, 0.0, 0.2), (0.05, 0.17, 0.25, 0.19, 0.18)
        shape = tuple(size * value for value in along), tuple(size * value for value in radii)
        animal.relief.lathe(root, lean * side, *shape, animal.coat(animal.colours.base), depth=0.45, ragged=0.02)
        inside = tuple(0.86 * size * value for value in along), tuple(0.55 * size * value for value in radii)
        animal.relief.lathe((root[0], root[1], 0.05), lean * side, *inside, inner, depth=0.12, blend=0.04)


def _folded_ears(animal: Animal) -> None:
    """A pig's ears: triangles that lean forward."""
    size, lean = about(animal.rng, animal.species.ear_size), about(animal.rng, 0.75, 0.3)
    inner = animal.coat(mix(animal.colours.base, animal.colours.dark, 0.5))
    for side in SIDES:
        root = (0.58 * side * animal.head[0], -0.62 * animal.head[1], 0.05)
        shape = (-0.55 * size, -0.2 * size, 0.25 * size), (0.03, 0.28 * size, 0.34 * size)
        animal.relief.lathe(root, lean * side, *shape, animal.coat(animal.colours.base), depth=0.4)
        small = (-0.40 * size, -0.14 * size, 0.15 * size), (0.02, 0.16 * size, 0.20 * size)
        animal.relief.lathe((root[0], root[1], 0.14), lean * side, *small, inner, depth=0.1, blend=0.04)


EARS: dict[str, Callable[[Animal], None]] = {
    "pointed": _pointed_ears,
    "round": _round_ears,
    "hanging": _hanging_ears,
    "tufts": _tufts,
    "long": _long_ears,
    "folded": _folded_ears,
}
