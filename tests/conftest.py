"""Shapes in signatures are checked while the tests run; one tiny run serves all tests that only read it."""

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("reportgen", "shapes.checked")

from runs import REAL_DATA, Run, whole  # noqa: E402 (the hook comes before anything of ours is imported)

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

    folders = {name: tmp_path_factory.mktemp(name) for name in SETTINGS}
    for name, folder in folders.items():
        run(folder, SETTINGS[name])
    return folders


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The whole pipeline, once."""
    return whole("tiny", tmp_path_factory.mktemp("tiny"))
