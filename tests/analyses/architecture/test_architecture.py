"""Figure 6 and its claims: planted nets, every verdict within reach, the paper's numbers."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from planted import PREPROCESSING, SIDE, dataset, facts, learned, opened
from runs import examples
from torch import nn

from reportgen.analyses.architecture import Settings, filters, shares, spectra
from reportgen.analyses.architecture import analysis as architecture
from reportgen.analyses.architecture.first_layers import FirstLayer, SecondLayer, one_for_each_image, ring_edges
from reportgen.analyses.architecture.result import AFTER, BEFORE, CLIPPED, UNCLIPPED, Result, weakest
from reportgen.analyses.architecture.verdict import _aliasing, _better, _clipping, _dead, _likeness_part
from reportgen.base.size import Size
from reportgen.claims import LEVEL, Verdict, intervals, paper
from reportgen.look.inputs import Inputs
from reportgen.look.strongest import Pictures, Top

FILTERS, IMAGES, PROJECTIONS = 48, 1200, 300  # of the default profile


def first(
    rng: np.random.Generator, dead: float = 0.0, likeness: float = 0.0, middle: float = 0.3, led: float = 0.1
) -> Any:
    """A first layer with planted shares: of dead filters, of what filters have in common, of noise in the middle band, of
    energy in the strongest two."""
    noise = rng.normal(size=(FILTERS, 11, 11, 3))
    inside = spectra.band(11, 1 / 16, 1 / 4)[..., None]
    banded = np.fft.ifft2(np.fft.fft2(noise, axes=(1, 2)) * inside, axes=(1, 2)).real
    filters = (1 - middle) * rng.normal(size=noise.shape) + middle * banded / banded.std()
    filters = (1 - likeness) * filters + likeness * rng.normal(size=(1, 11, 11, 3))
    largest = rng.uniform(0.8, 1.2, FILTERS)
    largest[: round(dead * FILTERS)] = 0.001
    energy = rng.uniform(0.5, 1.5, (IMAGES, FILTERS))
    others = energy[:, 2:].sum(axis=1)
    energy[:, :2] = (others * led / (1 - led) / 2)[:, None] * rng.uniform(0.9, 1.1, (IMAGES, 2))
    return FirstLayer(filters, largest, energy)


def second(rng: np.random.Generator, aliasing: float) -> SecondLayer:
    """A second layer whose projections have a planted share of energy in the bands, against their patches."""
    none = np.zeros(0, np.int64)
    empty = np.zeros((0, 9, 1, 1, 3), np.uint8)
    pictures = Pictures(none, empty, np.zeros((0, 9, 1, 1, 4), np.uint8), np.zeros((0, 9), bool), (), ())
    patch = rng.uniform(0.01, 0.03, PROJECTIONS)
    projection = patch * np.exp(rng.normal(aliasing, 0.8, PROJECTIONS))
    rings = np.full(len(ring_edges()) - 1, 1 / (len(ring_edges()) - 1))
    lattice = rng.normal(0.0, 0.5, (PROJECTIONS, 2, 2))
    return SecondLayer(Size.of(27), Size.of(88), pictures, projection, patch, rings, rings, lattice)


def wrong(shares: list[float], seed: int, images: int = IMAGES) -> np.ndarray:
    """Images that a net of each seed gets wrong, in shares that are hit exactly; independent of one another."""
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(np.arange(images) < round(share * images)) for share in shares], dtype=float)


def result(
    before: dict[str, float] | None = None,
    after: dict[str, float] | None = None,
    aliasing: tuple[float, float] = (1.0, 0.0),
    led: tuple[float, float] = (0.5, 0.1),
    errors: tuple[list[float], list[float]] = ([0.405], [0.384]),
    rescaled: float = 0.2,
    **more: Any,
) -> Result:
    rng = np.random.default_rng(0)
    return Result(
        first={
            BEFORE: first(rng, **(before or {})),
            AFTER: first(rng, **(after or {})),
            UNCLIPPED: first(rng, led=led[0]),
            CLIPPED: first(rng, led=led[1]),
        },
        further={BEFORE: (), AFTER: ()},
        second={BEFORE: second(rng, aliasing[0]), AFTER: second(rng, aliasing[1])},
        facts={name: facts(700, IMAGES) for name in (BEFORE, AFTER, UNCLIPPED, CLIPPED)},
        rescaled={UNCLIPPED: 0.0, CLIPPED: rescaled},
        errors={BEFORE: wrong(errors[0], 5), AFTER: wrong(errors[1], 6)},
        diverged_pairs=0,
        doubt="",
        images=IMAGES,
        judged=IMAGES,
        on="further images",
        **more,
    )


RULES = {  # of each claim alone: that of aliasing takes longer than the others together
    "clipping": _clipping,
    "fewer-dead-features": _dead,
    "less-aliasing": _aliasing,
    "better-architecture": _better,
}


def judged(planted: Result, claim: str) -> Verdict:
    found = RULES[claim](planted, np.random.default_rng(1))
    assert found.id == claim
    return found


def test_each_claim_is_judged_by_its_rule() -> None:
    planted = result(POOR, GOOD)
    found = architecture.judge(planted, np.random.default_rng(1))
    assert [verdict.id for verdict in found] == list(RULES)
    for verdict in found:
        alone = judged(planted, verdict.id)
        assert (verdict.verdict, verdict.parts[0].estimate) == (alone.verdict, alone.parts[0].estimate)


@pytest.mark.parametrize(
    ("led", "verdict"), [((0.5, 0.1), "holds"), ((0.1, 0.5), "contradicted"), ((0.2, 0.2), "undecided")]
)
def test_clipping_can_fall_either_way(led: tuple[float, float], verdict: str) -> None:
    found = judged(result(led=led), "clipping")
    assert found.verdict == verdict
    assert found.parts[0].n == IMAGES
    assert found.parts[0].estimate == pytest.approx(led[0] - led[1], abs=0.01)
    assert "strongest 2 of 48 filters" in found.parts[0].name


def test_where_clipping_never_acted_it_is_not_tested() -> None:
    planted = result(led=(0.5, 0.1), rescaled=0.0)
    found = judged(planted, "clipping")
    assert (found.verdict, found.parts) == ("not tested", ())
    assert found.why == "clipping never acted in 12 epochs"
    once = replace(planted, facts={name: facts | {"finished_epochs": 1} for name, facts in planted.facts.items()})
    assert judged(once, "clipping").why == "clipping never acted in 1 epoch"
    alike = replace(planted, first=planted.first | {CLIPPED: planted.first[UNCLIPPED]})
    found = judged(alike, "clipping")
    assert (found.verdict, found.parts) == ("not tested", ())
    assert found.why == "clipping never acted in 12 epochs: the two nets are the same"


def test_filters_that_are_the_same_to_the_bit_are_shown_once(of_readers: Result) -> None:
    found = of_readers
    drawn = architecture.figures(found)
    assert "paper_clipped" not in drawn
    assert drawn["paper_unclipped"].title == "(a) Layer 1 trained with and without clipping"
    assert "exactly the same" in drawn["paper_unclipped"].caption
    assert architecture.numbers(found)["same"]
    other = replace(found.first[CLIPPED], filters=found.first[CLIPPED].filters + 1e-6)
    found = replace(found, first=found.first | {CLIPPED: other})
    drawn = architecture.figures(found)
    assert drawn["paper_clipped"].title == "Layer 1 trained with clipping"
    assert "exactly the same" not in drawn["paper_unclipped"].caption


def test_noise_is_alike_by_chance_alone_whatever_its_size() -> None:
    rng = np.random.default_rng(0)
    planted = result()
    noise = {
        name: replace(planted.first[name], filters=rng.normal(size=(FILTERS, side, side, 3)))
        for name, side in ((BEFORE, 11), (AFTER, 7))
    }
    planted = replace(planted, first=planted.first | noise)
    part = judged(planted, "fewer-dead-features").parts[1]
    assert part.outcome == "undecided"
    assert abs(part.estimate) < 0.02
    raw = [filters.nearest_likeness(noise[name].filters).mean() for name in (BEFORE, AFTER)]
    assert raw[0] < raw[1] - 0.05  # what the first rules took for distinctness


POOR = {"dead": 0.5, "likeness": 0.6, "middle": 0.1}
GOOD = {"dead": 0.0, "likeness": 0.0, "middle": 0.7}


@pytest.mark.parametrize(
    ("before", "after", "outcomes", "verdict"),
    [
        (POOR, GOOD, ["holds", "holds", "holds"], "holds"),
        (GOOD, POOR, ["contradicted", "contradicted", "contradicted"], "contradicted"),
        (POOR | {"middle": 0.7}, GOOD | {"middle": 0.1}, ["holds", "holds", "contradicted"], "contradicted"),
    ],
)
def test_fewer_dead_features_can_fall_either_way(
    before: dict[str, float], after: dict[str, float], outcomes: list[str], verdict: str
) -> None:
    found = judged(result(before, after), "fewer-dead-features")
    assert [part.outcome for part in found.parts] == outcomes
    assert found.verdict == verdict
    assert {part.n for part in found.parts} == {FILTERS}


def test_of_two_layers_that_are_alike_neither_has_fewer_dead_features() -> None:
    planted = result(GOOD | {"dead": 0.1})
    alike = replace(planted, first=planted.first | {AFTER: planted.first[BEFORE]})
    found = judged(alike, "fewer-dead-features")
    assert [part.outcome for part in found.parts] == ["undecided"] * 3
    assert [part.estimate for part in found.parts] == [0.0] * 3


def test_where_no_filter_is_dead_nothing_is_said_of_dead_filters_but_what_could_have_been() -> None:
    part = judged(result(GOOD, GOOD), "fewer-dead-features").parts[0]
    assert (part.estimate, part.n, part.outcome) == (0.0, FILTERS, "not tested")
    fewest = shares.fewest_to_tell(FILTERS, FILTERS, LEVEL)
    assert part.why == (
        f"no filter is dead, of 48 with 11x11/4 and 48 with 7x7/2; with so many filters, {fewest} dead ones of 11x11/4 "
        "beside none of 7x7/2 would have told"
    )
    for dead, outcome in ((fewest, "holds"), (fewest - 1, "undecided")):
        planted = judged(result(GOOD | {"dead": dead / FILTERS}, GOOD), "fewer-dead-features")
        assert planted.parts[0].outcome == outcome


def test_filters_of_all_seeds_count() -> None:
    rng = np.random.default_rng(4)
    more = {name: tuple(first(rng, dead=dead) for _ in range(2)) for name, dead in ((BEFORE, 0.125), (AFTER, 0.0))}
    planted = replace(result({"dead": 0.125}, GOOD), further=more)
    one, three = (judged(item, "fewer-dead-features") for item in (result({"dead": 0.125}, GOOD), planted))
    assert {part.n for part in three.parts} == {3 * FILTERS}
    assert (one.parts[0].outcome, three.parts[0].outcome) == ("undecided", "holds")
    assert one.parts[0].estimate == three.parts[0].estimate == 0.125
    said = architecture.numbers(planted)["nets"][BEFORE]
    assert (said["dead"], said["filters"]) == (18, 144)


def test_with_more_seeds_layer_1_of_every_net_is_measured() -> None:
    inputs = planted_inputs(reading(11, 4), reading(7, 2), 20, 10, seeds=3)
    found = found_in(inputs)
    assert [len(found.further[name]) for name in (BEFORE, AFTER)] == [2, 2]
    assert found.errors[AFTER].shape == (3, 40)
    said = architecture.numbers(found)["nets"]
    assert (said[BEFORE]["dead"], said[BEFORE]["filters"]) == (3, 9)


def test_the_interval_of_the_likeness_covers_and_its_error_is_the_deviation() -> None:
    """Random filters, 11x11 and 7x7: without anything in common their true difference beyond chance is zero; and filters
    drawn from six kinds, whose true difference is the simulations' mean. The jackknife errs on the wide side."""
    rng = np.random.default_rng(5)
    kinds, runs = rng.normal(size=(6, 11, 11, 3)), examples(250)

    def layer(side: int, common: float) -> FirstLayer:
        drawn = kinds[rng.integers(6, size=24), :side, :side]
        weights = rng.normal(size=(24, side, side, 3)) + common * drawn
        return FirstLayer(weights, np.ones(24), np.ones((1, 24)))

    for common in (0.0, 0.7):
        parts = [_likeness_part([layer(11, common)], [layer(7, 0.0)]) for _ in range(runs)]
        estimates, errors = (np.array([getattr(part, name) for part in parts]) for name in ("estimate", "se"))
        truth = 0.0 if common == 0 else estimates.mean()
        assert abs(estimates.mean() - truth) < 4 * estimates.std() / runs**0.5 + 0.003
        assert 1 < np.sqrt(np.mean(errors**2)) / estimates.std(ddof=1) < 1.7
        covered = np.mean([part.low <= truth <= part.high for part in parts])
        assert covered >= LEVEL - 4 * np.sqrt(LEVEL * (1 - LEVEL) / runs)


@pytest.mark.parametrize(
    ("aliasing", "verdict"), [((1.0, 0.0), "holds"), ((0.0, 1.0), "contradicted"), ((0.1, 0.1), "undecided")]
)
def test_less_aliasing_can_fall_either_way(aliasing: tuple[float, float], verdict: str) -> None:
    found = judged(result(aliasing=aliasing), "less-aliasing")
    assert found.verdict == verdict
    assert found.parts[0].n == PROJECTIONS
    assert found.parts[0].estimate == pytest.approx(aliasing[0] - aliasing[1], abs=0.2)


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [(([0.3], [0.2]), "holds"), (([0.2], [0.3]), "contradicted"), (([0.25], [0.24]), "undecided")],
)
def test_better_architecture_can_fall_either_way_with_one_seed(
    errors: tuple[list[float], list[float]], verdict: str
) -> None:
    found = judged(result(errors=errors), "better-architecture")
    assert found.verdict == verdict
    assert found.parts[0].n == IMAGES
    assert found.parts[0].name.startswith("error of these trained nets")


@pytest.mark.parametrize(
    ("gaps", "verdict"),
    [
        ((0.05, 0.06, 0.055, 0.05, 0.065, 0.06), "holds"),
        ((-0.05, -0.06, -0.055, -0.05, -0.065, -0.06), "contradicted"),
        ((0.05, -0.06, 0.03, 0.01, -0.02, 0.02), "undecided"),
    ],
)
def test_with_six_seeds_the_claim_is_about_the_architecture(gaps: tuple[float, ...], verdict: str) -> None:
    errors = ([0.3 + gap for gap in gaps], [0.3] * 6)
    found = judged(result(errors=errors), "better-architecture")
    assert found.verdict == verdict
    assert (found.parts[0].n, found.parts[0].name.split(",")[0]) == (6, "error of the architecture")
    assert found.parts[0].estimate == pytest.approx(np.mean(gaps), abs=1e-3)


def test_the_papers_errors_fall_on_its_side() -> None:
    printed = (
        paper.ABLATION_KRIZHEVSKY["as is"].validation / 100,
        paper.ABLATION_ZEILER_FERGUS["as is"].validation / 100,
    )
    planted = result(errors=([printed[0]], [printed[1]]))
    planted = replace(planted, errors={BEFORE: wrong([printed[0]], 5, 1000), AFTER: wrong([printed[1]], 6, 1000)})
    estimate = judged(planted, "better-architecture").parts[0].estimate
    assert estimate == pytest.approx(printed[0] - printed[1])
    assert estimate > 0


def test_what_was_not_trained_is_not_tested_and_what_diverged_is_undecided() -> None:
    whole = result()
    less = replace(whole, facts={BEFORE: whole.facts[BEFORE]})
    for verdict in architecture.judge(less, np.random.default_rng(1)):
        assert verdict.verdict == "not tested"
        assert "this run trains no net" in verdict.why
    for name, claim, verdict in (
        (UNCLIPPED, "clipping", "not tested"),
        (BEFORE, "less-aliasing", "undecided"),
        (AFTER, "fewer-dead-features", "undecided"),
    ):
        lost = replace(whole, facts=whole.facts | {name: facts(100, IMAGES, diverged=3, finished_epochs=2)})
        found = judged(lost, claim)
        assert (found.verdict, found.why) == (verdict, f"training of {name} diverged in epoch 3")
    assert judged(replace(whole, diverged_pairs=1), "better-architecture").verdict == "undecided"
    assert judged(replace(whole, diverged_pairs=1, errors={}), "better-architecture").verdict == "undecided"


def test_the_weaker_of_the_two_decides_whether_anything_was_learned() -> None:
    planted = result()
    planted.facts[AFTER]["correct"] = 90
    assert weakest(planted) is planted.facts[AFTER]
    assert weakest(replace(planted, facts={})) is None


def test_no_two_projections_are_of_one_image() -> None:
    images = np.array([[0, 1, 2], [0, 1, 3], [-1, -1, -1]])
    values = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 0.0], [-np.inf] * 3])
    places = np.zeros_like(images)
    units = one_for_each_image(Top(values, images, places, places), 9, np.random.default_rng(0))
    assert sorted(int(images[unit]) for unit in units) == [0, 1, 2]
    assert len(one_for_each_image(Top(values, images, places, places), 2, np.random.default_rng(0))) == 2


def net(first_layer: nn.Conv2d, second_layer: nn.Conv2d) -> nn.Module:
    """Two rectified convolutions and a classifier, which is never asked."""
    with torch.no_grad():
        features = nn.Sequential(first_layer, nn.ReLU(), second_layer, nn.ReLU())
        width = features(torch.zeros(1, 3, SIDE, SIDE)).flatten(1).shape[1]
    return nn.Sequential(first_layer, nn.ReLU(), second_layer, nn.ReLU(), nn.Flatten(), nn.Linear(width, 8)).eval()


def reading(side: int, step: int) -> nn.Module:
    """A net whose layer 2 adds up what layer 1 reads: the mean of `side` x `side` pixels, every `step` pixels.

    Of its three filters one sees red, one does the same at a tenth of the strength, and one is dead.
    """
    first_layer, second_layer = nn.Conv2d(3, 3, side, step), nn.Conv2d(3, 2, 3)
    with torch.no_grad():
        first_layer.weight.zero_()
        first_layer.weight[0, 0] = 1 / side**2
        first_layer.weight[1, 0] = 0.1 / side**2
        first_layer.weight[2, 1] = 0.01
        first_layer.bias.copy_(torch.tensor([3.0, 0.3, -100.0]))
        second_layer.weight.copy_(torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]).expand(2, 3, 3, 3))
        second_layer.bias.zero_()
    return net(first_layer, second_layer)


def planted_inputs(
    before: nn.Module, after: nn.Module, wrong_before: int, wrong_after: int, clipped: float = 0.0, seeds: int = 1
) -> Inputs:
    rng = np.random.default_rng(3)
    coarse = rng.uniform(0, 255, (40, 4, 4, 3)).astype(np.float32)
    large = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for image in coarse]
    data = dataset(np.stack(large).clip(0, 255).astype(np.uint8))
    labels = data.val.labels
    nets = {
        (BEFORE, 0): opened(before, data, learned(np.arange(40) < wrong_before, labels)),
        (AFTER, 0): opened(after, data, learned(np.arange(40) < wrong_after, labels)),
        (UNCLIPPED, 0): opened(reading(7, 2), data, learned(np.arange(40) < 30, labels)),
        (CLIPPED, 0): opened(reading(7, 2), data, learned(np.arange(40) < 30, labels, clipped=clipped)),
    }
    for turn in range(1, seeds):
        nets |= {(name, turn): nets[name, 0] for name in (BEFORE, AFTER)}
    return Inputs.of(after, PREPROCESSING, data, compared=nets)


def found_in(inputs: Inputs) -> Result:
    return architecture.compute(inputs, Settings(maps=2, projections=40), np.random.default_rng(0))


@pytest.fixture(scope="module")
def of_readers() -> Result:
    """What is found in nets that read the mean of 11 x 11 and of 7 x 7 pixels."""
    return found_in(planted_inputs(reading(11, 4), reading(7, 2), 20, 10))


@pytest.fixture
def of_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine projections are enough for an interval: those of planted nets hardly differ."""
    monkeypatch.setattr(intervals, "FEWEST", 9)


@pytest.mark.usefixtures("of_nine")
def test_a_net_that_reads_single_pixels_in_steps_of_four_aliases_and_one_that_reads_all_does_not() -> None:
    sparse, smooth = reading(1, 4), reading(8, 2)
    found = found_in(planted_inputs(sparse, smooth, 20, 10))
    assert judged(found, "less-aliasing").verdict == "holds"
    assert judged(found_in(planted_inputs(smooth, sparse, 20, 10)), "less-aliasing").verdict == "contradicted"
    assert judged(found_in(planted_inputs(smooth, smooth, 20, 10)), "less-aliasing").verdict == "undecided"
    said = architecture.numbers(found)["nets"]
    assert said[BEFORE]["times_patch"] > 3 * said[AFTER]["times_patch"]


def test_dead_filters_leading_filters_and_errors_of_planted_nets_are_found() -> None:
    found = found_in(planted_inputs(reading(11, 4), reading(7, 2), 20, 10, clipped=0.25))
    for name in (BEFORE, AFTER):
        assert found.first[name].dead.tolist() == [False, False, True]
    said = architecture.numbers(found)
    assert (said["nets"][BEFORE]["error"], said["nets"][AFTER]["error"]) == (0.5, 0.25)
    assert said["recipes"][CLIPPED]["rescaled"] == 0.25
    assert said["recipes"][CLIPPED]["led"] == pytest.approx(1 / 1.01, abs=1e-4)  # ten times the response of the second
    chance = filters.random_likeness(3, 7)  # without their means, two are the same; the third sees another colour
    assert said["nets"][AFTER]["likeness"] == pytest.approx((1 + 1 - 0.5) / 3 - chance, abs=1e-6)
    clipping = judged(found, "clipping")
    assert clipping.parts[0].estimate == 0.0  # it acted; the two nets are alike all the same
    assert clipping.verdict == "not tested"  # with it one filter has 99 %, so without it there cannot be much more
    assert "but cannot exceed 0.99" in clipping.because


def test_the_energy_is_the_sum_of_squared_responses(of_readers: Result) -> None:
    found = of_readers
    inputs = planted_inputs(reading(11, 4), reading(7, 2), 20, 10)
    images = PREPROCESSING.centre(inputs.data.val.images)
    maps = reading(7, 2)[:2](images)
    np.testing.assert_allclose(found.first[AFTER].energy, maps.square().sum((2, 3)).detach().numpy(), rtol=1e-4)
    np.testing.assert_allclose(found.first[AFTER].largest, maps.amax((0, 2, 3)).detach().numpy(), rtol=1e-5)


def test_nets_that_do_not_see_their_input_have_no_projections_and_the_figures_go_without() -> None:
    blind = reading(7, 2)
    with torch.no_grad():
        blind[0].bias.fill_(-100.0)
    found = found_in(planted_inputs(blind, blind, 20, 10))
    assert judged(found, "less-aliasing").verdict == "not tested"
    assert found.first[AFTER].dead.all()
    drawn = architecture.figures(found)
    assert "spectra" not in drawn
    assert "nets" in drawn


def test_without_any_comparison_net_nothing_is_drawn_or_tested() -> None:
    data = dataset(np.zeros((16, SIDE, SIDE, 3), np.uint8))
    found = found_in(Inputs.of(reading(7, 2), PREPROCESSING, data))
    assert architecture.figures(found) == {}
    assert {verdict.verdict for verdict in architecture.judge(found, np.random.default_rng(0))} == {"not tested"}
    assert architecture.numbers(found)["nets"] == {}


def test_the_panels_bear_the_papers_letters(of_readers: Result) -> None:
    drawn = architecture.figures(of_readers)
    titles = [drawn[name].title for name in ("paper_unclipped", f"{BEFORE}_filters", f"{AFTER}_filters")]
    titles += [drawn[name].title for name in (f"{BEFORE}_layer2", f"{AFTER}_layer2")]
    assert [title[:3] for title in titles] == ["(a)", "(b)", "(c)", "(d)", "(e)"]
    assert drawn[f"{BEFORE}_layer2"].net == "the net with 11x11, stride 4"


def planted_lattice(axes: tuple[float, float], diagonals: tuple[float, float], seed: int = 0) -> SecondLayer:
    """A second layer whose grid stands out so many times, against lines and against rings."""
    rng = np.random.default_rng(seed)
    lattice = np.log([axes, diagonals]) + rng.normal(0, 0.5, (PROJECTIONS, 2, 2))
    return replace(second(rng, 0.0), lattice=lattice[20:])  # twenty were cut to less than 26 px


def test_a_grid_stands_beside_the_verdict_and_neither_a_ring_nor_a_line_is_one() -> None:
    grid, ring_and_line = planted_lattice((5, 3), (1, 1)), planted_lattice((5, 1), (1, 5), seed=1)
    planted = replace(result(), second={BEFORE: grid, AFTER: ring_and_line})
    found = architecture.numbers(planted)["grid"]
    axes, diagonals = found["axes"], found["diagonals"]
    assert axes[BEFORE]["estimate"] == pytest.approx(3, rel=0.15)
    assert 1 < axes[BEFORE]["low"] < axes[BEFORE]["estimate"] < axes[BEFORE]["high"]
    assert axes[AFTER]["low"] < 1 < axes[AFTER]["high"]  # a ring: it stands out against lines alone
    assert diagonals[AFTER]["low"] < 1 < diagonals[AFTER]["high"]  # a line: against rings alone
    assert axes["ratio"]["estimate"] == pytest.approx(axes[BEFORE]["estimate"] / axes[AFTER]["estimate"])
    assert axes["ratio"]["low"] > 1
    assert diagonals["ratio"]["low"] < 1 < diagonals["ratio"]["high"]
    assert axes[BEFORE]["n"] == PROJECTIONS - 20
    turned = replace(planted, second={BEFORE: ring_and_line, AFTER: grid})
    assert architecture.numbers(turned)["grid"]["axes"]["ratio"]["high"] < 1


def reading_wide(side: int, step: int, sparse: bool) -> nn.Module:
    """A net whose projections are 27 px wide: of what layer 1 covers it reads the mean, or the middle pixel alone."""
    wide = reading(side, step)
    if sparse:
        with torch.no_grad():
            for map_, channel, strength in ((0, 0, 1.0), (1, 0, 0.1)):
                wide[0].weight[map_].zero_()
                wide[0].weight[map_, channel, side // 2, side // 2] = strength
    return wide


@pytest.mark.usefixtures("of_nine")
def test_the_grid_of_a_net_that_reads_every_fourth_pixel_is_found_and_one_that_reads_all_has_none() -> None:
    found = found_in(planted_inputs(reading_wide(19, 4, sparse=True), reading_wide(23, 2, sparse=False), 20, 10))
    grid = architecture.numbers(found)["grid"]
    for place in ("axes", "diagonals"):
        assert grid[place][BEFORE]["low"] > 1 > grid[place][AFTER]["low"]
        assert grid[place]["ratio"]["low"] > 1


def test_projections_of_a_few_pixels_have_no_grid_to_speak_of() -> None:
    found = found_in(planted_inputs(reading(1, 4), reading(8, 2), 20, 10))
    assert architecture.numbers(found)["grid"] is None


def test_what_is_not_trained_out_is_not_judged() -> None:
    why = "zfnet is not trained out"
    for errors in (([0.3], [0.2]), ([0.3] * 6, [0.2, 0.21, 0.2, 0.19, 0.2, 0.2])):
        found = judged(replace(result(errors=errors), doubt=why), "better-architecture")
        assert (found.verdict, found.parts[0].why) == ("not tested", why)
    inputs = planted_inputs(reading(11, 4), reading(7, 2), 20, 10)
    learning = {key: still_learning(net) for key, net in compared_nets(inputs).items()}
    found = found_in(Inputs.of(inputs.net, PREPROCESSING, inputs.data, compared=learning))
    assert found.doubt.endswith("in krizhevsky (after 12), zfnet (after 12): COMPARE_EPOCHS gives more")


def compared_nets(inputs: Inputs) -> dict[tuple[str, int], Inputs]:
    named = {(name, 0): inputs.compared(name) for name in (BEFORE, AFTER)}
    return {key: net for key, net in named.items() if net is not None}


def still_learning(net: Inputs) -> Inputs:
    return opened(net.net, net.data, replace(net.learned, numbers=net.learned.numbers | {"trained_out": False}))


def test_the_power_of_the_errors_is_that_of_an_architecture_that_is_wrong_everywhere() -> None:
    part = judged(result(errors=([0.3], [0.2])), "better-architecture").parts[0]
    assert (part.most, part.unit.words) == (pytest.approx(0.8), "points of accuracy")
    assert part.smallest_effect is not None
    assert 0 < part.smallest_effect < 0.1


@pytest.mark.parametrize("gap", [0.0, 0.04])
def test_the_intervals_of_the_errors_cover(gap: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of these nets, over images they share; and of the architecture, over six seeds that differ from training to training."""
    monkeypatch.setattr(intervals, "RESAMPLES", 2000)
    rng, runs = np.random.default_rng(6), examples(200)
    covered = {1: 0, 6: 0}
    for seeds in covered:
        for _ in range(runs):
            hard = rng.random(300)
            of_seed = rng.normal(0, 0.03 if seeds > 1 else 0.0, (2, seeds, 1))
            chances = np.array([0.2 + gap, 0.2])[:, None, None] + of_seed
            wrong = (0.5 * (hard < chances) + 0.5 * (rng.random((2, seeds, 300)) < chances)) > rng.random(
                (2, seeds, 300)
            )
            planted = replace(PLANTED, errors=dict(zip((BEFORE, AFTER), wrong.astype(float), strict=True)))
            part = _better(planted, rng).parts[0]
            covered[seeds] += part.low <= gap <= part.high
    assert min(covered.values()) >= runs * (LEVEL - 4 * np.sqrt(LEVEL * (1 - LEVEL) / runs))


PLANTED = result()
