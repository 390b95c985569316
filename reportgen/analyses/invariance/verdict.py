"""The claims `small-transformations-first-layer`, `quasi-linear-top` and `output-stable`."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from reportgen.analyses.invariance.curves import Statistic, mean_of_pairs, relative
from reportgen.analyses.invariance.distances import FIRST, TOP
from reportgen.analyses.invariance.result import Result, Small, share_left, small_transformations
from reportgen.claims import (
    FEWEST,
    OF_DIFFERENCE,
    OF_SHARE,
    SHARE,
    UNBOUNDED,
    Part,
    Unit,
    Verdict,
    difference_part,
    mean_part,
    median_part,
    not_tested,
    weighted_part,
)

STRAIGHT = (0.9, 1.0)  # R^2 of a quasi-linear curve
UNCHANGED = 1e-5  # of the mean distance between images: a distance that varies by no more does not change
LINE = 3  # points that tell a line: through two there is always one
AWAY = Unit("of the distance between two images")
LEFT = Unit("points of the probability left", 100)
EXPLAINED = Unit("% explained by a line", 100)
STRAIGHTER = Unit("points of R²", 100)
LINES = (("shift", "translation", 0), ("scale", "scale", 1))  # what, its curve, where nothing has moved


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claims `small-transformations-first-layer`, `quasi-linear-top` and `output-stable`."""
    return [_small(result, rng), _quasi_linear(result, rng), _stable(result, rng)]


def _no_layers(result: Result) -> str:
    """Why layers 1 and 7 cannot be compared; empty where they can."""
    if result.first_layer != FIRST:
        return f"the net has no layer {FIRST}: the lowest that is named is layer {result.first_layer}"
    if result.top_layer != TOP:
        return f"the net has no layer {TOP}: the last before its classifier is layer {result.top_layer}"
    for layer, between in ((FIRST, result.between_first), (TOP, result.between_top)):
        if not between.any():
            return f"layer {layer} does not tell the images apart: all have one feature vector"
    return ""


def _small(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "small-transformations-first-layer"
    if why := _no_layers(result):
        return not_tested(claim, why)

    def part(small: Small) -> Part:
        # The denominator, the distance between different images, is uncertain too: it is resampled along.
        return weighted_part(
            small.name,
            lambda weights: (
                relative(small.first, result.between_first, weights) - relative(small.top, result.between_top, weights)
            ),
            len(small.first),
            rng,
            unit=AWAY,
        )

    return Verdict(claim, tuple(part(small) for small in small_transformations(result) if not small.control))


def _quasi_linear(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "quasi-linear-top"
    if why := _no_layers(result):
        return not_tested(claim, why)

    found = [part for line in lines(result) for part in line.parts(rng)]
    return Verdict(claim, tuple(found), beside=tuple(_mean_curves(result, rng)))


@dataclass(frozen=True)
class Line:
    """How straight the images' own curves are along one range."""

    name: str
    first: Float[np.ndarray, " image"]  # R^2 at the lower layer; NaN where its distance does not change
    top: Float[np.ndarray, " image"]
    points: int  # of the direction that has the fewest

    @property
    def left_out(self) -> int:
        """Images whose distance at the upper layer does not change."""
        return int(np.isnan(self.top).sum())

    def parts(self, rng: np.random.Generator) -> list[Part]:
        """Layer 7's median R^2, and that of the difference to layer 1's."""
        top = self.top[np.isfinite(self.top)]
        both = np.isfinite(self.top) & np.isfinite(self.first)
        first = self.first[both]
        return [
            median_part(
                f"{self.name}: R² of layer {TOP}",
                top,
                rng,
                range=STRAIGHT,
                unit=EXPLAINED,
                bounds=OF_SHARE,
                untested=self._untested(len(top), f"at layer {TOP}"),
            ),
            median_part(
                f"{self.name}: R², layer {TOP} minus {FIRST}",
                self.top[both] - first,
                rng,
                unit=STRAIGHTER,
                bounds=OF_DIFFERENCE,
                most=float(np.median(1 - first))
                if len(first)
                else 1.0,  # of no image can it be above 1 minus its layer 1's
                untested=self._untested(len(first), "at one of the layers"),
            ),
        ]

    def _untested(self, known: int, where: str) -> str:
        if self.points < LINE:
            return f"the range has {self.points} points in one direction, and through two there is always a line"
        lacking = len(self.top) - known
        if 2 * lacking > len(self.top):
            return f"in {lacking} of {len(self.top)} images the distance {where} does not change along the range"
        return ""


def lines(result: Result) -> list[Line]:
    """The straightness of every image's own curves, for shifts and for scales."""
    everyone = np.ones((1, len(result.images)))
    first, top = (
        UNCHANGED * float(np.nan_to_num(mean_of_pairs(part, everyone)[0]))
        for part in (result.between_first, result.between_top)
    )
    found = []
    for name, curve, origin in LINES:
        curves = result.curves[curve]
        points = min(int(way.sum()) for way in curves.directions(origin) if way.any())
        found.append(Line(name, *curves.own_straightness(origin, (first, top)), points))
    return found


def _mean_curves(result: Result, rng: np.random.Generator) -> list[Part]:
    """R^2 of the curve of the mean distances, as figure 5 of many images shows it: not judged."""

    def parts(name: str, first: Statistic, top: Statistic) -> list[Part]:
        units = len(result.images)
        return [
            weighted_part(
                f"{name}: R² of the mean curve, layer {TOP}",
                top,
                units,
                rng,
                range=STRAIGHT,
                unit=EXPLAINED,
                bounds=OF_SHARE,
            ),
            weighted_part(
                f"{name}: R² of the mean curve, layer {TOP} minus {FIRST}",
                lambda weights: top(weights) - first(weights),
                units,
                rng,
                unit=STRAIGHTER,
                bounds=OF_DIFFERENCE,
            ),
        ]

    found = [part for name, curve, origin in LINES for part in parts(name, *result.curves[curve].straightness(origin))]
    return [part for part in found if np.isfinite(part.estimate)]


def _answers(result: Result, rng: np.random.Generator) -> Part:
    """How often the most probable class is another one after a shift by one pixel (Azulay & Weiss 2019): not judged."""
    shares = result.turned_answers.mean(axis=1)
    return mean_part("most probable class changed by a shift of one pixel", shares, rng, unit=SHARE, bounds=OF_SHARE)


def _stable(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "output-stable"
    shift, scale, turn = (share_left(result, curve)[result.correct] for curve in ("translation", "scale", "rotation"))
    symmetric, beside = result.symmetric[result.correct], (_answers(result, rng),)
    if len(symmetric) < FEWEST:
        why = f"{FEWEST} images are needed that the net gets right, and there are {len(symmetric)} of {len(result.images)}"
        return replace(not_tested(claim, why), beside=beside)
    most = 1 - float(turn.mean())  # all of the probability is left
    parts = [
        mean_part("shift minus rotation", shift - turn, rng, unit=LEFT, bounds=OF_DIFFERENCE, most=most),
        mean_part("scale minus rotation", scale - turn, rng, unit=LEFT, bounds=OF_DIFFERENCE, most=most),
    ]
    name, alike, others = "rotation: symmetric minus other classes", turn[symmetric], turn[~symmetric]
    if min(len(alike), len(others)) >= FEWEST:
        most = 1 - float(others.mean())
        third = difference_part(name, alike, others, rng, unit=LEFT, bounds=OF_DIFFERENCE, most=most)
    else:
        why = (
            "no class is known to be rotationally symmetric: name some, INVARIANCE_SYMMETRIC="
            if not result.symmetric.any()
            else f"{FEWEST} images of each are needed that the net gets right: {len(alike)} are of symmetric classes, "
            f"{len(others)} of others"
        )
        third = Part(name, 0.0, *UNBOUNDED, min(len(alike), len(others)), unit=LEFT, untested=why)
    return Verdict(claim, (*parts, third), beside=beside)
