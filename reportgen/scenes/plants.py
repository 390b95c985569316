"""Trees, fish and mushrooms, which only the transfer split shows."""

from collections.abc import Callable

import numpy as np

from reportgen.scenes.colour import draw_paint, linear, mix, vary
from reportgen.scenes.drawing import Drawing, about, draw_pose
from reportgen.scenes.relief import Relief, blank
from reportgen.scenes.space import Coat, View

GREENS = ("7E9460", "93A26E", "6C8560", "A8A860", "5F8A78")
AUTUMN = ("D98A3C", "C8603F", "DDB04A", "B5713A")


def draw_tree(view: View, rng: np.random.Generator) -> Drawing:
    """A broad-leaved tree or a conifer."""
    pose = draw_pose(rng, scale=(0.52, 0.74), yaw=0.2, pitch=0.06)
    relief = blank(view, pose, (-1.4, -1.5, 1.4, 1.3), rng, leafy=True)
    bark = Coat(
        vary(linear(str(rng.choice(["7A5236", "8F7358", "6A5044"]))), rng, 0.1), gloss=0.03, fur=0.2, mottle=0.15
    )
    leaves = vary(linear(str(rng.choice(GREENS if rng.random() < 0.7 else AUTUMN))), rng, 0.1)
    width = about(rng, 0.12, 0.3)
    relief.lathe((0, 0, 0), 0.0, (-0.2, 0.6, 1.05), (width * 0.7, width, width * 1.6), bark, ragged=0.05)
    if rng.random() < 0.4:
        _needles(relief, leaves, rng)
    else:
        _crown(relief, leaves, rng)
    return Drawing(relief)


def _crown(relief: Relief, leaves: np.ndarray, rng: np.random.Generator) -> None:
    """Clumps of leaves around the trunk's top, the outer ones first; some trees bear fruit."""
    spread = about(rng, 0.52, 0.2)
    for ring, count in ((1.0, 7), (0.5, 4), (0.0, 1)):
        start = float(rng.uniform(0, 2 * np.pi))
        for number in range(count):
            angle = start + number * 2 * np.pi / count
            x, y = spread * ring * float(np.cos(angle)), -0.42 + 0.85 * spread * ring * float(np.sin(angle))
            size = about(rng, 0.40, 0.2)
            coat = Coat(vary(leaves, rng, 0.10), gloss=0.04, mottle=0.25, fur=0.15)
            relief.ellipsoid(
                (x, y, 0.35 * (1 - ring)), (size, size * 0.9, size), coat, blend=0.03, wobble=0.09, ragged=0.05
            )
    if rng.random() < 0.3:
        fruit = Coat(draw_paint(rng), gloss=0.4)
        for _ in range(7):
            x, y = (float(value) for value in rng.uniform((-0.6, -0.9), (0.6, 0.0)))
            relief.ellipsoid((x, y, 0.62), (0.07, 0.07, 0.07), fruit)


def _needles(relief: Relief, leaves: np.ndarray, rng: np.random.Generator) -> None:
    """Three or four skirts of needles; the lowest is drawn first and is the widest."""
    tiers, wide = int(rng.integers(3, 5)), about(rng, 0.66, 0.15)
    for tier in range(tiers):
        share = 1 - tier / (tiers + 0.6)
        low = 0.62 - 1.25 * tier / tiers
        coat = Coat(vary(leaves, rng, 0.05), gloss=0.04, mottle=0.15, fur=0.25)
        along = (low - 1.5 / tiers - 0.25, low - 0.05, low)
        relief.lathe((0, 0, 0.06 * tier), 0.0, along, (0.02, wide * share, wide * share * 0.85), coat, ragged=0.07)


def draw_fish(view: View, rng: np.random.Generator) -> Drawing:
    """A fish from the side, to the left or the right, plain, striped or spotted."""
    pose = draw_pose(rng, scale=(0.52, 0.74), yaw=0.25, pitch=0.08)
    relief = blank(view, pose, (-1.4, -1.0, 1.4, 1.0), rng)
    way = 1 if rng.random() < 0.5 else -1
    colour, tall = draw_paint(rng), about(rng, 0.44, 0.3)
    skin = Coat(colour, gloss=0.4, mottle=0.10)
    fin = Coat(mix(colour, draw_paint(rng), 0.5), gloss=0.2, mottle=0.08)
    _fins(relief, fin, way, tall, rng)
    along, radii = (-0.92, -0.75, -0.3, 0.3, 0.72), (0.10, 0.5, 1.0, 0.72, 0.16)
    # the axis points from the mouth to the tail, so that the blunt end is in front
    relief.lathe((0, 0, 0), np.pi / 2 * way, along, tuple(r * tall for r in radii), skin, depth=0.8)
    belly = mix(colour, np.ones(3, dtype=np.float32), 0.55)
    relief.stain((0, tall, 0.1), (0.9, 0.62 * tall, 1.0), belly, soft=0.35)
    _scales(relief, way, tall, rng)
    gill = Coat(0.6 * colour, gloss=0.2)
    bow = np.linspace(-1, 1, 9)
    gills = np.column_stack([way * (0.46 + 0.08 * bow**2), 0.62 * tall * bow, 0 * bow + 0.25])
    relief.stroke(gills, 0.03, gill, groove=0.03)
    x, y, size = way * 0.66, -0.16 * tall, about(rng, 0.085, 0.2)
    relief.ellipsoid((x, y, 0.5 * tall), (size, size, 0.6 * size), Coat(linear("F4EEDC"), gloss=0.4))
    relief.stain((x, y, 0.5 * tall + 0.5 * size), (0.6 * size, 0.6 * size, size), linear("2B2523"), soft=0.2)
    relief.glint((x, y, 0.5 * tall), 0.3 * size, 0.25 * size, 0.9)
    return Drawing(relief)


def _fins(relief: Relief, fin: Coat, way: int, tall: float, rng: np.random.Generator) -> None:
    """Tail, back and belly fins, flat and behind the body."""
    spread, fork = about(rng, 0.42, 0.25), about(rng, 0.16, 0.8)
    tail = np.array([[-0.58, -0.05], [-1.08, -spread], [-1.08 + fork, 0.0], [-1.08, spread], [-0.58, 0.05]])
    back = np.array([[0.30, -0.7 * tall], [0.05, -1.0 * tall - 0.24], [-0.45, -0.8 * tall - 0.10], [-0.5, -0.3 * tall]])
    under = np.array([[0.15, 0.7 * tall], [-0.10, tall + 0.18], [-0.35, 0.6 * tall]])
    for outline in (tail, back, under):
        relief.plate([outline * [way, 1]], fin, thick=0.05, bevel=0.12, origin=(0, 0, -0.05))


def _scales(relief: Relief, way: int, tall: float, rng: np.random.Generator) -> None:
    other = draw_paint(rng)
    kind = int(rng.integers(3))
    if kind == 1:
        for x in (0.25, -0.05, -0.35)[: int(rng.integers(2, 4))]:
            relief.stain((way * x, 0, 0), (0.075, 2 * tall, 1.0), other, soft=0.25, wobble=0.05)
    elif kind == 2:
        for _ in range(16):
            x, y = (float(value) for value in rng.uniform((-0.6, -0.8), (0.35, 0.6)))
            relief.stain((way * x, y * tall, 0.2), (0.06, 0.06, 0.5), other, soft=0.3)


def draw_mushroom(view: View, rng: np.random.Generator) -> Drawing:
    """A toadstool: stem, gills, cap, with or without spots."""
    pose = draw_pose(rng, scale=(0.52, 0.74), yaw=0.2, pitch=0.10, facing=(0.0, -0.16))
    relief = blank(view, pose, (-1.3, -1.3, 1.3, 1.4), rng)
    pale = Coat(vary(linear("F0E6D2"), rng, 0.06), gloss=0.06, mottle=0.10)
    stem, wide, tall = about(rng, 0.22, 0.3), about(rng, 0.92, 0.15), about(rng, 0.74, 0.25)
    relief.lathe(
        (0, 0, 0),
        float(rng.normal(0, 0.06)),
        (-0.3, 0.3, 0.9, 1.05),
        (stem, stem, stem * 1.5, stem * 1.1),
        pale,
        solid=True,
    )
    under = Coat(mix(pale.colour, linear("B08A66"), 0.5), gloss=0.04, mottle=0.1)
    relief.ellipsoid((0, 0.0, 0), (wide * 0.97, 0.14, wide * 0.97), under)
    cap = Coat(draw_paint(rng), gloss=0.45, mottle=0.08)
    brim = np.linspace(0, 1, 60)
    radii = wide * np.sqrt(1 - (1 - brim) ** about(rng, 2.2, 0.3))
    along = -tall + brim * (tall + 0.02)
    relief.lathe((0, 0, 0), 0.0, tuple(along.tolist()), tuple(radii.tolist()), cap, solid=True)
    if rng.random() < 0.65:
        spot = vary(linear("F7F2E6"), rng, 0.05)
        for _ in range(int(rng.integers(7, 14))):
            x, y = (float(value) for value in rng.uniform((-0.8, -0.85), (0.8, -0.05)))
            size = float(rng.uniform(0.05, 0.13))
            relief.stain((x * wide, y * tall, 0.5), (size, size * 0.85, 0.9), spot, soft=0.15)
    return Drawing(relief)


DRAWERS: dict[str, Callable[[View, np.random.Generator], Drawing]] = {
    "tree": draw_tree,
    "fish": draw_fish,
    "mushroom": draw_mushroom,
}
