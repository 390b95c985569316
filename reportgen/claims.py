"""The paper's claims and how a run is judged.

The sentences are Zeiler & Fergus 2013's, the rules this project's; they were fixed before the runs they judge. A claim
has parts, each a number that the claim says lies in a range (mostly above zero). A part holds if its interval lies
wholly inside the range, is contradicted if wholly outside, else undecided.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import scipy  # its statistics load when they are first used
from jaxtyping import Float

Outcome = Literal["holds", "contradicted", "undecided"]
ABOVE_ZERO = (0.0, float("inf"))


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper that can be measured."""

    id: str
    statement: str
    paper: str  # what the paper measured or showed
    where: str  # section and figure or table of the paper
    rule: str  # what is measured here, and on which unit the interval rests
    needs_competence: bool = True  # False: it concerns training, whether or not the net learned


CLAIMS = (
    Claim(
        "hierarchy",
        "Features grow from edges to textures to class-specific parts and objects: the nine images of a map agree on "
        "a class more often the deeper the layer.",
        "shown by its figure 2, not counted",
        "section 4, figure 2",
        "Share of same-class pairs among a map's nine strongest images: layer 5 minus layer 1, and layer 5 minus the "
        "same layer of the untrained net. Unit: maps.",
    ),
    Claim(
        "grouping",
        "Within one map the nine stimuli are alike, more than they are like another map's.",
        "shown by its figure 2, not counted",
        "section 4, figure 2",
        "For each of layers 2-5: similarity of a map's nine patches to each other minus their similarity to patches of "
        "other maps of the layer (patches resampled to 32 px, HOG and mean colour, pairs from one image left out). "
        "Unit: maps.",
    ),
    Claim(
        "lower-layers-converge-first",
        "Lower layers settle within a few epochs, upper layers only late.",
        "layers 1-2 in a few epochs, layers 4-5 after 40-50 of 70",
        "section 4, figure 4",
        "First snapshot from which (CKA_t - CKA_0)/(1 - CKA_0) stays at or above 0.9, interpolated; debiased linear "
        "CKA with the final net on at least 500 fixed validation images: layer 5 minus layer 1, layer 4 minus layer 2. "
        "Unit: images, resampled as weights.",
    ),
    Claim(
        "small-transformations-first-layer",
        "A small transformation moves layer 1 far more than layer 7.",
        "shown by its figure 5, not counted",
        "section 4, figure 5",
        "At 5 px of 224 (in proportion), scale 1.05 and 5 degrees: distance relative to that between different images, "
        "layer 1 minus layer 7. Unit: images.",
    ),
    Claim(
        "quasi-linear-top",
        "At the top layer, distance grows quasi-linearly with translation and scale.",
        "shown by its figure 5, not counted",
        "section 4, figure 5",
        "R² of a straight line of the mean layer-7 distance against the size of the shift and against scale − 1 over the paper's "
        "ranges, the untransformed point left out: in [0.9, 1]; and each R² minus layer 1's. Unit: images.",
    ),
    Claim(
        "output-stable",
        "The true label's probability is stable to translation and scale, not to rotation, save for rotationally "
        "symmetric objects.",
        "shown by its figure 5, not counted",
        "section 4, figure 5",
        "Mean of min(1, p(true, transformed)/p(true, clean)) over the paper's range, correctly classified images: "
        "translation minus rotation, scale minus rotation, rotation of symmetric classes minus of the others. "
        "Unit: images.",
    ),
    Claim(
        "clipping",
        "Without clipping the filters' RMS, a few layer-1 filters dominate.",
        "one filter dominates in its figure 6(a)",
        "section 4.1, figure 6(a)",
        "Two nets by the recipe 'paper', with and without clipping: share of an image's layer-1 response energy that lies in "
        "the 5 % of filters strongest over all images (at least one), without minus with. Where clipping never acted, or a "
        "training diverged: undecided. Unit: images.",
        needs_competence=False,
    ),
    Claim(
        "fewer-dead-features",
        "A 7x7 first layer with stride 2 has fewer dead and more distinctive filters than 11x11 with stride 4, and "
        "covers the middle frequencies.",
        "shown by its figure 6(b, c), not counted",
        "section 4.1, figure 6(b, c)",
        "11x11/4 minus 7x7/2, layer 1: share of dead filters; mean cosine similarity of a filter to its nearest other; "
        "7x7/2 minus 11x11/4: share of spectral energy between 1/16 and 1/4 cycle per pixel. Unit: filters.",
    ),
    Claim(
        "less-aliasing",
        "Layer-2 projections of the 7x7/2 net are freer of aliasing.",
        "shown by its figure 6(d, e), not counted",
        "section 4.1, figure 6(d, e)",
        "Share of a layer-2 projection's spectral energy in narrow bands around 1/4 and 1/2 cycle per pixel, relative "
        "to the image patch (logarithm of the ratio of the two shares): 11x11/4 minus 7x7/2. Unit: projections, one for "
        "each image.",
    ),
    Claim(
        "better-architecture",
        "The net with 7x7 filters and stride 2 has the lower error.",
        "top-1 error 38.4 % against 40.5 %",
        "section 5.1, table 2",
        "Validation error of 11x11/4 minus that of 7x7/2, same data, seed and schedule. Unit: images, paired; with six seeds "
        "or more: seeds, paired (Student's t).",
    ),
    Claim(
        "localises",
        "Covering the object drops the correct class's probability, covering background does not.",
        "shown by its figure 7, not counted",
        "section 4.2, figure 7",
        "Drop of the true class's probability, square at least half on the object minus square on background; "
        "pointing-game hits minus the object's share of the area. Unit: images.",
    ),
    Claim(
        "visualisation-is-genuine",
        "Covering what the projection shows drops that map's activity.",
        "shown by its figure 7, not counted",
        "section 4.2, figure 7",
        "Relative drop of the map's summed activation, covering the peak of the projection's energy minus covering an "
        "equal area inside the receptive field that the projection leaves empty. Unit: images.",
    ),
    Claim(
        "correspondence",
        "Masking the same part changes the features alike in different images, more alike than random masks do; less "
        "so at layer 7.",
        "layer 5: 0.067-0.079 for the parts, 0.107 for random masks",
        "section 4.3, table 1",
        "The paper's score at layer 5, random places on the object minus each part; the parts' mean gap at layer 5 minus "
        "at layer 7. A change of at most 1e-5 of the image's largest feature counts as zero; equal signs, zeros included, "
        "agree. Pairs within a class, averaged over classes. Unit: images (delete-one jackknife, Student's t).",
    ),
    Claim(
        "depth-matters",
        "Removing layers 3 and 4, or 6 and 7, costs little; removing both costs much.",
        "extra error 4.9 and 4.3 points; 30.8 for both",
        "section 5.1, table 3",
        "Extra error without both 3,4 and 6,7 minus the sum of the extra errors without each. Unit: images, paired.",
    ),
    Claim(
        "generalises",
        "A softmax on frozen features beats training from scratch, the more so the fewer images a class has.",
        "Caltech-101, 15 images a class: 83.8 % against 22.8 %",
        "section 5.2, tables 4 and 5, figure 9",
        "Accuracy of the softmax on frozen features minus training from scratch, at the smallest and the largest "
        "number of images a class; the gap at the smallest minus at the largest. Unit: test images.",
    ),
    Claim(
        "deeper-is-better",
        "The accuracy of a linear classifier rises with the layer it reads.",
        "Caltech-101, SVM: 44.8 % at layer 1 to 85.5 % at layer 7",
        "section 5.3, table 7",
        "On the transfer set: accuracy at layer 7 minus at layer 1; rank correlation of accuracy with layer. "
        "Unit: test images.",
    ),
)
BY_ID = {claim.id: claim for claim in CLAIMS}

LEVEL = 1 - 0.05 / len(CLAIMS)  # all claims are tested at once
RESAMPLES = 20_000
COMPETENT = 0.2  # of the way from chance to perfect


@dataclass(frozen=True)
class Part:
    """One number a claim speaks of, with its interval."""

    name: str
    estimate: float
    low: float
    high: float
    n: int  # independent units behind it
    range: tuple[float, float] = ABOVE_ZERO

    @property
    def outcome(self) -> Outcome:
        """Where the interval lies: inside the claim's range, outside it, or across an end of it."""
        low, high = self.range
        if self.low > low and self.high <= high:
            return "holds"
        return "contradicted" if self.high < low or self.low > high else "undecided"

    @property
    def favour(self) -> tuple[int, float]:
        """Sorts parts, the least favourable first: by outcome, then by distance from the range's end in widths."""
        rank = ("contradicted", "undecided", "holds").index(self.outcome)
        room = min(self.estimate - self.range[0], self.range[1] - self.estimate)
        return rank, room / max(self.high - self.low, 1e-12)


@dataclass(frozen=True)
class Verdict:
    """What a run says of one claim."""

    id: str
    parts: tuple[Part, ...]
    why: str = ""  # why it is undecided whatever the parts say; or "" to let the parts speak
    not_tested: bool = field(default=False)

    @property
    def verdict(self) -> str:
        """``holds``, ``contradicted``, ``undecided`` or ``not tested``."""
        if self.not_tested:
            return "not tested"
        outcomes = {part.outcome for part in self.parts}
        if self.why or not outcomes:
            return "undecided"
        return next((outcome for outcome in ("contradicted", "undecided") if outcome in outcomes), "holds")

    def document(self) -> dict[str, Any]:
        """As ``metrics.json`` carries it; the numbers are those of the part that decides, the least favourable."""
        decisive = min(self.parts, key=lambda part: part.favour) if self.parts else None
        return {
            "id": self.id,
            "verdict": self.verdict,
            "estimate": decisive.estimate if decisive else None,
            "low": _finite(decisive.low) if decisive else None,
            "high": _finite(decisive.high) if decisive else None,
            "n": decisive.n if decisive else 0,
            "why": self.why,
            "parts": [
                {
                    "name": part.name,
                    "estimate": part.estimate,
                    "low": _finite(part.low),
                    "high": _finite(part.high),
                    "n": part.n,
                    "range": [_finite(end) for end in part.range],
                    "outcome": part.outcome,
                }
                for part in self.parts
            ],
        }


def _finite(value: float) -> float | None:
    """JSON has no infinity: an interval or a range without an end there ends in null."""
    return value if np.isfinite(value) else None


def not_tested(claim: str, why: str) -> Verdict:
    """The verdict on a claim that this run has no material for."""
    return Verdict(claim, (), why, not_tested=True)


def mean_part(name: str, sample: Float[np.ndarray, " unit"], rng: np.random.Generator) -> Part:
    """The mean of independent units, with its bootstrap interval."""
    return _part(name, (sample,), rng, paired=True)


def difference_part(
    name: str, sample: Float[np.ndarray, " unit"], other: Float[np.ndarray, " other"], rng: np.random.Generator
) -> Part:
    """Mean of one sample minus mean of another, independent one, with its bootstrap interval."""
    return _part(name, (sample, other), rng, paired=False)


def _part(name: str, samples: Sequence[np.ndarray], rng: np.random.Generator, paired: bool) -> Part:
    def statistic(first: Any, second: Any = None, axis: int = -1) -> Any:
        return first.mean(axis=axis) - (0.0 if second is None else second.mean(axis=axis))

    estimate = float(samples[0].mean() - (samples[1].mean() if len(samples) > 1 else 0))
    units = min(len(sample) for sample in samples)
    if units < 2:
        return Part(name, estimate, float("-inf"), float("inf"), units)
    if all(np.ptp(sample) == 0 for sample in samples):  # nothing varies: the bootstrap has nothing to resample
        return Part(name, estimate, *_constant(estimate, samples), units)
    interval = scipy.stats.bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        batch=500,
        confidence_level=LEVEL,
        method="percentile",
        paired=paired,
        vectorized=True,
        rng=rng,
    ).confidence_interval
    return Part(name, estimate, float(interval.low), float(interval.high), units)


def _constant(estimate: float, samples: Sequence[np.ndarray]) -> tuple[float, float]:
    """Interval of a mean or a difference of samples that do not vary.

    Of shares (samples of 0 and 1, or one sample of -1, 0 and 1, their paired differences) it is Newcombe's: the distances
    of two shares from the ends of their Wilson intervals, as the two sides of a right angle (Statistics in Medicine 17,
    1998, method 10). Of other numbers that do not vary nothing is known but the estimate.
    """
    paired = len(samples) == 1
    counted = [samples[0] == 1, samples[0] == -1 if paired else samples[1] == 1]
    allowed = (-1, 0, 1) if paired else (0, 1)
    if not all(np.isin(sample, allowed).all() for sample in samples):
        return estimate, estimate
    tests = [scipy.stats.binomtest(int(share.sum()), len(share)) for share in counted]
    (low, high), (other_low, other_high) = (test.proportion_ci(LEVEL, method="wilson") for test in tests)
    first, second = (test.statistic for test in tests)
    return (
        estimate - float(np.hypot(first - low, other_high - second)),
        estimate + float(np.hypot(high - first, second - other_low)),
    )


def weighted_part(
    name: str,
    statistic: Callable[[Float[np.ndarray, "resample unit"]], Float[np.ndarray, " resample"]],
    units: int,
    rng: np.random.Generator,
    limits: tuple[float, float] = ABOVE_ZERO,
    batch: int = 1000,
) -> Part:
    """Any statistic of independent units, with its bootstrap interval.

    A resample is how often each unit was drawn: `statistic` takes such weights, many resamples at once, so that a unit
    drawn twice weighs twice and is not mistaken for two that are alike. A resample of which it is not defined (NaN) is
    left out; where that is more than one in a hundred, the interval has no ends.
    """
    estimate = float(statistic(np.ones((1, units)))[0])
    if units < 2 or not np.isfinite(estimate):
        return Part(name, estimate, float("-inf"), float("inf"), units, limits)
    found = np.concatenate(
        [
            statistic(rng.multinomial(units, np.full(units, 1 / units), min(batch, RESAMPLES - start)).astype(float))
            for start in range(0, RESAMPLES, batch)
        ]
    )
    return resampled_part(name, estimate, found, units, limits)


def resampled_part(
    name: str,
    estimate: float,
    found: Float[np.ndarray, " resample"],
    units: int,
    limits: tuple[float, float] = ABOVE_ZERO,
) -> Part:
    """A statistic whose bootstrap resamples were computed before, with the interval that they give.

    Resamples of which it is not defined (NaN) are left out; where that is more than one in a hundred, the interval has
    no ends.
    """
    defined = found[np.isfinite(found)]
    if len(defined) < 0.99 * len(found):
        return Part(name, estimate, float("-inf"), float("inf"), units, limits)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Part(name, estimate, float(low), float(high), units, limits)


def jackknife_part(name: str, estimate: float, left_out: Float[np.ndarray, " unit"]) -> Part:
    """A statistic whose terms share units (pairs of images): delete-one jackknife, Student's t.

    `left_out`: the statistic without each unit in turn.
    """
    units = len(left_out)
    if units < 3:
        return Part(name, estimate, float("-inf"), float("inf"), units)
    error = float(np.sqrt((units - 1) / units * np.square(left_out - left_out.mean()).sum()))
    reach = float(scipy.stats.t.ppf((1 + LEVEL) / 2, units - 1)) * error
    return Part(name, estimate, estimate - reach, estimate + reach, units)


def competence(correct: int, images: int, classes: int) -> Part:
    """How far the net has come from chance (0) to perfect (1) on validation images, with its exact interval."""
    if images == 0:  # nobody knows
        return Part("competence", 0.0, float("-inf"), float("inf"), 0, (COMPETENT, float("inf")))
    chance = 1 / classes
    test = scipy.stats.binomtest(correct, images)
    interval = test.proportion_ci(LEVEL, method="exact")
    low, estimate, high = ((value - chance) / (1 - chance) for value in (interval.low, correct / images, interval.high))
    return Part("competence", float(estimate), float(low), float(high), images, (COMPETENT, float("inf")))


def gated(verdicts: Sequence[Verdict], skill: Part, whose: str = "the net") -> list[Verdict]:
    """The verdicts, with claims about what the net learned undecided where it has not clearly learned anything."""
    why = (
        f"{whose} is not clearly better than guessing: it has come {skill.estimate:.2f} of the way from chance to "
        f"perfect [{skill.low:.2f}, {skill.high:.2f}], and {COMPETENT} is asked for"
    )
    if skill.n == 0:
        why = "whether the net is any good is not known: no image has a label of it"
    incompetent = skill.outcome != "holds"
    return [
        Verdict(verdict.id, verdict.parts, why)
        if incompetent and BY_ID[verdict.id].needs_competence and not verdict.not_tested
        else verdict
        for verdict in verdicts
    ]
