"""Colours as the colour-blind see them, and as a grey printer prints them."""

from itertools import combinations

import numpy as np
import pytest
from jaxtyping import Float
from matplotlib.colors import to_rgb

from reportgen.analyses.occlusion import draw as occlusion
from reportgen.figures.draw import charts, style

# Machado, Oliveira and Fernandes (2009), whole loss of one kind of cone; they act on linear RGB.
SEEN = {
    "by all": np.eye(3),
    "without long cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "without medium cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "without short cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # of sRGB, D65


def lab(colours: Float[np.ndarray, "colour 3"], how: str) -> Float[np.ndarray, "colour 3"]:
    """CIELAB of sRGB colours from 0 to 1, as they are seen."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    xyz = (linear @ np.transpose(SEEN[how])).clip(0, 1) @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack((116 * root[:, 1] - 16, 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])), axis=1)


@pytest.mark.parametrize("how", SEEN)
@pytest.mark.parametrize("map_", [occlusion.COLOURS, charts.BLUES], ids=["viridis", "blues"])
def test_values_are_read_from_lightness_alone(map_, how: str) -> None:
    """So that a grey print and every eye put them in the same order."""
    lightness = lab(map_(np.linspace(0, 1, 33))[:, :3], how)[:, 0]
    steps = np.diff(lightness) * np.sign(lightness[-1] - lightness[0])
    assert steps.min() > 0
    assert abs(lightness[-1] - lightness[0]) > 50


@pytest.mark.parametrize("how", SEEN)
def test_lines_are_told_apart(how: str) -> None:
    seen = lab(np.array([to_rgb(colour) for colour in style.CYCLE]), how)
    assert min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)) > 15


def test_where_colour_is_lost_marks_and_patterns_are_left() -> None:
    assert len(set(style.MARKERS)) == len(style.CYCLE)
    inked = [occlusion.pattern(kind, 60, 60) for kind in range(occlusion.PATTERNS)]
    for one, other in combinations(inked, 2):
        assert (one != other).mean() > 0.05
    for colour, ink in map(occlusion._region, range(1, occlusion.PATTERNS)):
        ground, line = lab(np.array([colour, ink]), "by all")[:, 0]
        assert ground - line > 12  # in the lightness that grey print has left
