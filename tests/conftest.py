"""Shapes in signatures are checked while the tests run; one tiny run serves all tests that only read it."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# What a shell starts in the background ignores Ctrl-C, and so would all processes that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
for library in ("OMP", "OPENBLAS"):  # the tests run side by side, and so small are their nets that threads only wait
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of some hundred processes compiles the package anew
sys.dont_write_bytecode = False
# Python would look through all that was imported again and again: a tenth of the tests' time.
gc.set_threshold(50_000, 20, 100)

from runs import REAL_DATA, SLOW, Run, once, whole  # noqa: E402 (numpy and torch ask for the number of threads once)
from shapes import check  # noqa: E402

check("reportgen")  # before anything of ours is imported

WHOLE = Path(__file__).parent / "whole"


def _turn(item: pytest.Item) -> int:
    if WHOLE not in item.path.parents:
        return 2
    return 1 if "tiny" in getattr(item, "fixturenames", ()) else 0  # another worker makes it meanwhile


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `slow` are skipped unless they are asked for; none that takes long begins alone at the end, or waits for `tiny`."""
    items.sort(key=_turn)
    for item in items:
        if item.get_closest_marker("slow") and not SLOW:
            item.add_marker(pytest.mark.skip(reason="slow: make test SLOW=1 runs it"))


@pytest.fixture(autouse=True)
def threads_as_they_were() -> Iterator[None]:
    """A stage that is made in this process sets its threads as its settings say: the next test finds them as before."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    yield
    if torch.get_num_threads() != before:
        torch.set_num_threads(before)
        threadpool_limits(int(os.environ["OPENBLAS_NUM_THREADS"]), "blas")


pytest_plugins = ("figure_fixtures", "page_fixtures")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real photographs and weights; the test is skipped where it is absent."""
    if not (REAL_DATA / "weights").is_dir():
        pytest.skip(f"no real photographs at {REAL_DATA} (REPORTGEN_REAL_DATA names another folder)")
    return REAL_DATA


@pytest.fixture(scope="session", name="trained")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What an uninterrupted training leaves, for each recipe."""
    from small_trainings import SETTINGS, run

    return {
        name: once(f"trained-{name}", tmp_path_factory, lambda folder, name=name: run(folder, SETTINGS[name]))
        for name in SETTINGS
    }


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The whole pipeline, once."""
    return Run.at(once("tiny", tmp_path_factory, lambda home: whole("tiny", home)))
