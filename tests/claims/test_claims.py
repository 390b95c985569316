"""Verdicts: where an interval lies, and which part decides."""

import numpy as np
import pytest
import scipy
from runs import REPOSITORY, examples

from reportgen import claims
from reportgen.claims import Part, Verdict, intervals

INFINITY = float("inf")


def part(low: float, high: float, limits: tuple[float, float] = claims.ABOVE_ZERO) -> Part:
    return Part("x", (low + high) / 2, low, high, 10, limits)


@pytest.mark.parametrize(
    ("low", "high", "limits", "outcome"),
    [
        (0.1, 0.2, claims.ABOVE_ZERO, "holds"),
        (-0.2, -0.1, claims.ABOVE_ZERO, "contradicted"),
        (-0.1, 0.1, claims.ABOVE_ZERO, "undecided"),
        (0.0, 0.0, claims.ABOVE_ZERO, "undecided"),
        (0.91, 1.0, (0.9, 1.0), "holds"),
        (0.8, 0.95, (0.9, 1.0), "undecided"),
        (0.5, 0.8, (0.9, 1.0), "contradicted"),
        (-INFINITY, INFINITY, claims.ABOVE_ZERO, "not tested"),
    ],
)
def test_a_part_is_judged_by_where_its_interval_lies(
    low: float, high: float, limits: tuple[float, float], outcome: str
) -> None:
    assert Part("x", 0.5, low, high, 10, limits).outcome == outcome


def test_the_least_favourable_part_decides() -> None:
    good, open_, bad = part(0.1, 0.2), part(-0.1, 0.3), part(-0.3, -0.1)
    assert Verdict("hierarchy", (good, good)).verdict == "holds"
    assert Verdict("hierarchy", (good, open_)).verdict == "undecided"
    assert Verdict("hierarchy", (good, open_, bad)).verdict == "contradicted"
    assert Verdict("hierarchy", (good, open_, bad)).document()["low"] == -0.3
    near, far = part(0.01, 0.2), part(0.3, 0.4)
    assert Verdict("hierarchy", (far, near)).document()["low"] == 0.01
    assert Verdict("hierarchy", ()).verdict == "undecided"


def test_a_part_that_could_not_have_held_is_not_tested() -> None:
    weak = Part("x", 0.1, -0.3, 0.5, 10, most=0.3)  # it would have taken 0.4
    assert weak.smallest_effect == pytest.approx(0.4)
    assert weak.outcome == "not tested"
    assert "cannot exceed 0.3" in weak.why
    assert Part("x", 0.1, -0.3, 0.5, 10, most=0.5).outcome == "undecided"
    assert Part("x", -0.9, -1.3, -0.5, 10, most=0.3).outcome == "contradicted"  # with little power, but clearly
    nothing = Part("x", 0.0, 0.0, 0.0, 10, untested="nothing is dead in either net")
    assert nothing.outcome == "not tested"
    assert Verdict("hierarchy", (weak,)).verdict == "not tested"
    assert Verdict("hierarchy", (part(0.1, 0.2), weak)).verdict == "undecided"
    assert Verdict("hierarchy", (part(0.1, 0.2), weak)).because.startswith("x: to hold it would have to reach 0.4")


def test_training_again_widens_the_interval() -> None:
    net = Part("x", 1.0, 0.7, 1.4, 10, se=0.1)
    noise = claims.Noise(0.1, 19)
    reach = 0.1 * scipy.stats.t.ppf((1 + claims.LEVEL) / 2, 19)
    training = net.trained_again(noise)
    assert training.low == pytest.approx(1 - np.hypot(0.3, reach))
    assert training.high == pytest.approx(1 + np.hypot(0.4, reach))
    of_four = net.trained_again(noise, trainings=4)
    assert of_four.low == pytest.approx(1 - np.hypot(0.3, reach / 2))
    assert net.trained_again(claims.Noise(0.0, 19)) == net


@pytest.mark.parametrize("one", [part(0.1, 0.2), part(-INFINITY, INFINITY), part(0.91, 1.0, (0.9, 1.0))])
def test_a_part_is_read_back_from_its_document(one: Part) -> None:
    assert Part.read(one.document()).document() == one.document()


@pytest.mark.parametrize("between_draws", [0.0, 0.02, 0.1])  # the images' means vary by 0.02
def test_images_and_draws_that_both_vary(between_draws: float) -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(600):
        images, draws = rng.normal(0, 0.3, (200, 1)), rng.normal(0, between_draws, (1, 5))
        found = claims.crossed_part("x", images + draws + rng.normal(0, 0.2, (200, 5)))
        inside.append(found.low <= 0 <= found.high)
    assert np.mean(inside) > claims.LEVEL - 3 * (claims.LEVEL * (1 - claims.LEVEL) / 600) ** 0.5
    assert claims.crossed_part("x", np.ones((10, 1))).outcome == "not tested"


def test_an_interval_without_end_is_null_in_the_metrics() -> None:
    document = Verdict("hierarchy", (part(-INFINITY, INFINITY),)).document()
    assert (document["low"], document["high"], document["parts"][0]["range"]) == (None, None, [0.0, None])


def test_sixteen_claims_are_tested_at_once() -> None:
    assert len(claims.CLAIMS) == len(claims.BY_ID) == 16
    assert pytest.approx(0.996875) == claims.LEVEL


def test_the_interval_of_a_mean_is_near_students() -> None:
    rng = np.random.default_rng(0)
    sample = rng.normal(1.0, 2.0, 400)
    found = claims.mean_part("mean", sample, np.random.default_rng(1))
    exact = scipy.stats.t.interval(claims.LEVEL, 399, sample.mean(), scipy.stats.sem(sample))
    assert found.estimate == pytest.approx(sample.mean())
    assert (found.low, found.high) == pytest.approx(exact, abs=0.05)
    assert found.n == 400


def test_the_interval_of_a_difference_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    missed, runs = 0, examples(60)
    for _ in range(runs):
        found = claims.difference_part("x", rng.normal(3, 1, 60), rng.normal(2, 2, 80), rng)
        missed += not found.low <= 1 <= found.high
    assert missed <= runs / 20
    assert found.n == 60


def test_samples_that_do_not_vary_and_samples_of_one() -> None:
    rng = np.random.default_rng(0)
    assert claims.mean_part("x", np.full(20, 0.25), rng).outcome == "holds"
    assert claims.mean_part("x", np.array([0.25]), rng).outcome == "not tested"


@pytest.mark.parametrize(
    ("ones", "sizes", "low", "high"),
    [  # Newcombe 1998, table II, contrasts (e) to (h), method 10
        ((0, 0), (10, 20), -0.1611, 0.2775),
        ((0, 0), (10, 10), -0.2775, 0.2775),
        ((1, 0), (10, 20), 0.6791, 1.0),
        ((1, 0), (10, 10), 0.6075, 1.0),
    ],
)
def test_a_difference_of_shares_that_do_not_vary_has_newcombes_interval(
    ones: tuple[int, int], sizes: tuple[int, int], low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [np.full(size, float(value)) for value, size in zip(ones, sizes, strict=True)]
    wider = claims.difference_part("x", *samples, np.random.default_rng(0))
    monkeypatch.setattr(intervals, "LEVEL", 0.95)
    found = claims.difference_part("x", *samples, np.random.default_rng(0))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.estimate == ones[0] - ones[1]
    assert wider.low < found.low
    assert wider.high >= found.high


def test_two_nets_that_get_the_same_images_wrong_are_not_certain_to_be_as_good() -> None:
    found = claims.mean_part("x", np.zeros(48), np.random.default_rng(0))
    assert found.outcome == "undecided"
    assert found.low < -0.1
    assert found.high == pytest.approx(-found.low)
    always = claims.mean_part("x", np.ones(48), np.random.default_rng(0))
    assert (always.outcome, always.estimate) == ("holds", 1.0)
    assert 0.7 < always.low < 0.9


def test_the_interval_of_a_weighted_mean_is_that_of_the_mean() -> None:
    sample = np.random.default_rng(0).normal(1.0, 2.0, 200)
    plain = claims.mean_part("mean", sample, np.random.default_rng(1))
    found = claims.weighted_part("mean", lambda w: (w @ sample) / w.sum(1), 200, np.random.default_rng(1))
    assert found.estimate == pytest.approx(sample.mean())
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.03)


def test_a_statistic_that_is_mostly_undefined_has_no_interval() -> None:
    rng = np.random.default_rng(0)
    found = claims.weighted_part("x", lambda w: np.where(w[:, 0] == 1, 1.0, np.nan), 20, rng)
    assert (found.estimate, found.low, found.high) == (1.0, -INFINITY, INFINITY)


def test_the_jackknife_of_a_mean_is_students_interval() -> None:
    sample = np.random.default_rng(0).normal(1.0, 2.0, 40)
    left_out = np.array([np.delete(sample, place).mean() for place in range(40)])
    found = claims.jackknife_part("mean", float(sample.mean()), left_out)
    exact = scipy.stats.t.interval(claims.LEVEL, 39, sample.mean(), scipy.stats.sem(sample))
    assert (found.low, found.high) == pytest.approx(exact)
    assert claims.jackknife_part("x", 1.0, np.ones(2)).outcome == "not tested"


def test_competence_is_asked_for_clearly() -> None:
    assert claims.competence(900, 1000, 1 / 12).outcome == "holds"
    assert claims.competence(83, 1000, 1 / 12).outcome == "contradicted"
    assert claims.competence(6, 10, 1 / 2).outcome == "undecided"
    exact = claims.competence(500, 1000, 1 / 2)
    assert exact.estimate == pytest.approx(0)
    assert exact.low < 0 < exact.high


def test_claims_about_what_was_learned_are_undecided_where_nothing_was() -> None:
    verdicts = [
        Verdict("hierarchy", (part(0.1, 0.2),)),
        Verdict("clipping", (part(0.1, 0.2),)),
        claims.not_tested("localises", "no masks"),
    ]
    poor = claims.gated(verdicts, claims.competence(83, 1000, 1 / 12))
    assert [verdict.verdict for verdict in poor] == ["undecided", "holds", "not tested"]
    # It is a little below chance, which is no "-0 %".
    assert "learned too little to judge by it: 0 % of the way from chance" in poor[0].why
    assert poor[0].document()["estimate"] == pytest.approx(0.15)
    assert claims.gated(verdicts, claims.competence(900, 1000, 1 / 12)) == verdicts


def test_nothing_is_known_of_a_net_that_could_not_be_wrong() -> None:
    found = claims.competence(50, 50, 1.0)
    assert (found.outcome, found.estimate) == ("not tested", 0)
    [verdict] = claims.gated([Verdict("hierarchy", (part(0.1, 0.2),))], found)
    assert verdict.verdict == "undecided"
    assert verdict.why.endswith(
        "is unknown: every validation image shows one and the same class: naming it is always right"
    )


def test_the_documentation_prints_every_rule() -> None:
    page = (REPOSITORY / "docs" / "claims.md").read_text()
    for claim in claims.CLAIMS:
        assert claim.id in page
        assert claim.rule in page
