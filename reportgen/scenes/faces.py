"""Animals seen from the front: a bust with head, ears, eyes, muzzle and nose, modelled after `species.py`.

"Right" and "left" are the animal's own, so its right eye lies at smaller x.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from reportgen.scenes.animal import DARK, SIDES, Animal
from reportgen.scenes.colour import draw_paint, linear, mix, vary
from reportgen.scenes.drawing import Drawing, about, draw_pose
from reportgen.scenes.ears import EARS
from reportgen.scenes.markings import MARKINGS
from reportgen.scenes.relief import blank
from reportgen.scenes.space import Coat, Vector, View
from reportgen.scenes.species import SPECIES, Fur, fur

REACH = (-2.1, -2.2, 2.1, 4.2)


def draw_animal(kind: str, view: View, rng: np.random.Generator) -> Drawing:
    """Draw one animal of a species, its body first and its eyes and nose last."""
    species = SPECIES[kind]
    pose = draw_pose(rng, scale=species.scale, centre=(0.0, species.centre_y - 0.02))
    relief = blank(view, pose, REACH, rng, comb=(0.0, 0.22, 0.8))
    chosen = fur(str(rng.choice(species.furs)))
    colours = Fur(*(vary(colour, rng, 0.08) for colour in (chosen.base, chosen.light, chosen.dark)))
    head = tuple(about(rng, value, 0.07) for value in species.head)
    eyes = tuple(about(rng, value, 0.12) for value in species.eyes)
    muzzle = tuple(about(rng, value, 0.10) for value in species.muzzle)
    iris = vary(linear(str(rng.choice(species.irises))), rng, 0.1)
    mood = float(rng.uniform(-0.2, 0.05) if kind == "owl" else rng.uniform(-0.02, 0.16))
    animal = Animal(kind, species, relief, rng, colours, head, eyes, muzzle, iris, mood)  # type: ignore[arg-type]
    _body(animal)
    EARS[species.ears](animal)
    _head(animal)
    MARKINGS[kind](animal)
    parts = {"right_eye": _eye(animal, -1), "left_eye": _eye(animal, 1)}
    parts["nose"] = _FRONTS.get(kind, _muzzle)(animal)
    return Drawing(relief, parts)


def _body(animal: Animal) -> None:
    """Shoulders and chest below the head; some wear a scarf or a bow."""
    relief, rng = animal.relief, animal.rng
    width = about(rng, 1.02, 0.14)
    colour = animal.colours.dark if animal.kind == "panda" else animal.colours.base
    relief.ellipsoid((0, 2.15, -0.75), (width, 1.45, 0.75), animal.coat(colour), wobble=0.02, ragged=0.008)
    for side in SIDES:
        relief.ellipsoid(
            (0.78 * side * width, 2.0, -0.6),
            (0.42, 0.95, 0.5),
            animal.coat(colour),
            blend=0.1,
            ragged=0.02,
            turn=-0.12 * side,
        )
    relief.stain((0, 2.1, 0.15), (width * 0.62, 1.3, 0.9), animal.colours.light, soft=0.3)
    if rng.random() < 0.35:
        cloth = Coat(draw_paint(rng), gloss=0.1, mottle=0.10)
        relief.ellipsoid((0, 1.02, -0.25), (0.72, 0.20, 0.62), cloth, wobble=0.03)
        if rng.random() < 0.5:
            for side in SIDES:
                relief.ellipsoid((0.27 * side, 1.14, 0.42), (0.25, 0.16, 0.12), cloth, turn=-0.35 * side)
            relief.ellipsoid((0, 1.14, 0.5), (0.09, 0.10, 0.10), cloth)


def _head(animal: Animal) -> None:
    relief, (x, y, radius) = animal.relief, animal.species.cheeks
    coat = animal.coat(animal.colours.base)
    relief.ellipsoid((0, 0, 0), animal.head, coat, blend=0.05, wobble=0.012, ragged=0.010)
    radius = about(animal.rng, radius)
    for side in SIDES:
        relief.ellipsoid((x * side, y, 0.12), (radius, radius * 0.88, radius), coat, blend=0.16, ragged=0.014)


def _eye(animal: Animal, side: int) -> Vector:
    """An eyeball with iris, pupil and highlights in a dark rim; returns x, y and radius in scene units."""
    relief, (x, y, radius) = animal.relief, animal.eyes
    x *= side
    z = animal.skin(x, y) - 0.02
    relief.ellipsoid(
        (x, y, z - 0.25 * radius), (1.16 * radius, 1.10 * radius, 0.75 * radius), Coat(DARK, gloss=0.2, mottle=0.0)
    )
    ball = Coat(animal.iris, gloss=0.3, mottle=0.0)
    relief.ellipsoid((x, y, z - 0.15 * radius), (radius, 0.96 * radius, 0.85 * radius), ball)
    wide, high = animal.species.pupil
    front = (x, y, z + 0.4 * radius)
    relief.stain(front, (0.97 * radius, 0.93 * radius, radius), 0.45 * animal.iris, soft=0.10)
    relief.stain(front, (0.82 * radius, 0.80 * radius, radius), animal.iris, soft=0.25)
    relief.stain(front, (wide * radius, high * radius, 1.2 * radius), 0.4 * DARK, soft=0.2)
    lid = animal.coat(mix(animal.colours.base, animal.colours.dark, 1.0 if animal.kind == "panda" else 0.25), 0.5)
    lid_at = (x - 0.04 * side * radius, y - 1.10 * radius, z - 0.05 * radius)
    relief.ellipsoid(lid_at, (1.08 * radius, 0.33 * radius, 0.7 * radius), lid, turn=animal.mood * side, blend=0.03)
    relief.glint((x, y, z), 0.42 * radius, 0.25 * radius, 0.95)
    relief.glint((x, y, z), -0.40 * radius, 0.13 * radius, 0.35)
    cx, cy, _ = relief.pose.spot(x, y, z + 0.3 * radius)
    return cx, cy, 1.16 * radius * relief.pose.scale


def _muzzle(animal: Animal) -> Vector:
    """Muzzle, chin, mouth and nose; returns the nose's x, y and radius in scene units."""
    relief, rng = animal.relief, animal.rng
    y, width, height, _ = animal.muzzle
    tip = animal.snout
    bridge = animal.coat(animal.colours.base)
    light = animal.coat(animal.colours.light, 0.8)
    if animal.muzzle[3] > 0.5:
        relief.ellipsoid((0, y - 0.26, tip - 0.45), (0.62 * width, 0.42, 0.40), bridge, blend=0.12)
    smile = about(rng, 0.22, 0.4)
    _mouth_below(animal, light)
    for side in SIDES:
        relief.ellipsoid(
            (0.46 * width * side, y + 0.06, tip - 0.42), (0.62 * width, 0.78 * height, 0.42), light, blend=0.05
        )
    nose_y = y - 0.48 * height
    line = Coat(mix(animal.colours.dark, DARK, 0.6), gloss=0.05)
    down = np.linspace(0, 1, 8)
    relief.stroke(
        np.column_stack([0 * down, nose_y + 0.05 + down * (0.62 * height + 0.05), 0 * down + tip - 0.05]),
        0.034,
        line,
        groove=0.03,
    )
    for side in SIDES:
        x = side * width * 0.62 * down
        curve = nose_y + 0.10 + 0.62 * height + smile * width * np.sin(np.pi * down * 0.8)
        relief.stroke(np.column_stack([x, curve, tip - 0.06 - 0.12 * down**2]), 0.038, line, groove=0.03)
    if animal.kind in ("cat", "mouse", "rabbit", "fox"):
        _whiskers(animal, y, tip)
    return _nose(animal, nose_y, tip)


def _mouth_below(animal: Animal, light: Coat) -> None:
    """The chin; a dog's tongue or a rabbit's teeth, sometimes."""
    relief, (y, width, height, _), tip = animal.relief, animal.muzzle, animal.snout
    relief.ellipsoid((0, y + 0.62 * height, tip - 0.55), (0.62 * width, 0.50 * height, 0.38), light, blend=0.04)
    if animal.kind == "dog" and animal.rng.random() < 0.4:
        tongue = Coat(linear("D97C78"), gloss=0.3)
        relief.ellipsoid((0, y + 0.85 * height, tip - 0.28), (0.30 * width, 0.52 * height, 0.14), tongue)
    if animal.kind == "rabbit":
        for side in SIDES:
            relief.ellipsoid(
                (0.06 * side, y + 0.62 * height, tip - 0.16), (0.06, 0.11, 0.06), Coat(linear("FBF6EA"), gloss=0.2)
            )


def _nose(animal: Animal, y: float, tip: float) -> Vector:
    """A nose with nostrils and a highlight."""
    relief, rng = animal.relief, animal.rng
    colour = vary(linear(str(rng.choice(animal.species.noses))), rng, 0.08)
    half_width, half_height = (about(rng, value) for value in animal.species.nose)
    coat = Coat(colour, gloss=0.55, mottle=0.03)
    relief.ellipsoid((0, y, tip - 0.02), (half_width, half_height * 0.85, 0.14), coat, blend=0.02)
    relief.ellipsoid(
        (0, y + 0.35 * half_height, tip - 0.02), (half_width * 0.6, half_height * 0.75, 0.13), coat, blend=0.06
    )
    for side in SIDES:
        nostril = (0.45 * half_width * side, y + 0.22 * half_height, tip + 0.08)
        relief.stain(nostril, (0.2 * half_width, 0.22 * half_height, 0.2), 0.25 * colour, soft=0.5)
    relief.glint((0, y - 0.2 * half_height, tip), 0.25 * half_width, 0.24 * half_height, 0.45)
    cx, cy, _ = relief.pose.spot(0, y + 0.1 * half_height, tip + 0.06)
    return cx, cy, 1.05 * max(half_width, half_height) * relief.pose.scale


def _whiskers(animal: Animal, y: float, tip: float) -> None:
    pale = Coat(linear("F7F2E8") if animal.colours.light.mean() < 0.9 else linear("8A8178"), gloss=0.0)
    along = np.linspace(0, 1, 7)
    for side in SIDES:
        for slant in (-0.18, 0.02, 0.20):
            x = side * (0.22 + 0.62 * along)
            points = np.column_stack(
                [x, y + 0.08 + slant * along - 0.10 * along * (1 - along), tip - 0.1 - 0.4 * along]
            )
            animal.relief.stroke(points, 0.018, pale, strength=0.8)


def _beak(animal: Animal) -> Vector:
    relief, rng = animal.relief, animal.rng
    colour = vary(linear(str(rng.choice(animal.species.noses))), rng, 0.08)
    half_width, half_height = (about(rng, value) for value in animal.species.nose)
    y, z = animal.muzzle[0], animal.skin(0, animal.muzzle[0]) + 0.02
    along, radii = (-1.0, -0.6, 0.1, 1.1), (0.45, 0.95, 0.85, 0.05)
    shape = tuple(half_height * value for value in along), tuple(half_width * value for value in radii)
    relief.lathe((0, y, z - 0.04), 0.0, *shape, Coat(colour, gloss=0.5, mottle=0.03), depth=1.6)
    relief.glint((0, y - 0.25 * half_height, z + 0.1), 0.3 * half_width, 0.25 * half_width, 0.4)
    cx, cy, _ = relief.pose.spot(0, y, z + 0.1)
    return cx, cy, 1.05 * half_height * relief.pose.scale


def _snout(animal: Animal) -> Vector:
    """A pig's snout: a short cylinder with two nostrils, and the mouth below."""
    relief, rng = animal.relief, animal.rng
    colour = vary(linear(str(rng.choice(animal.species.noses))), rng, 0.08)
    half_width, half_height = (about(rng, value) for value in animal.species.nose)
    y, tip = animal.muzzle[0], animal.snout
    line, along = Coat(mix(animal.colours.dark, DARK, 0.4), gloss=0.05), np.linspace(-1, 1, 9)
    points = np.column_stack([0.34 * along, y + half_height + 0.24 - 0.10 * along**2, 0 * along + 0.75])
    relief.stroke(points, 0.05, line, groove=0.04)
    base = animal.coat(animal.colours.base)
    relief.ellipsoid((0, y, tip - 0.40), (half_width * 1.02, half_height * 1.05, 0.34), base, blend=0.10)
    relief.ellipsoid((0, y, tip - 0.18), (half_width, half_height, 0.20), Coat(colour, gloss=0.25), blend=0.03)
    for side in SIDES:
        nostril = (0.40 * half_width * side, y, tip)
        relief.stain(nostril, (0.18 * half_width, 0.34 * half_height, 0.3), 0.3 * colour, soft=0.35)
    cx, cy, _ = relief.pose.spot(0, y, tip - 0.05)
    return cx, cy, 1.05 * half_width * relief.pose.scale


_FRONTS: dict[str, Callable[[Animal], Vector]] = {"owl": _beak, "pig": _snout}
DRAWERS: dict[str, Callable[[View, np.random.Generator], Drawing]] = {
    kind: partial(draw_animal, kind) for kind in SPECIES
}
