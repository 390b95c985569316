"""`SLOW=2/5`: the tests that take long in shares, by their files."""

from pathlib import Path

import pytest
import runs

FILES = sorted(Path(__file__).parents[1].rglob("test_*.py"))


def asked_for(monkeypatch: pytest.MonkeyPatch, slow: str) -> set[Path]:
    monkeypatch.setattr(runs, "SLOW", slow)
    return {path for path in FILES if runs.asked_for(path)}


def test_each_file_is_in_one_share(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [asked_for(monkeypatch, f"{share}/4") for share in (1, 2, 3, 4)]
    assert all(shares)
    assert sum(map(len, shares)) == len(FILES) == len(set.union(*shares))


def test_all_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_for(monkeypatch, "1") == set(FILES)
    assert not asked_for(monkeypatch, "")
