"""Numbers as a reader wants them."""

import pytest

from reportgen.page import filters as words


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.percent(0.8742), "87\u00a0%"),
        (words.percent(0.8742, 1), "87.4\u00a0%"),
        (words.percent(None), "unknown"),
        (words.percent(-0.02), "−2\u00a0%"),
        (words.percent(-0.002), "0\u00a0%"),
        (words.number(0.43210), "0.432"),
        (words.number(-0.01), "−0.01"),
        (words.number(123456.0), "123,456"),
        (words.number(0.0), "0"),
        (words.number(-2.09e-05), "−0.0000209"),
        (words.number(2.0e-07), "2e−07"),
        (words.number(999.7), "1,000"),
        (words.count(1, "class", "classes"), "one class"),
        (words.count(12, "map"), "12 maps"),
        (words.count(0, "file"), "no files"),
        (words.count(3600, "image"), "3,600 images"),
        (words.word(16), "sixteen"),
        (words.word(21), "21"),
        (words.listing([]), ""),
        (words.listing(["a"]), "a"),
        (words.listing(["a", "b", "c"]), "a, b and c"),
        (words.sentence("it ends"), "It ends."),
        (words.sentence("Does it?"), "Does it?"),
        (words.sentence(""), ""),
        (words.by(88), "88×88"),
        (words.by("64x128"), "64×128"),
        (words.typeset("the net's 7x7, and the maps' 11 x 11/4"), "the net’s 7×7, and the maps’ 11×11/4"),
        (words.typeset("5 × 5 of 67% and 3 %"), "5×5 of 67\u00a0% and 3\u00a0%"),
        (words.typeset("a/IMG_3x4.jpg, 0x12ab, '; alert(1); ', x 3"), "a/IMG_3x4.jpg, 0x12ab, '; alert(1); ', x 3"),
        (words.day(1764000000), "24 November 2025"),
        (words.day(0), ""),
    ],
)
def test_said(said: str, expected: str):
    assert said == expected


def test_an_interval_may_be_open():
    assert words.interval({"estimate": 0.5, "low": None, "high": 0.75}) == "0.5 [−∞, 0.75]"
    assert words.interval({"estimate": 0.5, "low": None, "high": None}) == "0.5 [−∞, ∞]"


def test_what_was_not_measured_is_no_number():
    """Once it was printed as an infinity."""
    with pytest.raises(ValueError, match="None is no number"):
        words.number(None)
    with pytest.raises(ValueError, match="None is no number"):
        words.interval({"estimate": None, "low": None, "high": None})


def test_a_number_has_the_unit_of_its_part():
    part = {"estimate": 0.58, "low": None, "high": 0.66, "unit": {"words": "points of accuracy", "scale": 100}}
    assert words.interval(part) == "58 [−∞, 66] points of accuracy"
    assert (words.bounds(part), words.words(part)) == ("58 [−∞, 66]", "points of accuracy")
    assert words.in_unit(0.0123, part) == "1.2 points of accuracy"
    assert words.in_unit(None, part) == "unknown"
    plain = {"estimate": 0.58, "low": 0.49, "high": 0.66}  # of an older report
    assert words.interval(plain) == "0.58 [0.49, 0.66]"


def test_a_factor_has_its_interval_or_says_that_there_is_none():
    assert words.times({"estimate": 1.9, "low": 1.612, "high": 2.3}) == "1.9 [1.6, 2.3]"
    assert words.times({"estimate": 1.9, "low": None, "high": None}) == "1.9 (too few to give an interval)"


def test_a_whisker_keeps_the_order_of_its_numbers_and_fits():
    drawn = words.whisker({"estimate": 0.5, "low": -0.2, "high": 0.9, "range": [0.0, None]})
    assert 6 < drawn["low"] < drawn["from"] < drawn["estimate"] < drawn["high"] < drawn["width"] - 6
    assert drawn["to"] == drawn["width"] - 6  # the claim's side has no end


@pytest.mark.parametrize("low", [None, 0.0])
def test_a_whisker_of_nothing_is_drawn(low: float | None):
    drawn = words.whisker({"estimate": 0.0, "low": low, "high": 0.0, "range": [0.0, None]})
    assert 0 < drawn["estimate"] < drawn["width"]
