"""Other things in a scene: balls, blocks, rings, cones, pebbles and pots, the same for every class."""

import numpy as np

from reportgen.scenes.colour import Light, draw_paint, vary
from reportgen.scenes.relief import Relief, blank
from reportgen.scenes.shading import Canvas, cast_shadow, lay_over, shaded
from reportgen.scenes.space import Coat, View, turned

MOST = 4  # things in the wide window


def draw_clutter(canvas: Canvas, view: View, light: Light, rng: np.random.Generator) -> None:
    """Put up to `MOST` things on the canvas, in place; most keep away from the middle."""
    for child in rng.spawn(int(rng.integers(1, MOST + 1))):
        distance, angle = float(child.uniform(0.62, 1.5)), float(child.uniform(0, 2 * np.pi))
        centre = (distance * np.cos(angle), distance * np.sin(angle))
        scale = float(child.uniform(0.09, 0.24))
        thing = _THINGS[int(child.integers(len(_THINGS)))]
        if distance * max(abs(np.cos(angle)), abs(np.sin(angle))) - 1.6 * scale > view.side / view.size:
            continue  # out of sight
        yaw, pitch, tilt = child.normal(0, (0.5, 0.4, 0.6)).tolist()
        pose = turned(yaw, pitch, tilt, scale, centre)
        relief = blank(view, pose, (-1.6, -1.6, 1.6, 1.6), child)
        coat = Coat(draw_paint(child), gloss=float(child.uniform(0.05, 0.5)), mottle=float(child.uniform(0.02, 0.15)))
        thing(relief, coat, child)
        layer = shaded(relief, light)
        if layer is not None:
            cast_shadow(canvas, layer, light, 0.05 * view.size * scale / 0.2, 0.5)
            lay_over(canvas, layer)


def _ball(relief: Relief, coat: Coat, rng: np.random.Generator) -> None:
    relief.ellipsoid((0, 0, 0), (1, 1, 1), coat)
    if rng.random() < 0.6:
        relief.stain((0, 0, 0), (1.6, float(rng.uniform(0.15, 0.45)), 1.6), draw_paint(rng), soft=0.06)


def _block(relief: Relief, coat: Coat, rng: np.random.Generator) -> None:
    """The three faces of a box that are turned to the viewer."""
    half = rng.uniform(0.5, 1.0, 3)
    for axis in range(3):
        side = np.sign(relief.pose.matrix[2, axis]) or 1.0
        u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
        hu, hv = half[(axis + 1) % 3], half[(axis + 2) % 3]
        corners = np.array([[-hu, -hv], [hu, -hv], [hu, hv], [-hu, hv]])
        x, y, z = (np.eye(3)[axis] * half[axis] * side).tolist()
        relief.plate([corners], coat, origin=(x, y, z), across=tuple(u.tolist()), down=tuple(v.tolist()), thick=0.0)


def _ring(relief: Relief, coat: Coat, rng: np.random.Generator) -> None:
    thick = float(rng.uniform(0.15, 0.32))
    around = np.linspace(0, np.pi, 9)
    radii = 1 - thick - thick * np.cos(around)
    relief.revolve((0, 0, 0), tuple(radii.tolist()), tuple((thick * np.sin(around)).tolist()), coat)


def _cone(relief: Relief, coat: Coat, rng: np.random.Generator) -> None:
    width = float(rng.uniform(0.5, 0.85))
    relief.lathe((0, 0, 0), 0.0, (-1.1, 0.9, 1.05), (0.04, width, width * 0.9), coat, solid=True)


def _pebbles(relief: Relief, coat: Coat, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 5))):
        x, y = (float(value) for value in rng.uniform(-0.7, 0.7, 2))
        a, b = (float(value) for value in rng.uniform(0.35, 0.7, 2))
        stone = Coat(vary(coat.colour, rng, 0.2), 0.08, mottle=0.16)
        relief.ellipsoid((x, y, 0), (a, b, 0.4), stone, turn=float(rng.uniform(0, 3)), wobble=0.06)


def _pot(relief: Relief, coat: Coat, rng: np.random.Generator) -> None:
    low, high, neck = (float(value) for value in rng.uniform((0.35, 0.6, 0.2), (0.6, 0.85, 0.45)))
    relief.lathe((0, 0, 0), 0.0, (-1.15, -0.95, -0.6, 0.1, 1.0), (neck * 1.3, neck, neck, high, low), coat, solid=True)


def _stick(relief: Relief, coat: Coat, rng: np.random.Generator) -> None:
    width = float(rng.uniform(0.08, 0.16))
    relief.lathe(
        (0, 0, 0), float(rng.uniform(0, np.pi)), (-1.5, -1.4, 1.4, 1.5), (width * 0.6, width, width, width * 0.6), coat
    )


_THINGS = (_ball, _block, _ring, _cone, _pebbles, _pot, _stick)
