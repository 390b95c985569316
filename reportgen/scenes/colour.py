"""Colours that go together: one palette and one light per scene.

Colours are *linear* in this package: the square of the stored value, with a gamma of 2 in place of sRGB's.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Rgb = Float[ndarray, "3"]

# All classes share these grounds, so none may be a class's own colour; no purples and no acid greens.
PALETTES = (
    "E9C46A F4A261 E76F51 5FA39A 5C7680",
    "8ECAE6 58A6C0 F2D08A F0B45C E8E2D0",
    "CCD5AE E9EDC9 FEFAE0 FAEDCD D4A373",
    "A3AD85 868F63 F5EBD0 DDA15E C58B55",
    "E6EFE6 A8DADC 6F97B5 9DB0BE E3B9A0",
    "EDEDE9 D6CCC2 F5EBE0 E3D5CA C4A994",
    "CB997E DDBEA9 FFE8D6 B7B7A4 A5A58D",
    "4F9FB0 86C5C6 F7F3D4 F6CFAE EB8B74",
    "8A979C 8FB5A2 F0CE95 DE8B70 F4F1DE",
    "D8E2DC F9DDCB F3C4BE E5AA9E A8A09A",
    "BEE0E2 7FB7CE 6E9AB5 D4E6EF F1DDBA",
    "F3BE86 EFA579 E58D6C DE7F66 F6E3C0",
    "A9AD8F C1BA98 D9AE94 F1DCA7 DDA06D",
    "E6B89C EAD2AC 9CAFB7 6F9CB8 F2A79A",
    "A79E92 BCB8B1 F4F3EE E0AFA0 8E8A85",
    "B9C7C9 94A9AE E3DCCB C9B28F 7F8F93",
    "D9C3A0 B99B74 EFE3CB A58562 C9B79B",
    "C7D6D0 9DB9B3 EDE6D3 DCC9A3 B4A183",
)
PAINTS = (
    "C8453B E5765A DDA73A 3E8E8C 3F5F88 7FB0CF F2E8D5 93A67B 8B5E3C 5A5A5E E3A4A0 F7F4EE B5493F 4F7F9B C99A4B D8C7A5"
)


def linear(text: str) -> Rgb:
    """The linear colour of a six-digit hexadecimal sRGB value."""
    return (np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)], dtype=np.float32) / 255) ** 2


_PALETTES = tuple(np.stack([linear(name) for name in palette.split()]) for palette in PALETTES)
_PAINTS = np.stack([linear(name) for name in PAINTS.split()])


@dataclass(frozen=True)
class Light:
    """One lamp, a sky and a ground for everything in a scene; x to the right, y down, z towards the viewer."""

    direction: tuple[float, float, float]  # unit vector towards the lamp
    lamp: Rgb
    sky: Rgb
    ground: Rgb


def draw_light(rng: np.random.Generator) -> Light:
    """A lamp high on the left or right, warm against a cool sky or nearly white."""
    azimuth = float(rng.uniform(0.35, 1.05)) * (1 if rng.random() < 0.5 else -1)
    height = float(rng.uniform(0.55, 0.85))  # towards the viewer
    across = (1 - height**2) ** 0.5
    warmth = float(rng.normal(0.02, 0.035))
    level = float(rng.uniform(0.80, 1.0))
    tint = np.array([1 + warmth, 1.0, 1 - warmth], dtype=np.float32)
    return Light(
        direction=(across * float(np.sin(azimuth)), -across * float(np.cos(azimuth)), height),
        lamp=0.86 * level * tint,
        sky=0.40 * level * (2 - tint),
        ground=0.22 * level * tint,
    )


def draw_palette(rng: np.random.Generator) -> Float[ndarray, "colour 3"]:
    """One of the palettes, its colours in random order and slightly varied."""
    palette = _PALETTES[int(rng.integers(len(_PALETTES)))]
    return np.stack([vary(colour, rng, 0.06) for colour in rng.permutation(palette)])


def draw_paint(rng: np.random.Generator) -> Rgb:
    """A colour for a made thing."""
    return vary(_PAINTS[int(rng.integers(len(_PAINTS)))], rng, 0.10)


def vary(colour: Rgb, rng: np.random.Generator, amount: float) -> Rgb:
    """`colour` slightly lighter or darker (deviation `amount`), with a fifth of that deviation in hue."""
    overall, *each = rng.standard_normal(4).tolist()
    factors = np.array([min(max(1 + amount * (overall + one / 5), 0.5), 1.5) for one in each], dtype=np.float32)
    return np.minimum(colour * factors, np.float32(0.98))


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """`one` mixed with a `share` of `other`."""
    return (1 - share) * one + share * other
