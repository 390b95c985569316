"""What a reader may conclude, in one sentence."""

import pytest

from reportgen.page.conclusion import conclusion, failing, of_which_training, reason

MARKED = "those that are marked"


@pytest.mark.parametrize(
    ("claims", "loaded", "said"),
    [
        ([("not tested", "net")], False, "No claim is tested"),
        ([("holds", "training"), ("contradicted", "training")], False, "for another training of this net"),
        ([("holds", "training"), ("contradicted", "net")], False, MARKED),
        (
            [("holds", "training"), ("undecided", "net"), ("not tested", "net")],
            False,
            "for another training of this net",
        ),
        ([("undecided", "training"), ("undecided", "net")], False, "No claim is decided"),
        ([("holds", "net")], False, "REPEATS=3 measures by how much"),
        ([("holds", "net")], True, "nothing is known of training it again"),
    ],
)
def test_it_speaks_of_the_claims_that_are_decided(claims: list[tuple[str, str]], loaded: bool, said: str) -> None:
    assert said in conclusion([{"verdict": verdict, "of": of} for verdict, of in claims], loaded)


def test_a_contradicted_claim_says_which_parts_fail_and_not_why_others_are_left_open() -> None:
    parts = [{"name": "shift", "outcome": "contradicted"}, {"name": "scale", "outcome": "not tested"}]
    claim = {"verdict": "contradicted", "why": "scale: more images are needed", "parts": parts}
    assert failing(claim) == "1 of 2 parts (shift)"
    assert reason(claim) == "it fails in 1 of 2 parts (shift)"
    assert reason(claim | {"verdict": "undecided"}) == "scale: more images are needed"
    assert reason(claim | {"parts": parts[:1], "why": ""}) == ""


def test_claims_of_this_trained_net_alone_are_marked_where_others_are_of_training_again() -> None:
    def claim(name: str, verdict: str, of: str, net: str) -> dict[str, str]:
        return {"id": name, "verdict": verdict, "of": of, "net": net}

    ours = [
        claim("holds-alone", "holds", "net", "holds"),
        claim("open", "undecided", "net", "undecided"),
        claim("untested", "not tested", "net", "not tested"),
    ]
    assert of_which_training(ours) == {}
    again = [claim("same", "holds", "training", "holds"), claim("changed", "undecided", "training", "holds")]
    assert of_which_training([*ours, *again]) == {
        "holds-alone": "of this trained net",
        "changed": "this trained net alone: holds",
    }
    assert of_which_training([{"id": "older", "verdict": "holds"}]) == {}
