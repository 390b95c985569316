"""The number that stands for a claim is that of the part that decides its verdict, whatever becomes of its parts."""

from dataclasses import replace
from importlib import import_module
from itertools import product

import pytest
from fake_build import NET

from reportgen.analyses.registry import ANALYSES
from reportgen.claims import CLAIMS, Part, Verdict
from reportgen.stages import analysis as stage

INFINITY = float("inf")
KINDS = {  # of parts, by their outcome
    "contradicted": Part("a", -1.0, -2.0, -0.5, 10),
    "undecided": Part("b", 0.2, -0.5, 1.0, 10),
    "holds": Part("c", 0.1, 0.05, 0.2, 10),
    "not tested": Part("d", 0.0, -INFINITY, INFINITY, 1, untested="there are two images"),
}
WEAK = Part("e", 0.1, -0.3, 0.5, 10, most=0.3)  # not tested, although it has an interval


def verdicts() -> list[Verdict]:
    """Those on all planted results."""
    judging = [analysis for analysis in ANALYSES if analysis.claims]
    planted = {analysis: import_module(f"planted_results.{analysis.name}").result() for analysis in judging}
    return [verdict for analysis, result in planted.items() for verdict in stage.judged(analysis, result, 0, NET)]


def decided(verdict: Verdict) -> str:
    """The outcome of the part whose numbers stand for the claim."""
    document = verdict.document()
    [part] = [part for part in document["parts"] if part["name"] == document["decides"]]
    for name in ("low", "high", "n", "unit"):
        assert document[name] == part[name]
    assert document["estimate"] == (None if part["low"] is None and part["high"] is None else part["estimate"])
    return str(part["outcome"])


@pytest.mark.parametrize("outcomes", [some for count in (1, 2, 3) for some in product(KINDS, repeat=count)])
def test_the_part_that_stands_for_a_claim_has_the_claims_verdict(outcomes: tuple[str, ...]) -> None:
    parts = tuple(replace(KINDS[outcome], name=f"{place}") for place, outcome in enumerate(outcomes))
    verdict = Verdict("hierarchy", parts)
    lacking = verdict.verdict == "undecided" and "undecided" not in outcomes
    assert decided(verdict) == ("not tested" if lacking else verdict.verdict)


def test_a_part_that_is_not_tested_stands_for_a_claim_that_would_hold_without_it() -> None:
    weak = Verdict("hierarchy", (KINDS["holds"], WEAK)).document()
    assert (weak["verdict"], weak["decides"], weak["low"]) == ("undecided", "e", -0.3)
    unmeasured = Verdict("hierarchy", (KINDS["holds"], KINDS["not tested"])).document()
    assert (unmeasured["estimate"], unmeasured["low"], unmeasured["n"]) == (None, None, 1)


VERDICTS = verdicts()


def test_results_are_planted_for_every_claim() -> None:
    assert {verdict.id for verdict in VERDICTS} == {claim.id for claim in CLAIMS}


@pytest.mark.parametrize("planted", [one for one in VERDICTS if one.parts], ids=lambda verdict: verdict.id)
def test_whichever_part_of_a_planted_result_turns_the_number_that_is_shown_follows(planted: Verdict) -> None:
    verdict = replace(planted, why="")
    assert decided(verdict) == verdict.verdict or "not tested" in {part.outcome for part in verdict.parts}
    holding = tuple(replace(KINDS["holds"], name=part.name) for part in verdict.parts)
    for place, part in enumerate(holding):
        for outcome, other in KINDS.items():
            turned = Verdict(verdict.id, (*holding[:place], replace(other, name=part.name), *holding[place + 1 :]))
            assert decided(turned) == outcome
            assert turned.document()["decides"] == part.name or outcome == "holds"
