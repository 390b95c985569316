"""One small figure of every kind."""

import pytest
from figure_samples import one_of_each_kind

from reportgen.figures.kinds import Figure


@pytest.fixture(scope="session")
def samples() -> dict[str, Figure]:
    """One figure of every kind, by the kind's name."""
    return one_of_each_kind()
