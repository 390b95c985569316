"""Made things that stand upright: houses, mugs, sailing boats."""

from collections.abc import Callable

import numpy as np

from reportgen.scenes.colour import draw_paint, linear, mix, vary
from reportgen.scenes.drawing import Drawing, about, draw_pose
from reportgen.scenes.relief import Relief, blank
from reportgen.scenes.space import Coat, Number, Vector, View


def _rectangle(x: Number, y: Number, half_width: float, half_height: float) -> np.ndarray:
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [half_width, half_height] + np.array([x, y])


# --------------------------------------------------------------------------------------------------------------- house


def draw_house(view: View, rng: np.random.Generator) -> Drawing:
    """A house seen from a corner, its gable or its eaves in front, with a door, windows and a chimney."""
    side = 1 if rng.random() < 0.5 else -1
    pose = draw_pose(rng, scale=(0.47, 0.63), facing=(0.42 * side, 0.20), yaw=0.12, pitch=0.05, centre=(0.0, 0.08))
    relief = blank(view, pose, (-1.7, -1.8, 1.7, 1.5), rng)
    half = (about(rng, 0.74, 0.18), about(rng, 0.50, 0.22), about(rng, 0.62, 0.2))
    wall = Coat(draw_paint(rng), gloss=0.05, mottle=0.10)
    tiles = linear(str(rng.choice(["A8553F", "6E7480", "8B5E3C", "C0764F", "5F7F86"])))
    roof = Coat(vary(tiles, rng, 0.12), gloss=0.08, mottle=0.14)
    rise, gable = about(rng, 0.62, 0.3), rng.random() < 0.5
    _walls(relief, half, rise, wall, gable)
    _roof(relief, half, rise, roof, gable)
    _openings(relief, half, rng)
    if rng.random() < 0.7:
        _chimney(relief, half, rise, rng)
    return Drawing(relief)


def _walls(relief: Relief, half: Vector, rise: float, wall: Coat, gable: bool) -> None:
    """Front and both sides; the one under the gable reaches up to the ridge."""
    w, h, d = half
    peak = [[0, -h - rise]]
    front = _rectangle(0, 0, w, h)
    flank = _rectangle(0, 0, d, h)
    if gable:
        front = np.concatenate([front[:1], peak, front[1:]])
    else:
        flank = np.concatenate([flank[:1], peak, flank[1:]])
    for x in (-w, w):
        relief.plate([flank], wall, origin=(x, 0, 0), across=(0, 0, 1), thick=0.0)
    relief.plate([front], wall, origin=(0, 0, d), thick=0.0)


def _roof(relief: Relief, half: Vector, rise: float, roof: Coat, gable: bool) -> None:
    """Two slopes with overhanging eaves, and lines of tiles."""
    w, h, d = half
    run, length = (w, d) if gable else (d, w)
    slope = float(np.hypot(run, rise))
    reach, over = slope + 0.14, length + 0.09
    outline = np.array([[-over, 0], [over, 0], [over, reach], [-over, reach]])
    dark = Coat(0.72 * roof.colour, gloss=0.05, mottle=0.1)
    for side in (-1, 1):
        along = (0.0, 0.0, 1.0) if gable else (1.0, 0.0, 0.0)
        fall = (side * run / slope, rise / slope, 0.0) if gable else (0.0, rise / slope, side * run / slope)
        ridge = (0.0, -h - rise - 0.02, 0.0)
        before = relief.height.copy()
        relief.plate([outline], roof, origin=ridge, across=along, down=fall, thick=0.03, bevel=0.03)
        fresh = relief.height > before + 1e-4  # tiles only where this slope is visible
        rows = [
            np.array([[-over, v], [over, v], [over, v + 0.022], [-over, v + 0.022]])
            for v in np.arange(0.12, reach - 0.05, 0.13)
        ]
        kept = relief.paint.copy()
        relief.patch(rows, dark, origin=ridge, across=along, down=fall)
        np.copyto(relief.paint, kept, where=~fresh)


def _openings(relief: Relief, half: Vector, rng: np.random.Generator) -> None:
    """A door in the front, windows beside it and in the flanks, with pale frames; some are lit."""
    w, h, d = half
    trim = Coat(vary(linear("F4EEE0"), rng, 0.05), gloss=0.1)
    glass = Coat(vary(linear("F2CF7E" if rng.random() < 0.4 else "6F8FA3"), rng, 0.1), gloss=0.6)
    door = Coat(draw_paint(rng), gloss=0.2)
    door_x = float(rng.choice([-0.5, 0.0, 0.5])) * w
    tall, wide = about(rng, 0.62, 0.15) * h, about(rng, 0.16, 0.2)
    front = (0.0, 0.0, d)
    relief.patch([_rectangle(door_x, h - tall, wide + 0.035, tall)], trim, origin=front)
    relief.patch([_rectangle(door_x, h - tall + 0.02, wide, tall)], door, origin=front)
    size, high = about(rng, 0.15, 0.2), -0.15 * h
    for x in (-0.55 * w, 0.0, 0.55 * w):
        if abs(x - door_x) > 0.3 * w:
            _window(relief, x, high, size, trim, glass, front, (1.0, 0.0, 0.0))
    for x in (-w, w):
        if float(relief.pose.matrix[2, 0]) * x > 0:
            for z in (-0.45 * d, 0.45 * d):
                _window(relief, z, high, size, trim, glass, (x, 0.0, 0.0), (0.0, 0.0, 1.0))


def _window(relief: Relief, x: float, y: float, size: float, trim: Coat, glass: Coat,
            origin: Vector, across: Vector) -> None:  # fmt: skip
    relief.patch([_rectangle(x, y, size * 0.86 + 0.035, size + 0.035)], trim, origin=origin, across=across)
    panes = [
        _rectangle(x + a * 0.45 * size, y + b * 0.52 * size, 0.38 * size, 0.44 * size) for a in (-1, 1) for b in (-1, 1)
    ]
    relief.patch(panes, glass, origin=origin, across=across)


def _chimney(relief: Relief, half: Vector, rise: float, rng: np.random.Generator) -> None:
    brick = Coat(vary(linear("A5624E"), rng, 0.15), gloss=0.05, mottle=0.15)
    x, top, size = float(rng.choice([-1, 1])) * 0.45 * half[0], -half[1] - rise - about(rng, 0.12, 0.5), 0.12
    tall = 0.5
    for offset in (-size, size):
        relief.plate(
            [_rectangle(0, 0, size, tall)], brick, origin=(x + offset, top + tall, 0.0), across=(0, 0, 1), thick=0.0
        )
    relief.plate([_rectangle(0, 0, size, tall)], brick, origin=(x, top + tall, size), thick=0.0)
    cap = Coat(0.7 * brick.colour, gloss=0.05)
    relief.plate([_rectangle(0, 0, size * 1.2, size * 1.2)], cap, origin=(x, top, 0.0), down=(0, 0, 1), thick=0.0)


# ----------------------------------------------------------------------------------------------------------------- mug


def draw_mug(view: View, rng: np.random.Generator) -> Drawing:
    """A mug seen from a little above, handle to the left or the right, plain or with bands, dots or a heart."""
    side = 1 if rng.random() < 0.5 else -1
    shift = -0.14 * side
    pose = draw_pose(rng, scale=(0.50, 0.70), facing=(0.0, 0.40), yaw=0.22, pitch=0.09, centre=(shift, 0.0))
    relief = blank(view, pose, (-1.6, -1.5, 1.6, 1.5), rng)
    clay = Coat(draw_paint(rng), gloss=about(rng, 0.55, 0.5), mottle=0.03)
    top, bottom, tall = about(rng, 0.72, 0.12), about(rng, 0.62, 0.2), about(rng, 0.78, 0.18)
    belly = about(rng, 1.0, 0.10)
    thick, loop = about(rng, 0.10, 0.25), about(rng, 0.44, 0.15)
    around = np.linspace(0, np.pi, 11)
    radii = tuple((loop - thick * np.cos(around)).tolist())
    relief.revolve((side * (bottom + top) * 0.53, -0.02, 0.0), radii, tuple((thick * np.sin(around)).tolist()), clay)
    middle = belly * (top + bottom) / 2
    relief.lathe((0, 0, 0), 0.0, (-tall, 0.0, tall), (top, middle, bottom), clay, blend=0.004, solid=True)
    _decorate(relief, top, tall, rng)
    rim = Coat(mix(clay.colour, np.ones(3, dtype=np.float32), 0.25), gloss=0.5)
    relief.ellipsoid((0, -tall - 0.015, 0), (1.01 * top, 0.045, 1.01 * top), rim)
    inside = Coat(0.55 * mix(clay.colour, linear("F4EEE0"), 0.5), gloss=0.2, mottle=0.0)
    relief.ellipsoid((0, -tall - 0.035, 0), (0.88 * top, 0.035, 0.88 * top), inside, blend=0.004)
    if rng.random() < 0.65:
        drink = vary(linear(str(rng.choice(["5A3A28", "8A5A38", "B5713A", "C9A57E"]))), rng, 0.1)
        relief.stain((0, -tall + 0.02, -0.10), (0.80 * top, 0.2, 0.74 * top), drink, soft=0.06)
    return Drawing(relief)


def _decorate(relief: Relief, top: float, tall: float, rng: np.random.Generator) -> None:
    glaze = draw_paint(rng)
    kind = int(rng.integers(5))
    if kind == 1:
        for y in (-0.3, 0.0, 0.3)[: int(rng.integers(1, 4))]:
            relief.stain((0, y * tall * 1.5, 0), (3, 0.07, 3), glaze, soft=0.15)
    elif kind == 2:
        for _ in range(14):
            x, y = (float(value) for value in rng.uniform((-0.65, -0.8), (0.65, 0.8)))
            relief.stain((x, y * tall, 0.4), (0.08, 0.08, 0.6), glaze, soft=0.2)
    elif kind == 3:
        relief.stain((0, tall, 0), (3, float(rng.uniform(0.5, 1.0)), 3), glaze, soft=0.06)
    elif kind == 4:
        for side in (-1, 1):
            relief.stain((0.11 * side, -0.06, top), (0.17, 0.24, 0.5), glaze, soft=0.12, turn=0.65 * side)


# ------------------------------------------------------------------------------------------------------------ sailboat


def draw_sailboat(view: View, rng: np.random.Generator) -> Drawing:
    """A boat from the side: hull, mast, mainsail and jib, some with stripes on the hull and a pennant."""
    pose = draw_pose(rng, scale=(0.52, 0.74), yaw=0.22, pitch=0.08, centre=(0.0, 0.06))
    relief = blank(view, pose, (-1.3, -1.5, 1.3, 1.2), rng)
    way = 1 if rng.random() < 0.5 else -1
    wood = Coat(vary(linear(str(rng.choice(["8B5E3C", "A9794E", "6E4A32"]))), rng, 0.1), gloss=0.15, mottle=0.1)
    top, mast_x = -about(rng, 1.05, 0.08), way * about(rng, 0.06, 0.9)
    relief.lathe((mast_x, 0, 0), 0.0, (top - 0.06, 0.55), (0.028, 0.04), wood)
    _sails(relief, way, mast_x, top, rng)
    _hull(relief, way, wood, rng)
    if rng.random() < 0.6:
        pennant = np.array([[0, 0], [-way * 0.26, 0.07], [0, 0.14]]) + np.array([mast_x, top - 0.08])
        relief.plate([pennant], Coat(draw_paint(rng), gloss=0.1), thick=0.02, bevel=0.03)
    return Drawing(relief)


def _sails(relief: Relief, way: int, mast_x: float, top: float, rng: np.random.Generator) -> None:
    """Curved triangles that belly out; the jib hangs in front of the mast."""
    white = linear(str(rng.choice(["F7F3E8", "F3E6CB", "EDEFEA"])))
    main = Coat(vary(white, rng, 0.05) if rng.random() < 0.6 else draw_paint(rng), gloss=0.06, mottle=0.04)
    front = main if rng.random() < 0.5 else Coat(draw_paint(rng), gloss=0.06, mottle=0.04)
    foot, reach, jib = 0.36, about(rng, 0.74, 0.15), about(rng, 0.62, 0.15)
    main_sail = _sail(
        (mast_x - way * 0.05, top), (mast_x - way * 0.05, foot), (mast_x - way * reach, foot - 0.04), -way * 0.10
    )
    jib_top = top + about(rng, 0.18, 0.8)
    jib_sail = _sail(
        (mast_x + way * 0.05, jib_top),
        (mast_x + way * 0.07, foot - 0.04),
        (mast_x + way * jib, foot + 0.04),
        0.02 * way,
    )
    relief.plate([main_sail], main, thick=0.16, bevel=0.34)
    relief.plate([jib_sail], front, thick=0.12, bevel=0.24, origin=(0, 0, 0.06))
    if rng.random() < 0.45:
        stripe = Coat(draw_paint(rng), gloss=0.06)
        y, wide = float(rng.uniform(-0.3, 0.1)), about(rng, 0.09, 0.4)
        left, right = sorted((mast_x - way * 0.05, mast_x - way * reach))
        band = np.array([[left, y - wide], [right, y - wide], [right, y + wide], [left, y + wide]])
        inside = _clipped(band, main_sail)
        if inside is not None:
            relief.patch([inside], stripe)


def _sail(top: tuple[float, float], tack: tuple[float, float], clew: tuple[float, float], belly: float) -> np.ndarray:
    """A triangle whose leech, from clew to top, bulges by `belly`."""
    along = np.linspace(0, 1, 10)[:, None]
    leech = (1 - along) * np.array(clew) + along * np.array(top)
    leech[:, :1] += belly * np.sin(np.pi * along)
    return np.concatenate([[tack], leech])


def _clipped(band: np.ndarray, sail: np.ndarray) -> np.ndarray | None:
    """The part of a horizontal band inside a sail (convex enough): both cut by the band's two lines."""
    low, high = band[:, 1].min(), band[:, 1].max()
    kept = []
    for start, end in zip(sail, np.roll(sail, -1, axis=0), strict=True):
        if low <= start[1] <= high:
            kept.append(start)
        crossings = [
            (line - start[1]) / (end[1] - start[1]) for line in (low, high) if (line - start[1]) * (line - end[1]) < 0
        ]
        kept.extend(start + share * (end - start) for share in sorted(crossings))
    return np.array(kept) if len(kept) > 2 else None


def _hull(relief: Relief, way: int, wood: Coat, rng: np.random.Generator) -> None:
    length, deep = about(rng, 0.94, 0.08), about(rng, 0.36, 0.15)
    paint = Coat(draw_paint(rng), gloss=0.3, mottle=0.05) if rng.random() < 0.7 else wood
    along = np.linspace(-1, 1, 17)
    sheer = 0.46 - 0.10 * (along * 0.5 + 0.5) ** 2
    keel = sheer + deep * np.clip(1 - np.abs(along) ** 3, 0, 1) ** 0.6
    outline = np.concatenate([np.column_stack([along, sheer]), np.column_stack([along, keel])[::-1][1:-1]])
    outline[:, 0] *= way * length
    relief.plate([outline], paint, thick=0.34, bevel=0.34, origin=(0, 0, -0.05))
    rail = np.concatenate([np.column_stack([along, sheer - 0.02]), np.column_stack([along, sheer + 0.06])[::-1]])
    rail[:, 0] *= way * length
    relief.patch([rail], wood, origin=(0, 0, -0.05))
    if rng.random() < 0.5:
        water = np.minimum(sheer + 0.55 * deep, keel)
        under = np.concatenate([np.column_stack([along, water]), np.column_stack([along, keel])[::-1]])
        under[:, 0] *= way * length
        relief.patch([under], Coat(draw_paint(rng), gloss=0.3), origin=(0, 0, -0.05))


DRAWERS: dict[str, Callable[[View, np.random.Generator], Drawing]] = {
    "house": draw_house,
    "mug": draw_mug,
    "sailboat": draw_sailboat,
}
