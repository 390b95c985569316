"""Numbers that cannot be everything: their intervals stay inside, and cover the truth as often as before."""

from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
from fake_build import NET

from reportgen import claims
from reportgen.analyses.generalisation.verdict import rank_correlation, rank_part
from reportgen.analyses.registry import ANALYSES
from reportgen.claims import Noise, Part, Verdict, noise
from reportgen.stages import analysis as stage

OFTEN = 300  # samples
UNLIMITED = {  # what a number can be is not known before a run, or has no end
    "lower-layers-converge-first": "epochs, and progress may turn back",
    "small-transformations-first-layer": "distances in units of another distance",
    "less-aliasing": "a logarithm",
    "visualisation-is-genuine": "activity, which may grow many times over",
    "drop in log-odds, object minus background": "a logarithm",
}


def parts() -> list[tuple[str, Part]]:
    """Those of all planted results, judged or beside."""
    judging = [analysis for analysis in ANALYSES if analysis.claims]
    return [
        (verdict.id, part)
        for analysis in judging
        for verdict in stage.judged(analysis, import_module(f"planted_results.{analysis.name}").result(), 0, NET)
        for part in (*verdict.parts, *verdict.beside)
    ]


PARTS = parts()


@pytest.mark.parametrize(("claim", "part"), PARTS, ids=lambda one: getattr(one, "name", one))
def test_every_number_that_is_bounded_has_an_interval_inside(claim: str, part: Part) -> None:
    if claim in UNLIMITED or part.name in UNLIMITED:
        return
    assert np.isfinite(part.bounds).all()
    assert part.bounds[0] <= part.estimate <= part.bounds[1]
    again = Verdict(claim, (part,))
    document = noise.judged(again.document(), {part.name: Noise(1.0, 4)})  # training again changes it by half its range
    for found in (again.document(), document):
        [written] = found["parts"]
        if written["low"] is not None:
            assert part.bounds[0] <= written["low"] <= written["high"] <= part.bounds[1]


def shares(rng: np.random.Generator, share: float) -> Part:
    """A hundred images, with Student's t."""
    sample = (rng.random(100) < share).astype(float)
    left_out = (sample.sum() - sample) / 99
    return claims.jackknife_part("x", float(sample.mean()), left_out, bounds=claims.OF_SHARE)


def gaps(rng: np.random.Generator, gap: float) -> Part:
    """Sixty images and five draws of the training images; how often one answer is right and the other wrong."""
    one, other = (
        rng.normal(0, 1, (60, 1)) + rng.normal(0, 0.3, (1, 5)) + rng.normal(0, 1, (60, 5)) > 0 for _ in range(2)
    )
    either = rng.random((60, 5)) < gap
    return claims.crossed_part(
        "x", np.where(either, 1.0, one) - np.where(either, 0.0, other), bounds=claims.OF_DIFFERENCE
    )


@pytest.mark.parametrize(
    ("draw", "truth"),
    [(shares, 0.5), (shares, 0.8), (gaps, 0.0), (gaps, 0.8)],
    ids=["a share of one half", "a large share", "no gap", "a large gap"],
)
@pytest.mark.parametrize("tau", [0.0, 0.1], ids=["this net", "training again"])
def test_a_cut_interval_covers_the_truth_as_often_as_the_whole_one(
    draw: Callable[[np.random.Generator, float], Part], truth: float, tau: float
) -> None:
    rng = np.random.default_rng(5)
    inside, whole = [], []
    for _ in range(OFTEN):
        this = float(np.clip(truth + rng.normal(0, tau), *((0, 1) if draw is shares else (-1, 1))))  # of this training
        part = draw(rng, max(this, 0.0)).trained_again(Noise(tau, 19))
        low, high = part.cut
        inside.append(low <= truth <= high)
        whole.append(part.low <= truth <= part.high)
        assert part.bounds[0] <= low <= high <= part.bounds[1]
    assert inside == whole  # the cut takes away only what is not true
    assert np.mean(inside) > claims.LEVEL - 3 * (claims.LEVEL * (1 - claims.LEVEL) / OFTEN) ** 0.5


@pytest.mark.parametrize("climb", [0.0, 0.03], ids=["all layers alike", "the deeper, the better"])
def test_a_correlation_that_training_changes_is_covered(climb: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The truth is the mean over trainings of what so many images give: exact accuracies would have another correlation."""
    monkeypatch.setattr("reportgen.analyses.generalisation.verdict.RESAMPLES", 1000)
    rng = np.random.default_rng(6)

    def measured() -> np.ndarray:
        accuracy = 0.4 + climb * np.arange(7) + rng.normal(0, 0.03, 7)
        return rng.random((7, 60, 5)) < (accuracy[:, None] + rng.normal(0, 0.05, (7, 5)))[:, None]

    truth, tau = spread_of(rank_correlation(np.array([measured().mean(axis=(1, 2)) for _ in range(1000)])))
    parts = [rank_part("x", measured(), 0.0, rng).trained_again(Noise(tau, 19)) for _ in range(100)]
    inside = [part.cut[0] <= truth <= part.cut[1] for part in parts]
    assert np.mean(inside) > claims.LEVEL - 3 * (claims.LEVEL * (1 - claims.LEVEL) / 100) ** 0.5
    assert sum(part.low < -1 or part.high > 1 for part in parts) > 50
    assert all(-1 <= part.cut[0] <= part.cut[1] <= 1 for part in parts)


def spread_of(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


def test_what_an_interval_could_have_shown_is_told_by_the_whole_one() -> None:
    far = Part("x", -0.5, -2.0, 1.0, 10, bounds=claims.OF_DIFFERENCE)
    assert far.cut == (-1.0, 1.0)
    assert far.smallest_effect == 1.5
    assert far.outcome == "not tested"
    assert "cannot exceed 1:" in far.why
    assert Part.read(far.document()) == far.__class__(**vars(far) | {"untested": far.why, "most": 1.0})


def test_an_end_that_a_number_cannot_pass_keeps_no_part_from_holding() -> None:
    straight = Part("R²", 0.97, 0.93, 0.995, 60, (0.9, 1.0), bounds=claims.OF_SHARE)
    again = straight.trained_again(Noise(0.01, 19))
    assert again.high > 1
    assert again.cut[1] == 1
    assert again.outcome == "holds"


def missed(units: int, draw: Callable[[np.random.Generator, int], np.ndarray], truth: float, often: int) -> float:
    """How often a bootstrap interval of the mean of so many units misses it."""
    rng = np.random.default_rng(7)
    found = [claims.mean_part("x", draw(rng, units), rng).cut for _ in range(often)]
    return float(np.mean([not low <= truth <= high for low, high in found]))


@pytest.mark.parametrize("few", [3, claims.FEWEST], ids="{} units".format)
def test_a_bootstrap_of_few_units_misses_too_often_and_is_refused(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("intervals",):
        monkeypatch.setattr(f"reportgen.claims.{module}.RESAMPLES", 2000)
        monkeypatch.setattr(f"reportgen.claims.{module}.FEWEST", 2)
    rate = missed(few, lambda rng, units: rng.random(units), 0.5, 150)
    assert rate > 0.1 if few < claims.FEWEST else rate < 0.03


def test_a_part_of_too_few_units_is_not_tested_and_says_how_many_there_are() -> None:
    rng = np.random.default_rng(0)
    for part in (
        claims.mean_part("x", rng.random(19), rng),
        claims.median_part("x", rng.random(19), rng),
        claims.difference_part("x", rng.random(100), rng.random(19), rng),
        claims.weighted_part("x", lambda weights: weights.mean(axis=1), 19, rng),
    ):
        assert (part.outcome, part.low, part.high) == ("not tested", *claims.UNBOUNDED)
        assert part.why == "20 independent units are needed for its interval, and there are 19"
    assert claims.mean_part("x", rng.random(20), rng).outcome != "not tested"
    assert claims.mean_part("x", np.ones(12), rng).outcome == "holds"  # shares that do not vary: no bootstrap
