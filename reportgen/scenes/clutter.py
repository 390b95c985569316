"""Other things in a scene: balls, blocks, rings, cones, pebbles and pots, the same for every class."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from reportgen.scenes.colour import Light, draw_paint, vary
from reportgen.scenes.relief import Relief, blank
from reportgen.scenes.shading import Canvas, cast_shadow, lay_over, shaded
from reportgen.scenes.space import Coat, Pose, View, turned

MOST = 5  # things behind the object, in the wide window
SCALES = (0.12, 0.40)  # of things, scene units
IN_FRONT = (0.30, 0.45, 0.25)  # how probable are 0, 1, 2 things in front of the object
SCALES_IN_FRONT = (0.12, 0.28)
FREE = 0.92  # of the object's scale: things in front of it begin so far below its middle, below eyes and noses


def draw_clutter(canvas: Canvas, view: View, light: Light, rng: np.random.Generator) -> None:
    """Put up to `MOST` things on the canvas, in place, anywhere in the wide window."""
    for child in rng.spawn(int(rng.integers(1, MOST + 1))):
        x, y = (float(value) for value in child.uniform(-1.5, 1.5, 2))
        _put_thing(canvas, view, light, (x, y), float(child.uniform(*SCALES)), child)


def draw_in_front(
    canvas: Canvas, view: View, light: Light, pose: Pose, rng: np.random.Generator
) -> Float[ndarray, "row column"]:
    """Put up to two things in front of the object's lower part, in place; returns where they cover what is behind.

    What stands nearer to the viewer stands lower in a picture. `FREE` keeps the parts of faces uncovered, and is the
    same for every class.
    """
    covered = np.zeros(canvas.shape[1:], dtype=np.float32)
    for child in rng.spawn(int(rng.choice(len(IN_FRONT), p=IN_FRONT))):
        scale = float(child.uniform(*SCALES_IN_FRONT))
        x = pose.centre[0] + float(child.uniform(-0.9, 0.9)) * pose.scale
        top = pose.centre[1] + float(child.uniform(FREE, FREE + 0.4)) * pose.scale
        _put_thing(canvas, view, light, (x, top), scale, child, covered)
    return covered


def _put_thing(
    canvas: Canvas,
    view: View,
    light: Light,
    centre: tuple[float, float],
    scale: float,
    rng: np.random.Generator,
    covered: ndarray | None = None,
) -> None:
    """Put one thing and its shadow on the canvas, in place.

    With `covered`, `centre` is the middle of the thing's upper end, and what it covers is added there.
    """
    thing, reach = _THINGS[int(rng.integers(len(_THINGS)))]
    if covered is not None:
        centre = (centre[0], centre[1] + reach * scale)
    if max(abs(centre[0]), abs(centre[1])) - 1.6 * scale > view.side / view.size:
        return  # out of sight
    yaw, pitch, tilt = rng.normal(0, (0.5, 0.4, 0.6)).tolist()
    pose = turned(yaw, pitch, tilt, scale, centre)
    relief = blank(view, pose, (-1.6, -1.6, 1.6, 1.6), rng)
    coat = Coat(draw_paint(rng), gloss=float(rng.uniform(0.05, 0.5)), mottle=float(rng.uniform(0.02, 0.15)))
    thing(relief, coat, rng)
    layer = shaded(relief, light)
    if layer is None:
        return
    cast_shadow(canvas, layer, light, 0.05 * view.size * scale / 0.2, 0.5)
    lay_over(canvas, layer)
    if covered is not None:
        height, width = layer.cover.shape
        place = covered[layer.row : layer.row + height, layer.column : layer.column + width]
        np.maximum(place, layer.cover, out=place)


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


_THINGS = (  # and how far from its middle each can reach, however it is turned
    (_ball, 1.0),
    (_block, 1.6),
    (_ring, 1.0),
    (_cone, 1.36),
    (_pebbles, 1.6),
    (_pot, 1.3),
    (_stick, 1.5),
)
