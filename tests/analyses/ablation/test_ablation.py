"""Tables 2 and 3: literal cases, every verdict within reach, the paper's numbers."""

from typing import Any

import numpy as np
import pytest
from planted import PREPROCESSING, SIDE, dataset, facts, learned, opened
from planted_results.ablation import IMAGES, result
from torch import nn

from reportgen.analyses.ablation import analysis as ablation
from reportgen.analyses.ablation.analysis import AS_IS, DEPTH, WITHOUT_34, WITHOUT_67, WITHOUT_BOTH, Result
from reportgen.claims import Verdict, paper
from reportgen.figures.kinds import BarChart, Table
from reportgen.look.inputs import Inputs
from reportgen.settings.variants import VARIANTS


def judged(planted: Result) -> Verdict:
    (found,) = ablation.judge(planted, np.random.default_rng(1))
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
    found = judged(Result(fewer, whole.wrong, {}, IMAGES))
    assert (found.verdict, found.why) == (
        "not tested",
        "this run trains no net krizhevsky-without-3-4-6-7 (COMPARE_VARIANTS)",
    )
    lost = whole.facts | {WITHOUT_67: facts(0, IMAGES, diverged=2)}
    left = {name: wrong for name, wrong in whole.wrong.items() if name != WITHOUT_67}
    found = judged(Result(lost, left, {}, IMAGES))
    assert (found.verdict, found.why) == ("undecided", "training of krizhevsky-without-6-7 diverged in epoch 2")


def test_without_any_net_the_tables_quote_the_paper_and_have_no_columns_of_dashes() -> None:
    drawn = ablation.figures(Result({}, {}, {}, IMAGES))
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
        krizhevsky_0=(FIRST < 10, 0, {"train_error": 0.05, "top5": 0.9}),
        krizhevsky_without_6_7_0=(FIRST < 20, 0, {"top5": None}),
        zfnet_half_6_7_0=(FIRST < 4, 0, {}),
    )
    drawn = ablation.figures(found_in(inputs))
    rows = rows_of(drawn["table3_krizhevsky"])
    assert list(rows) == list(paper.ABLATION_KRIZHEVSKY)
    assert rows["as is"] == ("5.0", "25.0", "10.0", "35.1", "40.5", "18.1")
    assert rows["without layers 6, 7"] == ("10.0", "50.0", "–", "27.4", "44.8", "22.4")
    assert rows["without layers 3, 4"] == ("–", "–", "–", "41.8", "45.4", "22.1")
    rows = rows_of(drawn["table3_zfnet"])
    assert rows["layers 6, 7: 2048 units (here 24 units)"][:2] == ("10.0", "10.0")
    assert len(rows) == len(paper.ABLATION_ZEILER_FERGUS)
    rows = rows_of(drawn["table2"])
    assert rows["their replication of Krizhevsky et al., 1 net"] == ("25.0", "10.0", "40.5", "18.1", "–")
    assert rows["1 net of the paper’s figure 3"] == ("–", "–", "38.4", "16.5", "–")
    assert "not reproduced" in drawn["table6"].title
    assert rows_of(drawn["table6"])["the paper, frozen features and a new softmax"] == ("79.0", "5")


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
    entry = found_in(inputs).ensembles["zfnet"]
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
    assert set(drawn) == {"table3_krizhevsky", "table3_zfnet", "table2", "table6"}
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
    printed = ablation.numbers(found)["nets"]["krizhevsky"]["validation"]
    assert printed == found.wrong["krizhevsky"].mean() == 7 / 40
    assert printed != 1 - (1 - 0.175)  # what a difference from one leaves of it


def test_what_the_error_falls_by_bears_a_true_minus() -> None:
    drawn = ablation.figures(result((0.2, 0.1, 0.15, 0.1)))["extra"]
    assert "without layers 3, 4 −10.0" in drawn.alt
    assert "-10" not in drawn.alt
    assert "further right" in drawn.caption
