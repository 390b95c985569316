"""Training noise: measured, kept, read, pooled, and what it makes of a verdict."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from noise_files import FILE
from runs import examples

from reportgen import claims
from reportgen.base.errors import UserError
from reportgen.claims import Noise, Part, Verdict, noise


def document(*parts: Part, **about: Any) -> dict[str, Any]:
    return Verdict("grouping", parts, **about).document()


def part(estimate: float, reach: float, name: str = "layer 2", **about: Any) -> Part:
    return Part(name, estimate, estimate - reach, estimate + reach, 100, **about)


def test_the_spread_is_taken_over_trainings_that_measured_the_number() -> None:
    trainings = [{"a": {"x": 1.0, "y": 5.0}}, {"a": {"x": 2.0}}, {"a": {"x": 3.0, "y": 5.0}, "b": {"z": 0.0}}]
    found = noise.spread(trainings)
    assert list(found) == ["a"]
    assert list(found["a"]) == ["x"]  # y was measured twice, z once
    assert found["a"]["x"] == noise.Spread(1.0, 2.0, 3)


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=9), st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=9))
def test_trainings_are_added_as_if_measured_at_once(some: list[float], others: list[float]) -> None:
    def over(values: list[float]) -> noise.Spread:
        return noise.spread([{"grouping": {"layer 2": value}} for value in values])["grouping"]["layer 2"]

    joined, at_once = noise.joined(over(some), over(others)), over(some + others)
    assert joined.trainings == at_once.trainings
    assert joined.mean == pytest.approx(at_once.mean, abs=1e-9)
    assert joined.tau == pytest.approx(at_once.tau, abs=1e-6)


def test_trainings_under_other_conditions_are_not_added() -> None:
    def measured(size: int, tau: float) -> noise.Measured:
        spread = noise.Spread(tau, 1.0, 3)
        return noise.Measured(
            1,
            noise.About(3, (size,)),
            {"features": noise.OfAnalysis({"data": {"size": size}}, {"grouping": {"layer 2": spread}})},
        )

    found = measured(64, 0.1).joined(measured(96, 0.5), {})
    assert found.analyses["features"].claims["grouping"]["layer 2"].trainings == 3
    usual = {"data": {"size": 64}}
    older = noise.Measured(
        1, noise.About(3, (1,)), {"features": noise.OfAnalysis({}, measured(1, 0.5).analyses["features"].claims)}
    )
    found = measured(64, 0.1).joined(older, usual)
    assert found.analyses["features"].claims["grouping"]["layer 2"].trainings == 6
    assert found.about.training_seeds == (1, 64)


def test_a_verdict_is_of_training_where_all_noise_is_known() -> None:
    parts = part(1.0, 0.5), part(1.0, 0.5, "layer 3")
    known = {"layer 2": Noise(0.01, 19), "layer 3": Noise(0.01, 19)}
    found = noise.judged(document(*parts), known)
    assert (found["of"], found["verdict"], found["net"]) == ("training", "holds", "holds")
    assert found["parts"][0]["tau"] == 0.01
    assert found["parts"][0]["low"] < found["parts"][0]["net"]["low"] == 0.5
    alone = noise.judged(document(*parts), {"layer 2": Noise(0.01, 19)})
    assert (alone["of"], alone["verdict"]) == ("net", "holds")
    assert [one["tau"] for one in alone["parts"]] == [0.01, None]
    assert alone["parts"][0]["low"] == 0.5


def test_a_claim_that_holds_of_this_net_may_not_hold_of_training() -> None:
    found = noise.judged(document(part(1.0, 0.5)), {"layer 2": Noise(0.5, 19)})
    assert (found["verdict"], found["net"]) == ("undecided", "holds")


def test_the_estimate_of_several_trainings_is_their_mean() -> None:
    found = noise.judged(document(part(1.0, 0.1)), {"layer 2": Noise(0.2, 6)}, [{"layer 2": 2.0}, {"layer 2": 3.0}, {}])
    assert found["estimate"] == pytest.approx(2.0)
    assert found["trainings"] == 4
    reach = 0.2 / 3**0.5 * scipy.stats.t.ppf((1 + claims.LEVEL) / 2, 6)
    assert found["low"] == pytest.approx(2 - np.hypot(0.1, reach))


def test_gates_and_untested_claims_stay() -> None:
    known = {"layer 2": Noise(0.01, 19)}
    assert noise.judged(document(part(1.0, 0.5), why="near chance"), known)["verdict"] == "undecided"
    assert noise.judged(claims.not_tested("grouping", "no images").document(), known)["verdict"] == "not tested"
    untested = document(part(0.0, 0.0, untested="nothing is dead"))
    assert noise.judged(untested, {})["verdict"] == "not tested"
    assert noise.judged(untested, {})["parts"][0]["why"] == "nothing is dead"
    assert noise.judged(untested, {})["of"] == "net"


def test_own_trainings_and_a_file_are_pooled() -> None:
    assert noise.pooled(None, None) is None
    assert noise.pooled(Noise(1.0, 2), None) == Noise(1.0, 2)
    assert noise.pooled(None, Noise(2.0, 19)) == Noise(2.0, 19)
    both = noise.pooled(Noise(1.0, 2), Noise(2.0, 19))
    assert both is not None
    assert both.freedom == 6  # the file counts as four
    assert both.tau == pytest.approx(((2 * 1 + 4 * 4) / 6) ** 0.5)


@pytest.mark.parametrize("tau", [0.0, 0.3, 3.0])
@pytest.mark.parametrize(("trainings", "others"), [(1, 20), (3, 20), (1, 5)])
def test_the_interval_covers_what_training_this_way_gives(tau: float, trainings: int, others: int) -> None:
    """The truth is 0; images (deviation 1, shared by all trainings) and trainings (deviation tau) move the estimates.

    Tau is measured on so many other trainings.
    """
    rng = np.random.default_rng([trainings, int(10 * tau), others])
    turns, covered = examples(4000), 0
    z = scipy.stats.norm.ppf((1 + claims.LEVEL) / 2)
    for _ in range(turns):
        images = rng.normal()
        measured = Noise(float(rng.normal(0, tau, others).std(ddof=1)), others - 1)
        estimates = images + rng.normal(0, tau, trainings)
        own = Part("x", estimates[0], estimates[0] - z, estimates[0] + z, 100)
        again = [{"x": float(value)} for value in estimates[1:]]
        found = noise.of_training(Verdict("grouping", (own,)), {"x": measured}, again)
        assert found is not None
        covered += found.parts[0].low <= 0 <= found.parts[0].high
    error = (claims.LEVEL * (1 - claims.LEVEL) / turns) ** 0.5
    assert covered / turns > claims.LEVEL - 3 * error


def test_noise_is_known_only_under_its_conditions(tmp_path: Path) -> None:
    path = tmp_path / "noise.json"
    path.write_text(json.dumps(FILE))
    found = noise.read(path, "NOISE=noise.json")
    known = {"features": {"grouping": {"layer 2": Noise(0.1, 19)}}}
    assert found.under({"features": {"data": {"size": 96}}}, {}) == known
    assert found.under({"features": {"data": {"size": 95}}}, {}) == {}
    assert found.under({"evolution": {"data": {"size": 96}}}, {}) == {}
    later = {"features": {"data": {"size": 96, "grey": False}}}  # a setting that the file does not know yet
    assert found.under(later, {"data": {"grey": False}}) == known
    assert found.under(later, {"data": {"grey": True}}) == {}


def test_a_setting_that_one_side_does_not_name_is_at_its_usual_value() -> None:
    usual = {"data": {"size": 64}, "net": {"width": 8}}
    assert noise.same({"data": {"size": 64}}, {}, usual)
    assert not noise.same({"data": {"size": 96}}, {}, usual)
    assert not noise.same({"data": {"colour": "grey"}}, {}, usual)  # one that is there no more
    assert noise.same({"data": {"size": 96}}, {"data": {"size": 96}, "net": {"width": 8}}, usual)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a file of training noise"),
        ("[" * 100_000, "not a file of training noise"),
        ("\x00\xff", "not a file of training noise"),
        ("{}", "'schema' is missing"),
        (f'{{"schema": {"9" * 4_000}, "about": {{}}, "analyses": {{}}}}', "schema: input should be less than"),
        (
            '{"schema": 1, "about": {}, "analyses": {"a": {"conditions": {"data": {"size": [1e999]}}, "claims": {}}}}',
            r"analyses.a.conditions.data.size: a number that is not finite",
        ),
        ('{"schema": 2, "about": {}, "analyses": {}}', "has schema 2"),
        (json.dumps(FILE).replace("0.1", "-0.1"), r"analyses.features.claims.grouping.layer 2.tau"),
        (json.dumps(FILE).replace("0.1", "NaN"), r"analyses.features.claims.grouping.layer 2.tau"),
        (json.dumps(FILE).replace("0.1", "1e308"), r"layer 2.tau: a number beyond 1e\+100"),
        (json.dumps(FILE).replace("0.1", "1e51"), r"layer 2.tau: a number beyond 1e\+50"),
        (json.dumps(FILE).replace("20}}", "1000001}}"), r"layer 2.trainings: .* less than or equal to 1000000"),
        (
            json.dumps(FILE).replace('"trainings": 20}, ', '"trainings": 3, "machine_hours": 1e308}, '),
            "machine_hours: ",
        ),
        (json.dumps(FILE).replace('"mean": 1', '"mean": "much"'), r"layer 2.mean"),
    ],
)
def test_what_is_no_file_of_noise_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "noise.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=said) as caught:
        noise.read(path, "NOISE=noise.json")
    assert str(caught.value).startswith("NOISE=noise.json: ")
    assert "\n" not in str(caught.value)
    assert "make" in str(caught.value) or "measure it again" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        noise.read(tmp_path / "none.json", "NOISE=none.json")


def test_the_files_that_the_package_brings_are_read() -> None:
    for path in noise.shipped():
        found = noise.read(path, str(path))
        assert found.about.trainings == len(found.about.training_seeds) >= 10
        assert set(found.analyses) >= {"net", "features", "occlusion"}
