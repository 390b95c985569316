"""When nets may be compared: literal histories."""

from typing import Any

import pytest
from planted import FLAT, history

from reportgen.look import compared


def errors(third: float, last: float) -> list[dict[str, Any]]:
    return history((*[0.5] * 6, *[third] * 3, *[last] * 3))


def test_the_quarters_of_twelve_epochs_are_three_each() -> None:
    steps = history([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.32, 0.3, 0.28, 0.2, 0.1, 0.0])
    assert compared.training_errors(steps) == pytest.approx((0.3, 0.1))
    assert compared.training_errors(history([0.3])) is None
    assert compared.training_errors(history([0.3, 0.2])) == pytest.approx((0.3, 0.2))
    assert compared.training_errors(history([0.5] * 7 + [0.3] * 2 + [0.2] * 2)) == pytest.approx((0.3, 0.2))


def test_a_net_is_trained_out_if_its_error_falls_by_one_point_at_most() -> None:
    assert compared.not_comparable({"net": errors(0.10, 0.09)}) == ""
    assert compared.not_comparable({"net": errors(0.10, 0.15)}) == ""
    assert compared.not_comparable({"net": errors(0.10, 0.088)}) == (
        "after 12 epochs the nets are not trained out: from the third to the last quarter of the epochs the training error may "
        "fall by one point at most, and it fell in net from 10.0 to 8.8 %"
    )


def test_fewer_than_twelve_epochs_do_not_do() -> None:
    assert (
        compared.not_comparable({"net": history(FLAT[1:])}) == "the nets were trained for 11 epochs, and 12 are needed"
    )
    assert compared.not_comparable({"net": history([0.1])}) == "the nets were trained for 1 epoch, and 12 are needed"
    assert compared.not_comparable({}) == ""


def test_nets_with_different_numbers_of_updates_are_not_compared() -> None:
    assert compared.not_comparable({"a": errors(0.1, 0.1), "b": errors(0.2, 0.2)}) == ""
    assert compared.not_comparable({"a": errors(0.1, 0.1), "b": history((*FLAT, 0.1))}) == (
        "the nets were trained for different numbers of epochs (a 12, b 13)"
    )
    both = compared.not_comparable({"a": errors(0.2, 0.1), "b": errors(0.2, 0.2), "c": errors(0.3, 0.1)})
    assert both.endswith("a from 20.0 to 10.0 %, c from 30.0 to 10.0 %")
