"""What a reader may conclude, in one sentence."""

import pytest

from reportgen.page.conclusion import conclusion

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
