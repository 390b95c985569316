"""Tables 2 and 3: literal cases, every verdict within reach, the paper's numbers."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted import PREPROCESSING, SIDE, dataset, facts, learned, opened
from planted_results.ablation import IMAGES, planted, result
from runs import examples
from torch import nn

from reportgen.analyses.ablation import analysis as ablation
from reportgen.analyses.ablation.analysis import AS_IS, DEPTH, WITHOUT_34, WITHOUT_67, WITHOUT_BOTH, Result
from reportgen.claims import LEVEL, Verdict, intervals, mean_part, paper
from reportgen.figures.kinds import BarChart, Table
from reportgen.look.inputs import Inputs
from reportgen.settings.variants import VARIANTS


def judged(result: Result) -> Verdict:
    (found,) = ablation.judge(result, np.random.default_rng(1))
    assert found.id == "depth-matters"
    return found


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ((0.2, 0.22, 0.25, 0.5), "holds"),
        ((0.2, 0.4, 0.4, 0.42), "contradicted"),
        ((0.2, 0.22, 0.25, 0.27), "undecided"),
    ],
)
def test_depth_can_fall_either_way(errors: tuple[float, float, float, float], verdict: str) -> None:
    found = judged(result(errors))
    assert found.verdict == verdict
    assert found.parts[0].n == IMAGES
    assert found.parts[0].estimate == pytest.approx(errors[3] + errors[0] - errors[1] - errors[2], abs=1e-3)
    assert "in these trained nets" in found.parts[0].name


def test_the_papers_errors_fall_on_its_side() -> None:
    rows = ("as is", "without layers 3, 4", "without layers 6, 7", "without layers 3, 4, 6, 7")
    printed = [paper.ABLATION_KRIZHEVSKY[row].validation / 100 for row in rows]
    assert ablation.excess(*printed) == pytest.approx(0.713 + 0.405 - 0.454 - 0.448)
    found = judged(result(tuple(printed), images=1000))  # type: ignore[arg-type]
    assert found.parts[0].estimate == pytest.approx(0.216)
    extra = ablation.numbers(result((0.1, 0.1, 0.1, 0.1)))["paper"]
    assert extra == pytest.approx({"without_34": 0.049, "without_67": 0.043, "without_both": 0.308, "excess": 0.216})


def test_what_was_not_trained_is_not_tested_and_what_diverged_is_undecided() -> None:
    whole = result((0.2, 0.2, 0.2, 0.2))
    fewer = {name: whole.facts[name] for name in DEPTH[:3]}
    found = judged(planted(fewer, whole.wrong))
    assert (found.verdict, found.why) == (
        "not tested",
        "this run trains no net krizhevsky-without-3-4-6-7 (COMPARE_VARIANTS)",
    )
    lost = whole.facts | {WITHOUT_67: facts(0, IMAGES, diverged=2)}
    left = {name: wrong for name, wrong in whole.wrong.items() if name != WITHOUT_67}
    found = judged(planted(lost, left))
    assert (found.verdict, found.why) == ("undecided", "training of krizhevsky-without-6-7 diverged in epoch 2")


def test_without_any_net_the_tables_quote_the_paper_and_have_no_columns_of_dashes() -> None:
    drawn = ablation.figures(planted({}, {}))
    assert rows_of(drawn["table3_zfnet"])["as is"] == ("33.1", "38.4", "16.5")
    assert rows_of(drawn["table2"])["1 net of the paper’s figure 3"] == ("38.4", "16.5", "–")
    for name in ("table3_krizhevsky", "table3_zfnet", "table2"):
        table = drawn[name]
        assert isinstance(table, Table)
        assert all(column.startswith("paper: ") for column in table.columns[1:])
        assert "as the paper printed them" in table.caption


def planted_inputs(**nets: Any) -> Inputs:
    """Comparison nets that get these of 40 validation images wrong."""
    data = dataset(np.zeros((40, SIDE, SIDE, 3), np.uint8))
    net = nn.Sequential(nn.Conv2d(3, 1, 3), nn.ReLU(), nn.Flatten(), nn.Linear((SIDE - 2) ** 2, 8))
    compared = {}
    for name, (wrong, turn, more) in ((key.rsplit("_", 1)[0], value) for key, value in nets.items()):
        compared[name.replace("_", "-"), turn] = opened(net, data, learned(wrong, data.val.labels, **more))
    return Inputs.of(net, PREPROCESSING, data, compared=compared)


def found_in(inputs: Inputs) -> Result:
    return ablation.compute(inputs, ablation.Settings(), np.random.default_rng(0))


def rows_of(figure: Any) -> dict[str, tuple[str, ...]]:
    assert isinstance(figure, Table)
    return {row[0]: row[1:] for row in figure.rows}


FIRST = np.arange(40)


def test_the_tables_hold_this_runs_errors_beside_the_papers() -> None:
    inputs = planted_inputs(
        krizhevsky_0=(FIRST < 10, 0, {"train_error": 0.05, "finished_epochs": 31}),
        krizhevsky_without_6_7_0=(FIRST < 20, 0, {}),
        zfnet_half_6_7_0=(FIRST < 4, 0, {}),
    )
    drawn = ablation.figures(found_in(inputs))
    rows = rows_of(drawn["table3_krizhevsky"])
    assert list(rows) == list(paper.ABLATION_KRIZHEVSKY)
    assert rows["as is"] == ("31", "5.0", "25.0", "35.1", "40.5", "18.1")
    assert rows["without layers 6, 7"] == ("12", "10.0", "50.0", "27.4", "44.8", "22.4")
    assert rows["without layers 3, 4"] == ("–", "–", "–", "41.8", "45.4", "22.1")
    rows = rows_of(drawn["table3_zfnet"])
    assert rows["layers 6, 7: 2048 units (here 24 units)"][1:3] == ("10.0", "10.0")
    assert len(rows) == len(paper.ABLATION_ZEILER_FERGUS)
    rows = rows_of(drawn["table2"])
    assert rows["their replication of Krizhevsky et al., 1 net"] == ("25.0", "40.5", "18.1", "–")
    assert rows["1 net of the paper’s figure 3"] == ("–", "38.4", "16.5", "–")


def test_a_net_that_diverged_has_no_errors_in_the_table() -> None:
    inputs = planted_inputs(krizhevsky_0=(FIRST < 10, 0, {"diverged": 3}))
    found = found_in(inputs)
    assert found.wrong == {}
    rows = rows_of(ablation.figures(found)["table3_krizhevsky"])
    assert rows["as is (diverged in epoch 3)"][:3] == ("–", "–", "–")


def test_nets_of_several_seeds_are_averaged() -> None:
    inputs = planted_inputs(
        zfnet_0=(FIRST < 10, 0, {}), zfnet_1=(FIRST >= 30, 1, {}), zfnet_2=((FIRST < 5) | (FIRST >= 35), 2, {})
    )
    entry = found_in(inputs).ensembles["5 nets of the paper’s figure 3 (a)"]
    assert (entry.nets, entry.top1) == (3, 0.25)  # two of three are wrong for the first and the last five
    rows = rows_of(ablation.figures(found_in(inputs))["table2"])
    assert rows["5 nets of the paper’s figure 3 (a) (here 3 nets)"][0] == "25.0"
    one = found_in(planted_inputs(zfnet_0=(FIRST < 10, 0, {})))
    assert one.ensembles == {}


def test_the_bars_are_the_extra_errors_and_their_sum() -> None:
    drawn = ablation.figures(result((0.2, 0.25, 0.3, 0.5)))["extra"]
    assert isinstance(drawn, BarChart)
    np.testing.assert_allclose(drawn.values, [5, 10, 15, 30], atol=1e-6)
    assert drawn.low is not None
    assert drawn.high is not None
    assert (drawn.low < drawn.values).all()
    assert (drawn.high > drawn.values).all()
    assert "4.9, 4.3, 9.2, 30.8" in drawn.caption


def test_without_any_comparison_net_the_papers_numbers_stand_alone() -> None:
    found = found_in(planted_inputs())
    drawn = ablation.figures(found)
    assert set(drawn) == {"table3_krizhevsky", "table3_zfnet", "table2"}
    assert ablation.numbers(found)["extra"] is None
    assert ablation.weakest(found) is None
    assert judged(found).verdict == "not tested"


def test_the_four_nets_of_the_claim_are_variants_without_those_layers() -> None:
    removed = {variant.name: variant.removed for variant in VARIANTS}
    assert [removed[name] for name in (AS_IS, WITHOUT_34, WITHOUT_67, WITHOUT_BOTH)] == [
        (),
        (3, 4),
        (6, 7),
        (3, 4, 6, 7),
    ]


def test_the_loss_without_all_four_stands_beside_the_rule_that_does_not_ask_for_it() -> None:
    helped = result((0.2, 0.1, 0.1, 0.1))
    assert judged(helped).verdict == "holds"  # the gap: the error falls, only by less than the sum
    extra = ablation.numbers(helped)["extra"]
    assert extra["without_both"] == pytest.approx(-0.1)
    assert extra["without_both_interval"][0] < extra["without_both"] < extra["without_both_interval"][1] < 0


def test_an_error_is_the_same_number_wherever_it_is_printed() -> None:
    found = found_in(planted_inputs(krizhevsky_0=(np.arange(40) < 7, 0, {"top1": 1 - 0.175})))
    printed = ablation.numbers(found)["nets"]["krizhevsky"]["error"]
    assert printed == found.wrong["krizhevsky"].mean() == 7 / 40
    assert printed != 1 - (1 - 0.175)  # what a difference from one leaves of it


def test_what_the_error_falls_by_bears_a_true_minus() -> None:
    drawn = ablation.figures(result((0.2, 0.1, 0.15, 0.1)))["extra"]
    assert "without layers 3, 4 −10.0" in drawn.alt
    assert "-10" not in drawn.alt
    assert "further right" in drawn.caption


def test_a_net_that_is_not_trained_out_is_named_and_nothing_is_judged() -> None:
    whole = result((0.2, 0.22, 0.25, 0.5))
    why = "the training error was still falling"
    found = judged(planted(whole.facts, whole.wrong, doubt=why))
    assert (found.verdict, found.because) == ("not tested", f"{found.parts[0].name}: {why}")
    assert found.parts[0].estimate > 0  # it is printed all the same
    inputs = planted_inputs(
        **{
            f"{name.replace('-', '_')}_0": (FIRST < 10, 0, {"trained_out": name != AS_IS, "finished_epochs": 100})
            for name in DEPTH
        }
    )
    assert found_in(inputs).doubt == (
        "the training error was still falling when the epochs were used up, in krizhevsky (after 100): COMPARE_EPOCHS gives more"
    )


def test_the_nets_are_judged_by_further_images_where_there_are_some() -> None:
    further = np.arange(60) < 12
    inputs = planted_inputs(krizhevsky_0=(FIRST < 10, 0, {"judged": further}))
    found = found_in(inputs)
    assert (found.images, found.on) == (60, "further images")
    assert found.wrong["krizhevsky"].mean() == 0.2
    table = ablation.figures(found)["table3_krizhevsky"]
    assert rows_of(table)["as is"][2] == "20.0"
    assert "60 further images" in table.caption


def test_the_power_is_that_of_a_net_that_is_wrong_everywhere() -> None:
    found = judged(result((0.2, 0.3, 0.4, 0.5)))
    assert found.parts[0].most == pytest.approx(1 + 0.2 - 0.3 - 0.4)
    few = judged(result((0.5, 0.9, 0.9, 0.5), images=30))
    assert few.parts[0].most < 0
    assert [part.name for part in found.beside] == [
        "extra error without 3, 4",
        "extra error without 6, 7",
        "extra error without 3, 4, 6, 7",
    ]
    assert [part.estimate for part in found.beside] == pytest.approx([0.1, 0.2, 0.3])


def test_the_wider_net_joins_the_average_of_five() -> None:
    """Slowly: probabilities of every net, image by image; the sixth seed is not one of the five."""
    rng = np.random.default_rng(0)
    nets = {f"zfnet_{turn}": (rng.random(40) < 0.4, turn, {}) for turn in range(6)}
    inputs = planted_inputs(**nets, zfnet_wider_3_4_5_0=(FIRST < 12, 0, {}))
    found = found_in(inputs).ensembles
    five, six = found["5 nets of the paper’s figure 3 (a)"], found["6 nets, (a) and (b) combined"]
    assert (five.nets, six.nets) == (5, 6)
    wrong = [wrong for wrong, turn, _ in nets.values() if turn < 5]
    assert five.top1 == np.mean([sum(net[image] for net in wrong) >= 3 for image in range(40)])
    ours = inputs.compared("zfnet-wider-3-4-5")
    assert ours is not None
    errors = 0
    for image, label in enumerate(inputs.data.val.labels):
        total = np.zeros(8)
        for net in (*(inputs.compared("zfnet", turn) for turn in range(5)), ours):
            assert net is not None
            odds = [math.exp(value) for value in net.learned.logits[image]]
            total += np.array(odds) / sum(odds)
        errors += int(total.argmax()) != label
    assert six.top1 == errors / 40
    rows = rows_of(ablation.figures(found_in(inputs))["table2"])
    assert rows["6 nets, (a) and (b) combined"] == (f"{100 * six.top1:.1f}", "36.0", "14.7", "14.8")
    without = found_in(planted_inputs(**nets))
    assert "6 nets, (a) and (b) combined" not in without.ensembles
    lost = found_in(planted_inputs(**nets, zfnet_wider_3_4_5_0=(FIRST < 12, 0, {"diverged": 2})))
    assert "6 nets, (a) and (b) combined" not in lost.ensembles


def test_errors_among_five_are_said_of_many_classes_alone() -> None:
    scores = np.zeros((2, 100))
    scores[:, :6] = np.arange(6, 0, -1)
    assert ablation.top5(scores, np.array([4, 5])) == 0.5
    assert ablation.top5(scores[:, :12], np.array([4, 5])) is None
    found = replace(result((0.2, 0.2, 0.2, 0.2)), top5=dict.fromkeys(DEPTH, 0.05))
    table = ablation.figures(found)["table3_krizhevsky"]
    assert table.columns[1:5] == ("epochs", "training error", "error", "error, top 5")
    assert rows_of(table)["as is"][:4] == ("12", "10.0", "20.0", "5.0")


@pytest.mark.parametrize("excess", [0.0, 0.06])
def test_the_interval_covers_the_true_excess(excess: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets that share images they find hard: runs of 300 images, with fewer resamples than in a report."""
    monkeypatch.setattr(intervals, "RESAMPLES", 2000)
    rng, covered, runs = np.random.default_rng(3), 0, examples(300)
    chances = np.array([0.2, 0.25, 0.25, 0.3 + excess])
    for _ in range(runs):
        hard = rng.random(300)[:, None]
        wrong = 0.5 * (hard < chances) + 0.5 * (rng.random((300, 4)) < chances) > rng.random((300, 4))
        part = mean_part("", ablation.excess(*wrong.T.astype(float)), rng)
        covered += part.low <= excess <= part.high
    assert covered >= runs * (LEVEL - 4 * np.sqrt(LEVEL * (1 - LEVEL) / runs))
