"""The species' markings on head and breast."""

from collections.abc import Callable

from reportgen.scenes.animal import SIDES, Animal
from reportgen.scenes.colour import mix
from reportgen.scenes.drawing import about


def _dog_markings(animal: Animal) -> None:
    rng, relief, light = animal.rng, animal.relief, animal.colours.light
    kind = rng.random()
    if kind < 0.4:  # a blaze up the forehead
        relief.stain((0, -0.35, 0.8), (about(rng, 0.16, 0.4), 0.75, 0.9), light, soft=0.3)
    elif kind < 0.65:  # a patch over one eye
        side = SIDES[int(rng.integers(2))]
        patch = animal.colours.dark
        relief.stain((0.40 * side, -0.15, 0.6), (0.36, 0.42, 0.7), patch, soft=0.15, wobble=0.1)
    else:  # spots above the eyes
        for side in SIDES:
            relief.stain((0.30 * side, -0.45, 0.75), (0.13, 0.09, 0.4), light, soft=0.4)


def _cat_markings(animal: Animal) -> None:
    rng, relief = animal.rng, animal.relief
    relief.stain((0, 0.45, 0.7), (about(rng, 0.5, 0.3), about(rng, 0.42, 0.3), 0.7), animal.colours.light, soft=0.3)
    if rng.random() < 0.7:
        stripe = animal.colours.dark
        for x in (-0.26, 0.0, 0.26):
            relief.stain((x, -0.60, 0.55), (0.055, 0.30, 0.5), stripe, soft=0.5, turn=-0.5 * x)
        for side in SIDES:
            for y in (0.06, 0.26):
                relief.stain((0.86 * side, y, 0.3), (0.26, 0.05, 0.5), stripe, soft=0.5, turn=(0.2 - y) * side)


def _owl_markings(animal: Animal) -> None:
    """Two discs of radiating feathers around the eyes, spots on the breast."""
    rng, relief = animal.rng, animal.relief
    x, y, _ = animal.eyes
    size = about(rng, 0.52, 0.12)
    edge = mix(animal.colours.base, animal.colours.dark, 0.8)
    for colour, extra in ((edge, 0.08), (animal.colours.light, 0.0)):
        for side in SIDES:
            relief.stain(
                (x * side * 1.02, y + 0.02, 0.62), (size + extra, size * 1.02 + extra, 0.75), colour, soft=0.12
            )
    brow = mix(animal.colours.base, animal.colours.dark, 0.35)
    relief.stain((0, -0.62, 0.6), (0.30, 0.42, 0.6), brow, soft=0.35)
    spot = mix(animal.colours.dark, animal.colours.base, 0.2)
    for row in range(5):
        for column in range(-2, 3):
            spot_at = (0.30 * (column + 0.5 * (row % 2)), 1.25 + 0.26 * row, 0.0)
            relief.stain(spot_at, (0.07, 0.10, 0.7), spot, soft=0.5)


def _panda_markings(animal: Animal) -> None:
    x, y, _ = animal.eyes
    size, slant = about(animal.rng, 0.25, 0.15), about(animal.rng, 0.5, 0.5)
    for side in SIDES:
        centre = (x * side * 1.06, y + 0.06, animal.skin(x, y))
        animal.relief.stain(
            centre, (size, size * 1.30, 0.5), animal.colours.dark, soft=0.16, turn=-slant * side, wobble=0.04
        )


def _fox_markings(animal: Animal) -> None:
    """White cheeks that end in tufts, a white chin."""
    rng, relief = animal.rng, animal.relief
    light = animal.coat(animal.colours.light)
    reach = about(rng, 0.46, 0.15)
    for side in SIDES:
        shape = (-0.15, 0.2, 0.52), (0.10, 0.25, 0.02)
        relief.lathe((0.70 * side, 0.24, 0.05), -1.05 * side, *shape, light, depth=0.7, blend=0.12, ragged=0.05)
        relief.stain((0.56 * side, 0.36, 0.45), (reach, 0.34, 0.6), animal.colours.light, soft=0.25, turn=-0.35 * side)
    relief.stain((0, 0.62, 0.6), (0.5, 0.34, 0.6), animal.colours.light, soft=0.3)


def _bear_markings(animal: Animal) -> None:
    if animal.rng.random() < 0.4:
        shade = mix(animal.colours.base, animal.colours.dark, 0.5)
        animal.relief.stain((0, -0.5, 0.6), (0.7, 0.5, 0.7), shade, soft=0.5)


def _rabbit_markings(animal: Animal) -> None:
    light = animal.colours.light
    for side in SIDES:
        animal.relief.stain((0.46 * side, -0.12, 0.65), (0.26, 0.26, 0.5), light, soft=0.3)
    if animal.rng.random() < 0.4:
        animal.relief.stain((0, -0.2, 0.8), (0.13, 0.8, 0.9), light, soft=0.4)


def _pig_markings(animal: Animal) -> None:
    for _ in range(int(animal.rng.integers(0, 3))):
        x, y = (float(value) for value in animal.rng.uniform(-0.8, 0.8, 2))
        animal.relief.stain((x, y, 0.6), (0.3, 0.26, 0.7), animal.colours.dark, soft=0.12, wobble=0.15)


def _mouse_markings(animal: Animal) -> None:
    animal.relief.stain((0, 0.6, 0.6), (0.5, 0.4, 0.7), animal.colours.light, soft=0.35)


MARKINGS: dict[str, Callable[[Animal], None]] = {
    "dog": _dog_markings,
    "cat": _cat_markings,
    "owl": _owl_markings,
    "panda": _panda_markings,
    "fox": _fox_markings,
    "bear": _bear_markings,
    "rabbit": _rabbit_markings,
    "pig": _pig_markings,
    "mouse": _mouse_markings,
}
