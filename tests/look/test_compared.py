"""When nets may be compared."""

from planted import facts

from reportgen.look import compared


def test_nets_that_were_still_learning_are_named() -> None:
    done, learning = facts(5, 10), facts(5, 10, trained_out=False, finished_epochs=100)
    assert compared.not_comparable({}) == ""
    assert compared.not_comparable({"a": done, "b": done | {"finished_epochs": 13}}) == ""
    said = compared.not_comparable({"a": done, "b": learning, "c": learning})
    assert "in b (after 100), c (after 100)" in said
    assert "COMPARE_EPOCHS" in said
