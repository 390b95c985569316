"""Rotationally symmetric objects: wheels, clocks, flowers, seen from the front."""

from collections.abc import Callable

import numpy as np

from reportgen.scenes.colour import draw_paint, linear, mix, vary
from reportgen.scenes.drawing import Drawing, about, draw_pose
from reportgen.scenes.relief import Relief, blank
from reportgen.scenes.space import Coat, Number, View

REACH = (-1.25, -1.25, 1.25, 1.25)
Numbers = tuple[Number, ...]


def _tube(inner: float, outer: float, height: float) -> tuple[Numbers, Numbers]:
    """Radii and rises of a ring with a half-round section."""
    around = np.linspace(0, np.pi, 13)
    radii = (inner + outer) / 2 - (outer - inner) / 2 * np.cos(around)
    return tuple(radii.tolist()), tuple((height * np.sin(around)).tolist())


def draw_wheel(view: View, rng: np.random.Generator) -> Drawing:
    """A cart's, a car's or a bicycle's wheel."""
    pose = draw_pose(rng, scale=(0.50, 0.76), yaw=0.22, pitch=0.12)
    relief = blank(view, pose, REACH, rng)
    _WHEELS[int(rng.integers(len(_WHEELS)))](relief, rng)
    return Drawing(relief)


def _cart_wheel(relief: Relief, rng: np.random.Generator) -> None:
    tone = linear(str(rng.choice(["9A6B42", "7A5236", "B98B5E", "8F8578"])))
    wood = Coat(vary(tone, rng, 0.12) if rng.random() < 0.6 else draw_paint(rng), gloss=0.08, mottle=0.16)
    rim, hub, count = about(rng, 0.17, 0.3), about(rng, 0.22, 0.25), int(rng.integers(6, 13))
    start, width = float(rng.uniform(0, 2 * np.pi)), about(rng, 0.062, 0.3)
    for turn in start + np.arange(count) * (2 * np.pi / count):
        relief.lathe((0, 0, 0), float(turn), (hub * 0.6, 0.5, 1 - rim * 0.7), (width * 1.1, width * 0.9, width), wood)
    relief.revolve((0, 0, 0), *_tube(1 - rim, 0.96, 0.10), wood)
    iron = Coat(vary(linear("6A6866"), rng, 0.15), gloss=0.4, mottle=0.10)
    relief.revolve((0, 0, -0.02), *_tube(0.93, 1.0, 0.09), iron)
    relief.revolve((0, 0, 0), (0.0, hub * 0.5, hub * 0.95, hub), (0.24, 0.22, 0.14, 0.0), wood)
    relief.revolve((0, 0, 0.2), (0.0, hub * 0.42, hub * 0.45), (0.09, 0.06, 0.0), iron)


def _car_wheel(relief: Relief, rng: np.random.Generator) -> None:
    tyre = Coat(vary(linear("4C4A4A"), rng, 0.15), gloss=0.10, mottle=0.06)
    metal = Coat(vary(linear("C9C9C6"), rng, 0.10) if rng.random() < 0.6 else draw_paint(rng), gloss=0.7, mottle=0.03)
    inner, hub, count = about(rng, 0.66, 0.10), about(rng, 0.17, 0.25), int(rng.integers(4, 9))
    relief.revolve((0, 0, -0.1), (0.0, 0.9), (0.0, 0.0), Coat(0.6 * tyre.colour, gloss=0.02))
    relief.revolve((0, 0, 0), *_tube(inner, 1.0, 0.22), tyre)
    if rng.random() < 0.35:
        white = Coat(linear("EFE9DC"), gloss=0.1)
        relief.revolve((0, 0, 0.04), *_tube(inner + 0.05, inner + 0.17, 0.20), white)
    start, width = float(rng.uniform(0, 2 * np.pi)), about(rng, 0.34 / count**0.5, 0.35)
    for turn in start + np.arange(count) * (2 * np.pi / count):
        relief.lathe((0, 0, 0.02), float(turn), (hub * 0.5, inner), (width * 0.55, width), metal, depth=0.5)
    relief.revolve((0, 0, 0.02), *_tube(inner - 0.07, inner + 0.03, 0.12), metal)
    relief.revolve((0, 0, 0.06), (0.0, hub * 0.6, hub), (0.14, 0.12, 0.0), metal)


def _bicycle_wheel(relief: Relief, rng: np.random.Generator) -> None:
    tyre = Coat(vary(linear("4C4A4A"), rng, 0.15) if rng.random() < 0.7 else draw_paint(rng), gloss=0.15)
    metal = Coat(vary(linear("D2D0CB"), rng, 0.08), gloss=0.7, mottle=0.03)
    count, start = int(rng.integers(7, 12)) * 2, float(rng.uniform(0, 2 * np.pi))
    width, cross = about(rng, 0.020, 0.25), float(rng.uniform(0, 0.10))
    for number in range(count):
        turn = start + number * (2 * np.pi / count)
        side = cross * (1 if number % 2 else -1)
        root = (side * float(np.cos(turn)), side * float(np.sin(turn)), 0.0)
        relief.lathe(root, float(turn), (0.04, 0.88), (width, width), metal)
    relief.revolve((0, 0, 0), *_tube(0.80, 0.88, 0.07), metal)
    relief.revolve((0, 0, 0), *_tube(0.86, 1.0, 0.09), tyre)
    relief.revolve((0, 0, 0), (0.0, 0.07, 0.15, 0.16), (0.18, 0.16, 0.10, 0.0), metal)


_WHEELS: tuple[Callable[[Relief, np.random.Generator], None], ...] = (_cart_wheel, _car_wheel, _bicycle_wheel)


def draw_clock(view: View, rng: np.random.Generator) -> Drawing:
    """A wall clock: case, face, marks of the hours, hands."""
    pose = draw_pose(rng, scale=(0.48, 0.74), yaw=0.20, pitch=0.12)
    relief = blank(view, pose, REACH, rng)
    rim = about(rng, 0.13, 0.4)
    case = Coat(draw_paint(rng), gloss=about(rng, 0.45, 0.5), mottle=0.04)
    pale = rng.random() < 0.75
    face = (
        vary(linear(str(rng.choice(["F7F2E6", "EFE6D2", "E4ECEA", "F4E3D3"]))), rng, 0.05) if pale else draw_paint(rng)
    )
    dark = float(face.mean()) > 0.22
    ink = Coat(vary(linear("35302E" if dark else "F5F0E4"), rng, 0.1), gloss=0.05)
    relief.revolve((0, 0, 0), (0.0, 1 - rim * 0.6), (0.0, 0.0), Coat(face, gloss=0.10, mottle=0.02))
    relief.revolve((0, 0, 0), *_tube(1 - rim, 1.0, about(rng, 0.14, 0.3)), case)
    _hours(relief, ink, 1 - rim, rng)
    _hands(relief, ink, 1 - rim, rng)
    return Drawing(relief)


def _hours(relief: Relief, ink: Coat, radius: float, rng: np.random.Generator) -> None:
    """Twelve marks, bars or dots, those of the quarters larger; minutes too on some clocks."""
    bars, long, wide = rng.random() < 0.7, about(rng, 0.14, 0.4), about(rng, 0.030, 0.4)
    quarters = about(rng, 1.5, 0.3)
    for hour in range(12):
        angle = hour * np.pi / 6
        outward, sideways = np.array([np.sin(angle), -np.cos(angle)]), np.array([np.cos(angle), np.sin(angle)])
        size = quarters if hour % 3 == 0 else 1.0
        if bars:
            ends = (0.93 * radius * outward, (0.93 * radius - long * size**0.6) * outward)
            corners = [ends[0] - wide * size * sideways, ends[0] + wide * size * sideways]
            corners += [ends[1] + wide * size * sideways, ends[1] - wide * size * sideways]
            relief.patch([np.array(corners)], ink)
        else:
            around = np.linspace(0, 2 * np.pi, 14, endpoint=False)[:, None]
            dot = 1.5 * wide * size * (np.cos(around) * outward + np.sin(around) * sideways)
            relief.patch([0.84 * radius * outward + dot], ink)


def _hands(relief: Relief, ink: Coat, radius: float, rng: np.random.Generator) -> None:
    time = float(rng.uniform(0, 12))
    width = about(rng, 0.045, 0.35)
    tail = about(rng, 0.12, 0.5)
    angles = (time * np.pi / 6, time * 2 * np.pi)
    for angle, length, wide in zip(angles, (0.52, 0.80), (1.3, 1.0), strict=True):
        shape = np.array(
            [[-0.6, tail], [0.6, tail], [1.0, 0], [0.35, -length * radius], [-0.35, -length * radius], [-1.0, 0]]
        )
        shape[:, 0] *= width * wide
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        relief.plate([shape @ turn], ink, origin=(0, 0, 0.03), thick=0.03, bevel=0.03)
    hub = ink
    if rng.random() < 0.5:
        hub = Coat(draw_paint(rng), gloss=0.3)
        angle = float(rng.uniform(0, 2 * np.pi))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        shape = np.array([[-0.014, 0.2], [0.014, 0.2], [0.010, -0.84 * radius], [-0.010, -0.84 * radius]])
        relief.plate([shape @ turn], hub, origin=(0, 0, 0.07), thick=0.02, bevel=0.02)
    relief.revolve((0, 0, 0.07), (0.0, 0.05, 0.075), (0.05, 0.04, 0.0), hub)


def draw_flower(view: View, rng: np.random.Generator) -> Drawing:
    """A blossom seen from above: one or two whorls of petals around a seeded disc, a leaf or two behind."""
    pose = draw_pose(rng, scale=(0.50, 0.76), yaw=0.20, pitch=0.14)
    relief = blank(view, pose, REACH, rng, comb=(0.0, 0.0, 0.0))
    _leaves(relief, rng)
    count = int(rng.choice([5, 6, 7, 8, 10, 13, 16]))
    colour = draw_paint(rng)
    colour = mix(colour, np.ones(3, dtype=np.float32), 0.55 if colour.max() < 0.25 else 0.08)  # no black petals
    throat = mix(colour, draw_paint(rng), 0.6)
    heart, start = about(rng, 0.24, 0.35), float(rng.uniform(0, 2 * np.pi))
    fullness = float(rng.uniform(0.75, 1.25))
    blunt = float(rng.uniform(0.25, 0.95))
    for whorl in range(1 if rng.random() < 0.55 else 2):
        length = 1.0 - 0.24 * whorl
        width = min(fullness * np.pi * 0.72 * length / count, 0.40 * length)
        for number in range(count):
            turn = start + (number + 0.5 * whorl) * (2 * np.pi / count) + float(rng.normal(0, 0.05))
            petal = Coat(vary(mix(colour, throat, 0.15 * whorl), rng, 0.05), gloss=0.08, fur=0.10, mottle=0.05)
            long = length * float(rng.uniform(0.92, 1.0))
            along, radii = (
                (0.05, 0.35 * long, 0.72 * long, 0.94 * long, long),
                (0.35, 0.8, 1.0, blunt, 0.12 + 0.4 * blunt),
            )
            level = 0.05 * (number % 2) + 0.01 * number / count + 0.10 * whorl
            shape = tuple(value * width for value in radii)
            relief.lathe((0, 0, level), turn, along, shape, petal, depth=0.35, blend=0.004)
    relief.stain((0, 0, 0.2), (heart * 1.9, heart * 1.9, 1.0), throat, soft=0.6)
    _heart(relief, heart, rng)
    return Drawing(relief)


def _leaves(relief: Relief, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(0, 4))):
        green = Coat(vary(linear(str(rng.choice(["7E9460", "93A26E", "6C8560"]))), rng, 0.1), gloss=0.12, mottle=0.08)
        turn, width = float(rng.uniform(0, 2 * np.pi)), about(rng, 0.24, 0.3)
        relief.lathe((0, 0, -0.35), turn, (0.3, 0.75, 1.2), (0.03, width, 0.02), green, depth=0.3)


def _heart(relief: Relief, radius: float, rng: np.random.Generator) -> None:
    """The disc in the middle, with seeds in a golden-angle spiral."""
    tone = linear(str(rng.choice(["DDA73A", "8B5E3C", "C98A3C", "6B4A34", "E9C46A", "93A67B"])))
    relief.ellipsoid(
        (0, 0, 0.15), (radius, radius, 0.6 * radius), Coat(vary(tone, rng, 0.1), gloss=0.08, mottle=0.12), wobble=0.02
    )
    seed = mix(tone, np.full(3, 0.9 if rng.random() < 0.5 else 0.03, dtype=np.float32), 0.45)
    for number in range(1, 22):
        distance, angle = 0.86 * radius * (number / 22) ** 0.5, 2.39996 * number
        place = (distance * float(np.cos(angle)), distance * float(np.sin(angle)), 0.15 + 0.4 * radius)
        relief.stain(place, (0.085 * radius, 0.085 * radius, radius), seed, soft=0.6)


DRAWERS: dict[str, Callable[[View, np.random.Generator], Drawing]] = {
    "wheel": draw_wheel,
    "clock": draw_clock,
    "flower": draw_flower,
}
