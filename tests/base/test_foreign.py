"""Numbers that others wrote: what passes the border can be squared and multiplied."""

from pathlib import Path

import numpy as np
import pytest

from reportgen.base import foreign
from reportgen.base.foreign_arrays import arrays


@pytest.mark.parametrize("text", [b"1e308", b"-1e101", b"1e999", b"NaN", b"1" + b"0" * 300])
def test_a_number_whose_square_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"beyond 1e\+100|finite"):
        foreign.parsed(text, foreign.Finite)
    assert foreign.parsed(b"-1e100", foreign.Finite) ** 2 < float("inf")


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_arrays_likewise(kind: type, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.full(3, np.finfo(kind).max, kind), empty=np.zeros((0, 2), kind))
    if kind is np.float64:
        with pytest.raises(foreign.Wrong, match=r"^a: has values beyond 1e\+100$"):
            arrays(path)
    else:
        assert arrays(path)["a"].dtype == kind
    np.savez(path, a=np.array([1, np.nan], kind))
    with pytest.raises(foreign.Wrong, match=r"^a: has values that are not finite$"):
        arrays(path)
