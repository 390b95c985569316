"""The exact interval of a difference of two shares: its coverage by enumeration, its tests against SciPy's, literal cases."""

import numpy as np
import pytest
import scipy.stats

from reportgen.analyses.architecture import shares
from reportgen.claims import LEVEL


def test_it_covers_whatever_the_true_shares() -> None:
    """Not simulated: the probability of every outcome is summed, of five and of four units."""
    trials, others, level = 5, 4, 0.9
    ends = np.array(
        [
            [shares.exact_interval(one, trials, other, others, level) for other in range(others + 1)]
            for one in range(trials + 1)
        ]
    )
    lowest = 1.0
    for first in np.linspace(0, 1, 21):
        for second in np.linspace(0, 1, 21):
            inside = (ends[..., 0] <= first - second + 1e-6) & (first - second <= ends[..., 1] + 1e-6)
            chances = np.outer(
                scipy.stats.binom.pmf(np.arange(trials + 1), trials, first),
                scipy.stats.binom.pmf(np.arange(others + 1), others, second),
            )
            lowest = min(lowest, (chances * inside).sum())
    assert lowest >= level - 1e-3
    assert lowest < level + 0.08  # nor does it cover far more


@pytest.mark.parametrize(("first", "second"), [(8, 0), (12, 3), (5, 5), (2, 9)])
def test_the_test_of_no_difference_is_barnards(first: int, second: int) -> None:
    table = [[first, second], [48 - first, 48 - second]]
    barnard = scipy.stats.barnard_exact(table, alternative="greater", pooled=True, n=64)
    assert shares._p_value(first, 48, second, 48, 0.0) == pytest.approx(barnard.pvalue, rel=0.02)


def test_turned_round_it_is_the_same_with_the_other_sign() -> None:
    low, high = shares.exact_interval(10, 48, 2, 40, LEVEL)
    assert shares.exact_interval(2, 40, 10, 48, LEVEL) == pytest.approx((-high, -low))
    assert low < 10 / 48 - 2 / 40 < high
    low, high = shares.exact_interval(0, 48, 0, 48, LEVEL)
    assert low == pytest.approx(-high)
    assert 0.1 < high < 0.2


def test_the_fewest_that_would_tell_are_the_first_whose_interval_lies_above_zero() -> None:
    fewest = shares.fewest_to_tell(24, 24, LEVEL)
    assert fewest is not None
    assert (
        shares.exact_interval(fewest, 24, 0, 24, LEVEL)[0] > 0 > shares.exact_interval(fewest - 1, 24, 0, 24, LEVEL)[0]
    )
    assert shares.fewest_to_tell(3, 3, LEVEL) is None
