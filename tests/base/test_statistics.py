"""Means of values of which some are not defined."""

import numpy as np

from reportgen.base.statistics import mean_or_none, without_nan


def test_values_that_are_not_defined_do_not_count() -> None:
    values = np.array([1.0, np.nan, 4.0])
    assert without_nan(values).tolist() == [1, 4]
    assert mean_or_none(values) == 2.5


def test_without_any_defined_value_there_is_no_mean() -> None:
    assert mean_or_none(np.array([np.nan, np.nan])) is None
    assert mean_or_none(np.zeros(0)) is None
