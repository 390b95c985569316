"""The notebook of the documentation runs, and what it shows is a report."""

import os
from pathlib import Path

import nbformat
import pytest
from runs import REPOSITORY

NOTEBOOK = REPOSITORY / "docs" / "look-into-a-net.ipynb"


def test_the_notebook_is_kept_without_outputs() -> None:
    found = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(found)
    assert all(not cell.outputs and cell.execution_count is None for cell in found.cells if cell.cell_type == "code")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Proactor:RuntimeWarning")  # of Jupyter's own
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    found = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(found, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [
        output.data["text/html"]
        for cell in found.cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    assert len(shown) == 4  # the report, a claim, a map and a figure
    assert "images right" in shown[0]
    assert all("<script" not in source for source in shown)
    assert (tmp_path / "report" / "index.html").is_file()
