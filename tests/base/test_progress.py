"""Progress in words."""

import pytest

from reportgen.base.progress import pace, span
from reportgen.pipeline.run import _left


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "0 s"), (89, "89 s"), (91, "2 min"), (5000, "83 min"), (5400, "1.5 h")]
)
def test_spans_are_rounded(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("rate", "said"), [(250.4, "250 net/s"), (1.0, "1 net/s"), (0.05, "20 s a net"), (0.002, "8 min a net")]
)
def test_what_is_slow_has_its_time_not_a_rate_of_nought(rate: float, said: str) -> None:
    assert pace(rate, "net") == said


def test_the_time_left_is_said_where_every_stage_ran_before() -> None:
    assert _left(["net", "page"], {"net": 300.0, "page": 60.0}, 1) == ", about 6 min left"
    assert _left(["net", "page"], {"net": 300.0, "page": 60.0}, 2) == ", about 3 min left"
    assert _left(["net", "page"], {"net": 300.0}, 1) == ""
